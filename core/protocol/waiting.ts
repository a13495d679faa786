/**
 * Events that came before their turn, by emitter and number: so many and so many bytes at most, and
 * none behind one that waits too long. What finds no room is not lost: whoever said it says it again.
 *
 * @module
 */
import type { Bytes, Count } from '../units.ts'
import type { AuditEvent } from './audit.ts'

export interface WaitingBounds {
  readonly events: Count
  readonly bytes: Bytes
}

export const waitingBounds: WaitingBounds = { events: 4_096, bytes: 16 * 1_024 * 1_024 }

interface Waiter {
  readonly event: AuditEvent
  readonly bytes: Bytes
}

export class Waiting {
  readonly #bounds: WaitingBounds
  readonly #of = new Map<string, Map<Count, Waiter>>()
  #events: Count = 0
  #bytes: Bytes = 0

  constructor(bounds: WaitingBounds = waitingBounds) {
    this.#bounds = bounds
  }

  get size(): Count {
    return this.#events
  }

  emitters(): Iterable<string> {
    return this.#of.keys()
  }

  numbers(emitter: string): readonly Count[] {
    return [...(this.#of.get(emitter)?.keys() ?? [])]
  }

  get(emitter: string, n: Count): AuditEvent | undefined {
    return this.#of.get(emitter)?.get(n)?.event
  }

  /** False when there is no room; `next` has its turn before all others and always finds some. */
  put(event: AuditEvent, { next }: { readonly next: boolean }): boolean {
    const { emitter, n } = event
    const bytes = next ? 0 : JSON.stringify(event).length
    const { events, bytes: most } = this.#bounds
    if (!next && (this.#events >= events || this.#bytes + bytes > most)) return false
    let own = this.#of.get(emitter)
    if (!own) this.#of.set(emitter, (own = new Map()))
    own.set(n, { event, bytes })
    this.#events++
    this.#bytes += bytes
    return true
  }

  delete(emitter: string, n: Count): void {
    const own = this.#of.get(emitter)
    const found = own?.get(n)
    if (!found) return
    own?.delete(n)
    if (own?.size === 0) this.#of.delete(emitter)
    this.#events--
    this.#bytes -= found.bytes
  }

  /** Lets go of what is behind a number. */
  deleteBehind(emitter: string, n: Count): void {
    for (const number of this.numbers(emitter)) if (number > n) this.delete(emitter, number)
  }
}
