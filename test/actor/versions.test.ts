import t from 'tap'
import { and, assign, not, raise, setup } from 'xstate'
import type { AnyStateMachine } from 'xstate'
import { defineActor } from '../../core/actor/define.ts'
import { climb, fingerprint, upcast } from '../../core/actor/versions.ts'
import type { ActorDef, ActorSpec } from '../../core/actor/define.ts'
import { codeOf } from '../../core/kit.ts'
import { codeIn } from './codes.ts'
import { House, settle, uncaught } from './counter.ts'

/** A machine with a bit of everything; parts may be replaced. */
function machine(parts: {
  readonly guard?: unknown
  readonly action?: string
  readonly states?: object
  readonly code?: () => number
  readonly delay?: string | number
}) {
  const { guard = 'ready', action = 'note', states = {}, code = () => 1, delay = 'soon' } = parts
  return setup({
    guards: { ready: () => true, other: () => false },
    delays: { soon: code, later: 5 },
    actions: {
      note: assign({ n: code }),
      write: assign({ n: code }),
    },
  }).createMachine({
    id: 'm',
    initial: 'on',
    context: { n: 0 },
    states: {
      on: {
        entry: action,
        on: { next: { guard, target: 'off', actions: action } },
        after: { [delay]: 'off' },
      },
      off: {
        type: 'parallel',
        tags: 'dark',
        states: { x: {}, y: { always: { guard, target: 'y' } } },
      },
      ...states,
    },
  } as never) as unknown as AnyStateMachine
}

t.test('a fingerprint tells structure, not code', async (t) => {
  const same = fingerprint(machine({}))
  t.match(same, /^[0-9a-f]{16}$/)
  t.equal(fingerprint(machine({ code: () => 2 })), same)
  const others = {
    'another guard': machine({ guard: 'other' }),
    'a guard inside out': machine({ guard: not('ready') }),
    'guards combined': machine({ guard: and(['ready', 'other']) }),
    'another action': machine({ action: 'write' }),
    'another delay': machine({ delay: 'later' }),
    'a number as delay': machine({ delay: 1_000 }),
    'a state more': machine({ states: { third: {} } }),
    'a final state': machine({ states: { third: { type: 'final' } } }),
    'a history state': machine({ states: { third: { type: 'history', history: 'deep' } } }),
    'a transition more': machine({ states: { third: { on: { back: 'on' } } } }),
    'its target': machine({ states: { third: { on: { back: 'off' } } } }),
    reentered: machine({ states: { third: { on: { back: { target: 'on', reenter: true } } } } }),
  }
  const seen = new Map([[same, 'the first']])
  for (const [what, other] of Object.entries(others)) {
    const print = fingerprint(other)
    t.equal(seen.get(print), undefined, `${what} shows`)
    seen.set(print, what)
  }
})

t.test(
  'a state climbs step by step, with its timers and the event it stands parked at',
  async (t) => {
    const def = defineActor({
      type: 'test.v',
      version: 3,
      machine: machine({}),
      migrate: {
        1: ({ context }) => ({ value: 'on', context: { ...context, one: true } }),
        2: ({ value, context }) => ({ value, context: { ...context, two: true } }),
      },
      upcast: {
        1: (event) => (event.type === 'old' ? { type: 'middle' } : event),
        2: (event) => (event.type === 'middle' ? { type: 'new' } : event),
      },
    })
    const kept = {
      address: 'test.v/a',
      version: 1,
      sequence: 4,
      durability: 'journal',
      parked: { code: 'C', message: 'm', event: { type: 'old', n: 1 } },
      state: {
        value: 'was',
        context: { n: 1 },
        status: 'active',
        timers: [
          { id: 'old', dueMs: 5, event: { type: 'old' } },
          { id: 'mine', dueMs: 6, event: { type: 'old' } },
          { id: 'xstate.after.soon.m.on', dueMs: 7, event: { type: 'xstate.after.soon.m.on' } },
        ],
      },
    } as const
    t.same(climb(def, kept), {
      ...kept,
      version: 3,
      parked: { code: 'C', message: 'm', event: { type: 'new' } },
      state: {
        value: 'on',
        context: { n: 1, one: true, two: true },
        status: 'active',
        timers: [
          { id: 'new', dueMs: 5, event: { type: 'new' } },
          { id: 'mine', dueMs: 6, event: { type: 'new' } },
          kept.state.timers[2],
        ],
      },
    })
    const present = { ...kept, version: 3 }
    t.equal(climb(def, present), present, 'what is up to date is not touched')
    t.equal(
      codeIn(() => climb(def, { ...kept, version: 4 })),
      'PROV_ACTOR_VERSION_UNKNOWN',
    )
    const gap = defineActor({ type: 'test.v', version: 3, machine: machine({}), migrate: {} })
    t.equal(
      codeIn(() => climb(gap, kept)),
      'PROV_ACTOR_VERSION_UNKNOWN',
    )
  },
)

