/**
 * What was found out lately, bounded: two generations, the older one is dropped when the newer one
 * is full. What is asked for moves to the newer one, so what is in use stays. No clock and no list:
 * an entry costs one place in a map.
 *
 * @module
 */
import type { Count } from '../units.ts'

export class Recent<V> {
  readonly #most: Count
  #new = new Map<string, V>()
  #old = new Map<string, V>()

  /** `most` of each generation. */
  constructor(most: Count) {
    this.#most = most
  }

  get(key: string): V | undefined {
    const known = this.#new.get(key)
    if (known !== undefined) return known
    const old = this.#old.get(key)
    if (old !== undefined) this.set(key, old)
    return old
  }

  set(key: string, value: V): void {
    if (this.#new.size >= this.#most) {
      this.#old = this.#new
      this.#new = new Map()
    }
    this.#new.set(key, value)
  }

  get size(): Count {
    return this.#new.size + this.#old.size
  }
}
