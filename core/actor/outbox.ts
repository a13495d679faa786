/**
 * What commits promised and nobody has done yet, by id, and how many of these each actor owes: one
 * that owes something must stay where it is found at once.
 *
 * @module
 */
import type { Count } from '../units.ts'
import type { Address } from './address.ts'
import type { Pending } from './ledger.ts'

export class Outbox extends Map<string, Pending> {
  readonly #owed = new Map<Address, Count>()

  owes(address: Address): boolean {
    return this.#owed.has(address)
  }

  override set(id: string, pending: Pending): this {
    this.delete(id)
    this.#owed.set(pending.from, (this.#owed.get(pending.from) ?? 0) + 1)
    return super.set(id, pending)
  }

  override delete(id: string): boolean {
    const pending = this.get(id)
    if (!pending) return false
    const left = (this.#owed.get(pending.from) ?? 0) - 1
    if (left > 0) this.#owed.set(pending.from, left)
    else this.#owed.delete(pending.from)
    return super.delete(id)
  }

  override clear(): void {
    this.#owed.clear()
    super.clear()
  }
}
