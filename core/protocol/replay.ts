/**
 * Token ids that were taken, until they expire by themselves: one id stands for one token. The same
 * token again is a redelivery and no harm; another token under a taken id is refused.
 *
 *     take ─▶ kept ──its whole life passed by the monotonic clock, and the wall says so too──▶ forgotten
 *                                                                                                │
 *     a token that ends no later than one that was forgotten may be that one: refused ◀──────────┘
 *
 * The wall clock alone may be set ahead and back again, and what was forgotten in between would be good
 * once more.
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

/** What is remembered of a token, and whose it is. */
export interface TakenToken {
  readonly jti: string
  /** Seconds since 1970, as in the token. */
  readonly iat: number
  readonly exp: number
  readonly digest: string
  /** Thumbprint of the key that signed it. */
  readonly iss: string
}

export interface TakenLimits {
  /** Ids of one key that are not over. Default 4,096. */
  readonly perKey: Count
  /** Of all keys. Default 65,536. */
  readonly inAll: Count
}

interface Taken {
  readonly digest: string
  readonly iss: string
  /** By the wall clock, and by the monotonic one. */
  readonly untilMs: Millis
  readonly keptUntilMs: Millis
}

export class TakenIds {
  readonly #clock: Clock
  readonly #limits: TakenLimits
  readonly #taken = new Map<string, Taken>()
  readonly #counts = new Map<string, Count>()
  #sweepAt = 1_024
  /** End of the latest one that was forgotten. */
  #forgottenMs: Millis = -Infinity

  constructor(clock: Clock, limits: Partial<TakenLimits> = {}) {
    this.#clock = clock
    this.#limits = { perKey: 4_096, inAll: 65_536, ...limits }
  }

  /**
   * `new` the first time, `same` for the same token again. Throws PROV_TOKEN_REPLAYED for another
   * token under the id, or one that may have been forgotten, and PROV_TOKEN_FLOOD beyond the limits.
   */
  take(kind: TokenKind, token: TakenToken): 'new' | 'same' {
    const { digest, iss, iat, exp } = token
    const key = `${kind}:${token.jti}`
    const known = this.#taken.get(key)
    if (known && known.digest !== digest) {
      throw tokenErrors.PROV_TOKEN_REPLAYED({ kind, claim: 'jti', expected: 'an id not used yet' })
    }
    if (known) return 'same'
    const untilMs = exp * 1_000 + clockSkewMs
    if (untilMs <= this.#forgottenMs) {
      const expected = 'a later time than what was over here before the clock was set back'
      throw tokenErrors.PROV_TOKEN_REPLAYED({ kind, claim: 'exp', expected })
    }
    const { perKey, inAll } = this.#limits
    if (this.#taken.size >= Math.min(this.#sweepAt, inAll)) this.#sweep()
    if (this.#count(iss) >= perKey) this.#sweep()
    if (this.#count(iss) >= perKey || this.#taken.size >= inAll) {
      const expected = 'fewer tokens of one key that are not over'
      throw tokenErrors.PROV_TOKEN_FLOOD({ kind, claim: 'kid', expected })
    }
    const keptUntilMs = this.#clock.monotonic() + (exp - iat) * 1_000 + 2 * clockSkewMs
    this.#taken.set(key, { digest, iss, untilMs, keptUntilMs })
    this.#counts.set(iss, this.#count(iss) + 1)
    return 'new'
  }

  /** True when the id was taken by any token. */
  has(kind: TokenKind, jti: string): boolean {
    return this.#taken.has(`${kind}:${jti}`)
  }

  #count(iss: string): Count {
    return this.#counts.get(iss) ?? 0
  }

  #sweep(): void {
    const [nowMs, monotonicMs] = [this.#clock.now(), this.#clock.monotonic()]
    for (const [key, { untilMs, keptUntilMs, iss }] of this.#taken) {
      if (untilMs >= nowMs || keptUntilMs >= monotonicMs) continue
      this.#taken.delete(key)
      this.#forgottenMs = Math.max(this.#forgottenMs, untilMs)
      const left = this.#count(iss) - 1
      if (left > 0) this.#counts.set(iss, left)
      else this.#counts.delete(iss)
    }
    this.#sweepAt = Math.max(1_024, this.#taken.size * 2)
  }
}

/**
 * An act changes a setting, so an old one must not be handed in again: not in this life of the writer,
 * which remembers it, and not in a later one, whose number it does not bear.
 */
export class TakenActs {
  readonly #taken: TakenIds

  constructor(clock: Clock) {
    this.#taken = new TakenIds(clock)
  }

  /** Throws PROV_TOKEN_REPLAYED for what was taken before or was signed for another writer. */
  take({ claims, digest }: OpenToken<'act'>, epoch: Count): void {
    const { jti, iat, exp, iss } = claims
    const ours = jti.startsWith(`${epoch}.`)
    if (ours && this.#taken.take('act', { jti, iat, exp, iss, digest }) === 'new') return
    const expected = ours ? 'an id not used yet' : 'an id made for the writer of now'
    throw tokenErrors.PROV_TOKEN_REPLAYED({ kind: 'act', claim: 'jti', expected })
  }
}

/** The id of an act that is signed for a writer. */
export function actId(epoch: Count, clock: Clock): string {
  return `${epoch}.${newId('jti', clock)}`
}
