/**
 * What an operation is on the wire: the body whose digest everybody signs, the claims of the
 * tokens around it, and the words of its life. Shapes only; making and checking tokens is in
 * `tokens.ts`.
 *
 *     submitter ──intent──▶ keeper ──approval(intent inside)──▶ controller ──▶ orchestrator
 *
 * @module
 */
import type { JsonObject } from '../json.ts'
import type { Count, Millis } from '../units.ts'

/** Version of each dimension that an operation reads or writes (D-32). 0 is genesis. */
export type StateVector = Readonly<Record<string, Count>>

/** One move of one dimension, as the op type declares it (D-23). */
export interface Transition {
  readonly dimension: string
  readonly from: string
  readonly to: string
}

/** One step of the declared acyclic graph that an operation runs (D-50). */
export interface OpStep {
  readonly id: string
  /** Shell text run on the machine. Covered by the op digest. */
  readonly script: string
  readonly dependsOn?: readonly string[]
  readonly timeoutMs?: Millis
  /**
   * More than 1 declares it repeatable: begun so often at most, the first time included, 10 at most.
   * Only a known failure is tried again, never an unknown end. Default 1.
   */
  readonly attempts?: Count
  /** Exit codes that no other attempt would change. Default: none. */
  readonly giveUpOn?: readonly Count[]
  /**
   * Shell text that takes back what the step did, run on the same machine when a later step fails:
   * the last one done first, each once. Default: nothing is taken back.
   */
  readonly undo?: string
}

/** A provider backend and a graph of steps on its machine. */
export interface StepRun {
  readonly provider: string
  readonly tier?: 's' | 'm' | 'l' | 'xl'
  /** 0 to 9: its steps go before those of lower ones that wait too, which are not starved. Default 0. */
  readonly priority?: Count
  readonly steps: readonly OpStep[]
}

/** A component that a plugin brings, inside this process (D-23): the name of its op type. */
export interface ComponentRun {
  readonly component: string
}

/** What the operation sets in motion. */
export type OpRun = StepRun | ComponentRun

/** True for work that a plugin does in this process. */
export function isComponentRun(run: OpRun): run is ComponentRun {
  return 'component' in run
}

/** The body of an operation. One op id has one body for ever; `op_digest` is the digest of this. */
export interface OpBody {
  readonly type: string
  readonly target: string
  readonly image?: string
  readonly params?: JsonObject
  readonly scope: readonly string[]
  readonly destructive: boolean
  /** Moves of dimensions when it succeeds. */
  readonly achieves: readonly Transition[]
  readonly gains: readonly string[]
  readonly loses: readonly string[]
  /** Gates that must be open when it is claimed. */
  readonly requires: readonly string[]
  /** Op type that takes it back after it was applied; see `prov op compensate`. Absent: none is declared. */
  readonly inverse?: string
  /** The applied operation that this one takes back. */
  readonly compensates?: string
  /** Absent for operations that only move state, such as `dimension.transition`. */
  readonly run?: OpRun
}

/** Claims of the submitter's token, header `typ` = `prov-intent+jwt`. */
export interface IntentClaims {
  /** Key thumbprint of the submitter. */
  readonly iss: string
  /** Op id. */
  readonly sub: string
  /** Journal id of the workspace. */
  readonly aud: string
  readonly jti: string
  /** Seconds since the epoch, as in every JWT. */
  readonly iat: number
  readonly nbf: number
  readonly exp: number
  readonly workspace: string
  readonly op: OpBody
  readonly op_digest: string
  readonly scope: readonly string[]
  readonly expected_state_version: StateVector
}

/** Claims of a vote, `typ` = `prov-vote+jwt` (D-29): bound to everything that may move. */
export interface VoteClaims {
  readonly iss: string
  readonly sub: string
  readonly aud: string
  readonly jti: string
  readonly iat: number
  readonly exp: number
  readonly workspace: string
  readonly decision: 'approve' | 'reject'
  readonly reason: string
  readonly op_digest: string
  readonly plan_digest: string
  readonly policy_digest: string
  readonly state_vector: StateVector
  /** It stands for the people whom a rule asks for, until `exp`; where the policy lets it. */
  readonly break_glass?: true
}

/** What a person may sign besides intents and votes. `policy.activate` and `keeper.mode` bind by digest. */
export type ActName =
  | 'actor.enrol'
  | 'actor.revoke'
  | 'policy.activate'
  | 'keeper.mode'
  | 'keeper.rotate'
  | 'plane.rotate'
  | 'keys.govern'
  | 'op.review'
  | 'op.withdraw'
  | 'op.resolve'
  | 'journal.adopt'

/** Claims of any other signed act of a person, `typ` = `prov-act+jwt`. */
export interface ActClaims {
  readonly iss: string
  /** What it is about: an op id, an actor's name, `policy`, `mode`. */
  readonly sub: string
  readonly aud: string
  readonly jti: string
  readonly iat: number
  readonly exp: number
  readonly workspace: string
  readonly act: ActName
  readonly reason: string
  /** What exactly is asked: record, digest, outcome; checked by the plane that carries it out. */
  readonly with: JsonObject
}

/** How far two signatures prove two people (D-28). */
export type Custody = 'shared' | 'separate'

export interface ApprovalNote {
  readonly actor: string
  readonly kid: string
  readonly custody: Custody
  /** Digest of the vote token; absent for an auto-sign by policy. */
  readonly vote: string
  /** One person stood for all who were asked for. */
  readonly break_glass?: true
}

/** Claims of the keeper's token, `typ` = `prov-approval+jwt`. The intent token travels inside. */
export interface ApprovalClaims {
  readonly iss: string
  readonly sub: string
  readonly aud: string
  readonly jti: string
  readonly iat: number
  readonly nbf: number
  readonly exp: number
  readonly workspace: string
  /** Compact intent token, verified again by the controller. */
  readonly intent: string
  readonly op_digest: string
  readonly plan_digest: string
  readonly policy_digest: string
  readonly policy_version: Count
  readonly expected_state_version: StateVector
  readonly scope: readonly string[]
  readonly approvals: readonly ApprovalNote[]
  /** Gapless per keeper epoch (D-30). */
  readonly seq: Count
  readonly keeper_epoch: Count
}

/**
 * Claims of what was answered to a process that may write no more, `typ` = `prov-evidence+jwt` (D-34).
 * It moves nothing: whoever resolves the operation sees it.
 */
export interface EvidenceClaims {
  readonly iss: string
  readonly sub: string
  readonly aud: string
  readonly jti: string
  readonly iat: number
  readonly exp: number
  readonly workspace: string
  /** Of the journal, as long as whoever signs could write it. */
  readonly epoch: Count
  /** Of the run that was answered: made of journal, operation and step. */
  readonly provider_token: string
  readonly what: 'run' | 'step' | 'undo' | 'machine'
  /** Id of the step, or of the one that was undone. */
  readonly step?: string
  readonly outcome: 'applied' | 'failed'
  readonly message: string
  /** What looks like a secret is covered; a digest where it is long. */
  readonly detail: JsonObject
}

/** Where an operation stands, in order of its life. Terminal phases have an outcome. */
export const opPhases = [
  'submitted',
  'held',
  'approved',
  'claimed',
  'applying',
  'applied',
  'failed',
  'refused',
  'withdrawn',
  'expired',
  'in_doubt',
] as const
export type OpPhase = (typeof opPhases)[number]

/** How an operation ended, or stopped for now. Values, never thrown. */
export type OpOutcome =
  'applied' | 'held' | 'refused' | 'failed' | 'unknown' | 'withdrawn' | 'expired'
