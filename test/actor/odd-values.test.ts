/**
 * Values that bite: what users hand to the kernel may throw at any touch. Each is tried at its first
 * touch, its second, and so on. Whatever it is, the neighbours go on, what was committed stays, the
 * system ends in order, and nothing reaches the process.
 */
import t from 'tap'
import { assign, emit, fromPromise, raise, sendTo, setup, spawnChild } from 'xstate'
import type { AnyStateMachine } from 'xstate'
import { defineActor } from '../../core/actor/define.ts'
import type { ActorDef, ActorEvent, Durability } from '../../core/actor/define.ts'
import type { ActorRef, ActorSystem } from '../../core/actor/system.ts'
import { counter, House, settle, uncaught } from './counter.ts'

/** Throws at its n-th touch, from 0, and at every later one. Touches of what is in it count as well. */
function biting<T extends object>(target: T, after: number): T {
  let touched = 0
  const bite = (): void => {
    if (touched++ >= after) throw new TypeError('it bites')
  }
  const wrap = <O extends object>(inner: O): O =>
    new Proxy(inner, {
      get(one, key, self) {
        bite()
        const value: unknown = Reflect.get(one, key, self)
        return typeof value === 'object' && value !== null ? wrap(value) : value
      },
      has: (one, key) => (bite(), Reflect.has(one, key)),
      ownKeys: (one) => (bite(), Reflect.ownKeys(one)),
      getOwnPropertyDescriptor: (one, key) => (bite(), Reflect.getOwnPropertyDescriptor(one, key)),
      getPrototypeOf: (one) => (bite(), Reflect.getPrototypeOf(one)),
      isExtensible: (one) => (bite(), Reflect.isExtensible(one)),
      preventExtensions: (one) => (bite(), Reflect.preventExtensions(one)),
    })
  return wrap(target)
}

/** Bites whoever looks at it, and is handed out by the code under test. */
type Make = () => unknown

interface Case {
  readonly name: string
  /** What bites; 0 touches bites at once. */
  readonly value: (after: number) => unknown
  readonly machine: (make: Make) => AnyStateMachine
  readonly spec?: (make: Make) => Partial<Parameters<typeof defineActor>[0]>
  readonly act: (system: ActorSystem, def: ActorDef, make: Make) => Promise<unknown>
  readonly durabilities?: readonly Durability[]
}

const actions = {
  tell: (_args: unknown, _params: { to: unknown; event: unknown }) => {},
  work: (_args: unknown, _params: unknown) => {},
  note: (_args: unknown, _params: unknown) => {},
}

/** Adds on `add`; `odd` does what is being tried. */
const machineOf = (odd: unknown, more: object = {}, actors: object = {}) =>
  setup({ actions, actors: actors as never }).createMachine({
    id: 'odd',
    context: { n: 0 },
    on: {
      add: { actions: assign({ n: ({ context }) => (context as { n: number }).n + 1 }) },
      odd,
      ...more,
    },
  } as never) as unknown as AnyStateMachine

/** Any machine at all. */
const plain = (config: object): AnyStateMachine =>
  setup({}).createMachine(config) as unknown as AnyStateMachine

const spawned = async (system: ActorSystem, def: ActorDef, ...input: unknown[]) =>
  (await system.spawn(def, 'odd', ...(input as []))) as unknown as {
    send(event: unknown): unknown
    apply(event: unknown): Promise<unknown>
    readonly address: never
  }

/** Sends what was asked for, waits, and never minds what came of it. */
const poke = async (system: ActorSystem, def: ActorDef) => {
  const ref = await spawned(system, def)
  ref.send({ type: 'odd' })
  await settle()
  await ref.apply({ type: 'odd' }).catch(() => {})
}

const event = (after: number) => biting({ type: 'odd', deep: { a: [1, { b: 2 }] } }, after)
const thrown = (after: number) => biting(new Error('mine'), after)
const throws = (make: Make) => () => {
  throw make()
}
const kept = ['journal', 'snapshot'] as const

