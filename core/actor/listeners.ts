/**
 * Who listens to which address. A listener that throws harms nobody; after three throws in its life
 * it is let go.
 *
 * @module
 */
import { alsoBy, place, running } from '../running.ts'
import type { Count } from '../units.ts'
import { typeOf } from './address.ts'
import type { Address } from './address.ts'

/**
 * Greater than 0 while the kernel calls somebody who only listens: it may be in the middle of anything
 * then, so nobody gets a turn at once.
 */
export const listening = { depth: 0 }

interface Listener<T> {
  readonly hear: (event: T) => void
  /** Who listens: a loop in it that never ends is not put down to whom it hears of. */
  readonly runner: Count
  throws: number
}

const patience = 3

export class Listeners<T> {
  readonly #byAddress = new Map<Address, Set<Listener<T>>>()
  readonly #failed: (address: Address, thrown: unknown) => void

  constructor(failed: (address: Address, thrown: unknown) => void) {
    this.#failed = failed
  }

  add(address: Address, hear: (event: T) => void): () => void {
    const runner = alsoBy(running[place.who] as Count, `a listener to ${typeOf(address)}`)
    const listener: Listener<T> = { hear, runner, throws: 0 }
    const all = this.#byAddress.get(address) ?? new Set()
    this.#byAddress.set(address, all.add(listener))
    return () => this.#remove(address, listener)
  }

  has(address: Address): boolean {
    return this.#byAddress.has(address)
  }

  tell(address: Address, event: T): void {
    const all = this.#byAddress.get(address)
    if (all === undefined) return
    for (const listener of Array.from(all)) {
      listening.depth++
      const before = running[place.who] as Count
      running[place.who] = listener.runner
      try {
        listener.hear(event)
      } catch (thrown) {
        if (++listener.throws >= patience) this.#remove(address, listener)
        this.#failed(address, thrown)
      } finally {
        running[place.who] = before
        listening.depth--
      }
    }
  }

  #remove(address: Address, listener: Listener<T>): void {
    const all = this.#byAddress.get(address)
    all?.delete(listener)
    if (all?.size === 0) this.#byAddress.delete(address)
  }
}
