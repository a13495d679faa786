/**
 * Token ids that were taken, until they expire by themselves: one id stands for one token. The same
 * token again is a redelivery and no harm; another token under a taken id is refused.
 *
 * @module
 */
import { clockSkewMs } from './claims.ts'
import type { TokenKind } from './claims.ts'
import { tokenErrors } from './errors.ts'
import type { Clock } from '../clock.ts'
import { newId } from '../ids.ts'
import type { OpenToken } from './tokens.ts'
import type { Count, Millis } from '../units.ts'

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

/**
 * An act changes a setting, so an old one must not be handed in again: not in this life of the writer,
 * which remembers it, and not in a later one, whose number it does not bear.
 */
export class TakenActs {
  readonly #taken = new TakenIds()

  /** Throws PROV_TOKEN_REPLAYED for what was taken before or was signed for another writer. */
  take({ claims, digest }: OpenToken<'act'>, epoch: Count, nowMs: Millis): void {
    const { jti, exp } = claims
    const ours = jti.startsWith(`${epoch}.`)
    if (ours && this.#taken.take('act', { jti, exp, digest }, nowMs) === 'new') return
    const expected = ours ? 'an id not used yet' : 'an id made for the writer of now'
    throw tokenErrors.PROV_TOKEN_REPLAYED({ kind: 'act', claim: 'jti', expected })
  }
}

/** The id of an act that is signed for a writer. */
export function actId(epoch: Count, clock: Clock): string {
  return `${epoch}.${newId('jti', clock)}`
}
