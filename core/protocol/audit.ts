/**
 * Audit events: what every plane says it did, signed per emitter and chained by n, in a CloudEvents
 * 1.0 envelope (D-25, D-26). They are committed in the same journal frame as the act itself, they
 * drive the other planes' instances of an operation, the read models fold them, and the mirror
 * commits them to the ledger. There is no second source of what happened.
 *
 * @module
 */
import type { JsonObject } from '../json.ts'
import type { Count, Millis } from '../units.ts'
import type { KeyRecord } from './key.ts'
import type { KeyRule } from './key-rule.ts'
import type { Custody, EvidenceClaims, OpBody, StateVector, Transition } from './op.ts'

/** A plane that emits; each has a key of its own. */
export type Emitter = 'submitter' | 'keeper' | 'controller' | 'orchestrator'

/** One rule of the policy that was looked at, matched or not, and why. */
export interface RuleTrace {
  readonly rule: string
  readonly effect: 'deny' | 'hold' | 'auto-sign'
  readonly matched: boolean
  readonly why: string
}

/** The one record that a keeper's number gets, when the event is that record (D-30). */
export interface SeqRecord {
  readonly seq?: Count
  readonly keeper_epoch?: Count
}

/** Which journal became which, and what of it was there then. */
export interface AdoptionData {
  readonly from: string
  readonly to: string
  /** Where the old one ended, as far as it was there. */
  readonly position: Count
  readonly hash: string
  readonly by: string
  /** Signed act of the person; absent when the journal knew no people yet. */
  readonly act?: string
}

/** One person let go what was held, and says why. */
export interface BrokenGlass {
  readonly by: string
  readonly kid: string
  readonly reason: string
  /** The rule of the policy that lets them. */
  readonly rule: string
  /** Ms since the epoch: it could be claimed until then. */
  readonly until: Millis
}

