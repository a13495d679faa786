/**
 * What the audit events add up to: operations as rows, positions of dimensions with their versions,
 * capabilities, the policy in force, the keeper's mode. A pure fold; the read models, the planes at
 * start and the daemon's store all use this one, so they cannot disagree.
 *
 * Rows are immutable. The map that holds them is not: it is changed in place and handed on, since a
 * copy per event would make reading a long journal quadratic.
 *
 * @module
 */
import { digestOfText } from '../json.ts'
import type { JsonObject } from '../json.ts'
import type { Count, Millis } from '../units.ts'
import { isAudit } from './audit.ts'
import type { AuditData, AuditEvent, BrokenGlass, RuleTrace, SeqRecord } from './audit.ts'
import { eventDigest } from './emitter.ts'
import { SeqNumbers } from './numbers.ts'
import { OpRows } from './rows.ts'
import { peekVote } from './tokens.ts'
import type { Custody, OpBody, OpOutcome, OpPhase, StateVector, Transition } from './op.ts'

/** One line of the story that `prov op show` tells. */
export interface OpNote {
  readonly phase: OpPhase
  /** RFC 3339, as the event says. */
  readonly at: string
  readonly why: string
  readonly code?: string
}

export interface OpVote {
  readonly actor: string
  readonly kid: string
  readonly decision: 'approve' | 'reject'
  readonly custody: Custody
  readonly reason: string
  /** Digest of the token. */
  readonly vote: string
  /** Ms since the epoch; present when it breaks the glass. */
  readonly until?: Millis
  /** Digests of what the voter agreed to, from the token; absent in rows from before they were kept. */
  readonly plan?: string
  readonly policy?: string
}

/** What was answered to a process that had been replaced; it decides nothing. */
export type OpEvidence = Omit<AuditData['op.evidence'], 'token'> & {
  /** When it was kept. */
  readonly at: string
}

/** A broken glass that nobody looked at yet. */
export interface Unreviewed extends BrokenGlass {
  readonly op: string
  readonly type: string
  readonly target: string
  readonly requester: string
  readonly at: string
  /** Digest of the newest approval token: what a review is bound to. */
  readonly approval: string
  /** Who broke it before, for this operation: the one review is of them all. */
  readonly earlier?: readonly string[]
}

export interface OpRow {
  readonly id: string
  readonly type: string
  readonly target: string
  readonly phase: OpPhase
  /** Present once it ended. */
  readonly outcome?: OpOutcome
  readonly code?: string
  readonly why: string
  readonly remedy?: string
  readonly by: string
  readonly kid: string
  readonly body: OpBody
  readonly digest: string
  /** Digest of the signed intent. */
  readonly intent: string
  /** Digest of the plan that votes agree to; known once it is held. */
  readonly plan?: string
  readonly expected: StateVector
  /** Seconds since 1970. */
  readonly expires: number
  readonly submittedAt: string
  readonly changedAt: string
  readonly verdict?: 'deny' | 'hold' | 'auto-sign'
  readonly rule?: string | null
  readonly trace?: readonly RuleTrace[]
  readonly policy?: string
  /** What it waits for, in words. */
  readonly needs?: string
  readonly votes: readonly OpVote[]
  /** Digests of votes that became void: their tokens count never again. */
  readonly voided?: readonly string[]
  readonly seq?: Count
  readonly keeperEpoch?: Count
  /** One person stood for all who were asked for. */
  readonly glass?: BrokenGlass
  readonly providerToken?: string
  /** Digest of the claim event: what a resolution is bound to. */
  readonly claim?: string
  readonly writes?: readonly string[]
  readonly moves?: readonly (Transition & { readonly version: Count })[]
  readonly detail?: JsonObject
  /** Absent when there is none, as nearly always. */
  readonly evidence?: readonly OpEvidence[]
  readonly notes: readonly OpNote[]
}

/** One of the keeper's numbers: whom it was given to, and what used it up. */
export interface SeqRow {
  readonly keeperEpoch: Count
  readonly seq: Count
  readonly op?: string
  /** Digest of the approval token that bears it. */
  readonly approval?: string
  /**
   * Type of the event that used it up, such as `op.claimed`; absent while it is open. `past`: it was,
   * long ago, and the operation's own row says by what.
   */
  readonly used?: string
}

export interface Refusal {
  readonly at: string
  readonly event: string
  readonly subject: string
  readonly kind: string
  readonly code: string
  readonly message: string
  readonly count: Count
}