const cases: readonly Case[] = [
  {
    name: 'an event that is sent',
    value: event,
    machine: () => machineOf({ actions: assign({ seen: ({ event }) => event }) }),
    async act(system, def, make) {
      const ref = await spawned(system, def)
      try {
        ref.send(make())
      } catch {
        // Its sender is told at once.
      }
      await settle()
      await ref.apply(make()).catch(() => {})
    },
  },
  {
    name: 'an event that is asked',
    value: event,
    machine: () => machineOf({}),
    act: async (system, def, make) =>
      system
        .ask((await spawned(system, def)).address, () => make() as ActorEvent, { timeoutMs: 1 })
        .catch(() => {}),
  },
  {
    name: 'what a guard throws',
    value: thrown,
    machine: (make) => machineOf({ guard: throws(make), actions: assign({ n: 1 }) }),
    act: poke,
  },
  {
    name: 'what an assign throws',
    value: thrown,
    machine: (make) => machineOf({ actions: assign(throws(make)) }),
    act: poke,
  },
  {
    name: 'what a delay throws',
    value: thrown,
    machine: (make) => machineOf({ actions: raise({ type: 'add' }, { delay: throws(make) }) }),
    act: poke,
  },
  {
    name: 'what a delay is',
    value: (after) => biting({ valueOf: () => 5 }, after),
    machine: (make) => machineOf({ actions: raise({ type: 'add' }, { delay: make as never }) }),
    act: poke,
  },
  {
    name: 'params of an effect',
    value: (after) => biting({ a: { b: 1 } }, after),
    machine: (make) => machineOf({ actions: { type: 'work', params: make } }),
    spec: () => ({ effects: { work: () => ({ done: true }) } }),
    act: poke,
  },
  {
    name: 'what an effect throws',
    value: thrown,
    machine: () => machineOf({ actions: 'work' }),
    spec: (make) => ({ effects: { work: throws(make) } }),
    act: poke,
  },
  {
    name: 'what an effect gives',
    value: (after) => biting({ a: { b: 1 } }, after),
    machine: () =>
      machineOf(
        { actions: 'work' },
        { 'effect.done.work': { actions: assign({ got: (x: any) => x.event.output }) } },
      ),
    spec: (make) => ({ effects: { work: make as never } }),
    act: poke,
  },
  {
    name: 'what is told',
    value: (after) =>
      biting({ to: 'test.neighbour/a', event: { type: 'add', of: { a: 1 } } }, after),
    machine: (make) => machineOf({ actions: { type: 'tell', params: make } }),
    act: poke,
  },
  {
    name: 'the event that is told',
    value: (after) => biting({ type: 'add', of: { a: 1 } }, after),
    machine: (make) =>
      machineOf({
        actions: { type: 'tell', params: () => ({ to: 'test.neighbour/a', event: make() }) },
      }),
    act: poke,
  },
  {
    name: 'to whom something is told',
    value: (after) => biting({ toString: () => 'test.neighbour/a' }, after),
    machine: (make) =>
      machineOf({
        actions: { type: 'tell', params: () => ({ to: make(), event: { type: 'add' } }) },
      }),
    act: poke,
  },
  {
    name: 'what is raised',
    value: event,
    machine: (make) =>
      machineOf({ actions: raise(() => ({ ...(make() as object), type: 'add' }) as never) }),
    act: poke,
  },
  {
    name: 'what is emitted',
    value: event,
    machine: (make) => machineOf({ actions: emit(make as never) }),
    async act(system, def) {
      const ref = await system.spawn(def, 'odd')
      ref.asXState().on('odd' as never, () => {})
      await poke(system, def)
    },
  },
  {
    name: 'what is sent to another',
    value: event,
    machine: (make) => machineOf({ actions: sendTo('test.neighbour/a' as never, make as never) }),
    act: poke,
  },
  {
    name: 'a part of the context',
    value: (after) => biting({ a: [1, { b: 1 }] }, after),
    machine: (make) => machineOf({ actions: assign({ part: make }) }),
    act: poke,
  },
  {
    name: 'what an assign returns',
    value: (after) => biting({ n: 7, a: { b: 1 } }, after),
    machine: (make) => machineOf({ actions: assign(make as never) }),
    act: poke,
  },
  {
    name: 'a first context',
    value: (after) => biting({ n: 7, a: { b: 1 } }, after),
    machine: (make) => plain({ context: make, on: { odd: {} } }),
    act: (system, def) => poke(system, def).catch(() => {}),
  },
  {
    name: 'an input',
    value: (after) => biting({ a: { b: 1 } }, after),
    machine: () => plain({ context: ({ input }: { input: object }) => ({ ...input }) }),
    spec: () => ({ supervision: { onFailure: 'reset' } }),
    act: (system, def, make) => spawned(system, def, make()).catch(() => {}),
  },
  {
    name: 'an output',
    value: (after) => biting({ a: { b: 1 } }, after),
    machine: (make) =>
      plain({
        initial: 'a',
        states: { a: { on: { odd: 'b' } }, b: { type: 'final' } },
        output: make as never,
      }),
    act: poke,
  },
  {
    name: 'what an output throws',
    value: thrown,
    machine: (make) =>
      plain({
        initial: 'a',
        states: { a: { on: { odd: 'b' } }, b: { type: 'final' } },
        output: throws(make),
      }),
    act: poke,
  },
  {
    name: 'the input of a child',
    value: (after) => biting({ a: { b: 1 } }, after),
    machine: (make) =>
      machineOf(
        { actions: spawnChild('kid' as never, { id: 'kid', input: make } as never) },
        {},
        {
          kid: fromPromise(async ({ input }) => input),
        },
      ),
    act: poke,
  },
  {
    name: 'what a child throws',
    value: thrown,
    machine: (make) =>
      machineOf(
        { actions: spawnChild('kid' as never, { id: 'kid' } as never) },
        { 'xstate.error.actor.kid': { actions: assign({ said: (x: any) => x.event.error }) } },
        { kid: fromPromise(throws(make)) },
      ),
    act: poke,
  },
  {
    name: 'what a child gives',
    value: (after) => biting({ a: { b: 1 } }, after),
    machine: (make) =>
      machineOf(
        { actions: spawnChild('kid' as never, { id: 'kid' } as never) },
        { 'xstate.done.actor.kid': { actions: assign({ said: (x: any) => x.event.output }) } },
        { kid: fromPromise(async () => ({ it: make() })) },
      ),
    act: poke,
  },
  {
    name: 'what a record is',
    value: (after) => biting({ partition: 'mine', type: 'noted', body: { a: 1 } }, after),
    machine: () => machineOf({ actions: 'note' }),
    spec: (make) => ({ records: { note: make as never } }),
    act: poke,
    durabilities: ['journal'],
  },
  {
    name: 'what a maker of records throws',
    value: thrown,
    machine: () => machineOf({ actions: 'note' }),
    spec: (make) => ({ records: { note: throws(make) } }),
    act: poke,
    durabilities: ['journal'],
  },
  {
    name: 'the key of a mailbox',
    value: (after) => biting({ toString: () => 'key' }, after),
    machine: () => machineOf({}),
    spec: (make) => ({ mailbox: { overflow: 'coalesce', capacity: 1, key: make as never } }),
    act: poke,
  },
  {
    name: 'what the key of a mailbox throws',
    value: thrown,
    machine: () => machineOf({}),
    spec: (make) => ({ mailbox: { overflow: 'coalesce', capacity: 1, key: throws(make) } }),
    act: poke,
  },
  {
    name: 'a group',
    value: (after) =>
      biting({ name: 'g', strategy: 'one_for_all', intensity: 3, periodMs: 1_000 }, after),
    machine: () => machineOf({ actions: assign(throws(() => new Error('mine'))) }),
    spec: (make) => ({ supervision: { group: make as never, onFailure: 'resume' } }),
    act: (system, def) => poke(system, def).catch(() => {}),
  },
  {
    name: 'what a group throws',
    value: thrown,
    machine: () => machineOf({}),
    spec: (make) => ({ supervision: { group: throws(make) } }),
    act: (system, def) => poke(system, def).catch(() => {}),
  },
  {
    name: 'what a follower throws',
    value: thrown,
    machine: () => machineOf({}),
    async act(system, def, make) {
      const ref = await system.spawn(def, 'odd')
      ref.changes(throws(make))
      system.watch(ref.address, throws(make))
      system.tap(ref.address, throws(make))
      ref.asXState().subscribe(throws(make))
      ref.asXState().system.inspect(throws(make))
      await poke(system, def)
      await system.stop(ref.address)
    },
  },
]

