/**
 * An actor of the kernel behind XState's own interface: one script runs over an actor that XState runs
 * and over the façade, and what was seen is compared.
 *
 * @module
 */
import { from } from 'rxjs'
import t from 'tap'
import {
  assign,
  createActor,
  emit,
  fromCallback,
  sendTo,
  setup,
  SimulatedClock,
  toPromise,
  waitFor,
} from 'xstate'
import type { ActorRef, AnyMachineSnapshot, AnyStateMachine } from 'xstate'
import { defineActor } from '../../core/actor/define.ts'
import type { ActorDef, ActorEvent, Durability } from '../../core/actor/define.ts'
import { House, settle, uncaught } from './counter.ts'

const lamp = setup({
  types: {
    context: {} as { readonly lit: number },
    events: {} as
      | { readonly type: 'on' | 'off' | 'break' | 'burn' | 'ring' | 'dim' }
      | { readonly type: 'by'; readonly n: number },
    emitted: {} as { readonly type: 'rang'; readonly lit: number },
    tags: {} as 'bright' | 'dark',
    meta: {} as { readonly watts: number },
  },
  guards: { enough: ({ context }) => context.lit > 2 },
  actions: {
    count: assign({ lit: ({ context }) => context.lit + 1 }),
    broken: assign(() => {
      throw new Error('it broke')
    }),
  },
}).createMachine({
  id: 'lamp',
  context: { lit: 0 },
  initial: 'dark',
  on: { ring: { actions: emit(({ context }) => ({ type: 'rang', lit: context.lit })) } },
  states: {
    dark: {
      tags: 'dark',
      meta: { watts: 0 },
      on: { on: { target: 'lit', actions: 'count' }, break: { actions: 'broken' } },
    },
    lit: {
      tags: 'bright',
      initial: 'full',
      meta: { watts: 60 },
      on: {
        off: 'dark',
        by: { actions: assign({ lit: ({ context, event }) => context.lit + event.n }) },
        burn: { guard: 'enough', target: 'burnt' },
      },
      states: { full: { after: { 1_000: 'half' }, on: { dim: 'half' } }, half: {} },
    },
    burnt: { type: 'final' },
  },
  output: ({ context }) => ({ lit: context.lit }),
})

type Actor = ActorRef<AnyMachineSnapshot, ActorEvent, ActorEvent>

interface Stage {
  readonly actor: Actor
  /** Lets that much time pass, and everything that is due. */
  pass(ms: number): Promise<void>
}

function look(snapshot: AnyMachineSnapshot): unknown {
  const { value, context, status, output, error } = snapshot
  return {
    value,
    context,
    status,
    output,
    failed: error !== undefined,
    tags: [...(snapshot.tags as ReadonlySet<string>)].sort(),
    meta: snapshot.getMeta(),
    lit: snapshot.matches('lit'),
    half: snapshot.matches({ lit: 'half' }),
    bright: snapshot.hasTag('bright'),
    can: ['on', 'off', 'burn', 'ring', 'nope'].filter((type) => snapshot.can({ type })),
    // An error says more here than the `{}` that JSON makes of XState's.
    json: JSON.parse(
      JSON.stringify({ ...(snapshot.toJSON() as object), error: undefined }),
    ) as unknown,
  }
}

/** Plays the events over a stage and tells all that anybody saw. */
async function play(stage: Stage, events: readonly ActorEvent[], end: 'stop' | 'leave' = 'leave') {
  const { actor, pass } = stage
  const seen: unknown[] = []
  const tell =
    (who: string) =>
    (what?: unknown): void =>
      void seen.push([who, what])
  const plain = (snapshot: AnyMachineSnapshot) => tell('next')(look(snapshot))
  const failed = (who: string) => () => tell(who)('failed')
  actor.subscribe(plain, failed('error'), tell('complete'))
  actor.subscribe({
    next: (snapshot) => tell('observer')(snapshot.value),
    error: failed('observer error'),
    complete: tell('observer complete'),
  })
  const short = actor.subscribe({ next: () => tell('short')(), error: () => {} })
  const count = actor.select((snapshot) => (snapshot.context as { lit: number }).lit)
  tell('get')(count.get())
  count.subscribe(tell('selected'))
  actor
    .select(
      ({ context }) => context as { lit: number },
      (one, other) => one.lit % 2 === other.lit % 2,
    )
    .subscribe({ next: tell('parity') })
  actor.on('rang', tell('rang'))
  actor.on('*', tell('any'))
  const other = actor.on('other', tell('other'))
  other.unsubscribe()
  from(actor).subscribe({
    next: (snapshot) => tell('rxjs')((snapshot as AnyMachineSnapshot).value),
    error: failed('rxjs error'),
    complete: tell('rxjs complete'),
  })
  const promised = toPromise(actor as never).then(tell('promise'), failed('promise'))
  const bright = waitFor(actor, (snapshot) => snapshot.hasTag('bright'), { timeout: 600_000 })
  void bright.then(() => tell('bright')(), failed('bright'))
  tell('before')(look(actor.getSnapshot()))
  for (const [at, event] of events.entries()) {
    actor.send(event)
    await pass(0)
    if (at === 1) short.unsubscribe()
  }
  await pass(1_000)
  tell('after')(look(actor.getSnapshot()))
  tell('same')(actor.getSnapshot() === actor.getSnapshot())
  if (end === 'stop') actor.stop()
  await pass(0)
  if (actor.getSnapshot().status !== 'active') await Promise.all([promised, bright.catch(() => {})])
  actor.send({ type: 'on' })
  await pass(0)
  tell('end')(look(actor.getSnapshot()))
  actor.subscribe({ complete: tell('late complete'), error: failed('late error') })
  return seen
}

