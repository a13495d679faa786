/**
 * From a proposal to the claims of an intent: pure, so that a plan and a submission cannot differ.
 *
 * @module
 */
import { newId, opDigest, opErrors, tokenErrors, tokenRules } from 'prov'
import type { Clock, Contract, IntentClaims, Millis, OpBody, StateVector } from 'prov'

/** What `prov op submit` gives an intent when nobody says otherwise. */
export const usualLifeMs: Millis = 86_400_000

/** Dimensions whose versions the operation counts on. */
export function countedOn(body: OpBody): readonly string[] {
  return [...new Set(body.achieves.map(({ dimension }) => dimension))].sort()
}

/** A body as plain data: what has no value has no key, so the digest is the same everywhere. */
export function plainBody(body: OpBody): OpBody {
  return JSON.parse(JSON.stringify(body)) as OpBody
}

/** Throws PROV_OP_ID_INVALID. */
export function opIdOf(wanted: string | undefined, clock: Clock): string {
  if (wanted === undefined) return newId('op', clock)
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(wanted)) throw opErrors.PROV_OP_ID_INVALID({ op: wanted })
  return wanted
}

export interface IntentParts {
  readonly op: string
  readonly kid: string
  readonly body: OpBody
  readonly state: StateVector
  readonly expiresInMs: Millis | undefined
  readonly contract: Pick<Contract, 'journal' | 'workspace'>
  readonly clock: Clock
}

/** Throws PROV_TOKEN_TOO_LONG for a life beyond seven days. */
export function intentClaims(parts: IntentParts): IntentClaims {
  const { op, kid, body, state, contract, clock } = parts
  const lifeMs = parts.expiresInMs ?? usualLifeMs
  if (!(lifeMs >= 1_000) || lifeMs > tokenRules.intent.lifeMs) {
    const expected = 'a life from 1 second to 7 days'
    throw tokenErrors.PROV_TOKEN_TOO_LONG({ kind: 'intent', claim: 'exp', expected })
  }
  const iat = Math.floor(clock.now() / 1_000)
  return {
    iss: kid,
    sub: op,
    aud: contract.journal,
    jti: newId('jti', clock),
    iat,
    nbf: iat,
    exp: iat + Math.floor(lifeMs / 1_000),
    workspace: contract.workspace,
    op: body,
    op_digest: opDigest(body),
    scope: body.scope,
    expected_state_version: state,
  }
}