/** Most are spent on the way to the journal; all of them with PROV_SOAK. */
const touches = Array.from({ length: 60 }, (_, at) => at).filter(
  (at) => process.env['PROV_SOAK'] !== undefined || at < 8 || [10, 13, 17, 22, 30].includes(at),
)

const neighbour = defineActor({
  type: 'test.neighbour',
  version: 1,
  machine: setup({ types: { context: {} as { n: number } } }).createMachine({
    context: { n: 0 },
    on: { add: { actions: assign({ n: ({ context }) => context.n + 1 }) } },
  }),
})

/** Throws when it is not over after many turns of the event loop: nothing here waits for anything slow. */
async function soon<T>(promise: Promise<T> | undefined): Promise<T | undefined> {
  const late = settle(100).then(() => {
    throw new Error('it never ends')
  })
  return Promise.race([promise, late])
}

/** One life with the odd one and a neighbour, and another one over the same disk. */
async function live({ machine, spec, act }: Case, durability: Durability, make: Make) {
  const house = new House()
  const heard: string[] = []
  const def = defineActor({
    type: 'test.odd',
    version: 1,
    machine: machine(make),
    durability,
    supervision: { onFailure: 'resume' },
    ...spec?.(make),
  })
  const system = await house.start({
    inspect: (record) => {
      if (record.kind === 'crash' || record.kind === 'observer.failed') heard.push(record.address)
    },
  })
  system.register(neighbour)
  system.register(def)
  const other = await system.spawn(neighbour, 'b')
  await other.apply({ type: 'add' })
  const acted = act(system, def, make)
  await settle()
  await house.clock.advance(10)
  await soon(acted)
  await house.clock.advance(10)
  await soon(other.apply({ type: 'add' }))
  const before = system.list().find(({ type }) => type === 'test.odd')
  const closing = system.close()
  let closed = false
  void closing.then(() => (closed = true))
  await settle()
  if (!closed) await house.clock.advance(5_000)
  await settle()
  house.crash()
  const again = await house.start()
  again.register(neighbour)
  again.register(def)
  await house.clock.advance(10)
  await soon(again.ref(other.address)?.apply({ type: 'add' }))
  const { n } = (again.ref(other.address) as ActorRef).snapshot().context as { n: number }
  await soon(again.close())
  return { closed, n, before, heard }
}

