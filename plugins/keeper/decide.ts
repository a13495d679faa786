/**
 * The keeper's judgement, pure: what the policy in force says about an operation, whether a vote may
 * count, and whether the votes so far are enough. Nothing here signs, reads a clock or keeps state.
 *
 * @module
 */
import { custodyBetween, digestOf, opErrors, personOf, policyErrors } from 'prov'
import type {
  AuditData,
  IntentClaims,
  KeyRecord,
  Millis,
  OpRow,
  ProvError,
  StateVector,
  VoteClaims,
} from 'prov'
import {
  compilePolicy,
  countVotes,
  matchPolicy,
  mayBreakGlass,
  onePerson,
  readPolicy,
  ruleName,
  subjectOf,
  traceLines,
} from 'prov/policies'
import type { CompiledPolicy, GlassAnswer, KeeperMode, Quorum } from 'prov/policies'

/** One policy, compiled once and never changed: matching, hashing and signing use this object. */
export interface PolicyInForce {
  /** 0 while none was ever activated. */
  readonly version: number
  readonly digest: string
  /** Undefined: everything is held. */
  readonly compiled: CompiledPolicy | undefined
}

/** Before the first activation: its own digest, so that votes are bound to it as well. */
export const noPolicy: PolicyInForce = {
  version: 0,
  digest: digestOf({ policy: null }),
  compiled: undefined,
}

/** The activated policy of the journal, ready to be asked. */
export function policyInForce(
  activated: { readonly version: number; readonly digest: string; readonly policy: unknown } | null,
): PolicyInForce {
  if (!activated) return noPolicy
  const reading = readPolicy(activated.policy)
  const { version, digest } = activated
  // It was readable when it was activated; a newer Prov that cannot read it holds everything.
  return { version, digest, compiled: reading.ok ? compilePolicy(reading.policy) : undefined }
}

/** What is to be done with an operation, and the record of how that was found. */
export interface Judgement {
  readonly verdict: 'deny' | 'hold' | 'auto-sign'
  readonly rule: string | null
  readonly why: string
  readonly quorum: Quorum
  /** Who must still agree, in words. */
  readonly needs: string
  readonly matched: AuditData['op.matched']
}

export interface Question {
  readonly claims: IntentClaims
  readonly requester: KeyRecord
  readonly policy: PolicyInForce
  readonly mode: KeeperMode
  readonly nowMs: Millis
}

/** Judges one operation under one policy. Same question, same answer. */
export function judgeOp({ claims, requester, policy, mode, nowMs }: Question): Judgement {
  const { op } = claims
  const decision = policy.compiled && matchPolicy(policy.compiled, subjectOf(op, requester, nowMs))
  const found = decision?.verdict ?? 'hold'
  const manual = found === 'auto-sign' && mode === 'manual'
  const verdict = manual ? 'hold' : found
  const rule = decision?.by ? ruleName(decision.by) : null
  const why = !decision
    ? 'no policy is in force, so a person decides'
    : manual
      ? `${decision.why}, but the keeper signs nothing by itself: its mode is manual`
      : decision.why
  const quorum = decision?.quorum ?? onePerson
  const trace = decision ? [...traceLines(decision)] : []
  const missing = countVotes({ quorum, votes: [], requester: personOf(requester) }).missing
  return {
    verdict,
    rule,
    why: verdict === 'hold' ? `${op.type} of ${op.target} is held: ${why}` : why,
    quorum,
    needs: missing.join(' and '),
    matched: {
      verdict,
      rule,
      policy_digest: policy.digest,
      policy_version: policy.version,
      trace,
    },
  }
}

export interface VoteQuestion {
  readonly claims: VoteClaims
  /** What was asked for. */
  readonly intent: IntentClaims
  readonly nowMs: Millis
  readonly voter: KeyRecord
  readonly requester: KeyRecord
  readonly row: Pick<OpRow, 'id' | 'phase' | 'digest' | 'plan' | 'policy' | 'expected' | 'votes'>
  readonly policy: PolicyInForce
  readonly quorum: Quorum
  /** Enrolled keys: those who voted already, by their kid. */
  readonly key: (kid: string) => KeyRecord | undefined
}

