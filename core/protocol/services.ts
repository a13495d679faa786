/**
 * The services that planes offer each other and to the faces, as typed references. Plugins never
 * import each other; what they agree on stands here.
 *
 * @module
 */
import type { ProvError } from '../errors.ts'
import { serviceRef } from '../plugin/service.ts'
import type { Count, Millis } from '../units.ts'
import type { AuditEvent, Emitter } from './audit.ts'
import type { Contract } from './contract.ts'
import type { KeyRecord } from './key.ts'
import type { KeyStore } from './keys.ts'
import type { OpBody, OpOutcome, OpPhase, OpRun, StateVector, VoteClaims } from './op.ts'
import type { OpPlan } from './plan.ts'

/** What a person or script proposes; the submitter turns it into a signed intent. */
export interface Proposal {
  readonly type: string
  readonly target: string
  /** Name of the actor whose key signs. Default: the only human key there is. */
  readonly as?: string | undefined
  readonly image?: string | undefined
  readonly params?: Readonly<Record<string, unknown>> | undefined
  /** The applied operation that it takes back: stands in the body, and as cause in the trail. */
  readonly compensates?: string | undefined
  /** Own id for safe re-runs: same id and body give the same answer, another body is refused. */
  readonly opId?: string | undefined
  /** Life of the intent. Default 1 day, 7 days at most (D-33). */
  readonly expiresInMs?: Millis | undefined
  /**
   * The plan that was reviewed: submitted only while body, state and policy are still those. Throws
   * PROV_PLAN_STALE otherwise.
   */
  readonly plan?: OpPlan | undefined
}

/** What of a plan says whether it still holds. */
export type PlanBinding = Pick<OpPlan, 'workspace' | 'journal' | 'op_digest' | 'state' | 'policy'>

export interface PhaseChange {
  readonly op: string
  readonly name: OpPhase
  readonly why?: string
  readonly code?: string
}

export interface OpEnd {
  readonly op: string
  readonly outcome: OpOutcome
  readonly phase: OpPhase
  readonly code?: string
  readonly why?: string
}

/** Proposing and following operations. */
export interface Submissions {
  /** Resolves after the intent is durable. Throws for what the caller did wrong. */
  submit(
    proposal: Proposal,
  ): Promise<{ readonly op: string; readonly duplicate: boolean; readonly body: OpBody }>
  /** What would be submitted, with its digest and state vector; changes nothing. */
  plan(
    proposal: Proposal,
  ): Promise<{ readonly body: OpBody; readonly digest: string; readonly state: StateVector }>
  /**
   * Takes an intent that was signed elsewhere. Its body must be what the topology makes of what it
   * asks for, and its state what is now. With `plan` that plan must still hold. The same token again
   * is the same answer. Throws PROV_TOKEN_*, PROV_PLAN_STALE, PROV_OP_ID_REUSED.
   */
  handIn(
    token: string,
    options?: { readonly plan?: PlanBinding | undefined },
  ): Promise<{ readonly op: string; readonly duplicate: boolean; readonly body: OpBody }>
  withdraw(request: {
    readonly op: string
    readonly as?: string | undefined
    readonly reason: string
  }): Promise<void>
  /** Takes a withdrawal that was signed elsewhere. */
  handInWithdrawal(token: string): Promise<void>
  /** Where it stands now; undefined when no such operation is known. */
  phase(op: string): Promise<PhaseChange | undefined>
  /** Calls back on every change until stopped; the newest one at once. Local only, hence a callback. */
  follow(
    op: string,
    listener: (change: PhaseChange) => void,
    /** Called when nobody can tell any more: the process that it was asked from is gone. */
    lost?: (error: ProvError) => void,
  ): () => void
}
export const submissions = serviceRef<Submissions>('prov.submissions')

/** The keeper's desk: votes, mode, policy. It never exposes signing. */
export interface KeeperDesk {
  /** Signs a vote with one of one's own keys and hands it in (D-29). */
  vote(request: {
    readonly op: string
    readonly as?: string | undefined
    readonly decision: 'approve' | 'reject'
    readonly reason: string
    /** Stands for all who are asked for, for so long, where the policy lets it (SAFE-14). */
    readonly breakGlassMs?: Millis | undefined
  }): Promise<{ readonly counted: boolean; readonly why: string }>
  /** A person who had no part in it looked at a broken glass. Throws PROV_OP_REVIEW. */
  review(request: {
    readonly op: string
    readonly as?: string | undefined
    readonly reason: string
  }): Promise<{ readonly by: string }>
  /** Takes a vote that was signed elsewhere. Throws the named reason when it does not count. */
  handIn(token: string): Promise<{ readonly counted: boolean; readonly why: string }>
  /** What a vote on a held operation binds to now, and when it ends at the latest, in seconds. */
  ballot(
    op: string,
  ): Promise<
    Pick<VoteClaims, 'op_digest' | 'plan_digest' | 'policy_digest' | 'state_vector' | 'exp'>
  >
  /** What the file proposes: the version and digest that an activation signs. */
  proposed(): Promise<{
    readonly version: Count
    readonly digest: string
    /** False: it is in force already. */
    readonly changes: boolean
  }>
  /** Takes a change of mode or an activation that was signed elsewhere; once. */
  handInAct(token: string): Promise<void>
  status(): Promise<{
    readonly mode: 'auto' | 'manual' | 'hybrid'
    readonly epoch: Count
    readonly nextSeq: Count
    readonly policy: { readonly version: Count; readonly digest: string } | null
    readonly held: Count
  }>
  setMode(request: {
    readonly mode: 'auto' | 'manual' | 'hybrid'
    readonly as?: string | undefined
  }): Promise<void>
  /**
   * Takes a key its force, from here on: what it asked for and nobody claimed ends, what it agreed to
   * is void, what was claimed finishes. Throws PROV_KEY_REVOKE_REFUSED.
   */
  revoke(request: {
    readonly actor: string
    readonly reason: string
    readonly as?: string | undefined
  }): Promise<{ readonly kid: string; readonly by: string }>
  /**
   * Thumbprint of a plane's key and the record of the one that would follow it. Default: the keeper's.
   * Throws PROV_KEY_PLANE_ELSEWHERE.
   */
  rotation(plane?: Emitter): Promise<{ readonly current: string; readonly next: KeyRecord }>
  /**
   * Gives a plane another key; a person signs it. `done` is false while the controller has not
   * confirmed it: the old one goes on until then. Throws PROV_KEY_ROTATION_REFUSED.
   */
  rotate(request: {
    /** Default: the keeper. */
    readonly plane?: Emitter | undefined
    readonly as?: string | undefined
  }): Promise<{ readonly kid: string; readonly from: string; readonly done: boolean }>
  activatePolicy(request: {
    readonly as?: string | undefined
  }): Promise<{ readonly version: Count; readonly digest: string }>
}
export const keeperDesk = serviceRef<KeeperDesk>('prov.keeper')

