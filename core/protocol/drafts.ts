/**
 * Claims before they are signed: pure, so that whoever signs here or in another process says the same.
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import { newId } from '../ids.ts'
import { digestOf } from '../json.ts'
import type { JsonObject } from '../json.ts'
import type { Count, Millis } from '../units.ts'
import { opDigest, tokenRules } from './claims.ts'
import { opErrors, tokenErrors } from './errors.ts'
import type { ActClaims, IntentClaims, OpBody, StateVector, VoteClaims } from './op.ts'
import { actId } from './replay.ts'
import type { Proposal } from './services.ts'

/** For whom a token is signed. */
export interface SignedFor {
  /** Journal id: the audience. */
  readonly journal: string
  readonly workspace: string
}

/** What `prov op submit` gives an intent when nobody says otherwise. */
export const usualLifeMs: Millis = 86_400_000

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
  readonly contract: SignedFor
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

export interface VoteParts {
  readonly request: Pick<VoteClaims, 'decision' | 'reason'> & {
    readonly op: string
    /** Breaks the glass for so long. */
    readonly breakGlassMs?: Millis | undefined
  }
  readonly ballot: Pick<
    VoteClaims,
    'op_digest' | 'plan_digest' | 'policy_digest' | 'state_vector' | 'exp'
  >
  readonly kid: string
  readonly contract: SignedFor
  readonly clock: Clock
}

export function voteClaims({ request, ballot, kid, contract, clock }: VoteParts): VoteClaims {
  const iat = Math.floor(clock.now() / 1_000)
  const { op, decision, reason, breakGlassMs } = request
  const box = breakGlassMs === undefined ? Infinity : iat + Math.floor(breakGlassMs / 1_000)
  return {
    iss: kid,
    sub: op,
    aud: contract.journal,
    jti: newId('jti', clock),
    iat,
    exp: Math.max(Math.min(ballot.exp, box), iat + 1),
    workspace: contract.workspace,
    decision,
    reason,
    op_digest: ballot.op_digest,
    plan_digest: ballot.plan_digest,
    policy_digest: ballot.policy_digest,
    state_vector: ballot.state_vector,
    ...(breakGlassMs !== undefined && { break_glass: true as const }),
  }
}

export interface ActParts {
  readonly request: Pick<ActClaims, 'act' | 'reason' | 'with'> & { readonly subject: string }
  readonly kid: string
  /** With the epoch of the writer that it is handed to: no later one takes it. */
  readonly contract: SignedFor & { readonly epoch: Count }
  readonly clock: Clock
}

const actLifeMs: Millis = tokenRules.act.lifeMs / 7

export function actClaims({ request, kid, contract, clock }: ActParts): ActClaims {
  const iat = Math.floor(clock.now() / 1_000)
  return {
    iss: kid,
    sub: request.subject,
    aud: contract.journal,
    jti: actId(contract.epoch, clock),
    iat,
    exp: iat + Math.floor(actLifeMs / 1_000),
    workspace: contract.workspace,
    act: request.act,
    reason: request.reason,
    with: request.with,
  }
}

/** True when a proposal asks for what a body does. */
export function asksFor(proposal: Proposal, body: OpBody): boolean {
  const { type, target, image, params, compensates } = proposal
  if (compensates !== body.compensates) return false
  const asked = { type, target, image, params: params ?? body.params }
  const { type: t, target: g, image: i, params: p } = body
  return digestOf(asked as JsonObject) === digestOf({ type: t, target: g, image: i, params: p })
}
