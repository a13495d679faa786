/**
 * May this command be claimed, now? Pure: from the approval, the intent inside it and the state as
 * this plane knows it to "yes" or to one named refusal. The order is from what was signed to what
 * moves: an altered token is told as altered also when its time is over.
 *
 * @module
 */
import { clockSkewMs, digestOf, opErrors, planDigest, policyErrors, tokenErrors } from 'prov'
import type { ApprovalClaims, GateView, IntentClaims, Millis, ProvError } from 'prov'

export interface ClaimQuestion {
  readonly approval: ApprovalClaims
  readonly intent: IntentClaims
  /** Policy in force, as the keeper's trail says; null before the first. */
  readonly policy: { readonly version: number; readonly digest: string } | null
  readonly positions: Readonly<
    Record<string, { readonly state: string; readonly version: number } | undefined>
  >
  /** Who holds a dimension from CLAIM to RESULT. */
  readonly holds: ReadonlyMap<string, string>
  /** The gates that the operation requires, evaluated just now. */
  readonly gates: readonly GateView[]
  /** When this plane said last that a command of the operation had no force: what is signed since is newer. */
  readonly lapsedMs: Millis | undefined
  /** What is missing behind the approval, see `backing.ts`; undefined when nothing is. */
  readonly unbacked: string | undefined
  /** True for a key that was revoked before this claim. */
  readonly revoked: (kid: string) => boolean
  readonly nowMs: Millis
}

export type ClaimAnswer =
  | { readonly answer: 'claim' }
  /** Ends the operation. */
  | { readonly answer: 'refuse'; readonly error: ProvError }
  /** This command has no force; the keeper may issue another one. */
  | { readonly answer: 'lapse'; readonly error: ProvError }

const refuse = (error: ProvError): ClaimAnswer => ({ answer: 'refuse', error })
const lapse = (error: ProvError): ClaimAnswer => ({ answer: 'lapse', error })

/** Judges one command. Same question, same answer. */
export function judgeClaim(question: ClaimQuestion): ClaimAnswer {
  const { approval, intent, policy, nowMs } = question
  const op = approval.sub
  const altered = alteredClaim(approval, intent)
  if (altered !== undefined) {
    const expected = 'what the intent inside says'
    return refuse(tokenErrors.PROV_TOKEN_ALTERED({ kind: 'approval', claim: altered, expected }))
  }
  const skewMs = Math.max(approval.iat, approval.nbf) * 1_000 - nowMs
  if (skewMs > clockSkewMs) {
    const expected = 'a time that is not ahead of here by more than 60 s'
    const detail = { kind: 'approval', claim: 'iat', expected, skewMs }
    return refuse(tokenErrors.PROV_TOKEN_CLOCK_SKEW(detail))
  }
  const lateIntentMs = nowMs - intent.exp * 1_000
  if (lateIntentMs >= 0) {
    const detail = { kind: 'intent', claim: 'exp', expected: 'a later time' }
    return refuse(tokenErrors.PROV_TOKEN_EXPIRED({ ...detail, lateMs: lateIntentMs }))
  }
  const expected = 'a key that was not revoked'
  if (question.revoked(intent.iss)) {
    return refuse(tokenErrors.PROV_TOKEN_KEY_REVOKED({ kind: 'intent', claim: 'kid', expected }))
  }
  if (approval.approvals.some(({ kid }) => question.revoked(kid))) {
    return lapse(tokenErrors.PROV_TOKEN_KEY_REVOKED({ kind: 'vote', claim: 'kid', expected }))
  }
  const lateMs = nowMs - approval.exp * 1_000
  if (lateMs >= 0) {
    const behindMs = (question.lapsedMs ?? 0) - approval.iat * 1_000
    // Signed after it was heard that the one before was over, and yet dated before that.
    const isBehind = behindMs > clockSkewMs
    const late = opErrors.PROV_OP_COMMAND_LATE({ op, lateMs })
    return lapse(isBehind ? opErrors.PROV_OP_CLOCKS_APART({ op, behindMs }) : late)
  }
  if (policy && policy.digest !== approval.policy_digest) {
    const [matched, active] = [approval.policy_digest, policy.digest]
    return lapse(policyErrors.PROV_POLICY_CHANGED({ op, matched, active }))
  }
  const { unbacked: what } = question
  if (what !== undefined) return lapse(opErrors.PROV_OP_UNBACKED({ op, what }))
  const moved = movedState(question)
  return moved ? refuse(moved) : { answer: 'claim' }
}

/** The first claim of the approval that does not say what the intent inside it says. */
function alteredClaim(approval: ApprovalClaims, intent: IntentClaims): string | undefined {
  if (approval.sub !== intent.sub) return 'sub'
  if (approval.op_digest !== intent.op_digest) return 'op_digest'
  if (approval.plan_digest !== planDigest(intent)) return 'plan_digest'
  if (
    digestOf({ ...approval.expected_state_version }) !==
    digestOf({ ...intent.expected_state_version })
  ) {
    return 'expected_state_version'
  }
  if (digestOf(approval.scope) !== digestOf(intent.scope)) return 'scope'
  return undefined
}

function movedState({ intent, positions, holds, gates }: ClaimQuestion): ProvError | undefined {
  const op = intent.sub
  const { achieves } = intent.op
  for (const { dimension } of achieves) {
    const holder = holds.get(dimension)
    if (holder !== undefined && holder !== op) {
      return opErrors.PROV_OP_WRITE_SET_HELD({ op, dimension, holder })
    }
  }
  for (const [dimension, expected] of Object.entries(intent.expected_state_version)) {
    const found = positions[dimension]?.version ?? 0
    if (found !== expected)
      return opErrors.PROV_OP_VERSION_MOVED({ op, dimension, expected, found })
  }
  for (const { dimension, from } of achieves) {
    // A dimension that is written but not counted on would move unseen.
    if (intent.expected_state_version[dimension] === undefined) {
      const found = positions[dimension]?.version ?? 0
      return opErrors.PROV_OP_VERSION_MOVED({ op, dimension, expected: 0, found })
    }
    const state = positions[dimension]?.state
    if (state !== undefined && state !== from) {
      return opErrors.PROV_OP_FROM_STATE({ op, dimension, expected: from, found: state })
    }
  }
  for (const id of intent.op.requires) {
    const gate = gates.find((view) => view.id === id)
    if (gate?.status !== 'open') {
      const status = gate?.status ?? 'not declared'
      return opErrors.PROV_OP_GATE_CLOSED({ op, gate: id, status, unmet: gate?.unmet ?? [] })
    }
  }
  return undefined
}
