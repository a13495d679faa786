/**
 * Groups of actors that are supervised together, as data, and who is concerned by a failure in one. A
 * group stands where a supervisor stands in OTP: it counts the failures of its members, restarts those
 * that its strategy names, and gives up when there are too many; then the group above sees one failed
 * child.
 *
 *     fleet (rest_for_one)
 *       ├─ network/eu
 *       └─ machines/eu (one_for_all)
 *            ├─ vm/a   ✗  ─▶ vm/a and vm/b restart
 *            └─ vm/b        too often ─▶ fleet restarts machines/eu, and whatever started after it
 *
 * Order in a group is start order. It is kept with the actors, so it survives the process.
 *
 * @module
 */
import type { Count, Millis } from '../units.ts'
import type { Address } from './address.ts'
import { actorErrors } from './errors.ts'
import { counted, strategies, within } from './supervise.ts'
import type { Strategy } from './supervise.ts'

export interface Group {
  /** Unique in a system. Put your plugin's name in front. */
  readonly name: string
  readonly strategy: Strategy
  /** Failures of all its members within `periodMs` that a restart may follow; one more escalates. */
  readonly intensity: Count
  readonly periodMs: Millis
  /** Who is asked when it gives up. Absent: nobody; its members end as failed, the last started first. */
  readonly parent?: Group
}

export interface GroupSpec {
  readonly name: string
  /** Default `one_for_one`. */
  readonly strategy?: Strategy | undefined
  /** Default 3 in 5 s. */
  readonly intensity?: Count | undefined
  readonly periodMs?: Millis | undefined
  readonly parent?: Group | undefined
}

/** Fills in the defaults. Throws PROV_ACTOR_DEF_INVALID when the name is none. */
export function defineGroup(spec: GroupSpec): Group {
  const { name, strategy = 'one_for_one', intensity = 3, periodMs = 5_000, parent } = spec
  if (typeof name !== 'string' || name.length === 0) {
    throw actorErrors.PROV_ACTOR_DEF_INVALID({ type: String(name), what: 'a group needs a name' })
  }
  return Object.freeze({ name, strategy, intensity, periodMs, ...(parent && { parent }) })
}

/**
 * A group of a user's making as it may be used: a copy with nothing else in it. Throws TypeError with
 * what is wrong; a group that stands above itself has no end.
 */
export function plainGroup(given: unknown, below: readonly string[] = []): Group {
  const { name, strategy, intensity, periodMs, parent } = (given ?? {}) as Partial<Group>
  if (typeof name !== 'string' || name === '') throw new TypeError('a group without a name')
  if (below.includes(name)) throw new TypeError(`group ${name} stands above itself`)
  const known = strategies.find((one) => one === strategy)
  if (known === undefined) throw new TypeError(`group ${name} has no strategy: use defineGroup`)
  if (typeof intensity !== 'number' || typeof periodMs !== 'number') {
    throw new TypeError(`group ${name} counts nothing: use defineGroup`)
  }
  const above = parent === undefined ? undefined : plainGroup(parent, [...below, name])
  return { name, strategy: known, intensity, periodMs, ...(above && { parent: above }) }
}

/** What a group decided. Nobody is in both lists. */
export interface Verdict {
  /** Who restarts, in start order; the one that failed is among them. */
  readonly restart: readonly Address[]
  /** Who ends as failed, the last started first. */
  readonly end: readonly Address[]
  /** Failures that were counted where it was decided: what a back-off grows by. */
  readonly failures: Count
  readonly why: string
}

interface Node {
  readonly group: Group
  readonly parent: Node | undefined
  readonly members: Map<Address, Count>
  readonly groups: Set<Node>
  times: readonly Millis[]
}

/** Who is in which group, and what each group counted. Groups are made by their first member. */
export class Groups {
  readonly #nodes = new Map<string, Node>()
  readonly #byMember = new Map<Address, Node>()

