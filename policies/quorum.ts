/**
 * Who must agree. A quorum is a tree of needs, so "two of ops and one of security, three different
 * people" is data that can be shown, counted and explained.
 *
 *     { at_least = 2, from = ["ops"] }          two people of the group ops
 *     { all = [ … ] }   { any = [ … ] }         every need / one of the needs
 *     { distinct = [ … ] }                      every need, and nobody counts for two of them
 *
 * Never counted: the requester (unless the policy says so), agents and services, a second vote of
 * the same person (a later vote against takes back an earlier one for it), and a shared key where the rule asks for separate custody (D-28).
 *
 * @module
 */
import type { ActorKind } from './policy.ts'
import { fieldText } from './shown.ts'

/** A number of people. `from`: any of these groups; absent: anybody. */
export interface Need {
  readonly at_least: number
  readonly from?: readonly string[]
}
export type QuorumTree =
  | Need
  | { readonly all: readonly QuorumTree[] }
  | { readonly any: readonly QuorumTree[] }
  | { readonly distinct: readonly Need[] }
/** `custody = 'separate`: votes by keys that one OS user could open together do not count. */
export type Quorum = QuorumTree & { readonly custody?: 'separate' }

/** One person, when a rule says nothing else. */
export const onePerson: Quorum = { at_least: 1 }

/** A vote that was verified: the signature is good and it is about this very op. */
export interface Vote {
  readonly actor: string
  /** The human being behind the key; one person may hold several keys. Default: the actor. */
  readonly person?: string
  readonly kind: ActorKind
  readonly groups: readonly string[]
  readonly verdict: 'approve' | 'reject'
  readonly custody: 'shared' | 'separate'
}

export interface QuorumQuestion {
  readonly quorum: Quorum
  readonly votes: readonly Vote[]
  /** The person who asked for the op. */
  readonly requester: string
  readonly requesterMayApprove?: boolean | undefined
}

export interface QuorumAnswer {
  readonly met: boolean
  /** People whose approval counts, in the order in which they voted. */
  readonly counted: readonly string[]
  /** Votes that do not count, each with the reason. */
  readonly uncounted: readonly { readonly actor: string; readonly why: string }[]
  /** What is still needed, in words; empty when met. */
  readonly missing: readonly string[]
}

/** Counts. The order in which different people vote changes nothing but the order of the lists. */
export function countVotes(question: QuorumQuestion): QuorumAnswer {
  const { quorum, requester } = question
  const uncounted: { actor: string; why: string }[] = []
  const people = new Map<string, Set<string>>()
  for (const vote of question.votes) {
    const person = vote.person ?? vote.actor
    const why = whyNot(vote, person)
    if (why === undefined) people.set(person, new Set(vote.groups))
    else uncounted.push({ actor: vote.actor, why })
    // People may change their mind: the last word counts.
    if (vote.kind === 'human' && vote.verdict === 'reject') people.delete(person)
  }
  const missing = missingFrom(quorum, people)
  return { met: missing.length === 0, counted: [...people.keys()], uncounted, missing }

  function whyNot(vote: Vote, person: string): string | undefined {
    if (vote.kind !== 'human') return `${vote.kind}s do not approve`
    if (vote.verdict !== 'approve') return 'a vote against'
    if (person === requester && question.requesterMayApprove !== true) {
      return 'asked for this op, and nobody approves their own'
    }
    if (quorum.custody === 'separate' && vote.custody !== 'separate') {
      return 'the key is in shared custody, and this rule asks for separate'
    }
    return people.has(person) ? 'voted already' : undefined
  }
}

type People = ReadonlyMap<string, ReadonlySet<string>>

function missingFrom(tree: QuorumTree, people: People): readonly string[] {
  if ('all' in tree) return tree.all.flatMap((part) => missingFrom(part, people))
  if ('any' in tree) {
    const options = tree.any.map((part) => missingFrom(part, people))
    if (options.some((missing) => missing.length === 0)) return []
    return [options.map((missing) => missing.join(' and ')).join(', or ')]
  }
  if ('distinct' in tree) return missingDistinct(tree.distinct, people)
  const have = [...people.values()].filter((groups) => mayFill(tree, groups)).length
  return have >= tree.at_least ? [] : [needText(tree, tree.at_least - have)]
}