t.test('an event is read as its version meant it, and never guessed at', async (t) => {
  const def = defineActor({
    type: 'test.v',
    version: 3,
    machine: machine({}),
    upcast: {
      2: (event) => {
        if (event.type === 'bad') throw new Error('no way up')
        return event.type === 'worse' ? (null as never) : { ...event, type: `${event.type}!` }
      },
    },
  })
  const read = (type: string, from?: number) => upcast(def, { type }, from, 'test.v/a').type
  t.equal(read('add', 1), 'add!', 'a version that says nothing leaves it')
  t.equal(read('add', 3), 'add')
  t.equal(read('add'), 'add')
  t.equal(
    codeIn(() => read('add', 4)),
    'PROV_ACTOR_EVENT_UNREADABLE',
  )
  t.equal(
    codeIn(() => read('bad', 2)),
    'PROV_ACTOR_EVENT_UNREADABLE',
  )
  t.equal(
    codeIn(() => read('worse', 2)),
    'PROV_ACTOR_EVENT_UNREADABLE',
  )
})

t.test('an event climbs one version after the other, from the oldest up', async (t) => {
  const step = (name: string) => (event: { type: string }) => ({ type: `${event.type}${name}` })
  const def = defineActor({
    type: 'test.v',
    version: 4,
    machine: machine({}),
    upcast: { 1: step('1'), 2: step('2'), 3: step('3') },
  })
  t.equal(upcast(def, { type: 'e' }, 1, 'test.v/a').type, 'e123')
  t.equal(upcast(def, { type: 'e' }, 2, 'test.v/a').type, 'e23')
})

/** A machine that hears words and can wait; `said` names the event, `waits` a state. */
function talker({ said = 'say', waits = 'waiting' }: { said?: string; waits?: string } = {}) {
  return setup({
    types: { context: {} as { readonly heard: readonly string[] } },
    actions: {
      tell: (_args, _params: { to: string; event: { type: string } }) => {},
      hear: assign({
        heard: ({ context, event }) => {
          const { what } = event as unknown as { what: string }
          if (what === 'noise') throw new Error('too loud')
          return [...context.heard, `${event.type} ${what}`]
        },
      }),
    },
  }).createMachine({
    context: { heard: [] },
    initial: 'idle',
    on: {
      [said]: { actions: 'hear' },
      pass: {
        actions: {
          type: 'tell',
          params: { to: 'v.talker/b', event: { type: said, what: 'told' } },
        },
      },
    },
    states: {
      idle: { on: { wait: waits } },
      [waits]: {
        entry: raise({ type: said, what: 'later' } as never, { delay: 1_000, id: 'bell' }),
        on: { back: 'idle' },
      },
    },
  } as never) as unknown as AnyStateMachine
}

const first = (spec: Partial<ActorSpec<AnyStateMachine>> = {}) =>
  defineActor({ type: 'v.talker', version: 1, machine: talker(), ...spec }) as unknown as ActorDef
const second = (spec: Partial<ActorSpec<AnyStateMachine>> = {}) =>
  first({
    version: 2,
    machine: talker({ said: 'utter' }),
    migrate: { 1: (state) => state },
    upcast: { 1: (event) => (event.type === 'say' ? { ...event, type: 'utter' } : event) },
    ...spec,
  })
const passer = (machine = talker()) =>
  defineActor({ type: 'v.passer', version: 1, machine }) as unknown as ActorDef

async function opened(
  t: { teardown(undo: () => unknown): unknown },
  house: House,
  ...defs: readonly ActorDef[]
) {
  const system = await house.start()
  t.teardown(() => system.close())
  for (const def of defs) system.register(def)
  await settle()
  return system
}

t.test(
  'tells, timers, parked events and letters of an older version are read as the new one means',
  async (t) => {
    const house = new House()
    const parks = first({ supervision: { onFailure: 'park' } })
    const system = await opened(t, house, parks)
    system.send('v.talker/none', { type: 'say', what: 'lost' } as never)
    const talk = await system.spawn(parks, 'b')
    await talk.apply({ type: 'wait' })
    talk.send({ type: 'say', what: 'noise' } as never)
    await settle()
    house.crash()
    // The receiver is not registered in this life: what is told to it waits in the outbox.
    const pass = passer()
    const other = await opened(t, house, pass)
    await (await other.spawn(pass, 'p')).apply({ type: 'pass' } as never)
    await other.close()
    house.crash()
    const risen = second({ supervision: { onFailure: 'park' } })
    const last = await opened(t, house, risen, pass)
    t.match(last.list({ type: 'v.talker' }), [{ status: 'parked', version: 2, depth: 2 }])
    t.match(last.list({ type: 'v.talker' })[0]?.parked, { event: 'utter' })
    await last.resume('v.talker/b', { skip: true })
    await settle()
    await house.clock.advance(1_000)
    t.same(last.ref('v.talker/b')?.snapshot().context, { heard: ['utter told', 'utter later'] })
    await last.spawn(risen, 'none')
    const [letter] = last.deadLetters().rows.filter((row) => row.reason === 'unknown')
    t.match(letter, { event: 'say', version: 1 })
    await last.replay(letter?.id as number)
    await settle()
    t.same(last.ref('v.talker/none')?.snapshot().context, { heard: ['utter lost'] })
  },
)

