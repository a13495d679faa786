/**
 * Good intents whose submission nobody has heard of: from whoever holds a key and says what was never
 * submitted, or early, where the submission is still on its way from another process. They cost memory
 * here and room on the bus, so there are only so many at once, per key and in all.
 *
 * @module
 */
import { tokenErrors } from 'prov'
import type { Clock, Count, Millis } from 'prov'

export interface UnsubmittedLimits {
  /** Of one key. Default 256. */
  readonly perKey: Count
  /** Of all keys: a bus hands out a thousand messages that are not answered, and no more. Default 512. */
  readonly inAll: Count
  /** For so long each counts. Default ten minutes. */
  readonly spanMs: Millis
}

const usual: UnsubmittedLimits = { perKey: 256, inAll: 512, spanMs: 600_000 }

interface Noted {
  readonly kid: string
  readonly digest: string
  readonly sinceMs: Millis
}

export class Unsubmitted {
  readonly #limits: UnsubmittedLimits
  readonly #clock: Clock
  /** By token id, oldest first. */
  readonly #noted = new Map<string, Noted>()
  readonly #counts = new Map<string, Count>()

  constructor(clock: Clock, limits: Partial<UnsubmittedLimits> = {}) {
    this.#clock = clock
    this.#limits = { ...usual, ...limits }
  }

  get size(): Count {
    return this.#noted.size
  }

  /**
   * Takes one in. The same one again is no harm. Throws PROV_TOKEN_REPLAYED for another token under its
   * id, PROV_TOKEN_FLOOD beyond the limits.
   */
  note({ jti, kid, digest }: { jti: string; kid: string; digest: string }): void {
    this.#sweep()
    const known = this.#noted.get(jti)
    if (known?.digest === digest) return
    if (known) {
      const expected = 'an id not used yet'
      throw tokenErrors.PROV_TOKEN_REPLAYED({ kind: 'intent', claim: 'jti', expected })
    }
    const { perKey, inAll } = this.#limits
    const count = this.#counts.get(kid) ?? 0
    if (count >= perKey || this.#noted.size >= inAll) {
      const expected = 'fewer tokens at once that nobody submitted'
      throw tokenErrors.PROV_TOKEN_FLOOD({ kind: 'intent', claim: 'kid', expected })
    }
    this.#noted.set(jti, { kid, digest, sinceMs: this.#clock.monotonic() })
    this.#counts.set(kid, count + 1)
  }

  /** Its submission was heard. */
  settle(jti: string): void {
    const noted = this.#noted.get(jti)
    if (noted) this.#drop(jti, noted)
  }

  #sweep(): void {
    const oldest = this.#clock.monotonic() - this.#limits.spanMs
    for (const [jti, noted] of this.#noted) {
      if (noted.sinceMs > oldest) return
      this.#drop(jti, noted)
    }
  }

  #drop(jti: string, { kid }: Noted): void {
    this.#noted.delete(jti)
    const left = (this.#counts.get(kid) ?? 1) - 1
    if (left > 0) this.#counts.set(kid, left)
    else this.#counts.delete(kid)
  }
}
