/**
 * Compiled programs are XState: random machines, stepped side by side by a compiled program, by an
 * interpreted one and by XState itself, must agree on everything after every step. PROV_MACHINES sets
 * how many (default 120), PROV_SEED where the generator starts.
 *
 * Where XState lets the order in which states were entered decide a conflict, XState with its states
 * in document order is the measure; how often that happened is printed.
 *
 * @module
 */
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { defineActor } from '../../../core/actor/define.ts'
import type { ActorDef, ActorEvent } from '../../../core/actor/define.ts'
import { CompiledProgram } from '../../../core/actor/program/compile.ts'
import type { Config } from '../../../core/actor/program/intern.ts'
import { interpreted } from '../../../core/actor/program/interpret.ts'
import type { Standing, Step } from '../../../core/actor/program/program.ts'
import { persisted } from '../../../core/actor/state.ts'
import type { TimerState } from '../../../core/actor/state.ts'
import { randomFrom, randomMachine } from '../../support/random-machine.ts'
import type { RandomMachine } from '../../support/random-machine.ts'
import { isWhole, XStateArm } from '../../support/xstate-arm.ts'
import type { XStateStep } from '../../support/xstate-arm.ts'

const machines = Number(process.env['PROV_MACHINES'] ?? 120)
// A long run takes its time.
if (machines > 200) t.setTimeout(0)
const firstSeed = Number(process.env['PROV_SEED'] ?? 1)
const longest = 40

type Outcome<T> = { readonly step: T } | { readonly thrown: unknown }

function attempt<T>(run: () => T): Outcome<T> {
  try {
    return { step: run() }
  } catch (thrown) {
    return { thrown }
  }
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null))
const sorted = (ids: readonly string[]) => [...ids].sort()

interface Essence {
  readonly value: unknown
  readonly context: unknown
  readonly status: string
  readonly output: unknown
  readonly tags: readonly string[]
  readonly history: unknown
  readonly timers: readonly TimerState[]
  readonly asked: readonly { readonly name: string; readonly params: unknown }[]
  readonly logs: unknown
}

const historyOf = (history: Readonly<Record<string, readonly string[]>> | undefined) =>
  Object.fromEntries(Object.entries(history ?? {}).map(([key, ids]) => [key, sorted(ids)]))

function essenceOf({ config, context, timers, asked, logs }: Step): Essence {
  const { value, status, output, tags, history } = config
  const shown = { value, context, status, output, tags: sorted([...tags]), timers, asked, logs }
  return plain({ ...shown, history: historyOf(history) }) as Essence
}

function essenceOfXState({ snapshot, timers, asked, logs }: XStateStep): Essence {
  const { value, context, status, output } = snapshot
  const nodes = snapshot.historyValue as Readonly<Record<string, readonly { id: string }[]>>
  const history = Object.fromEntries(
    Object.entries(nodes).map(([key, ids]) => [key, sorted(ids.map(({ id }) => id))]),
  )
  const tags = sorted([...(snapshot.tags as ReadonlySet<string>)])
  return plain({ value, context, status, output, tags, history, timers, asked, logs }) as Essence
}

/** What XState can be asked about: it never says that an assign spawned, nor why all children end. */
function comparable(one: Essence, alive: Set<string>): Essence {
  const asked = one.asked.flatMap(({ name, params }) => {
    const { id, syncSnapshot: _, ...rest } = params as Record<string, unknown>
    if (name === 'xstate.spawn' && String(id).startsWith('by-assign')) return []
    if (name === 'xstate.spawn') alive.add(String(id))
    if (name === 'xstate.stop' && (!alive.delete(String(id)) || one.status === 'done')) return []
    return [{ name, params: { ...(id !== undefined && { id }), ...rest } }]
  })
  return { ...one, asked }
}

function typed({ machine }: RandomMachine): ActorDef {
  return defineActor({
    type: 'test.random',
    version: 1,
    machine,
    effects: { note: () => undefined },
  })
}

const noChild = "Unable to send event to actor 'kid'"

interface Tally {
  /** Machines in which a message went to a child that had ended. */
  noChild: number
  /** Machines in which XState lost an active state. */
  lost: number
  steps: number
  threw: number
  /** Machines in which XState chose by the order of entry. */
  byEntry: number
}