export interface OpsModel {
  /** By id, in order of submission. */
  readonly ops: OpRows
  /** Those of `ops` that have not ended, in order of submission: what there is to do. */
  readonly open: Map<string, OpRow>
  /** What operations that were applied brought or took away, ever; `capabilities` is what is left. */
  readonly gained: ReadonlySet<string>
  readonly lost: ReadonlySet<string>
  readonly numbers: SeqNumbers
  /** Highest number seen in the newest keeper epoch; 0 before the first. */
  readonly highest: { readonly keeperEpoch: Count; readonly seq: Count }
  /** Epoch of the newest keeper that replaced a lost one; 0 where none was lost. */
  readonly granted: Count
  readonly positions: Readonly<
    Record<string, { readonly state: string; readonly version: Count; readonly op?: string }>
  >
  readonly capabilities: readonly string[]
  readonly policy: {
    readonly version: Count
    readonly digest: string
    readonly by: string
    readonly policy: JsonObject
  } | null
  /** Why the file is not what is in force, until a good one was activated. */
  readonly policyTrouble: { readonly code: string; readonly message: string } | null
  readonly mode: 'auto' | 'manual' | 'hybrid'
  /** Operations whose glass was broken, until another person reviewed it; oldest first. */
  readonly unreviewed: readonly Unreviewed[]
  /** The newest hundred refusals that are no operation's end. */
  readonly refusals: readonly Refusal[]
  /** Id of the last event taken. */
  readonly at: string | null
}

export function emptyModel(): OpsModel {
  return {
    ops: new OpRows(),
    open: new Map(),
    gained: new Set(),
    lost: new Set(),
    numbers: new SeqNumbers(),
    highest: { keeperEpoch: 1, seq: 0 },
    granted: 0,
    positions: {},
    capabilities: [],
    policy: null,
    policyTrouble: null,
    mode: 'hybrid',
    unreviewed: [],
    refusals: [],
    at: null,
  }
}

const terminal: Readonly<Partial<Record<OpPhase, OpOutcome>>> = {
  applied: 'applied',
  failed: 'failed',
  refused: 'refused',
  withdrawn: 'withdrawn',
  expired: 'expired',
}

/** How a phase looks to somebody who waits: an end, a standstill for a person, or undefined. */
export function outcomeOf(phase: OpPhase): OpOutcome | undefined {
  if (phase === 'held') return 'held'
  if (phase === 'in_doubt') return 'unknown'
  return terminal[phase]
}

/** True when nothing more will happen to an operation. */
export function isTerminal(phase: OpPhase): boolean {
  return terminal[phase] !== undefined
}

/** The model after one more event. Events of operations that nobody submitted change nothing. */
export function foldAudit(model: OpsModel, event: AuditEvent): OpsModel {
  const after = foldOp(model, event) ?? foldRest(model, event)
  return { ...foldGlass(foldNumber(after, event), event), at: event.id }
}

/** A number as part of a message's id. */
export function seqKey(keeperEpoch: Count, seq: Count): string {
  return `${keeperEpoch}:${seq}`
}

/** A number is given by `op.approved` and used up by whatever else bears it, once. */
function foldNumber(model: OpsModel, event: AuditEvent): OpsModel {
  if (isAudit(event, 'keeper.granted')) return model
  const { seq, keeper_epoch: keeperEpoch } = event.data as SeqRecord
  if (seq === undefined || keeperEpoch === undefined) return model
  const row = model.numbers.get(keeperEpoch, seq) ?? { keeperEpoch, seq }
  if (isAudit(event, 'op.approved')) {
    const { approval } = event.data
    model.numbers.set({ ...row, op: event.subject, approval })
  } else if (row.used === undefined) {
    model.numbers.set({ ...row, used: event.type.slice('prov.'.length) })
  }
  const { highest } = model
  const higher =
    keeperEpoch > highest.keeperEpoch || (keeperEpoch === highest.keeperEpoch && seq > highest.seq)
  return higher ? { ...model, highest: { keeperEpoch, seq } } : model
}