for (const one of cases) {
  for (const durability of one.durabilities ?? (['volatile', ...kept] as const)) {
    t.test(`${one.name} bites at any touch (${durability})`, async (t) => {
      const wrong: string[] = []
      const caught = await uncaught(async () => {
        for (const after of touches) {
          const make = () => one.value(after)
          const lived = await live(one, durability, make).catch((failure: unknown) => ({
            failure: (failure as Error).stack,
          }))
          if ('failure' in lived || !lived.closed || lived.n !== 3) {
            wrong.push(`touch ${after}: ${JSON.stringify(lived)}`)
          }
        }
      })
      t.same(caught, [], 'nothing reaches the process')
      t.same(wrong, [], 'the neighbour goes on, in this life and the next')
    })
  }
}

t.test(
  'a proxy that was revoked meanwhile fails alone, as it would be read: not at all',
  async (t) => {
    const house = new House()
    const system = await house.start()
    t.teardown(() => system.close())
    system.register(neighbour)
    const ref = await system.spawn(neighbour, 'a')
    const { proxy, revoke } = Proxy.revocable({ type: 'add' }, {})
    ref.send(proxy as never)
    ref.send({ type: 'add' })
    revoke()
    await soon(ref.apply({ type: 'add' }))
    t.equal((ref.snapshot().context as { n: number }).n, 2)
    const letter = { event: '(unreadable)', reason: 'invalid', bodiless: 'not-json' }
    t.match(system.deadLetters().rows, [letter])
  },
)