/** What differs first, or undefined. */
function compare(seed: number, tally: Tally): unknown {
  const random = randomFrom(seed)
  // Without children, more of a machine's chance goes into its shape.
  const given = randomMachine(random, { children: seed % 2 === 0 })
  const { events, asked } = given
  const def = typed(given)
  const ours = new CompiledProgram(def)
  const theirs = interpreted(def, undefined)
  let nowMs = 0

  const guards = <T>(run: () => T): readonly [Outcome<T>, readonly string[]] => {
    asked.length = 0
    const outcome = attempt(run)
    return [outcome, [...asked]]
  }
  const [first, asks] = guards(() => ours.start(undefined, nowMs))
  const [twin] = guards(() => theirs.start(undefined, nowMs))
  let mode: 'live' | 'sorted' = 'live'
  let xstate = new XStateArm(given.machine)
  let [real, realAsks] = guards(() => xstate.start(nowMs))
  const alive = { ours: new Set<string>(), theirs: new Set<string>() }

  const differs = (
    at: number,
    event: ActorEvent | undefined,
    a: Outcome<Step>,
    b: Outcome<Step>,
    c: Outcome<XStateStep>,
    guardsOfA: readonly string[],
    guardsOfC: readonly string[],
  ): object | undefined => {
    const where = { seed, at, event, mode }
    if ('thrown' in a || 'thrown' in b || 'thrown' in c) {
      const threw = ['thrown' in a, 'thrown' in b, 'thrown' in c]
      if (threw.every(Boolean)) return undefined
      // Children are no part of a standing: whether there is such a child is for the kernel to say.
      const alone = !threw[0] && !threw[1] && 'thrown' in c
      if (alone && String(c.thrown).includes(noChild)) return { noChild }
      return {
        ...where,
        threw,
        why: [a, b, c].map((one) =>
          'thrown' in one ? String((one.thrown as Error)?.message) : 'ok',
        ),
      }
    }
    const [one, two] = [essenceOf(a.step), essenceOf(b.step)]
    if (!isDeepStrictEqual(one, two)) return { ...where, compiled: one, interpreted: two }
    const [mine, xs] = [new Set(alive.ours), new Set(alive.theirs)]
    const [left, right] = [comparable(one, mine), comparable(essenceOfXState(c.step), xs)]
    if (!isDeepStrictEqual(left, right)) return { ...where, compiled: left, xstate: right }
    if (!isDeepStrictEqual(guardsOfA, guardsOfC))
      return { ...where, guardsOfA: guardsOfA.join(' '), guardsOfC: guardsOfC.join(' ') }
    alive.ours = mine
    alive.theirs = xs
    return undefined
  }

  let difference = differs(-1, undefined, first, twin, real, asks, realAsks)
  if (difference && !xstate.lost) {
    mode = 'sorted'
    xstate = new XStateArm(given.machine, { sorted: true })
    ;[real, realAsks] = guards(() => xstate.start(nowMs))
    difference = differs(-1, undefined, first, twin, real, asks, realAsks)
    if (!difference) tally.byEntry++
  }
  if (xstate.lost) {
    tally.lost++
    return undefined
  }
  if (difference && 'noChild' in difference) {
    tally.noChild++
    return undefined
  }
  if (difference) return difference
  if ('thrown' in first || 'thrown' in twin || 'thrown' in real) return undefined
  let [a, b, c]: [Step, Step, XStateStep] = [first.step, twin.step, real.step]
  for (let at = 0; at < longest && a.config.status === 'active'; at++) {
    const before: Standing = a
    const due = before.timers.find((timer) => timer.dueMs <= nowMs && timer.to === undefined)
    const event = due?.event ?? { type: events[random(events.length)] as string }
    const [next, asks] = guards(() => ours.step(a, event, nowMs, due?.id))
    const [twin] = guards(() => theirs.step(b, event, nowMs, due?.id))
    ;[real, realAsks] = guards(() => xstate.step(c, event, nowMs, due?.id))
    difference = differs(at, event, next, twin, real, asks, realAsks)
    if ('step' in next && !isWhole((next.step.config as Config).nodes)) {
      return { seed, at, event, broken: next.step.config.value }
    }
    if (xstate.lost) {
      tally.lost++
      return undefined
    }
    if (difference && !('noChild' in difference) && mode === 'live') {
      // XState's order of entry? With its states in document order it must agree.
      mode = 'sorted'
      xstate = new XStateArm(given.machine, { sorted: true })
      const inOrder = { snapshot: { ...c.snapshot }, timers: c.timers }
      const inner = inOrder.snapshot as unknown as { _nodes: { order: number }[] }
      inner._nodes = [...inner._nodes].sort((one, two) => one.order - two.order)
      ;[real, realAsks] = guards(() => xstate.step(inOrder, event, nowMs, due?.id))
      difference = differs(at, event, next, twin, real, asks, realAsks)
      if (!difference) tally.byEntry++
    }
    if (difference && 'noChild' in difference) {
      tally.noChild++
      return undefined
    }
    if (difference) return difference
    // A standing that went through JSON goes on the same way, in both modes and across them.
    if (at % 3 === 0 && 'step' in next) {
      const kept = plain(persisted(before)) as never
      for (const program of [ours, theirs]) {
        const again = program.step(program.restore(kept), event, nowMs, due?.id)
        if (!isDeepStrictEqual(essenceOf(again), essenceOf(next.step))) {
          return { seed, at, event, restored: essenceOf(again), live: essenceOf(next.step) }
        }
      }
      const across = ours.step(b, event, nowMs, due?.id)
      if (!isDeepStrictEqual(essenceOf(across), essenceOf(next.step))) {
        return { seed, at, event, across: essenceOf(across) }
      }
    }
    if ('thrown' in next || 'thrown' in twin || 'thrown' in real) {
      if (++tally.threw && random(4) === 0) return undefined
    } else {
      ;[a, b, c] = [next.step, twin.step, real.step]
      tally.steps++
    }
    nowMs += random(60)
  }
  return undefined
}

t.test(`${machines} random machines: compiled = interpreted = XState, at every step`, (t) => {
  const tally: Tally = { steps: 0, threw: 0, byEntry: 0, noChild: 0, lost: 0 }
  const found: unknown[] = []
  for (let seed = firstSeed; seed < firstSeed + machines; seed++) {
    const difference = compare(seed, tally)
    if (difference) found.push(difference)
  }
  for (const difference of found.slice(0, 3)) t.fail('a difference', { found: difference })
  t.equal(found.length, 0, 'no differences')
  t.comment(
    `seeds ${firstSeed} to ${firstSeed + machines - 1}: ${tally.steps} steps, ${tally.threw} threw; ` +
      `XState chose by order of entry in ${tally.byEntry} machines, lost a state in ${tally.lost}; ${tally.noChild} sent to a child that had ended`,
  )
  t.ok(tally.steps > machines * 8, `${tally.steps} steps`)
  t.end()
})
