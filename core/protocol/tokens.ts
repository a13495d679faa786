/**
 * Making and checking tokens: compact JWTs with `kid`, an `alg` that is exactly what the key record
 * names and a `typ` of our own.
 *
 *     header ─▶ key known ─▶ alg, role ─▶ signature ─▶ claims ─▶ aud, workspace ─▶ time ─▶ digest
 *
 * Each arrow has a refusal of its own, in this order: a stranger learns nothing about claims before
 * the signature holds. Two ways over the signature, one verdict (a test compares them):
 * `signToken` and `openToken` go through jose at the edges, where acts and votes come from people;
 * `signTokenNow`, `openTokenNow` and `openTokenLater` through node:crypto, on the way of every
 * operation.
 *
 * @module
 */
import { foreignJson } from '../foreign-json.ts'
import type { JsonValue } from '../json.ts'
import { deepFreeze, digestOfText } from '../json.ts'
import type { Millis } from '../units.ts'
import { clockSkewMs, opDigest, parseClaims, tokenRules } from './claims.ts'
import type { TokenClaims, TokenKind } from './claims.ts'
import { tokenErrors } from './errors.ts'
import { publicObject, verifySignature, verifySignatureLater } from './key.ts'
import type { KeyRecord, Signer } from './key.ts'
import { Recent } from './recent.ts'

/** What a checker knows. */
export interface TokenContext {
  /** The record of an enrolled key, or undefined. */
  readonly key: (kid: string) => KeyRecord | undefined
  /** True for an enrolled key that was revoked. Default: none is. */
  readonly revoked?: ((kid: string) => boolean) | undefined
  /** Journal id of the workspace. */
  readonly audience: string
  readonly workspace: string
  /** Ids that the journal had before; given only for what was taken when it had them. */
  readonly former?: readonly string[] | undefined
  readonly nowMs: Millis
  /**
   * `leave` looks at no time: for a token that was taken before and is opened again (a clock that
   * was set back must not close what is held here already), and for commands, whose times are
   * judged at CLAIM only. Default `check`.
   */
  readonly expiry?: 'check' | 'leave' | undefined
}

/** A token that holds in every respect. */
export interface OpenToken<K extends TokenKind> {
  readonly claims: TokenClaims[K]
  readonly record: KeyRecord
  /** Digest of the compact text: what records keep in place of the token. */
  readonly digest: string
}

/** Signs claims at the edge. `iss` must be the signer's kid: what is refused is our own mistake. */
export async function signToken<K extends TokenKind>(
  kind: K,
  claims: TokenClaims[K],
  signer: Signer,
): Promise<string> {
  const { CompactSign } = await import('jose')
  return new CompactSign(Buffer.from(JSON.stringify(claims)))
    .setProtectedHeader(headerOf(kind, signer.record))
    .sign(signer.keyObject)
}

/** As `signToken`, at once: for a token that is part of a journal frame. */
export function signTokenNow<K extends TokenKind>(
  kind: K,
  claims: TokenClaims[K],
  signer: Signer,
): string {
  const input = `${encode(headerOf(kind, signer.record))}.${encode(claims as unknown as JsonValue)}`
  return `${input}.${signer.sign(input)}`
}

/** Checks a token that came from outside. Throws PROV_TOKEN_*, naming claim and expected class. */
export async function openToken<K extends TokenKind>(
  kind: K,
  token: unknown,
  context: TokenContext,
): Promise<OpenToken<K>> {
  const parts = take(kind, token, context)
  const { compactVerify, errors } = await import('jose')
  try {
    await compactVerify(parts.token, publicObject(parts.record.publicKey), {
      algorithms: [parts.record.alg],
    })
  } catch (thrown) {
    if (!(thrown instanceof errors.JOSEError)) throw thrown
    throw forged(kind)
  }
  return accept(kind, parts, context)
}

/** As `openToken`, at once. */
export function openTokenNow<K extends TokenKind>(
  kind: K,
  token: unknown,
  context: TokenContext,
): OpenToken<K> {
  const parts = take(kind, token, context)
  if (!verifySignature(parts.record.publicKey, parts.input, parts.signature)) throw forged(kind)
  return accept(kind, parts, context)
}

/**
 * As `openTokenNow`, with the signature checked on the thread pool: for whoever has many to open at
 * once. What was checked here is known to the next plane that opens the same token.
 */