t.test('a downgrade parks and destroys nothing; the upgrade lifts by itself', async (t) => {
  const house = new House()
  const two = second({ supervision: { onFailure: 'park' } })
  const system = await opened(t, house, two)
  const ref = await system.spawn(two, 'b')
  await ref.apply({ type: 'utter', what: 'one' } as never)
  await ref.apply({ type: 'wait' })
  ref.send({ type: 'utter', what: 'noise' } as never)
  await settle()
  const before = ref.snapshot()
  house.crash()
  const one = first()
  const old = await opened(t, house, one, passer())
  t.match(old.list({ type: 'v.talker' }), [
    { status: 'parked', version: 2, parked: { code: 'PROV_ACTOR_VERSION_UNKNOWN' } },
  ])
  t.equal(await codeOf(old.resume(ref.address)), 'PROV_ACTOR_PARKED')
  await house.clock.advance(5_000)
  await old.close()
  house.crash()
  const again = await opened(t, house, two)
  t.match(again.list(), [{ status: 'parked', depth: 1 }])
  t.match(again.list()[0]?.parked, { code: 'PROV_ACTOR_STEP_FAILED', event: 'utter' })
  await again.resume(ref.address, { skip: true })
  t.same(again.ref(ref.address)?.snapshot().context, before.context)
  await settle()
  await house.clock.advance(0)
  await settle()
  t.match(again.ref(ref.address)?.snapshot().context, { heard: ['utter one', 'utter later'] })
})

t.test('what a later version told parks its receiver until that version is back', async (t) => {
  const house = new House()
  const one = first()
  const pass = passer(talker({ said: 'utter' }))
  const system = await opened(t, house, one)
  await system.spawn(one, 'b')
  house.crash()
  // Version 2 is known, but its actors are not here yet when the message is told.
  const two = second({ migrate: {} })
  const later = await opened(t, house, two, pass)
  t.match(later.list({ type: 'v.talker' })[0]?.parked?.code, 'PROV_ACTOR_VERSION_UNKNOWN')
  await (await later.spawn(pass, 'p')).apply({ type: 'pass' } as never)
  house.crash()
  const old = await opened(t, house, one, pass)
  t.match(old.list({ type: 'v.talker' }), [
    { status: 'parked', version: 1, parked: { code: 'PROV_ACTOR_EVENT_UNREADABLE' } },
  ])
  house.crash()
  const back = await opened(t, house, second(), pass)
  t.match(back.list({ type: 'v.talker' }), [{ status: 'active', version: 2 }])
  t.same(back.ref('v.talker/b')?.snapshot().context, { heard: ['utter told'] })
})

t.test(
  'what waits for a version that can read it is a dead letter once its receiver ends',
  async (t) => {
    const house = new House()
    const one = first()
    const pass = passer(talker({ said: 'utter' }))
    await (await opened(t, house, one)).spawn(one, 'b')
    house.crash()
    const later = await opened(t, house, second({ migrate: {} }), pass)
    await (await later.spawn(pass, 'p')).apply({ type: 'pass' } as never)
    house.crash()
    const old = await opened(t, house, one, pass)
    t.same(old.deadLetters().count, 0)
    await old.stop('v.talker/b')
    t.match(old.deadLetters().rows, [
      { address: 'v.talker/b', reason: 'stopped', from: 'v.passer/p' },
    ])
  },
)

t.test(
  'another machine of the same version is noticed, and refused only where its state is gone',
  async (t) => {
    const house = new House()
    const one = first()
    const system = await opened(t, house, one)
    await system.spawn(one, 'idle')
    await (await system.spawn(one, 'waits')).apply({ type: 'wait' })
    t.notOk(system.list().some((row) => row.warning))
    house.crash()
    const changed = first({ machine: talker({ waits: 'standing' }) })
    const again = await opened(t, house, changed)
    const [idle, waits] = again.list()
    t.match(idle, { status: 'active', warning: /another machine of version 1/ })
    t.match(waits, { status: 'parked', parked: { code: 'PROV_ACTOR_RESTORE_FAILED' } })
    t.match(waits?.parked?.message, /its machine was changed and its version was not/)
    await again.ref('v.talker/idle')?.apply({ type: 'wait' })
    t.equal(again.list()[0]?.warning, undefined, 'from here on it is this machine’s state')
    house.crash()
    const back = await opened(t, house, one)
    t.match(back.list(), [
      { status: 'parked', parked: { code: 'PROV_ACTOR_RESTORE_FAILED' } },
      { status: 'active', value: 'waiting' },
    ])
  },
)