/** Why a vote does not count, by name; undefined when it does. Order: who, then what about. */
export function judgeVote(question: VoteQuestion): ProvError | undefined {
  const { claims, voter, requester, row, policy, quorum, key } = question
  const op = row.id
  const { actor, kind } = voter
  if (kind !== 'human') return opErrors.PROV_OP_AGENT_APPROVAL({ op, actor, kind })
  if (row.phase !== 'held') return opErrors.PROV_OP_NOT_HELD({ op, phase: row.phase })
  if (claims.reason.trim() === '') return opErrors.PROV_OP_REASON_MISSING({ op })
  if (claims.break_glass) {
    const what = refusesGlass(question)
    if (typeof what === 'string') return opErrors.PROV_OP_BREAK_GLASS({ op, actor, what })
    if (what) return what
  }
  if (claims.decision === 'approve') {
    const own = personOf(requester) === personOf(voter)
    if (own && policy.compiled?.policy.requester_may_approve !== true) {
      return opErrors.PROV_OP_SELF_APPROVAL({ op, actor })
    }
    if (quorum.custody === 'separate' && custodyBetween(voter, requester) === 'shared') {
      return opErrors.PROV_OP_SHARED_CUSTODY({ op, actor, with: requester.actor })
    }
  }
  if (claims.op_digest !== row.digest) {
    return opErrors.PROV_OP_PLAN_CHANGED({ op, what: 'the operation' })
  }
  if (claims.policy_digest !== policy.digest) {
    return policyErrors.PROV_POLICY_CHANGED({
      op,
      matched: claims.policy_digest,
      active: policy.digest,
    })
  }
  if (claims.plan_digest !== row.plan || !sameVector(claims.state_vector, row.expected)) {
    return opErrors.PROV_OP_PLAN_CHANGED({ op, what: 'the plan' })
  }
  const voted = row.votes.find((vote) => personOf(key(vote.kid) ?? vote) === personOf(voter))
  // Who agreed as one of many may still find that there is no time for the others.
  const more = claims.break_glass && voted?.decision === 'approve' && voted.until === undefined
  if (voted && !(more && voted.kid === voter.kid)) {
    return opErrors.PROV_OP_VOTED({ op, actor: voted.actor })
  }
  return undefined
}

/** Never an agent, never the one who asked, whatever else the policy lets them. */
function refusesGlass(question: VoteQuestion): ProvError | string | undefined {
  const { claims, intent, voter, requester, policy, nowMs } = question
  const { actor } = voter
  const op = claims.sub
  if (claims.decision !== 'approve') return 'it is a vote against'
  if (personOf(requester) === personOf(voter)) return opErrors.PROV_OP_SELF_APPROVAL({ op, actor })
  const answer = glassFor({ intent, voter, requester, policy, nowMs })
  if (!answer.allowed) return answer.why
  const { atMostMs, rule } = answer
  const askedMs = (claims.exp - claims.iat) * 1_000
  return askedMs <= atMostMs
    ? undefined
    : `${rule} lets it for ${atMostMs / 60_000} minutes at most`
}

/** What the policy says about this person breaking the glass for this operation. */
export function glassFor(question: {
  readonly intent: IntentClaims
  readonly voter: KeyRecord
  readonly requester: KeyRecord
  readonly policy: PolicyInForce
  readonly nowMs: Millis
}): GlassAnswer {
  const { intent, voter, requester, policy, nowMs } = question
  const subject = subjectOf(intent.op, requester, nowMs)
  return mayBreakGlass(policy.compiled?.policy, subject, voter.groups ?? [])
}

/** A vote that was taken. */
export interface TakenVote {
  readonly actor: string
  readonly kid: string
  readonly decision: 'approve' | 'reject'
  readonly custody: 'shared' | 'separate'
  readonly reason: string
  readonly vote: string
  /** Ms since the epoch; present when it breaks the glass. */
  readonly until?: Millis | undefined
}

/** The vote that stands for all who were asked for, while its time lasts. */
export function glassIn(votes: readonly TakenVote[], nowMs: Millis): TakenVote | undefined {
  return votes.find(({ decision, until = 0 }) => decision === 'approve' && nowMs < until)
}

export type Count =
  | { readonly outcome: 'rejected'; readonly by: TakenVote }
  | { readonly outcome: 'approved'; readonly by: readonly TakenVote[] }
  | { readonly outcome: 'waiting'; readonly needs: string }

/** Counts by distinct persons. One vote against by a person is a rejection. */
export function countOf(
  votes: readonly TakenVote[],
  options: {
    readonly quorum: Quorum
    /** The person who asked. */
    readonly requester: string
    readonly requesterMayApprove: boolean
    readonly nowMs: Millis
    readonly key: (kid: string) => KeyRecord | undefined
  },
): Count {
  const against = votes.find(({ decision }) => decision === 'reject')
  if (against) return { outcome: 'rejected', by: against }
  const { key, nowMs, ...rest } = options
  const glass = glassIn(votes, nowMs)
  if (glass) return { outcome: 'approved', by: [glass] }
  const person = ({ kid, actor }: TakenVote) => personOf(key(kid) ?? { actor })
  const answer = countVotes({
    ...rest,
    votes: votes
      .filter(({ until }) => until === undefined)
      .map((vote) => ({
        actor: vote.actor,
        person: person(vote),
        kind: 'human' as const,
        groups: key(vote.kid)?.groups ?? [],
        verdict: vote.decision,
        custody: vote.custody,
      })),
  })
  if (!answer.met) return { outcome: 'waiting', needs: answer.missing.join(' and ') }
  return { outcome: 'approved', by: votes.filter((vote) => answer.counted.includes(person(vote))) }
}

/** The first dimension that is not where an operation counts on it to be: it can never be claimed. */
export function movedState(
  op: string,
  expected: StateVector,
  positions: Readonly<Record<string, { readonly version: number } | undefined>>,
): ProvError | undefined {
  for (const [dimension, version] of Object.entries(expected)) {
    const found = positions[dimension]?.version ?? 0
    if (found > version) {
      return opErrors.PROV_OP_VERSION_MOVED({ op, dimension, expected: version, found })
    }
  }
  return undefined
}

function sameVector(one: StateVector, other: StateVector): boolean {
  return digestOf({ ...one }) === digestOf({ ...other })
}
