/**
 * Which transitions an event takes, as far as that can be known before the event is there. For one
 * configuration and one type of event what remains is a small tree of guards: inner states are asked
 * before outer ones, regions in document order, the candidates of a state in the order they were
 * written. What the guards answer is a path, and at the end of each path hangs its plan.
 *
 * @module
 */
import type { AnyStateNode } from 'xstate'
import type { JsonValue } from '../../json.ts'
import type { Config as Configuration } from './intern.ts'
import type { Draft } from './draft.ts'
import type { Test } from './guards.ts'
import type { Lexicon } from './lexicon.ts'
import type { Change, Op } from './actions.ts'
import type { Transition } from './transitions.ts'
import { ancestorsOf, isAtomic } from './tree.ts'

/** What a path of selected transitions comes to. */
export interface Plan {
  readonly ops: readonly Op[]
  readonly next: Configuration
  readonly done: boolean
  readonly fresh: boolean
  /** Nothing follows it by itself, unless its actions raise something. */
  readonly settled: boolean
  /** It does nothing but assign, and nothing follows it by itself: its assigns. */
  readonly changes: readonly Change[] | undefined
}

/** A path of selected transitions. */
export class Path {
  plan: Plan | undefined = undefined
  readonly #upTo: Path | undefined
  readonly #last: Transition | undefined
  readonly #next: (Path | undefined)[] = []

  constructor(upTo?: Path, last?: Transition) {
    this.#upTo = upTo
    this.#last = last
  }

  with({ index, transition }: Candidate): Path {
    return (this.#next[index] ??= new Path(this, transition))
  }

  get transitions(): Transition[] {
    return this.#upTo ? [...this.#upTo.transitions, this.#last as Transition] : []
  }
}

interface Candidate {
  /** Undefined: always taken. */
  readonly test: Test | undefined
  readonly transition: Transition
  readonly index: number
}

interface Chooser {
  readonly inner: readonly Chooser[]
  /** Asked when nothing was chosen inside. */
  readonly candidates: readonly Candidate[]
}

/** What one type of event may do in one configuration. */
export class Choice {
  /** No transition. */
  readonly nothing = new Path()
  /** The only path there is: no guard has a say. */
  readonly fixed: Path | undefined
  readonly #chooser: Chooser | undefined

  constructor(chooser: Chooser | undefined) {
    this.#chooser = chooser
    if (!chooser) this.fixed = this.nothing
    else if (!isGuarded(chooser)) this.fixed = choose(chooser, undefined as never, this.nothing)
  }

  path(draft: Draft): Path {
    return this.fixed ?? choose(this.#chooser as Chooser, draft, this.nothing)
  }
}

function choose({ inner, candidates }: Chooser, draft: Draft, upTo: Path): Path {
  let path = upTo
  for (let at = 0; at < inner.length; at++) path = choose(inner[at] as Chooser, draft, path)
  if (path !== upTo) return path
  for (let at = 0; at < candidates.length; at++) {
    const candidate = candidates[at] as Candidate
    if (candidate.test === undefined || candidate.test(draft)) return path.with(candidate)
  }
  return path
}

const isGuarded = ({ inner, candidates }: Chooser): boolean =>
  candidates.some(({ test }) => test !== undefined) || inner.some(isGuarded)

/** The choice that an event of this type leaves. */
export function choiceOf(lexicon: Lexicon, root: AnyStateNode, value: JsonValue, type: string) {
  let made = 0
  const chooser = (node: AnyStateNode, within: JsonValue | undefined): Chooser | undefined => {
    const inner = activeIn(node, within).map(([child, value]) => chooser(child, value))
    const given = candidatesOf(node, type)
    return simple(
      inner.filter((one) => one !== undefined),
      reachable(lexicon, given, () => made++),
    )
  }
  return new Choice(chooser(root, value))
}

/** The choice of transitions that need no event: each innermost state asks for itself. */
export function eventlessChoice(lexicon: Lexicon, nodes: readonly AnyStateNode[]) {
  let made = 0
  const inner: Chooser[] = []
  for (const leaf of nodes.filter(isAtomic)) {
    const given = [leaf, ...ancestorsOf(leaf)].flatMap((node) => node.always ?? [])
    const one = simple(
      [],
      reachable(lexicon, given as Given[], () => made++),
    )
    if (one) inner.push(one)
  }
  return inner.length > 0 ? new Choice({ inner, candidates: [] }) : undefined
}

/** The children that a value names, as XState walks them. */
function activeIn(
  node: AnyStateNode,
  value: JsonValue | undefined,
): [AnyStateNode, JsonValue | undefined][] {
  if (value === undefined) return []
  if (typeof value === 'string') return [[node.states[value] as AnyStateNode, undefined]]
  return Object.entries(value as Record<string, JsonValue>).map(([key, inside]) => [
    node.states[key] as AnyStateNode,
    inside,
  ])
}

function simple(inner: readonly Chooser[], candidates: readonly Candidate[]): Chooser | undefined {
  if (candidates.length > 0) return { inner, candidates }
  return inner.length > 1 ? { inner, candidates } : inner[0]
}

type Given = Transition & { readonly guard?: unknown }

/** Candidates as tests, up to the first that is always taken. */
function reachable(
  lexicon: Lexicon,
  given: readonly Given[],
  number: () => number,
): readonly Candidate[] {
  const free = given.findIndex(({ guard }) => !guard)
  const asked = free < 0 ? given : given.slice(0, free + 1)
  return asked.map((transition) => {
    const { guard } = transition
    return { transition, index: number(), test: guard ? lexicon.knownTest(guard) : undefined }
  })
}

/** What a state would do at an event: by its own type first, then by the longest pattern. */
function candidatesOf(node: AnyStateNode, type: string): readonly Given[] {
  const transitions = node.transitions as ReadonlyMap<string, readonly Given[]>
  const patterns = [...transitions.keys()]
    .filter((pattern) => pattern !== type && isMatch(type, pattern))
    .sort((a, b) => b.length - a.length)
  return [type, ...patterns].flatMap((pattern) => transitions.get(pattern) ?? [])
}

/** `*` matches every type, `a.b.*` those that begin with `a.b`, also `a.b` itself. */
function isMatch(type: string, pattern: string): boolean {
  if (pattern === '*') return true
  if (!pattern.endsWith('.*')) return false
  const tokens = pattern.split('.')
  const given = type.split('.')
  for (let at = 0; at < tokens.length; at++) {
    if (tokens[at] === '*') return at === tokens.length - 1
    if (tokens[at] !== given[at]) return false
  }
  return true
}