/** What each event type says. Keys are CloudEvents types without the `prov.` prefix. */
export interface AuditData {
  'actor.enrolled': {
    readonly actor: string
    readonly kid: string
    readonly kind: string
    /** Name of the person who vouched, or `genesis` for the first keys of a workspace. */
    readonly by: string
    readonly record: KeyRecord
    /** Signed act of the one who vouched; absent for services at genesis. */
    readonly proof?: string
  }
  /** From here on nothing that this key signs counts; what was claimed before finishes (D-39). */
  'actor.revoked': {
    readonly actor: string
    readonly kid: string
    /** The person who signed it. */
    readonly by: string
    readonly reason: string
    readonly act: string
  }
  /** Who may change the key set from here on: a root that lies offline, or M of N persons (D-39). */
  'keys.governed': {
    readonly rule: KeyRule
    /** Who signed first: a person, or `root key`. */
    readonly by: string
    readonly reason: string
    /** Everybody's signatures, joined by `~`. */
    readonly act: string
  }
  /**
   * A key that is to follow a plane's own, signed for by people; it signs nothing yet (D-39). The keeper
   * says it for every plane: whom the workspace trusts stands in one order, its own.
   */
  'key.offered': {
    readonly role: Emitter
    readonly kid: string
    /** The key that it is to follow. */
    readonly from: string
    readonly by: string
    readonly record: KeyRecord
    readonly act: string
  }
  /** The controller knows it: from here on the plane may sign with it. */
  'key.confirmed': { readonly role: Emitter; readonly kid: string; readonly from: string }
  /** First word of the new key; the old one signs nothing after it. */
  'key.rotated': {
    readonly role: Emitter
    readonly kid: string
    readonly from: string
    /** The controller's event, so that whoever reads this needs no other trail to believe it. */
    readonly confirmation: AuditEvent<'key.confirmed'>
  }
  /** The history goes on under another journal id: tokens for the old one have no force (D-36). */
  'journal.adopted': AdoptionData
  /** The activated object itself travels along: what was in force can be shown for ever. */
  'policy.activated': {
    readonly version: Count
    readonly digest: string
    readonly by: string
    readonly policy: JsonObject
    /** Digest of each schema that it was read by; `digest` is over policy and sources. */
    readonly sources?: Readonly<Record<string, string>>
    /** Signed act of the person; absent only before there were people. */
    readonly act?: string
  }
  'policy.invalid': { readonly code: string; readonly message: string; readonly kept: string }
  'keeper.mode': {
    readonly mode: 'auto' | 'manual' | 'hybrid'
    readonly by: string
    readonly act?: string
  }
  /** A keeper that lost its journal counts from 1 in this epoch, after event `n` of its trail. */
  'keeper.granted': {
    readonly keeper_epoch: Count
    readonly n: Count
    /** Digest of that event; null when none was heard. */
    readonly digest: string | null
  }
  'op.submitted': {
    readonly op: OpBody
    readonly op_digest: string
    readonly by: string
    readonly kid: string
    readonly expected_state_version: StateVector
    readonly expires: number
    /** The signed intent itself, so that a reader need not believe the submitter. */
    readonly intent: string
  }
  /** The keeper's verdict before any signature: kept with its full trace. */
  'op.matched': {
    readonly verdict: 'deny' | 'hold' | 'auto-sign'
    readonly rule: string | null
    readonly policy_digest: string
    readonly policy_version: Count
    readonly trace: readonly RuleTrace[]
  }
  /** Held again voids the votes so far; `why` says what moved. */
  'op.held': {
    readonly why: string
    readonly plan_digest: string
    readonly policy_digest: string
    readonly needs: string
  }
  'op.vote': {
    readonly decision: 'approve' | 'reject'
    readonly actor: string
    readonly kid: string
    readonly custody: Custody
    readonly reason: string
    /** Digest of the vote token; the token itself stands beside it. */
    readonly vote: string
    readonly token: string
    /** Ms since the epoch; present when it breaks the glass. */
    readonly until?: Millis
  }
  'op.approved': {
    readonly seq: Count
    readonly keeper_epoch: Count
    readonly policy_digest: string
    readonly approvals: readonly { readonly actor: string; readonly custody: Custody }[]
    readonly auto: boolean
    /** Digest of the approval token. */
    readonly approval: string
    readonly break_glass?: BrokenGlass
  }
  /** A person who had no part in it looked at a broken glass. */
  'op.reviewed': {
    readonly by: string
    readonly reason: string
    /** Digest of the approval token that it is about. */
    readonly approval: string
    readonly act: string
  }
  /** Refused by a plane; `code` is an error code, `remedy` what to do. */
  'op.refused': SeqRecord & {
    readonly code: string
    readonly message: string
    readonly remedy: string
  }
  'op.withdrawn': SeqRecord & { readonly by: string; readonly reason: string }
  /** `intent` ends the operation; `command` does not: the keeper issues another one. */
  'op.expired': SeqRecord & {
    readonly what: 'intent' | 'command'
    readonly code: string
    readonly message: string
  }
  /** Something that is no operation, or changes none: a forged, stale, repeated or misdirected token. */
  'token.refused': {
    readonly kind: string
    readonly code: string
    readonly message: string
    readonly remedy: string
    /** Digest of what came in. */
    readonly token: string
    /** How many like it this event stands for. */
    readonly count: Count
  }
  /** A gap in the keeper's numbers that stayed open; a late command with that number is refused. */
  'seq.skipped': { readonly seq: Count; readonly keeper_epoch: Count }
  'op.claimed': {
    readonly seq: Count
    readonly keeper_epoch: Count
    readonly epoch: Count
    readonly provider_token: string
    readonly writes: readonly string[]
  }
  /** The RESULT: the only thing that moves a dimension. */
  'op.applied': {
    readonly moves: readonly (Transition & { readonly version: Count })[]
    readonly gained: readonly string[]
    readonly lost: readonly string[]
    readonly detail: JsonObject
  }
  'op.failed': { readonly code: string; readonly message: string; readonly detail: JsonObject }
  'op.in_doubt': { readonly code: string; readonly message: string; readonly detail: JsonObject }
  'op.resolved': {
    readonly as: 'applied' | 'failed'
    readonly by: string
    readonly reason: string
    /** The signed act of the person. */
    readonly act: string
  }
  /**
   * What was answered to a process that had been replaced (D-34). Changes nothing about the operation:
   * it is for the person who resolves it.
   */
  'op.evidence': Pick<
    EvidenceClaims,
    'epoch' | 'what' | 'step' | 'outcome' | 'message' | 'detail'
  > & {
    /** Digest of the token: the same is kept once. */
    readonly evidence: string
    /** Signed by whoever heard the answer, so that a reader need not believe the controller. */
    readonly token: string
  }
  /** First sight of a workspace's dimensions: where its files said they were. */
  'state.genesis': {
    readonly positions: Readonly<Record<string, string>>
    readonly capabilities: readonly string[]
  }
}

export type AuditType = keyof AuditData

/** One signed event. `prev` is the digest of the emitter's event n-1, or `null` at n = 1. */
export interface AuditEvent<T extends AuditType = AuditType> {
  readonly specversion: '1.0'
  /** `<emitter>:<epoch>:<n>`, unique within the workspace for ever. */
  readonly id: string
  readonly source: string
  readonly type: `prov.${T}`
  /** Op id, actor name or file: what it is about. */
  readonly subject: string
  /** RFC 3339, UTC, milliseconds. */
  readonly time: string
  readonly datacontenttype: 'application/json'
  readonly workspace: string
  readonly correlationid: string
  readonly causationid?: string
  readonly emitter: Emitter
  readonly epoch: Count
  readonly n: Count
  readonly prev: string | null
  readonly kid: string
  readonly data: AuditData[T]
  /** Ed25519 over the canonical JSON of everything above, base64url. */
  readonly signature: string
}

/** Narrowing by type, since the union over a mapped type does not narrow by itself. */
export function isAudit<T extends AuditType>(event: AuditEvent, type: T): event is AuditEvent<T> {
  return event.type === `prov.${type}`
}