t.test('a snapshot remembers under which machine each actor was kept', async (t) => {
  const house = new House()
  for (const durability of ['journal', 'snapshot'] as const) {
    const one = first({ type: `v.${durability}`, durability })
    const system = await opened(t, house, one)
    const ref = await system.spawn(one, 'a')
    await ref.apply({ type: 'wait' } as never)
    await ref.apply({ type: 'back' } as never)
    await system.close()
    house.crash()
    const more = {
      type: `v.${durability}`,
      durability,
      machine: talker({ said: 'utter' }),
    } as const
    const again = await opened(t, house, first(more))
    t.match(again.list({ type: one.type }), [{ warning: /another machine/ }], durability)
    await again.close()
    house.crash()
    const third = await opened(t, house, first(more))
    t.match(third.list({ type: one.type }), [{ warning: /another machine/ }], 'it still is')
    await third.ref(`v.${durability}/a`)?.apply({ type: 'wait' })
    await third.close()
    house.crash()
    const last = await opened(t, house, first(more))
    t.match(last.list({ type: one.type }), [{ warning: undefined }])
    await last.close()
    house.crash()
  }
})

/** Thrown, and no errors. */
const odd: Readonly<Record<string, unknown>> = { text: 'a text of mine', nothing: null }

/** `migrate`s that fail, and how each one's author reads of it. */
const broken: Readonly<Record<string, readonly [(state: never) => unknown, RegExp]>> = {
  'writes in place and throws': [
    (state: { context: { n: number } }) => {
      state.context.n = 99
      throw new Error('mine')
    },
    /^test\.m\/a .*mine/,
  ],
  'throws what is no error': [
    () => {
      throw odd.text
    },
    /a text of mine/,
  ],
  'gives a promise': [async (state) => state, /from version 1 of test\.m gave a promise/],
  'gives a promise that fails': [() => Promise.reject(new Error('late')), /gave a promise/],
  'gives nothing': [() => {}, /gave no `value`/],
  'gives a number': [() => 5, /gave no `value`/],
  'gives half of it': [() => ({ value: 'on' }), /gave no `context`/],
  'gives what no journal keeps': [
    () => ({ value: 'on', context: { n: Number.NaN } }),
    /context|n is number NaN/,
  ],
}

for (const [how, [migrate, words]] of Object.entries(broken)) {
  t.test(`a \`migrate\` that ${how} parks its actor, untouched`, async (t) => {
    const house = new House()
    const plain = setup({
      types: { context: {} as { n: number } },
      actions: { add: assign({ n: ({ context }) => context.n + 1 }) },
    }).createMachine({
      initial: 'on',
      context: { n: 3 },
      states: { on: { on: { add: { actions: 'add' } } } },
    })
    const at = (version: number, more: Partial<ActorSpec<AnyStateMachine>> = {}) =>
      defineActor({
        type: 'test.m',
        version,
        machine: plain as unknown as AnyStateMachine,
        ...more,
      })
    const system = await opened(t, house, at(1))
    await (await system.spawn(at(1), 'a')).apply({ type: 'add' })
    house.crash()
    const caught = await uncaught(async () => {
      const bad = await opened(t, house, at(2, { migrate: { 1: migrate as never } }))
      const [row] = bad.list()
      t.match(row, { status: 'parked', version: 1, parked: { code: 'PROV_ACTOR_RESTORE_FAILED' } })
      t.match(row?.parked?.message, words)
      t.notMatch(row?.parked?.message, /own rules/, 'it is its author’s failure')
      t.same(bad.ref('test.m/a')?.snapshot().context, { n: 4 })
      await bad.close()
    })
    t.same(caught, [])
    house.crash()
    const good = await opened(t, house, at(2, { migrate: { 1: (state) => state } }))
    t.match(good.list(), [{ status: 'active', version: 2 }])
    t.same(good.ref('test.m/a')?.snapshot().context, { n: 4 })
  })
}

t.test('an upcaster that writes in place and throws leaves what was told', async (t) => {
  const steps = {
    1: (event: { n?: number }) => {
      event.n = 99
      throw odd.nothing
    },
  }
  const def = defineActor({
    type: 'test.v',
    version: 2,
    machine: machine({}),
    upcast: steps as never,
  })
  const told = { type: 'told', n: 1 }
  t.throws(() => upcast(def, told, 1, 'test.v/a'), /null/)
  t.same(told, { type: 'told', n: 1 })
})