t.test('a delay that is no number of milliseconds fails its step and no other timer', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  let delay = 100
  const def = defineActor({
    type: 'test.late',
    version: 1,
    machine: setup({ delays: { soon: () => delay } }).createMachine({
      context: { n: 0 },
      on: {
        later: { actions: raise({ type: 'ring' }, { delay: 'soon' }) },
        ring: { actions: assign({ n: ({ context }) => context.n + 1 }) },
      },
    }),
    supervision: { onFailure: 'resume' },
  })
  system.register(def)
  const refs = await Promise.all(['a', 'b', 'c', 'd'].map((id) => system.spawn(def, id)))
  for (const [at, ref] of refs.entries()) {
    delay = 100 + at
    await ref.apply({ type: 'later' })
    for (const odd of [NaN, Infinity, -Infinity]) {
      delay = odd
      const error = await ref.apply({ type: 'later' }).catch((thrown: unknown) => thrown)
      t.match(error, {
        code: 'PROV_ACTOR_STEP_FAILED',
        message: /the delay soon is .*Infinity|NaN/,
      })
    }
  }
  await house.clock.advance(103)
  t.same(
    refs.map((ref) => ref.snapshot().context.n),
    [1, 1, 1, 1],
  )
  delay = -5
  await refs[0]?.apply({ type: 'later' })
  await house.clock.advance(0)
  t.equal(refs[0]?.snapshot().context.n, 2, 'a time that is past is now')
})

t.test('chance that throws or is none costs jitter and nothing else', async (t) => {
  for (const random of [throws(() => new Error('no chance')), () => NaN, () => 7]) {
    const house = new House()
    const system = await house.start({ random })
    const def = counter([], { supervision: { backoff: { firstMs: 100, jitter: 1 } } })
    system.register(def)
    const ref = await system.spawn(def, 'a')
    ref.send({ type: 'break' })
    await settle()
    t.match(system.list()[0], { status: 'restarting' })
    await house.clock.advance(60_000)
    await ref.apply({ type: 'add' })
    t.equal(ref.snapshot().context.count, 1)
    await system.close()
  }
})

t.test('a fault of the kernel’s own is told, and costs one actor its turn', async (t) => {
  const heard: string[] = []
  const hear = ({ name, message }: Error): void => {
    if (name === 'ProvWarning') heard.push(message)
  }
  process.on('warning', hear)
  t.teardown(() => process.off('warning', hear))
  for (const durability of ['journal', 'snapshot', 'volatile'] as const) {
    const house = new House()
    const system = await house.start()
    const { machine } = neighbour
    const def = defineActor({ type: 'test.any', version: 1, machine, durability })
    for (const one of [neighbour, def]) system.register(one)
    const ref = await system.spawn(def, 'a')
    const other = await system.spawn(neighbour, 'b')
    const recorder = system.recorder as unknown as { note: (...all: unknown[]) => void }
    const { note } = recorder
    recorder.note = (...all) => {
      recorder.note = note
      note.apply(recorder, all)
      throw new Error('a screw is loose')
    }
    const applied = ref.apply({ type: 'add' } as never).catch((thrown: unknown) => thrown)
    await other.apply({ type: 'add' })
    if (durability !== 'volatile') t.match(await applied, { code: 'PROV_INTERNAL' })
    await ref.apply({ type: 'add' } as never)
    t.match(ref.snapshot(), { context: { n: 2 } })
    await system.close()
  }
  await settle()
  t.equal(heard.length, 3)
  t.match(heard[0], /test\.any\/a: a screw is loose/)
})

