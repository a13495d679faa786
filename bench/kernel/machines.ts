/**
 * The machines of the bench, once for the kernel and once for XState's own actors: the same states,
 * guards and assigns, only the way out differs. The kernel is asked to tell; XState calls.
 *
 * @module
 */
import { assign, raise, setup } from 'xstate'
import type { AnyStateMachine } from 'xstate'

export interface Counted {
  readonly count: number
}

const counting = { count: ({ context }: { context: Counted }) => context.count + 1 }

/** Two states, one event, a counter. */
export function flipMachine(): AnyStateMachine {
  return setup({
    types: { context: {} as Counted, events: {} as { type: 'flip' } },
    actions: { add: assign(counting) },
  }).createMachine({
    context: { count: 0 },
    initial: 'a',
    states: {
      a: { on: { flip: { target: 'b', actions: 'add' } } },
      b: { on: { flip: { target: 'a', actions: 'add' } } },
    },
  })
}

/** Awake until it flips, then with one timer pending for an hour. */
export function sleepMachine(): AnyStateMachine {
  return setup({ types: { events: {} as { type: 'flip' } } }).createMachine({
    initial: 'awake',
    states: { awake: { on: { flip: 'asleep' } }, asleep: { after: { 3_600_000: 'awake' } } },
  })
}

/** A thousand timers pending for an hour, one of which each flip sets anew. */
export function crowdedMachine(): AnyStateMachine {
  const delay = ({ context }: { context: Counted }) => 3_600_000 + context.count
  const timer = (id: number) => raise({ type: 'ring' }, { delay: delay as never, id: `bell-${id}` })
  return setup({
    types: { context: {} as Counted, events: {} as { type: string } },
    actions: { add: assign(counting) },
  }).createMachine({
    context: { count: 0 },
    entry: Array.from({ length: 1_000 }, (_, id) => timer(id)),
    on: { flip: { actions: ['add', timer(500)] } },
  } as never) as unknown as AnyStateMachine
}

/** Eight regions; `flip0` to `flip7` move one of them, or `flip` moves all. The first one counts. */
export function regionsMachine(moves: 'one' | 'all'): AnyStateMachine {
  const region = (at: number) => {
    const type = moves === 'one' ? `flip${at}` : 'flip'
    const actions = moves === 'one' || at === 0 ? 'add' : []
    return {
      initial: 'a',
      states: {
        a: { on: { [type]: { target: 'b', actions } } },
        b: { on: { [type]: { target: 'a', actions } } },
      },
    }
  }
  return setup({
    types: { context: {} as Counted, events: {} as { type: string } },
    actions: { add: assign(counting) },
  }).createMachine({
    type: 'parallel',
    context: { count: 0 },
    states: Object.fromEntries([0, 1, 2, 3, 4, 5, 6, 7].map((at) => [`r${at}`, region(at)])),
  } as never) as unknown as AnyStateMachine
}

/** `levels` states inside each other; the innermost one has two children that take turns. */
export function deepMachine(levels: number): AnyStateMachine {
  let states: object = {
    a: { on: { flip: { target: 'b', actions: 'add' } } },
    b: { on: { flip: { target: 'a', actions: 'add' } } },
  }
  let initial = 'a'
  for (let level = levels - 1; level > 0; level--) {
    states = { [`l${level}`]: { initial, states } }
    initial = `l${level}`
  }
  return setup({
    types: { context: {} as Counted, events: {} as { type: string } },
    actions: { add: assign(counting) },
  }).createMachine({
    context: { count: 0 },
    initial,
    states,
  } as never) as unknown as AnyStateMachine
}

/** What goes back and forth, or along a chain. */
export interface Ball {
  readonly type: 'ball'
  readonly left: number
  /** Where the last one says that it is over: an address, or a function. */
  readonly over: unknown
}

export interface Player extends Counted {
  readonly next: unknown
}

/**
 * Counts each ball and passes it on while there are throws left. `way` says how: names and params of
 * what the kernel is to tell, or functions.
 */
export function playerMachine(way: { readonly pass: object; readonly over: object }) {
  return setup({
    types: { context: {} as Player, events: {} as Ball, input: {} as { readonly next: unknown } },
    actions: {
      add: assign(counting),
      tell: (_args, _params: { to: string; event: unknown }) => {},
    },
    guards: { more: ({ event }) => event.left > 0 },
  }).createMachine({
    context: ({ input }: { input: { readonly next: unknown } }) => ({ count: 0, next: input.next }),
    on: {
      ball: [{ guard: 'more', actions: ['add', way.pass] }, { actions: ['add', way.over] }],
    },
  } as never) as unknown as AnyStateMachine
}

/** Says its count to whoever asks. */
export function answerMachine(answer: object): AnyStateMachine {
  return setup({
    types: { context: {} as Counted, events: {} as { type: 'get'; replyTo: unknown } },
    actions: {
      add: assign(counting),
      tell: (_args, _params: { to: string; event: unknown }) => {},
    },
  }).createMachine({
    context: { count: 0 },
    on: { get: { actions: ['add', answer] } },
  } as never) as unknown as AnyStateMachine
}
