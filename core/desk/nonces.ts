/**
 * Which requests came already. Each is forgotten when its time is over, so a flood under one key fills
 * that key's room and no other one's.
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import type { Count, Millis } from '../units.ts'

/** A command that waits asks five times a second, for three minutes at most; scripts do more. */
const most: Count = 16_384

export class Nonces {
  readonly #of = new Map<string, Map<string, Millis>>()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes one that is new; `untilMs`: when it would be refused for its time alone. */
  take(kid: string, nonce: string, untilMs: Millis): 'new' | 'known' | 'full' {
    let own = this.#of.get(kid)
    if (!own) this.#of.set(kid, (own = new Map()))
    if (own.has(nonce)) return 'known'
    if (own.size >= most) this.#forget(own)
    if (own.size >= most) return 'full'
    own.set(nonce, untilMs)
    return 'new'
  }

  #forget(own: Map<string, Millis>): void {
    const nowMs = this.#clock.now()
    for (const [nonce, untilMs] of own) if (untilMs < nowMs) own.delete(nonce)
  }
}