export async function openTokenLater<K extends TokenKind>(
  kind: K,
  token: unknown,
  context: TokenContext,
): Promise<OpenToken<K>> {
  const parts = take(kind, token, context)
  const { record, input, signature } = parts
  if (!(await verifySignatureLater(record.publicKey, input, signature))) throw forged(kind)
  return accept(kind, parts, context)
}

/**
 * `sub`, `iss` and `act` of something that may not even be a token: for the record of a refusal, or to
 * find out who is to open it.
 */
export function peekToken(token: unknown): {
  readonly sub?: string
  readonly iss?: string
  readonly act?: string
} {
  if (typeof token !== 'string' || token.length > 262_144) return {}
  const payload = decode(token.split('.')[1])
  if (typeof payload !== 'object' || payload === null) return {}
  const { sub, iss, act } = payload as Record<string, unknown>
  const shown = (value: unknown) =>
    typeof value === 'string' && /^[\w.-]{1,64}$/.test(value) ? value : undefined
  return {
    ...(shown(sub) !== undefined && { sub: shown(sub) as string }),
    ...(shown(iss) !== undefined && { iss: shown(iss) as string }),
    ...(shown(act) !== undefined && { act: shown(act) as string }),
  }
}

/** What a vote is bound to, as its token says; whoever has the token from the trail checked it. */
export function peekVote(token: string): { readonly plan: string; readonly policy: string } {
  const { plan_digest, policy_digest } = Object(decode(token.split('.')[1])) as Record<
    string,
    unknown
  >
  return { plan: String(plan_digest), policy: String(policy_digest) }
}

/** What an intent says of itself; whoever has kept it opened it before. */
export function peekIntent(token: string): {
  readonly jti: string
  readonly aud: string
  readonly exp: number
} {
  const { jti, aud, exp } = Object(decode(token.split('.')[1])) as Record<string, unknown>
  return { jti: String(jti), aud: String(aud), exp: Number(exp) }
}

interface Parts {
  readonly token: string
  readonly record: KeyRecord
  readonly input: string
  readonly payload: string
  readonly signature: string
}

function take(kind: TokenKind, token: unknown, context: TokenContext): Parts {
  const rule = tokenRules[kind]
  if (typeof token !== 'string') {
    throw tokenErrors.PROV_TOKEN_MALFORMED({ kind, claim: 'token', expected: 'a text' })
  }
  if (token.length > rule.limitBytes) {
    const detail = { kind, claim: 'token', expected: 'a smaller one' }
    const bytes = Buffer.byteLength(token)
    throw tokenErrors.PROV_TOKEN_TOO_LARGE({ ...detail, bytes, limitBytes: rule.limitBytes })
  }
  const [head = '', payload, signature, rest] = token.split('.')
  const header = heads.get(head) ?? decode(head)
  if (
    payload === undefined ||
    signature === undefined ||
    rest !== undefined ||
    typeof header !== 'object' ||
    header === null ||
    Array.isArray(header)
  ) {
    throw tokenErrors.PROV_TOKEN_MALFORMED({ kind, claim: 'token', expected: 'three parts' })
  }
  const { typ, alg, kid, ...others } = header as Record<string, unknown>
  if (Object.keys(others).length > 0) {
    throw tokenErrors.PROV_TOKEN_MALFORMED({ kind, claim: 'header', expected: 'typ, alg and kid' })
  }
  if (typ !== rule.typ) {
    throw tokenErrors.PROV_TOKEN_TYPE({ kind, claim: 'typ', expected: rule.typ })
  }
  const record = typeof kid === 'string' ? context.key(kid) : undefined
  if (!record) {
    throw tokenErrors.PROV_TOKEN_UNKNOWN_KEY({ kind, claim: 'kid', expected: 'an enrolled key' })
  }
  if (alg !== record.alg) {
    throw tokenErrors.PROV_TOKEN_ALG({ kind, claim: 'alg', expected: record.alg })
  }
  if (!rule.signers(record)) {
    throw tokenErrors.PROV_TOKEN_KEY_ROLE({ kind, claim: 'kid', expected: rule.signersAre })
  }
  // One per key and kind: only those that an enrolled key stands behind are worth keeping.
  heads.set(head, header)
  const input = token.slice(0, head.length + 1 + payload.length)
  return { token, record, input, payload, signature }
}

const heads = new Recent<object>(256)

