/**
 * The keeper's signature under one operation: the approval token, with the intent inside, and what
 * the frame that gives it its number says and sends.
 *
 * @module
 */
import { digestOfText, newId, planDigest, seqKey, signTokenNow, subjects, tokenRules } from 'prov'
import type { Acted, BrokenGlass, Clock, Contract } from 'prov'
import type { Judgement, PolicyInForce, TakenVote } from './decide.ts'
import type { KnownIntent } from './keeper.ts'

export interface Approval {
  readonly intent: KnownIntent
  /** The very object that was matched. */
  readonly policy: PolicyInForce
  /** Those that counted; none when policy signs it. */
  readonly votes: readonly TakenVote[]
  readonly seq: number
  readonly keeperEpoch: number
  /** When one of the votes stands for all who were asked for. */
  readonly glass: BrokenGlass | undefined
  /** Told along when it was judged just now. */
  readonly judgement: Judgement | undefined
}

/** Signs at once, so that matching and signing stand in one turn. */
export function signApproval(
  { intent, policy, votes, seq, keeperEpoch, judgement, glass }: Approval,
  { contract, clock }: { readonly contract: Contract; readonly clock: Clock },
): { readonly data: Acted; readonly why: string } {
  const { claims } = intent
  const iat = Math.floor(clock.now() / 1_000)
  const signer = contract.service('keeper')
  const token = signTokenNow(
    'approval',
    {
      iss: signer.record.kid,
      sub: claims.sub,
      aud: contract.journal,
      jti: newId('jti', clock),
      iat,
      nbf: iat,
      exp: Math.min(
        iat + tokenRules.approval.lifeMs / 1_000,
        claims.exp,
        glass ? Math.max(iat + 1, glass.until / 1_000) : Infinity,
      ),
      workspace: contract.workspace,
      intent: intent.token,
      op_digest: claims.op_digest,
      plan_digest: planDigest(claims),
      policy_digest: policy.digest,
      policy_version: policy.version,
      expected_state_version: claims.expected_state_version,
      scope: claims.scope,
      approvals: votes.map(({ actor, kid, custody, vote }) => ({
        actor,
        kid,
        custody,
        vote,
        ...(glass && { break_glass: true as const }),
      })),
      seq,
      keeper_epoch: keeperEpoch,
    },
    signer,
  )
  const auto = votes.length === 0
  const approved = {
    seq,
    keeper_epoch: keeperEpoch,
    policy_digest: policy.digest,
    approvals: votes.map(({ actor, custody }) => ({ actor, custody })),
    auto,
    approval: digestOfText(token),
    ...(glass && { break_glass: glass }),
  }
  return {
    why: glass
      ? `${glass.by} broke the glass: ${glass.reason}`
      : auto
        ? (judgement?.why ?? 'policy signs it')
        : 'enough people agreed',
    data: {
      say: [
        ...(judgement ? [{ type: 'op.matched' as const, data: judgement.matched }] : []),
        { type: 'op.approved', data: approved },
      ],
      send: [
        {
          subject: subjects.command(contract.workspace),
          id: `command:${seqKey(keeperEpoch, seq)}`,
          body: { kind: 'command', token },
        },
      ],
    },
  }
}