function byXState(machine: AnyStateMachine): Stage {
  const clock = new SimulatedClock()
  const actor = createActor(machine, { clock }).start() as unknown as Actor
  return {
    actor,
    pass: async (ms) => {
      clock.increment(ms)
      await settle()
    },
  }
}

async function byKernel(machine: AnyStateMachine, durability: Durability): Promise<Stage> {
  const house = new House()
  const system = await house.start()
  const def = defineActor({
    type: 'lamp',
    version: 1,
    machine,
    durability,
    supervision: { onFailure: 'escalate' },
  }) as unknown as ActorDef
  system.register(def)
  const ref = await system.spawn(def, 'a')
  return {
    actor: ref.asXState(),
    pass: async (ms) => {
      await house.clock.advance(ms)
      await settle(6)
    },
  }
}

const scripts: Readonly<Record<string, readonly [readonly string[], ('stop' | 'leave')?]>> = {
  'a life to its end': [['ring', 'on', 'nope', 'by', 'ring', 'off', 'on', 'dim', 'burn', 'on']],
  'time that passes': [['on', 'burn']],
  'a stop': [['on', 'ring'], 'stop'],
  'a failure': [['on', 'off', 'break', 'on']],
}

for (const [name, [types, end]] of Object.entries(scripts)) {
  const events = types.map((type) => (type === 'by' ? { type, n: 3 } : { type }))
  for (const durability of ['journal', 'volatile'] as const) {
    t.test(`${name}: seen alike over XState and over a ${durability} actor`, async (t) => {
      let wanted: unknown[] = []
      let found: unknown[] = []
      // XState throws on the process what an observer without an `error` does not want to know.
      await uncaught(async () => void (wanted = await play(byXState(lamp), events, end)))
      const thrown = await uncaught(async () => {
        found = await play(await byKernel(lamp, durability), events, end)
      })
      t.same(found, wanted)
      t.same(thrown, [], 'nothing reaches the process')
      t.ok(wanted.length > 10)
    })
  }
}

t.test(
  'it is XState’s own snapshot: an actor of XState goes on from what is persisted',
  async (t) => {
    const { actor, pass } = await byKernel(lamp, 'journal')
    actor.send({ type: 'on' })
    actor.send({ type: 'by', n: 2 } as ActorEvent)
    await pass(0)
    const kept = JSON.parse(JSON.stringify(actor.getPersistedSnapshot())) as never
    const next = createActor(lamp, { snapshot: kept }).start()
    next.send({ type: 'burn' })
    t.same(next.getSnapshot().output, { lit: 3 })
  },
)

t.test('an actor of XState sends to one of the kernel, and finds it by its address', async (t) => {
  const { actor, pass } = await byKernel(lamp, 'journal')
  const other = createActor(
    setup({
      actions: { tell: sendTo(() => actor as never, { type: 'on' } as never) },
    }).createMachine({ entry: 'tell' }),
  )
  other.start()
  await pass(0)
  t.equal(actor.getSnapshot().matches('lit'), true)
  t.equal(actor.system.get('lamp/a')?.getSnapshot().matches('lit'), true)
  t.same(Object.keys(actor.system.getAll()), ['lamp/a'])
  t.equal(actor.system.get('lamp/b'), undefined)
  t.same([actor.id, actor.sessionId, actor.src], ['lamp/a', 'lamp/a', lamp])
  t.same(JSON.parse(JSON.stringify({ actor })), { actor: { xstate$$type: 1, id: 'lamp/a' } })
  t.equal(actor.start(), actor)
})

t.test('an observer that throws harms nobody, wherever it throws', async (t) => {
  const { actor, pass } = await byKernel(lamp, 'journal')
  const broken = () => {
    throw new Error('a broken observer')
  }
  actor.subscribe({ next: broken, error: broken, complete: broken })
  actor.select(() => ({})).subscribe(broken)
  actor.on('*', broken)
  const seen: unknown[] = []
  actor.subscribe((snapshot) => seen.push(snapshot.value))
  for (const type of ['on', 'ring', 'off', 'on']) actor.send({ type })
  actor.send({ type: 'by', n: 2 } as ActorEvent)
  actor.send({ type: 'burn' })
  await pass(0)
  t.equal(seen.length, 6)
  t.equal(actor.getSnapshot().status, 'done')
  actor.subscribe({ complete: broken })
})

t.test(
  'children of a machine stand in its snapshot: guests as they are, actors by façade',
  async (t) => {
    const house = new House()
    const system = await house.start()
    t.teardown(() => system.close())
    const machine = setup({
      actors: { line: fromCallback(() => {}), light: lamp },
    }).createMachine({
      initial: 'up',
      states: {
        up: {
          invoke: [
            { id: 'line', src: 'line' },
            { id: 'light', src: 'light' },
          ],
          on: { down: 'down' },
        },
        down: {},
      },
    })
    const light = defineActor({ type: 'light', version: 1, machine: lamp }) as unknown as ActorDef
    const def = defineActor({ type: 'house', version: 1, machine, children: { light } })
    system.register(def as unknown as ActorDef)
    const actor = (await system.spawn(def as unknown as ActorDef, 'a')).asXState()
    await settle(6)
    const { children } = actor.getSnapshot()
    t.same(Object.keys(children), ['line', 'light'])
    t.equal(children['line']?.getSnapshot().status, 'active')
    ;(children['light'] as Actor).send({ type: 'on' })
    await settle(6)
    t.ok((children['light'] as Actor).getSnapshot().matches('lit'))
    t.equal(actor.getSnapshot(), actor.getSnapshot())
    actor.send({ type: 'down' })
    await settle(6)
    t.same(Object.keys(actor.getSnapshot().children), [])
  },
)