function mayFill(need: Need, groups: ReadonlySet<string>): boolean {
  return need.from === undefined || need.from.some((group) => groups.has(group))
}

/** Seats are the needs written out one by one; people are seated by augmenting paths. */
function missingDistinct(needs: readonly Need[], people: People): readonly string[] {
  const seats = needs.flatMap((need) => Array.from({ length: need.at_least }, () => need))
  const seatOf = new Map<string, number>()
  const takenBy = new Map<number, string>()
  const trySeat = (seat: number, tried: Set<string>): boolean => {
    for (const [person, groups] of people) {
      if (tried.has(person) || !mayFill(seats[seat] as Need, groups)) continue
      tried.add(person)
      const other = seatOf.get(person)
      if (other !== undefined && !trySeat(other, tried)) continue
      seatOf.set(person, seat)
      takenBy.set(seat, person)
      return true
    }
    return false
  }
  seats.forEach((_, seat) => trySeat(seat, new Set()))
  const open = new Map<Need, number>()
  seats.forEach((need, seat) => {
    if (!takenBy.has(seat)) open.set(need, (open.get(need) ?? 0) + 1)
  })
  return [...open].map(([need, count]) => `${needText(need, count)} who counts for nothing else`)
}

function needText(need: Need, count: number): string {
  const who = need.from ? ` of ${need.from.join(' or ')}` : ''
  return `${count} ${count === 1 ? 'person' : 'people'}${who}`
}

/** The most people that one need may ask for: seats are written out one by one. */
const mostPeople = 100

/** How deep needs may stand in needs, and how many in one list. */
const deepest = 16
const mostParts = 100

/** Everything wrong with a quorum; `path` is relative to it. */
export function quorumProblems(
  value: unknown,
  path = '',
  depth = 1,
): readonly { readonly path: string; readonly problem: string }[] {
  const at = (field: string) => (path ? `${path}.${field}` : field)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [{ path, problem: 'not a record' }]
  }
  if (depth > deepest) return [{ path, problem: `needs in needs, more than ${deepest} deep` }]
  const tree = value as Record<string, unknown>
  const shapes = ['at_least', 'all', 'any', 'distinct'].filter((shape) => shape in tree)
  if (shapes.length !== 1) {
    return [{ path, problem: 'needs exactly one of at_least, all, any, distinct' }]
  }
  const shape = shapes[0] as string
  const extra = Object.keys(tree).filter(
    (field) =>
      field !== shape &&
      !(field === 'custody' && path === '') &&
      !(field === 'from' && shape === 'at_least'),
  )
  const problems = extra.map((field) => ({
    path: at(fieldText(field)),
    problem: 'no such field here',
  }))
  if ('custody' in tree && tree['custody'] !== 'separate') {
    problems.push({ path: at('custody'), problem: 'may only say separate' })
  }
  const parts = tree[shape]
  if (shape === 'at_least') {
    if (!Number.isInteger(parts) || (parts as number) < 1 || (parts as number) > mostPeople) {
      problems.push({ path: at('at_least'), problem: `not a whole number from 1 to ${mostPeople}` })
    }
    const from = tree['from']
    const groups =
      Array.isArray(from) && from.length > 0 && from.every((g) => typeof g === 'string')
    if (from !== undefined && !groups) {
      problems.push({ path: at('from'), problem: 'not a list of at least one group' })
    }
    return problems
  }
  if (!Array.isArray(parts) || parts.length === 0) {
    return [...problems, { path: at(shape), problem: 'not a list of at least one need' }]
  }
  if (parts.length > mostParts) {
    return [...problems, { path: at(shape), problem: `more than ${mostParts} needs` }]
  }
  parts.forEach((part, index) => {
    const inner = at(`${shape}[${index}]`)
    problems.push(...quorumProblems(part, inner, depth + 1))
    const isNeed = typeof part === 'object' && part !== null && 'at_least' in part
    if (shape === 'distinct' && !isNeed) {
      problems.push({ path: inner, problem: 'under distinct only at_least is possible' })
    }
  })
  const seats = parts.reduce((sum: number, part) => sum + Number(Object(part).at_least ?? 0), 0)
  if (shape === 'distinct' && seats > mostPeople) {
    problems.push({ path: at(shape), problem: `more than ${mostPeople} people in all` })
  }
  return problems
}
