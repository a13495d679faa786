/**
 * What is measured, with whom, and what is wanted of it. Goals are ratios within one run.
 *
 * @module
 */

export interface Subject {
  readonly name: string
  /** In one line, for people. */
  readonly what: string
  /**
   * `rate`: the same cell again and again, as many operations as fit into a sample. `once`: a new cell
   * per repeat, `times` operations each. `size`: memory before and after, `times` things. `alloc`:
   * bytes allocated per operation, in a heap that is not collected meanwhile.
   */
  readonly kind: 'rate' | 'once' | 'size' | 'alloc'
  /** The cell of the arm, where it is not the subject's own name. */
  readonly cell?: string
  readonly arms: readonly string[]
  readonly actors?: number
  readonly times?: number
  /** Which figure counts; default `cpuNs`, `bytes` for sizes and allocations. */
  readonly main?: string
  /** Repeats in one process; the first one is not counted. Default 4. */
  readonly repeats?: number
}

const peers = ['nact', 'comedy', 'effect', 'moleculer']

export const subjects: readonly Subject[] = [
  {
    name: 'burst',
    what: 'send to one counter, bursts of 1000',
    kind: 'rate',
    arms: [
      'limit',
      'limit.encode',
      'ours',
      'ours.counting',
      'ours.transitions',
      'ours.bare',
      'ours.memory',
      'ours.encode',
      'xstate',
      'xstate.counting',
      ...peers,
    ],
  },
  {
    name: 'random',
    what: '100,000 actors, a random one per message',
    kind: 'rate',
    arms: ['limit', 'ours', 'xstate', 'nact'],
    actors: 100_000,
  },
  {
    name: 'ask',
    what: 'question and answer, one after the other',
    kind: 'rate',
    arms: ['limit', 'ours', 'ours.memory', 'xstate', ...peers],
  },
  {
    name: 'pingpong',
    what: 'two actors, one message between them',
    kind: 'rate',
    arms: ['limit', 'ours', 'ours.memory', 'xstate', 'nact'],
  },
  {
    name: 'regions-one',
    what: 'eight parallel regions, each event moves one of them',
    kind: 'rate',
    arms: ['ours', 'xstate'],
  },
  {
    name: 'regions-all',
    what: 'eight parallel regions, each event moves all of them',
    kind: 'rate',
    arms: ['ours', 'xstate'],
  },
  { name: 'depth', what: 'eight states deep', kind: 'rate', arms: ['ours', 'xstate'] },
  {
    name: 'spawn',
    what: 'start 20,000 actors',
    kind: 'once',
    times: 20_000,
    arms: ['limit', 'ours', 'ours.memory', 'xstate', 'nact', 'comedy', 'effect'],
  },
  {
    name: 'heap-10k',
    what: 'bytes of heap per idle actor, its name included, of 10,000',
    kind: 'size',
    cell: 'spawn',
    times: 10_000,
    arms: ['limit', 'ours', 'ours.memory', 'xstate', 'nact', 'comedy', 'effect'],
  },
  {
    name: 'heap-100k',
    what: 'bytes of heap per idle actor, its name included, of 100,000',
    kind: 'size',
    cell: 'spawn',
    times: 100_000,
    arms: ['limit', 'ours', 'xstate', 'nact'],
  },
  {
    name: 'rss-1m',
    what: 'resident memory of the process with 1,000,000 idle actors',
    kind: 'size',
    cell: 'spawn',
    times: 1_000_000,
    main: 'rssMB',
    arms: ['limit', 'ours.hot', 'ours.resting'],
  },
  {
    name: 'wake',
    what: 'a message to one of 20,000 actors that rest: woken, stepped, put away again',
    kind: 'rate',
    actors: 20_000,
    arms: ['ours.resting'],
  },
  {
    name: 'chain',
    what: 'one event forwarded 1,000,000 times along 20,000 actors',
    kind: 'once',
    times: 1_000_000,
    actors: 20_000,
    repeats: 2,
    arms: ['limit', 'ours', 'xstate'],
  },
  {
    name: 'alloc',
    what: 'bytes allocated per message to one counter, bursts of 1000',
    kind: 'alloc',
    cell: 'burst',
    times: 20_000,
    arms: ['limit', 'ours', 'xstate', 'nact'],
  },
  {
    name: 'alloc-journal',
    what: 'bytes allocated per journaled step, encoding included',
    kind: 'alloc',
    cell: 'burst',
    times: 20_000,
    arms: ['ours.encode'],
  },
  {
    name: 'op',
    what: 'an operation that the policy signs, from proposal to RESULT: what it counts up to',
    kind: 'once',
    times: 20,
    repeats: 2,
    arms: ['pipeline'],
  },
  {
    name: 'durable',
    what: '128 actors apply one event each, again and again, to a journal on disk: CPU time only',
    kind: 'rate',
    arms: ['limit', 'ours', 'ours.append'],
  },
  {
    name: 'recorder',
    what: 'one step noted by the flight recorder, which is always on: a share of `burst`',
    kind: 'rate',
    arms: ['ours'],
  },
  {
    name: 'timers',
    what: 'set a timer and take it back, 100,000 others pending',
    kind: 'rate',
    arms: ['limit', 'ours'],
    actors: 100_000,
  },
  {
    name: 'timers-size',
    what: 'bytes per pending timer, of 1,000,000',
    kind: 'size',
    times: 1_000_000,
    arms: ['limit', 'ours'],
  },
  {
    name: 'timers-held',
    what: 'bytes per pending timer of 100,000 actors, all that names it included',
    kind: 'size',
    times: 100_000,
    actors: 100_000,
    arms: ['ours'],
  },
  {
    name: 'timers-kept',
    what: 'a journaled step that sets one of 1,000 pending timers of its actor anew',
    kind: 'once',
    times: 2_000,
    repeats: 2,
    arms: ['ours.encode'],
  },
  {
    name: 'restore',
    what: 'bring 100,000 actors back from the journal',
    kind: 'once',
    times: 100_000,
    repeats: 3,
    arms: ['limit', 'ours', 'ours.snapshot'],
  },
  {
    name: 'restore-owing',
    what: 'bring 100,000 actors back that are owed an effect each, 1,000 of them from snapshots',
    kind: 'once',
    times: 100_000,
    actors: 100_000,
    repeats: 2,
    arms: ['ours'],
  },
  {
    name: 'retire-owing',
    what: 'retire 10,000 of 100,000 actors that are owed an effect each, ten by ten',
    kind: 'once',
    times: 10_000,
    actors: 100_000,
    repeats: 2,
    arms: ['ours'],
  },
]

