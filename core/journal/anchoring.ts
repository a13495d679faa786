/**
 * Keeps an anchor up with its journal, never more than one write at a time: whoever asks while one is
 * under way shares it when it says enough, else the next, as appends share a sync.
 *
 * @module
 */
import type { ProvError } from '../errors.ts'
import type { Anchor, AnchoredHead } from './anchor.ts'

export class Anchoring {
  readonly #anchor: Pick<Anchor, 'keep'> | undefined
  readonly #head: () => AnchoredHead
  readonly #failed: (thrown: unknown) => ProvError
  #kept = 0
  /** Of the head that is being written. */
  #coming = 0
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor(
    anchor: Pick<Anchor, 'keep'> | undefined,
    head: () => AnchoredHead,
    failed: (thrown: unknown) => ProvError,
  ) {
    this.#anchor = anchor
    this.#head = head
    this.#failed = failed
  }

  /** Resolves when the head as it is now, or a later one, is remembered. */
  async keep(): Promise<void> {
    if (!this.#anchor || this.#head().batch <= this.#kept) return
    if (!this.#running) return this.#start(this.#anchor)
    if (this.#head().batch <= this.#coming) return this.#running
    this.#next ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#next = undefined
        return this.keep()
      })
    return this.#next
  }

  #start(anchor: Pick<Anchor, 'keep'>): Promise<void> {
    const head = this.#head()
    this.#coming = head.batch
    this.#running = anchor
      .keep(head)
      .then(
        () => void (this.#kept = head.batch),
        (thrown: unknown) => {
          throw this.#failed(thrown)
        },
      )
      .finally(() => (this.#running = undefined))
    return this.#running
  }
}