function foldRest(model: OpsModel, event: AuditEvent): OpsModel {
  if (isAudit(event, 'journal.adopted')) {
    // Numbers given out in a history that was left may come back from a broker: none is given twice.
    return { ...model, highest: { keeperEpoch: model.highest.keeperEpoch + 1, seq: 0 } }
  }
  if (isAudit(event, 'keeper.granted')) {
    const { keeper_epoch: keeperEpoch } = event.data
    const granted = event.emitter === 'controller' && keeperEpoch > model.highest.keeperEpoch
    return granted ? { ...model, highest: { keeperEpoch, seq: 0 }, granted: keeperEpoch } : model
  }
  if (isAudit(event, 'policy.activated')) {
    const { version, digest, by, policy } = event.data
    return { ...model, policy: { version, digest, by, policy }, policyTrouble: null }
  }
  if (isAudit(event, 'policy.invalid')) {
    const { code, message } = event.data
    return { ...model, policyTrouble: { code, message } }
  }
  if (isAudit(event, 'keeper.mode')) return { ...model, mode: event.data.mode }
  if (isAudit(event, 'state.genesis')) {
    const positions = { ...model.positions }
    for (const [dimension, state] of Object.entries(event.data.positions)) {
      positions[dimension] ??= { state, version: 0 }
    }
    const { capabilities } = event.data
    return { ...model, positions, capabilities: union(model.capabilities, capabilities) }
  }
  if (isAudit(event, 'token.refused')) {
    const { kind, code, message, count } = event.data
    const row = { at: event.time, event: event.id, subject: event.subject }
    const refusals = [...model.refusals.slice(-99), { ...row, kind, code, message, count }]
    return { ...model, refusals }
  }
  return model
}

/** Broken glass stays in sight, also long after its operation ended. */
function foldGlass(model: OpsModel, event: AuditEvent): OpsModel {
  const others = () => model.unreviewed.filter(({ op }) => op !== event.subject)
  if (isAudit(event, 'op.reviewed')) {
    const { by, approval } = event.data
    const found = model.unreviewed.find(({ op }) => op === event.subject)
    if (found?.approval !== approval || breakersOf(found).includes(by)) return model
    return { ...model, unreviewed: others() }
  }
  const row = isAudit(event, 'op.approved') ? model.ops.get(event.subject) : undefined
  if (!row || !isAudit(event, 'op.approved') || !event.data.break_glass) return model
  const { break_glass: glass, approval } = event.data
  const { id: op, type, target, by: requester } = row
  const before = model.unreviewed.find((one) => one.op === op)
  const earlier = before && { earlier: [...new Set(breakersOf(before))] }
  const broken = { ...glass, op, type, target, requester, at: event.time, approval, ...earlier }
  return { ...model, unreviewed: [...others(), broken] }
}

/** Who broke the glass of an operation, the last one first. */
export const breakersOf = ({ by, earlier = [] }: Unreviewed): readonly string[] => [by, ...earlier]

function foldOp(model: OpsModel, event: AuditEvent): OpsModel | undefined {
  if (!event.type.startsWith('prov.op.')) return undefined
  if (isAudit(event, 'op.reviewed')) return model
  const before = model.ops.get(event.subject)
  const row = isAudit(event, 'op.submitted')
    ? (before ?? submitted(event))
    : before && next(before, event)
  if (!row || row === before) return model
  model.ops.set(row.id, row)
  if (isTerminal(row.phase)) model.open.delete(row.id)
  else model.open.set(row.id, row)
  if (!isAudit(event, 'op.applied')) return model
  const { moves, gained, lost } = event.data
  const positions = { ...model.positions }
  for (const { dimension, to, version } of moves) {
    positions[dimension] = { state: to, version, op: row.id }
  }
  const kept = model.capabilities.filter((name) => !lost.includes(name))
  return {
    ...model,
    positions,
    capabilities: union(kept, gained),
    gained: more(model.gained, gained),
    lost: more(model.lost, lost),
  }
}

function submitted(event: AuditEvent<'op.submitted'>): OpRow {
  const { op, op_digest, by, kid, expected_state_version, expires, intent } = event.data
  const asked = `${by} asks for ${op.type} of ${op.target}`
  return {
    id: event.subject,
    type: op.type,
    target: op.target,
    phase: 'submitted',
    // Also where that one runs elsewhere, or not at all.
    why: `${asked}; it waits for the keeper`,
    by,
    kid,
    body: op,
    digest: op_digest,
    intent: digestOfText(intent),
    expected: expected_state_version,
    expires,
    submittedAt: event.time,
    changedAt: event.time,
    votes: [],
    notes: [{ phase: 'submitted', at: event.time, why: asked }],
  }
}