function accept<K extends TokenKind>(kind: K, parts: Parts, context: TokenContext): OpenToken<K> {
  const rule = tokenRules[kind]
  const { record } = parts
  if (context.revoked?.(record.kid) === true) {
    const expected = 'a key that was not revoked'
    throw tokenErrors.PROV_TOKEN_KEY_REVOKED({ kind, claim: 'kid', expected })
  }
  const { claims, digest } = readOf(kind, parts)
  if (claims.iss !== record.kid) {
    throw tokenErrors.PROV_TOKEN_CLAIM({ kind, claim: 'iss', expected: 'the key that signed' })
  }
  if (claims.aud !== context.audience && !context.former?.includes(claims.aud)) {
    throw tokenErrors.PROV_TOKEN_AUDIENCE({
      kind,
      claim: 'aud',
      expected: 'the id of this journal',
    })
  }
  if (claims.workspace !== context.workspace) {
    const expected = 'the name of this workspace'
    throw tokenErrors.PROV_TOKEN_WORKSPACE({ kind, claim: 'workspace', expected })
  }
  const { nowMs } = context
  const timed = context.expiry !== 'leave'
  const skewMs = claims.iat * 1_000 - nowMs
  if (timed && skewMs > clockSkewMs) {
    const expected = 'a time that is not ahead of here by more than 60 s'
    throw tokenErrors.PROV_TOKEN_CLOCK_SKEW({ kind, claim: 'iat', expected, skewMs })
  }
  const earlyMs = 'nbf' in claims ? claims.nbf * 1_000 - nowMs : 0
  if (timed && earlyMs > clockSkewMs) {
    const expected = 'a time that has come'
    throw tokenErrors.PROV_TOKEN_NOT_YET_VALID({ kind, claim: 'nbf', expected, earlyMs })
  }
  if ((claims.exp - claims.iat) * 1_000 > rule.lifeMs || claims.exp <= claims.iat) {
    const expected = `later than iat, by ${Math.round(rule.lifeMs / 60_000)} minutes at most`
    throw tokenErrors.PROV_TOKEN_TOO_LONG({ kind, claim: 'exp', expected })
  }
  const lateMs = nowMs - claims.exp * 1_000
  if (timed && lateMs >= 0) {
    throw tokenErrors.PROV_TOKEN_EXPIRED({ kind, claim: 'exp', expected: 'a later time', lateMs })
  }
  if ('op' in claims) {
    if (bodyDigest(claims) !== claims.op_digest) {
      const expected = 'the digest of op'
      throw tokenErrors.PROV_TOKEN_ALTERED({ kind, claim: 'op_digest', expected })
    }
    if (JSON.stringify(claims.scope) !== JSON.stringify(claims.op.scope)) {
      throw tokenErrors.PROV_TOKEN_ALTERED({ kind, claim: 'scope', expected: 'the scope of op' })
    }
  }
  return { claims, record, digest }
}

/**
 * What tokens say, by their text: every plane opens the same few, and what a text says does not
 * change. Only texts with a good signature get this far. Who may have signed, for whom and until
 * when is asked each time. Frozen, since it is handed to several.
 */
const read = new Recent<{
  readonly kind: TokenKind
  readonly claims: unknown
  readonly digest: string
}>(512)
const bodyDigests = new WeakMap<object, string>()

function readOf<K extends TokenKind>(kind: K, { token, payload }: Parts) {
  const known = read.get(token)
  if (known?.kind === kind) return known as { claims: TokenClaims[K]; digest: string }
  const claims = deepFreeze(parseClaims(kind, decode(payload) ?? null))
  const digest = digestOfText(token)
  read.set(token, { kind, claims, digest })
  return { claims, digest }
}

function bodyDigest(claims: TokenClaims['intent']): string {
  let digest = bodyDigests.get(claims)
  if (digest === undefined) bodyDigests.set(claims, (digest = opDigest(claims.op)))
  return digest
}

function headerOf(kind: TokenKind, record: KeyRecord) {
  return { alg: record.alg, kid: record.kid, typ: tokenRules[kind].typ }
}

function forged(kind: TokenKind) {
  const expected = 'a signature by the key that kid names'
  return tokenErrors.PROV_TOKEN_FORGED({ kind, claim: 'signature', expected })
}

function encode(value: JsonValue): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** JSON of a base64url part; undefined for anything else. */
function decode(part: string | undefined): JsonValue | undefined {
  if (part === undefined || !/^[A-Za-z0-9_-]+$/.test(part)) return undefined
  try {
    return foreignJson(Buffer.from(part, 'base64url').toString('utf8'))
  } catch {
    return undefined
  }
}
