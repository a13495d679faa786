/**
 * So many things at once, and each lane takes the next when its own is done: how a loaded system is
 * asked, whoever it is.
 *
 * @module
 */
import type { Count } from '../../core/units.ts'

export const atOnce: Count = 128

export async function together(times: Count, one: () => Promise<unknown>): Promise<void> {
  let left = times
  const lane = async (): Promise<void> => {
    while (left-- > 0) await one()
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, times) }, lane))
}

/** Promises by name, for those who are told of an end by an event. */
export class Waiting {
  readonly #ends = new Map<string, { done: () => void; failed: (why: unknown) => void }>()

  for(id: string): Promise<void> {
    return new Promise((done, failed) => this.#ends.set(id, { done, failed }))
  }

  done(id: string): void {
    this.#ends.get(id)?.done()
    this.#ends.delete(id)
  }

  failed(id: string, why: unknown): void {
    this.#ends.get(id)?.failed(why)
    this.#ends.delete(id)
  }
}