/** One more fact about an operation; the same row when it changes nothing: an end is an end. */
function next(row: OpRow, event: AuditEvent): OpRow {
  if (isTerminal(row.phase)) return row
  const to = (phase: OpPhase, why: string, more: Partial<OpRow> = {}): OpRow => {
    const { code: _code, remedy: _remedy, ...rest } = row
    const note = { phase, at: event.time, why, ...(more.code !== undefined && { code: more.code }) }
    const outcome = terminal[phase]
    return {
      ...rest,
      phase,
      why,
      changedAt: event.time,
      ...(outcome !== undefined && { outcome }),
      ...more,
      notes: [...row.notes, note],
    }
  }
  if (isAudit(event, 'op.matched')) {
    const { verdict, rule, policy_digest, trace } = event.data
    const by = rule === null ? 'no rule says otherwise' : `rule ${rule}`
    const more = { verdict, rule, trace, policy: policy_digest }
    return to(row.phase, `policy says ${verdict}: ${by}`, more)
  }
  if (isAudit(event, 'op.held')) {
    const { why, plan_digest, needs, policy_digest } = event.data
    const voided = [...(row.voided ?? []), ...row.votes.map(({ vote }) => vote)]
    const held = { plan: plan_digest, needs, policy: policy_digest, votes: [] }
    return to('held', why, voided.length === 0 ? held : { ...held, voided })
  }
  if (isAudit(event, 'op.vote')) {
    const { actor, kid, decision, custody, reason, vote, until, token } = event.data
    const cast = { actor, kid, decision, custody, reason, vote, ...peekVote(token) }
    const others = row.votes.filter((one) => one.actor !== actor)
    const before = row.votes.filter((one) => one.actor === actor)
    const votes = [...others, until === undefined ? cast : { ...cast, until }]
    const voided = [...(row.voided ?? []), ...before.map((one) => one.vote)]
    const what = until === undefined ? `votes ${decision}` : 'breaks the glass'
    const more = voided.length === 0 ? { votes } : { votes, voided }
    return to(row.phase, `${actor} ${what}: ${reason}`, more)
  }
  if (isAudit(event, 'op.approved')) {
    const { seq, keeper_epoch, auto, approvals, policy_digest, break_glass: glass } = event.data
    const who = auto ? 'policy' : approvals.map(({ actor }) => actor).join(', ')
    const more = { seq, keeperEpoch: keeper_epoch, policy: policy_digest, ...(glass && { glass }) }
    const how = glass ? ', who broke the glass,' : ''
    const what = `approved by ${who}${how} as number ${seq}`
    return { ...to('approved', what, more), why: `${what}; it waits for the controller` }
  }
  if (isAudit(event, 'op.claimed')) {
    const { provider_token, writes } = event.data
    const claim = eventDigest(event)
    return to('claimed', 'the controller took it', { claim, providerToken: provider_token, writes })
  }
  if (isAudit(event, 'op.applied')) {
    const { moves, detail } = event.data
    const moved = moves.map((move) => `${move.dimension} → ${move.to}`).join(', ')
    return to('applied', moved === '' ? 'done' : `done: ${moved}`, { moves, detail })
  }
  if (isAudit(event, 'op.failed')) {
    const { code, message, detail } = event.data
    return to('failed', message, { code, detail })
  }
  if (isAudit(event, 'op.in_doubt')) {
    const { code, message, detail } = event.data
    return to('in_doubt', message, { code, detail })
  }
  if (isAudit(event, 'op.evidence')) {
    const { token: _, ...data } = event.data
    const found: OpEvidence = { at: event.time, ...data }
    const note = { phase: row.phase, at: event.time, why: evidenceText(found) }
    return { ...row, evidence: [...(row.evidence ?? []), found], notes: [...row.notes, note] }
  }
  if (isAudit(event, 'op.resolved')) {
    const { as, by, reason } = event.data
    return to(row.phase, `${by} looked and says ${as}: ${reason}`)
  }
  if (isAudit(event, 'op.refused')) {
    const { code, message, remedy } = event.data
    return to('refused', message, { code, remedy })
  }
  if (isAudit(event, 'op.withdrawn')) {
    return to('withdrawn', `${event.data.by} withdrew it: ${event.data.reason}`)
  }
  if (isAudit(event, 'op.expired')) {
    const { what, code, message } = event.data
    return to(what === 'intent' ? 'expired' : row.phase, message, { code })
  }
  return row
}

/** Evidence in words. */
export function evidenceText({ what, step, outcome, message, epoch }: OpEvidence): string {
  const which = {
    run: 'the whole run',
    step: `step ${step ?? ''}`,
    undo: `the undo of ${step ?? ''}`,
    machine: 'the provider, asked for a machine,',
  }[what]
  return `${which} answered ${outcome} (${message}) to the process of epoch ${epoch}, which had been replaced`
}

/** The same set when it has them all: it grows with names, not with operations. */
function more(set: ReadonlySet<string>, names: readonly string[]): ReadonlySet<string> {
  return names.every((name) => set.has(name)) ? set : new Set([...set, ...names])
}

function union(one: readonly string[], other: readonly string[]): readonly string[] {
  return [...new Set([...one, ...other])]
}
