import t from 'tap'
import { and, assign, not, setup } from 'xstate'
import type { AnyStateMachine } from 'xstate'
import { defineActor } from '../../core/actor/define.ts'
import { climb, fingerprint, upcast } from '../../core/actor/versions.ts'
import { codeIn } from './codes.ts'

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
