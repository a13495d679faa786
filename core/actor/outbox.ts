/**
 * What commits promised and nobody has done yet, by id and by whoever owes it: one that ends, starts
 * anew or is written looks at its own promises, however many the others have. One that owes something
 * must stay where it is found at once.
 *
 * The promises of one owner hang together in a ring, the oldest after the newest, so an owner costs
 * one entry of one map while it owes something, and nothing else ever.
 *
 *     newest.get('pump/1') ──▶ 4:1 ──after──▶ 2:0 ──▶ 4:0 ──▶ (4:1)
 *
 * @module
 */
import type { Count } from '../units.ts'
import type { Address } from './address.ts'
import type { Pending } from './ledger.ts'

interface Link<T> {
  readonly owner: Address
  value: T
  before: Link<T>
  after: Link<T>
}

/** Things with an id and an owner, in the order in which they came. */
export class Owned<T> {
  readonly #links = new Map<string, Link<T>>()
  readonly #newest = new Map<Address, Link<T>>()

  get size(): Count {
    return this.#links.size
  }

  has(id: string): boolean {
    return this.#links.has(id)
  }

  get(id: string): T | undefined {
    return this.#links.get(id)?.value
  }

  /** One that is known already keeps its place, unless it goes to another owner. */
  add(id: string, owner: Address, value: T): void {
    const known = this.#links.get(id)
    if (known?.owner === owner) {
      known.value = value
      return
    }
    if (known) this.delete(id)
    const newest = this.#newest.get(owner)
    const link = { owner, value } as Link<T>
    link.before = newest ?? link
    link.after = newest?.after ?? link
    link.before.after = link
    link.after.before = link
    this.#links.set(id, link)
    this.#newest.set(owner, link)
  }

  delete(id: string): boolean {
    const link = this.#links.get(id)
    if (!link) return false
    const { owner, before, after } = link
    if (before === link) this.#newest.delete(owner)
    else {
      before.after = after
      after.before = before
      if (this.#newest.get(owner) === link) this.#newest.set(owner, before)
    }
    return this.#links.delete(id)
  }

  /** True while this one owns something. */
  owns(owner: Address): boolean {
    return this.#newest.has(owner)
  }

  /** What this one owns now, the oldest first; it may change while this is walked. */
  of(owner: Address): readonly T[] {
    const newest = this.#newest.get(owner)
    const all: T[] = []
    if (!newest) return all
    let link = newest
    do {
      link = link.after
      all.push(link.value)
    } while (link !== newest)
    return all
  }

  /** Of all, the oldest first. Taking one out while walking is sound. */
  *values(): IterableIterator<T> {
    for (const { value } of this.#links.values()) yield value
  }
}

export class Outbox extends Owned<Pending> {
  set(pending: Pending): void {
    this.add(pending.id, pending.from, pending)
  }
}