  /** `rank` is its place in the order of starts. The first definition of a name counts. */
  join(group: Group, address: Address, rank: Count): void {
    const node = this.#node(group)
    if (this.#byMember.get(address) !== node) this.leave(address)
    node.members.set(address, rank)
    this.#byMember.set(address, node)
  }

  leave(address: Address): void {
    const node = this.#byMember.get(address)
    if (!node) return
    node.members.delete(address)
    this.#byMember.delete(address)
    this.#drop(node)
  }

  /** A group without anybody is forgotten, with what it counted. */
  #drop(node: Node): void {
    const { group, parent, members, groups } = node
    if (members.size > 0 || groups.size > 0) return
    this.#nodes.delete(group.name)
    parent?.groups.delete(node)
    if (parent) this.#drop(parent)
  }

  has(address: Address): boolean {
    return this.#byMember.has(address)
  }

  /** The group that an actor is a member of. */
  of(address: Address): Group | undefined {
    return this.#byMember.get(address)?.group
  }

  /** Members of a group and of those below it, in start order. */
  members(name: string): readonly Address[] {
    const node = this.#nodes.get(name)
    return node ? inOrder(node) : []
  }

  /**
   * A member failed at `nowMs` (monotonic). `counts` is false when the same message failed before;
   * `escalates` when the group is not to try.
   */
  failed(
    address: Address,
    nowMs: Millis,
    { counts = true, escalates = false }: { counts?: boolean; escalates?: boolean } = {},
  ): Verdict {
    let node = this.#byMember.get(address)
    let child: Address | Node = address
    let why = ''
    for (; node; node = node.parent) {
      const { name, intensity, periodMs, strategy } = node.group
      const recent = within(node.times, periodMs, nowMs)
      node.times = counts || recent.length === 0 ? [...recent, nowMs] : recent
      const failures = node.times.length
      why += `group ${name} counts ${counted(failures, 'failure')} within ${periodMs} ms`
      if (!escalates && failures <= intensity) {
        const restart = concerned(node, child)
        return { restart, end: [], failures, why: `${why}: ${strategy}` }
      }
      why += ' and gives up; '
      forget(node)
      child = node
      escalates = false
      counts = true
    }
    const end = typeof child === 'string' ? [child] : [...inOrder(child)].reverse()
    return { restart: [], end, failures: 0, why: `${why}nobody stands above it` }
  }

  #node(group: Group): Node {
    const known = this.#nodes.get(group.name)
    if (known) return known
    const parent = group.parent && this.#node(group.parent)
    const node: Node = { group, parent, members: new Map(), groups: new Set(), times: [] }
    this.#nodes.set(group.name, node)
    parent?.groups.add(node)
    return node
  }
}

/** Who restarts when this child of the node failed. */
function concerned(node: Node, child: Address | Node): readonly Address[] {
  const own = typeof child === 'string' ? [child] : inOrder(child)
  if (node.group.strategy === 'one_for_one') return own
  if (node.group.strategy === 'one_for_all') {
    node.groups.forEach(forget)
    return inOrder(node)
  }
  const from = typeof child === 'string' ? (node.members.get(child) as Count) : rankOf(child)
  const later = [...node.groups].filter((group) => rankOf(group) >= from)
  later.forEach(forget)
  return sorted([
    ...[...node.members].filter(([, rank]) => rank >= from),
    ...later.flatMap((group) => all(group)),
  ])
}

/** A group that starts again has a clean record. */
function forget(node: Node): void {
  node.times = []
  node.groups.forEach(forget)
}

/** A group stands where its oldest member stands. */
const rankOf = (node: Node): Count =>
  all(node).reduce((least, [, rank]) => Math.min(least, rank), Infinity)

const all = (node: Node): (readonly [Address, Count])[] => [
  ...node.members,
  ...[...node.groups].flatMap(all),
]

const inOrder = (node: Node): readonly Address[] => sorted(all(node))

const sorted = (members: readonly (readonly [Address, Count])[]): readonly Address[] =>
  [...members].sort(([, a], [, b]) => a - b).map(([address]) => address)
