/**
 * Is there behind an approval what it says: the policy that people put in force, or the votes that they
 * signed? Pure. The keeper judges; whoever stole its key says that it did. So the controller looks at what
 * the keeper's key cannot make: policy and mode bear the act of a person, and each vote the voter's token.
 *
 *     approval ─ no votes ─▶ does the policy sign it by itself, at the time of the signature?
 *              └ votes ────▶ each in the trail, for this plan and policy ─▶ do they suffice?
 *
 * @module
 */
import { custodyBetween, personOf } from 'prov'
import type { ApprovalClaims, IntentClaims, KeyRecord, OpsModel, OpVote } from 'prov'
import {
  compilePolicy,
  countVotes,
  matchPolicy,
  mayBreakGlass,
  onePerson,
  readPolicy,
  subjectOf,
} from 'prov/policies'
import type { CompiledPolicy } from 'prov/policies'

export interface BackingQuestion {
  readonly approval: ApprovalClaims
  readonly intent: IntentClaims
  readonly requester: KeyRecord
  /** Votes on the operation, as they stand in the trail. */
  readonly votes: readonly OpVote[]
  /** What `compiledIn` says of the policy in force. */
  readonly policy: CompiledPolicy | undefined
  readonly mode: OpsModel['mode']
  readonly key: (kid: string) => KeyRecord | undefined
}

/** The policy in force, ready to be asked; undefined holds everything. */
export function compiledIn(policy: OpsModel['policy']): CompiledPolicy | undefined {
  const reading = policy && readPolicy(policy.policy)
  return reading?.ok ? compilePolicy(reading.policy) : undefined
}

/** What is missing behind an approval, in words; undefined when it is all there. */
export function unbacked(question: BackingQuestion): string | undefined {
  const { approval, intent, requester, votes, policy, mode, key } = question
  const subject = subjectOf(intent.op, requester, approval.iat * 1_000)
  const decision = policy && matchPolicy(policy, subject)
  const verdict = decision?.verdict ?? 'hold'
  if (verdict === 'deny') return 'the policy denies it'
  if (approval.approvals.length === 0) {
    if (verdict !== 'auto-sign') return 'the policy asks for people, and it names none'
    return mode === 'manual' ? 'the mode is manual, and it names no person' : undefined
  }
  const against = votes.find(({ decision: said }) => said === 'reject')
  if (against) return `${against.actor} voted against it`
  const cast = approval.approvals.map(({ vote }) => votes.find((one) => one.vote === vote))
  const counted = []
  for (const [at, vote] of cast.entries()) {
    const {
      actor,
      kid,
      break_glass: glass,
    } = approval.approvals[at] as (typeof approval.approvals)[0]
    const voter = key(kid)
    if (!vote || !voter || vote.kid !== kid || !isFor(vote, approval)) {
      return `${actor} signed no vote for this plan under this policy`
    }
    const own = personOf(voter) === personOf(requester)
    const until = vote.until ?? 0
    if (glass === true && !own && until > approval.iat * 1_000) {
      const answer = mayBreakGlass(policy?.policy, subject, voter.groups ?? [])
      if (answer.allowed) return undefined
    }
    counted.push({
      actor,
      person: personOf(voter),
      kind: voter.kind,
      groups: voter.groups ?? [],
      verdict: vote.decision,
      custody: custodyBetween(voter, requester),
    })
  }
  const { missing } = countVotes({
    quorum: decision?.quorum ?? onePerson,
    votes: counted.filter((_, at) => cast[at]?.until === undefined),
    requester: personOf(requester),
    requesterMayApprove: policy?.policy.requester_may_approve === true,
  })
  return missing.length === 0 ? undefined : `its votes do not suffice: ${missing.join(' and ')}`
}

/** True for a vote on this plan under this policy; a row from before does not say. */
function isFor({ plan, policy }: OpVote, { plan_digest, policy_digest }: ApprovalClaims): boolean {
  return (plan ?? plan_digest) === plan_digest && (policy ?? policy_digest) === policy_digest
}