/** The controller's face: human-signed resolution of outcomes that nobody knows (D-32). */
export interface ControllerDesk {
  resolve(request: {
    readonly op: string
    readonly as?: string | undefined
    readonly outcome: 'applied' | 'failed'
    readonly reason: string
  }): Promise<void>
  /**
   * Sends a message that was set aside once more; it is verified and judged as ever. Throws
   * PROV_CONTROLLER_NO_LETTER.
   */
  replay(request: { readonly id: string }): Promise<void>
  /** Takes a resolution that was signed elsewhere. Throws the named reason. */
  handIn(token: string): Promise<void>
  /** Version of every dimension that ever moved; absent ones are at 0. */
  vector(): Promise<StateVector>
}
export const controllerDesk = serviceRef<ControllerDesk>('prov.controller')

/** What running an operation's graph came to. */
export type RunOutcome =
  | {
      readonly outcome: 'applied'
      readonly detail: Readonly<Record<string, string | number | boolean>>
    }
  | {
      readonly outcome: 'failed'
      readonly code: string
      readonly message: string
      readonly detail: Readonly<Record<string, string | number | boolean>>
    }
  | {
      readonly outcome: 'unknown'
      readonly code: string
      readonly message: string
      readonly detail: Readonly<Record<string, string | number | boolean>>
    }

export interface Orchestrator {
  /**
   * Runs the graph under the token; the same token again answers with the same outcome or goes on
   * where it stopped, asking the provider first. Never runs a step twice.
   */
  run(request: {
    readonly op: string
    readonly token: string
    /** Fencing epoch of whoever asks: providers that can remember refuse an older one. Default: none. */
    readonly epoch?: Count | undefined
    readonly run: OpRun
    readonly labels: Readonly<Record<string, string>>
    /** What a component acts on; only runs of components need it. */
    readonly body?: OpBody | undefined
  }): Promise<RunOutcome>
}
export const orchestrator = serviceRef<Orchestrator>('prov.orchestrator')

/** One gate as it stands. */
export interface GateView {
  readonly id: string
  readonly status: 'open' | 'partial' | 'closed'
  readonly edge?: { readonly from: string; readonly to: string }
  readonly unmet: readonly string[]
}

/** What the workspace declares and where it stands now. */
export interface Topology {
  /** Turns a proposal into a body: what the op type achieves, needs and runs. Throws PROV_OP_TYPE_UNKNOWN. */
  resolve(proposal: Proposal): Promise<OpBody>
  /** Versions of the named dimensions as seen here. Throws PROV_OP_DIMENSION_UNKNOWN. */
  vector(dimensions: readonly string[]): Promise<StateVector>
  positions(): Promise<
    Readonly<Record<string, { readonly state: string; readonly version: Count }>>
  >
  gates(ids?: readonly string[]): Promise<readonly GateView[]>
  /** Where the files say that everything stands; the controller records it at first sight. */
  genesis(): Promise<{
    readonly positions: Readonly<Record<string, string>>
    readonly capabilities: readonly string[]
  }>
}
export const topology = serviceRef<Topology>('prov.topology')

/** The git ledger. */
export interface Ledger {
  /** Path of the `<workspace>-state` repository. */
  readonly path: () => Promise<string>
  /** Resolves when every audit event committed so far is in the ledger, or the signal aborts. */
  readonly settled: (options?: {
    readonly signal?: AbortSignal
  }) => Promise<{ readonly commits: Count }>
}
export const ledger = serviceRef<Ledger>('prov.ledger')

/** Appending and following audit events, per emitter. Handed out by the core. */
export interface AuditTrail {
  readonly events: (options?: { readonly op?: string | undefined }) => AsyncIterable<AuditEvent>
}
export const auditTrail = serviceRef<AuditTrail>('prov.audit')

/** Trust, trails, read model and outboxes of the workspace. Handed out by the core. */
export const contract = serviceRef<Contract>('prov.contract', { guarded: true })

/** Keys of this user: they sign for people. Handed out by the core. */
export const keyStore = serviceRef<KeyStore>('prov.keys', { guarded: true })
