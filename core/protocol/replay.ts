/**
 * Token ids that were taken, until they expire by themselves: one id stands for one token. The same
 * token again is a redelivery and no harm; another token under a taken id is refused.
 *
 * @module
 */
import { clockSkewMs } from './claims.ts'
import type { TokenKind } from './claims.ts'
import { tokenErrors } from './errors.ts'
import type { Millis } from '../units.ts'

export class TakenIds {
  readonly #taken = new Map<string, { readonly digest: string; readonly untilMs: Millis }>()
  #sweepAt = 1_024

  /**
   * `new` the first time, `same` for the same token again. Throws PROV_TOKEN_REPLAYED for another
   * token under the id.
   */
  take(
    kind: TokenKind,
    token: { readonly jti: string; readonly exp: number; readonly digest: string },
    nowMs: Millis,
  ): 'new' | 'same' {
    const key = `${kind}:${token.jti}`
    const known = this.#taken.get(key)
    if (known && known.digest !== token.digest) {
      throw tokenErrors.PROV_TOKEN_REPLAYED({ kind, claim: 'jti', expected: 'an id not used yet' })
    }
    if (known) return 'same'
    this.#taken.set(key, { digest: token.digest, untilMs: token.exp * 1_000 + clockSkewMs })
    if (this.#taken.size >= this.#sweepAt) this.#sweep(nowMs)
    return 'new'
  }

  /** True when the id was taken by any token. */
  has(kind: TokenKind, jti: string): boolean {
    return this.#taken.has(`${kind}:${jti}`)
  }

  #sweep(nowMs: Millis): void {
    for (const [key, { untilMs }] of this.#taken) if (untilMs < nowMs) this.#taken.delete(key)
    this.#sweepAt = Math.max(1_024, this.#taken.size * 2)
  }
}
