/**
 * The laws that every machine keeps, as tests: whoever writes a machine runs them and gets a walk
 * through all of it for one line.
 *
 * M1  Every declared state is reached by some sequence of the given events.
 * M2  An event that the machine does not know changes nothing, in any state.
 * M3  A state that was kept as JSON and brought back is the same state.
 * M4  The kernel runs everything that the machine uses.
 * M5  Its compiled program does what XState does: in every reached state with every given event, and
 *     on a long walk over its shape.
 *
 * @module
 */
import { isDeepStrictEqual } from 'node:util'
import type { AnyMachineSnapshot, AnyStateMachine } from 'xstate'
import { asProvError } from '../errors.ts'
import type { KitTest } from '../kit.ts'
import { defined } from '../optional.ts'
import { defineActor } from './define.ts'
import type { ActorEvent } from './define.ts'
import { programFor } from './program/choose.ts'
import { interpreted } from './program/interpret.ts'
import type { Program } from './program/program.ts'
import { difference } from './program/verify.ts'
import { persisted } from './state.ts'
import type { ActorState } from './state.ts'

export interface MachineLawsOptions {
  readonly input?: unknown
  /** Events to walk with; several of one type show several guards. */
  readonly events: readonly ActorEvent[]
  /** Names of actions that the definition will give as effects or records. Default: all names. */
  readonly actions?: readonly string[]
  /** States, written `a.b`, that no sequence of these events can reach. Default: none. */
  readonly unreachable?: readonly string[]
  /** Contexts may grow without end: a walk stops at so many states. Default 2,000. */
  readonly limit?: number
}

/** Runs M1 to M5. Loads `xstate/graph`, which ships with xstate. */
export async function machineLaws(
  t: KitTest,
  machine: AnyStateMachine,
  options: MachineLawsOptions,
): Promise<void> {
  const { getShortestPaths } = await import('xstate/graph')
  const { input, limit = 2_000 } = options
  const names = new Set(options.actions ?? Object.keys(machine.implementations.actions))
  const effects = Object.fromEntries(
    [...names].filter((name) => name !== 'tell').map((name) => [name, () => {}]),
  )
  const define = () => defineActor({ type: 'laws', version: 1, machine, effects })
  const build = (): Program => programFor(define())
  await t.test('M4 the kernel runs everything that the machine uses', async (t) => {
    try {
      build()
      t.ok(true)
    } catch (thrown) {
      t.fail(asProvError(thrown).message)
    }
  })
  const timed = delayedEvents(machine)
  const paths = getShortestPaths(machine, {
    input,
    events: [...options.events, ...timed] as never,
    limit,
    // Contexts with growing logs would make the walk endless; states and values are what it is for.
    serializeState: (state: AnyMachineSnapshot) => JSON.stringify([state.value, state.status]),
  } as never) as { readonly state: AnyMachineSnapshot }[]
  // A failed child that nobody handles ends a machine of XState. Here it fails the step: no such state.
  const states = paths.map((path) => path.state).filter(({ status }) => status !== 'error')

  await t.test('M1 every declared state is reachable', async (t) => {
    const reached = new Set(states.flatMap((state) => namesIn(state)))
    const declared = declaredStates(machine).filter((name) => !options.unreachable?.includes(name))
    t.same(
      declared.filter((name) => !reached.has(name)),
      [],
      'no state stands alone',
    )
  })
  await t.test('M2 an event it does not know changes nothing', async (t) => {
    const program = build()
    const moved = states.filter((state) => {
      const at = program.restore(keptOf(state))
      const after = program.step(at, { type: 'no.such.event' }, 0)
      return after.asked.length > 0 || !isDeepStrictEqual(persisted(after), persisted(at))
    })
    t.same(
      moved.map((state) => state.value),
      [],
      'it stays',
    )
  })
  await t.test('M3 a state that was kept comes back the same', async (t) => {
    const program = build()
    const lost = states.filter((state) => {
      const kept = keptOf(state)
      const back = persisted(program.restore(JSON.parse(JSON.stringify(kept))))
      return !isDeepStrictEqual(withoutUndefined(kept), back)
    })
    t.same(
      lost.map((state) => state.value),
      [],
      'nothing is lost',
    )
  })
  await t.test('M5 compiled = XState, on every walk', async (t) => {
    const program = build()
    t.same([program.mode, program.why], ['compiled', undefined], 'it is compiled')
    t.same(difference(define(), { steps: longWalk }), undefined, 'its shape')
    const theirs = interpreted(define(), undefined)
    const apart = states.flatMap((state) => {
      const kept = keptOf(state)
      return [...options.events, ...timed]
        .filter((event) => {
          return !isDeepStrictEqual(outcome(program, kept, event), outcome(theirs, kept, event))
        })
        .map(({ type }) => [state.value, type])
    })
    t.same(apart, [], 'its functions')
  })
}

/** Steps of the long walk of M5. */
const longWalk = 1_000

/** What a step comes to, or that it threw. */
function outcome(program: Program, state: ActorState, event: ActorEvent): unknown {
  try {
    const { config, asked, ...rest } = program.step(program.restore(state), event, 0)
    return [persisted({ config, ...rest }), [...config.tags], asked]
  } catch {
    return 'threw'
  }
}

/** A snapshot that XState itself made, as it would be kept. */
function keptOf(state: AnyMachineSnapshot): ActorState {
  const { value, context, status, output } = state
  const nodes = state.historyValue as Readonly<Record<string, readonly { id: string }[]>>
  const history = Object.entries(nodes).map(([key, ids]) => [key, ids.map(({ id }) => id)])
  return defined({
    value,
    context,
    status,
    output,
    history: history.length > 0 ? Object.fromEntries(history) : undefined,
  }) as ActorState
}

/** Undefined keys are the one loss that JSON may make: absent and undefined read alike. */
function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUndefined)
  if (typeof value !== 'object' || value === null) return value
  if (Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => [key, withoutUndefined(item)]),
  )
}

/** Timers are events too: a walk has to let time pass. */
function delayedEvents(machine: AnyStateMachine): ActorEvent[] {
  const nodes = [machine.root]
  const events: ActorEvent[] = []
  for (let node = nodes.pop(); node; node = nodes.pop()) {
    nodes.push(...Object.values(node.states))
    for (const transition of node.after) events.push({ type: transition.eventType as string })
  }
  return events
}

function declaredStates(machine: AnyStateMachine): string[] {
  const nodes = Object.values(machine.root.states)
  const names: string[] = []
  for (let node = nodes.pop(); node; node = nodes.pop()) {
    nodes.push(...Object.values(node.states))
    if (node.type !== 'history') names.push(node.path.join('.'))
  }
  return names
}

function namesIn(state: AnyMachineSnapshot): string[] {
  const nodes = (state as unknown as { _nodes: { path: string[] }[] })._nodes
  return nodes.map((node) => node.path.join('.'))
}