t.test('what a maker of records hands over is looked at before it is written', async (t) => {
  const house = new House()
  const open = async (give: () => unknown) => {
    const system = await house.start()
    const def = defineActor({
      type: 'test.noted',
      version: 1,
      machine: machineOf({ actions: ['note', assign({ n: 7 })] }),
      records: { note: give as never },
      supervision: { onFailure: 'resume' },
    })
    system.register(def)
    return { system, ref: await system.spawn(def, 'a') }
  }
  const wrong = [
    undefined,
    null,
    'text',
    { partition: 'kernel', type: 'actor.settled', body: { ids: [] } },
    { partition: 'mine', body: 1 },
    { partition: 5, type: 'x', body: 1 },
    { partition: 'mine', type: 'x' },
    { partition: 'mine', type: 'x', body: 5n },
    { partition: 'mine', type: 'x', body: () => 1 },
  ]
  for (const entry of wrong) {
    const { system, ref } = await open(() => entry)
    const error = await ref.apply({ type: 'odd' } as never).catch((thrown: unknown) => thrown)
    t.match(error, { code: 'PROV_ACTOR_STEP_FAILED' }, JSON.stringify(String(entry)))
    t.match(ref.snapshot().context, { n: 0 })
    await system.close()
    house.crash()
  }
  const { system, ref } = await open(() => [{ partition: 'mine', type: 'x', body: 1, json: '2' }])
  await ref.apply({ type: 'odd' } as never)
  await system.close()
  t.same(await house.records('mine'), [{ type: 'x', body: 1 }])
})

t.test('a group that is none is refused at the start, by name', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const good = { name: 'g', strategy: 'one_for_all', intensity: 3, periodMs: 1_000 }
  const circle: Record<string, unknown> = { ...good, name: 'circle' }
  circle['parent'] = { ...good, name: 'above', parent: circle }
  const wrong = [
    5,
    {},
    { ...good, name: '' },
    { ...good, strategy: 'all' },
    { ...good, intensity: '3' },
    circle,
  ]
  for (const [at, group] of wrong.entries()) {
    const def = defineActor({
      type: `test.grouped${at}`,
      version: 1,
      machine: machineOf({}),
      supervision: { group: () => group as never },
    })
    system.register(def)
    const error = await system.spawn(def, 'a').catch((thrown: unknown) => thrown)
    const message = /without a name|above itself|no strategy|counts nothing/
    t.match(error, { code: 'PROV_ACTOR_START_FAILED', message })
  }
})

t.test('what a snapshot cannot hold fails its step, and no other actor', async (t) => {
  for (const actions of [
    { type: 'work', params: { n: 5n } },
    raise({ type: 'later', n: 5n } as never, { delay: 1_000 }),
    assign({ n: () => 5n as never }),
  ]) {
    const house = new House()
    const system = await house.start()
    const def = defineActor({
      type: 'test.shot',
      version: 1,
      machine: machineOf({ actions }),
      durability: 'snapshot',
      effects: { work: () => {} },
      supervision: { onFailure: 'resume' },
    })
    for (const one of [neighbour, def]) system.register(one)
    const ref = await system.spawn(def, 'a')
    const other = await system.spawn(neighbour, 'b')
    const error = await ref.apply({ type: 'odd' } as never).catch((thrown: unknown) => thrown)
    t.match(error, { code: 'PROV_ACTOR_STEP_FAILED' })
    await other.apply({ type: 'add' })
    await ref.apply({ type: 'add' } as never)
    t.match([ref.snapshot(), other.snapshot()], [{ context: { n: 1 } }, { context: { n: 1 } }])
    await system.close()
  }
})
