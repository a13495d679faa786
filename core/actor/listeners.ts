/**
 * Who listens to which address. A listener that throws, or whose promise rejects, harms nobody; after
 * three of them in its life it is let go. One that is taken away hears nothing from that moment.
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
  readonly hear: (event: T) => unknown
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

  add(address: Address, hear: (event: T) => unknown): () => void {
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
      if (!all.has(listener)) continue
      listening.depth++
      const before = running[place.who] as Count
      running[place.who] = listener.runner
      try {
        const answer = listener.hear(event)
        // Nobody waits for it, but one that rejects unheard would end the process.
        if (answer instanceof Promise) {
          answer.catch((thrown: unknown) => this.#threw(address, listener, thrown))
        }
      } catch (thrown) {
        this.#threw(address, listener, thrown)
      } finally {
        running[place.who] = before
        listening.depth--
      }
    }
  }

  #threw(address: Address, listener: Listener<T>, thrown: unknown): void {
    if (++listener.throws >= patience) this.#remove(address, listener)
    this.#failed(address, thrown)
  }

  #remove(address: Address, listener: Listener<T>): void {
    const all = this.#byAddress.get(address)
    all?.delete(listener)
    if (all?.size === 0) this.#byAddress.delete(address)
  }
}
