/**
 * Acts that several people sign. Each signs a token of their own that says the same, and the tokens
 * travel as one text joined by `~`: wherever one token went, several can go.
 *
 * @module
 */
import { digestOf } from '../json.ts'
import type { JsonObject } from '../json.ts'
import { tokenErrors } from './errors.ts'
import type { KeyRecord } from './key.ts'
import { mostSignatures } from './key-rule.ts'
import type { ActClaims } from './op.ts'
import { openTokenNow } from './tokens.ts'
import type { TokenContext } from './tokens.ts'

/** One act, however many signed it. */
export interface SignedAct {
  /** As the first one signed it. */
  readonly claims: ActClaims
  /** In the order of their signatures; each key once. */
  readonly signers: readonly [KeyRecord, ...KeyRecord[]]
  /** Its first token, opened. */
  readonly first: ReturnType<typeof openTokenNow<'act'>>
}

export const joinSignatures = (tokens: readonly string[]): string => tokens.join('~')

/** What all signers of an act say alike. */
const matter = ({ sub, act, reason, with: given }: ActClaims): string =>
  digestOf({ sub, act, reason, with: given })

/** Opens every signature. Throws PROV_TOKEN_*: one that does not hold spoils the act. */
export function openAct(text: string | undefined, context: TokenContext): SignedAct {
  const tokens = typeof text === 'string' ? text.split('~') : [undefined]
  if (tokens.length > mostSignatures) {
    const expected = `${mostSignatures} signatures at most`
    throw tokenErrors.PROV_TOKEN_MALFORMED({ kind: 'act', claim: 'token', expected })
  }
  const opened = tokens.map((token) => openTokenNow('act', token, context))
  const first = opened[0] as SignedAct['first']
  for (const { claims } of opened) {
    if (matter(claims) === matter(first.claims)) continue
    const expected = 'what the first signature says'
    throw tokenErrors.PROV_TOKEN_CLAIM({ kind: 'act', claim: 'with', expected })
  }
  const kids = new Set(opened.map(({ record }) => record.kid))
  if (kids.size < opened.length) {
    const expected = 'each key once'
    throw tokenErrors.PROV_TOKEN_CLAIM({ kind: 'act', claim: 'iss', expected })
  }
  const signers = opened.map(({ record }) => record) as unknown as SignedAct['signers']
  return { claims: first.claims, signers, first }
}

/** What an act says it is about, before anything of it was checked: for finding out who is to judge it. */
export function payloadOf(text: string): JsonObject | undefined {
  try {
    const json = Buffer.from(text.split('.')[1] ?? '', 'base64url').toString('utf8')
    const { with: given } = JSON.parse(json) as { readonly with?: JsonObject }
    return typeof given === 'object' && !Array.isArray(given) ? (given ?? undefined) : undefined
  } catch {
    return undefined
  }
}
