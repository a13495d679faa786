/**
 * How often this process signs and checks, by counting the calls of node:crypto: a floor of exactly as many
 * is a floor, one of a guess is none.
 *
 * @module
 */
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import type { Count } from '../../core/units.ts'

export interface CountedCrypto {
  readonly signatures: Count
  readonly checks: Count
  /** Counts from here on. */
  begin(): void
  end(): void
}

export function countedCrypto(): CountedCrypto {
  const { sign, verify } = crypto
  const put = (both: { readonly sign: typeof sign; readonly verify: typeof verify }): void => {
    Object.assign(crypto, both)
    syncBuiltinESMExports()
  }
  let signatures: Count = 0
  let checks: Count = 0
  const counted = <F extends typeof sign | typeof verify>(of: F, note: () => void): F =>
    ((...given: Parameters<F>): unknown => {
      note()
      return Reflect.apply(of, crypto, given)
    }) as unknown as F
  return {
    get signatures() {
      return signatures
    },
    get checks() {
      return checks
    },
    begin: () =>
      put({
        sign: counted(sign, () => void signatures++),
        verify: counted(verify, () => void checks++),
      }),
    end: () => put({ sign, verify }),
  }
}