/** `left` divided by `right`, both as costs: 0.1 means ten times as fast. */
export interface Goal {
  readonly what: string
  readonly left: readonly [subject: string, arm: string]
  readonly right?: readonly [subject: string, arm: string]
  readonly atMost: number
}

export const goals: readonly Goal[] = [
  goal('send, bursts, against XState', ['burst', 'ours'], ['burst', 'xstate'], 1 / 30),
  goal('send, bursts, against the limit', ['burst', 'ours'], ['burst', 'limit'], 1 / 0.35),
  goal('100,000 actors, against XState', ['random', 'ours'], ['random', 'xstate'], 1 / 10),
  goal('100,000 actors, against the limit', ['random', 'ours'], ['random', 'limit'], 1 / 0.55),
  goal('ask, against XState', ['ask', 'ours'], ['ask', 'xstate'], 1 / 4),
  goal('ping-pong, against XState', ['pingpong', 'ours'], ['pingpong', 'xstate'], 1 / 10),
  goal('eight regions (one moves), against flat', ['regions-one', 'ours'], ['burst', 'ours'], 1.5),
  goal('eight regions (all move), against flat', ['regions-all', 'ours'], ['burst', 'ours'], 1.5),
  goal('inspector off, against none at all', ['burst', 'ours'], ['burst', 'ours.bare'], 1.02),
  goal('inspector that counts, against off', ['burst', 'ours.counting'], ['burst', 'ours'], 1.1),
  goal('flight recorder, as a share of a step', ['recorder', 'ours'], ['burst', 'ours'], 0.1),
  goal('spawn, ns', ['spawn', 'ours'], undefined, 1_500),
  goal('idle actor, bytes', ['heap-100k', 'ours'], undefined, 300),
  goal('1,000,000 actors, all hot, MB', ['rss-1m', 'ours.hot'], undefined, 400),
  goal('1,000,000 actors, at rest, MB', ['rss-1m', 'ours.resting'], undefined, 160),
  goal('message to an actor at rest, ns', ['wake', 'ours.resting'], undefined, 5_000),
  goal('journal encode, ns per event', ['burst', 'ours.encode'], undefined, 1e9 / 1.5e6),
  goal('timer set and taken back, ns', ['timers', 'ours'], undefined, 100),
  goal('pending timer, bytes', ['timers-size', 'ours'], undefined, 32),
]

function goal(what: string, left: Goal['left'], right: Goal['right'], atMost: number): Goal {
  return { what, left, ...(right && { right }), atMost }
}
