/**
 * An operation, for its whole life. Every plane that knows the operation runs its own instance of
 * this one machine, driven by its own acts and by the others' facts; only the plane that owns a phase
 * supplies its effects, so the same machine acts in one place and follows in the others (D-24).
 *
 *                 keeper                                 controller
 *     ┌───────────┐      ┌──────┐      ┌──────────┐      ┌─────────┐      ┌──────────┐
 *     │ submitted │ ───▶ │ held │ ───▶ │ approved │ ───▶ │ claimed │ ───▶ │ applying │
 *     └───────────┘      └──────┘      └──────────┘      └─────────┘      └──────────┘
 *           │  └──────────────────────────▲ │                 │                │
 *           ▼                               ▼                 └───────┬────────┘
 *     refused, withdrawn, expired     refused, expired                ▼
 *                                              applied, failed ◀── in_doubt ──▶ unknown
 *
 * Facts are named like the audit events that carry them, so a plane hands an audit event on without
 * translating it.
 *
 * O1  A fact moves the operation forward only. One that is old or known already changes nothing, so
 *     redelivery and replay are harmless; one that skips phases is taken, because a follower may
 *     have missed some.
 * O2  Nothing is executed before `claimed`, and `claimed` is on disk before `execute` is issued.
 * O3  An answer that never came is `in_doubt`, a state of its own: the provider is asked, or a
 *     person decides. It is never counted as failure (D-32).
 * O4  A final state holds its outcome and code for ever.
 * O5  Time comes in with the facts (`at`); the machine has no clock and no deadline of its own:
 *     expiry is judged by the plane that owns the phase, and arrives as `op.expired`.
 *
 * The file is long because a statechart that is cut in two cannot be read.
 *
 * @module
 */
import { assign, enqueueActions, raise, setup } from 'xstate'
import type { EffectAnswer } from './answer.ts'
import { errorIn, factIn } from './answer.ts'

export type OperationOutcome =
  'applied' | 'failed' | 'refused' | 'withdrawn' | 'expired' | 'unknown'

export interface OperationInput {
  readonly id: string
  readonly workspace: string
  /** Op type, for example `deploy`. */
  readonly op: string
  readonly target: string
  readonly digest: string
  /** Who asked. */
  readonly by: string
  /** When it was submitted, ms since the epoch. */
  readonly at: number
  /** The signed token as this plane holds it; kept for those who act, never looked at here. */
  readonly token?: string
  /**
   * The fact that this instance begins with, recorded in the very frame that begins it: the
   * submitter's own `op.submitted`, the keeper's own `op.approved` where policy signs at once, the
   * controller's own `op.claimed`. Default: none of its own.
   */
  readonly birth?: OperationFact
}

/** One line of "how did it come to this". */
export interface TrailEntry {
  readonly fact: string
  readonly at: number | null
  readonly by: string | null
  readonly why: string | null
}

export interface OperationVote {
  readonly actor: string
  readonly decision: 'approve' | 'reject'
  readonly reason: string
  /** Who else could have made it (D-28); absent when the fact did not say. */
  readonly custody?: 'shared' | 'separate'
  readonly kid?: string
  /** Digest of the signed vote. */
  readonly vote?: string
  /** Ms since the epoch; present when it stands for all who are asked for, until then. */
  readonly until?: number
}

export interface OperationContext extends Omit<OperationInput, 'token' | 'birth'> {
  readonly token: string | null
  /** Taken off as soon as it is recorded. */
  readonly birth: OperationFact | null
  /** Votes since it was held last: they are void when it is held anew (D-29). */
  readonly votes: readonly OperationVote[]
  /** What is still missing for approval, in words. */
  readonly needs: string | null
  readonly seq: number | null
  readonly keeperEpoch: number | null
  /** The token came too late; until the next one the approval has no force. */
  readonly lapsed: boolean
  /** Controller epoch of the claim. */
  readonly epoch: number | null
  readonly providerToken: string | null
  readonly outcome: OperationOutcome | null
  readonly code: string | null
  readonly why: string | null
  /** Oldest first; the middle is dropped when it grows over `longestTrail`. */
  readonly trail: readonly TrailEntry[]
}

/** Common to all facts: when, who said so, and why. */
interface Said {
  /** Ms since the epoch, as its author measured it; a fact that comes again has the same. */
  readonly at: number
  /** The plane or person; a record handler uses it to tell its own acts from others' facts. */
  readonly by?: string
  readonly why?: string
  /** What the author writes down beside the step; nothing here looks into it. */
  readonly data?: unknown
}

export type OperationFact =
  /** Signed and durable at the submitter's; only ever a birth. */
  | ({ readonly type: 'op.submitted' } & Said)
  /** The policy was asked. Says how it was judged; what follows is a fact of its own. */
  | ({ readonly type: 'op.matched'; readonly verdict: 'deny' | 'hold' | 'auto-sign' } & Said)
  /** Also when it is held again because policy or state moved: earlier votes are then void. */
  | ({ readonly type: 'op.held'; readonly needs: string } & Said)
  | ({
      readonly type: 'op.vote'
      readonly actor: string
      readonly decision: 'approve' | 'reject'
      readonly reason: string
      readonly custody?: 'shared' | 'separate'
      readonly kid?: string
      readonly vote?: string
      readonly until?: number
    } & Said)
  /** Signed, numbered and on its way to the controller, in one record. */
  | ({ readonly type: 'op.approved'; readonly seq: number; readonly keeperEpoch: number } & Said)
  | ({ readonly type: 'op.refused'; readonly code: string } & Said)
  | ({ readonly type: 'op.withdrawn' } & Said)
  /** `command`: the token came too late or its number was skipped; the keeper may issue another. */
  | ({ readonly type: 'op.expired'; readonly what: 'intent' | 'command' } & Said)
  | ({
      readonly type: 'op.claimed'
      readonly seq: number
      readonly epoch: number
      readonly providerToken: string
    } & Said)
  /** The intent to touch the world is on disk. */
  | ({ readonly type: 'op.started' } & Said)
  | ({ readonly type: 'op.applied' } & Said)
  | ({ readonly type: 'op.failed'; readonly code: string } & Said)
  | ({ readonly type: 'op.in_doubt'; readonly code: string } & Said)
  /** A person decided what nobody could find out. */
  | ({ readonly type: 'op.resolved'; readonly as: 'applied' | 'failed' | 'unknown' } & Said)

export type OperationEvent =
  | OperationFact
  /** Issue the effect of this phase again: after a failed attempt, or at start-up. */
  | { readonly type: 'op.retry' }
  | EffectAnswer

const factTypes: readonly OperationFact['type'][] = [
  'op.matched',
  'op.held',
  'op.vote',
  'op.approved',
  'op.refused',
  'op.withdrawn',
  'op.expired',
  'op.claimed',
  'op.started',
  'op.applied',
  'op.failed',
  'op.in_doubt',
  'op.resolved',
]

/** Entries that a trail keeps: the first ten and the newest. */
export const longestTrail = 100

/** Every effect that the machine names; see `ownEffects`. */
export const operationEffects = ['judge', 'count', 'dispatch', 'execute', 'probe'] as const

/** What effect handlers get. */
export interface OperationEffect {
  readonly op: string
  readonly workspace: string
  readonly seq: number | null
  readonly providerToken: string | null
}

const effect = ({ context }: { readonly context: OperationContext }): OperationEffect => ({
  op: context.id,
  workspace: context.workspace,
  seq: context.seq,
  providerToken: context.providerToken,
})

/** What a record handler gets: the fact, to be written in the same frame as the step. */
export interface OperationRecord {
  readonly op: string
  /** Null for an instance that began with nothing of its own to say. */
  readonly fact: OperationEvent | null
}

function withEntry(trail: readonly TrailEntry[], entry: TrailEntry): readonly TrailEntry[] {
  const grown = [...trail, entry]
  return grown.length <= longestTrail
    ? grown
    : [...grown.slice(0, 10), ...grown.slice(grown.length - longestTrail + 10)]
}

/** Who a fact comes from: a voter speaks for themselves, whichever plane carries the vote. */
function speaker(event: OperationEvent): string | null {
  if (event.type === 'op.vote') return event.actor
  return ('by' in event && event.by) || null
}

/** False for a fact that the trail has already: it was delivered twice. */
function isNews(context: OperationContext, event: OperationEvent): boolean {
  return !context.trail.some(
    (entry) =>
      entry.fact === event.type &&
      entry.at === ('at' in event ? event.at : null) &&
      entry.by === speaker(event),
  )
}

/** Every fact is written down twice over: in the trail for people, as a record for the journal. */
const noted = ['note', { type: 'record', params: recordOf }] as const

function recordOf({
  context,
  event,
}: {
  readonly context: OperationContext
  readonly event: OperationEvent
}): OperationRecord {
  return { op: context.id, fact: event }
}

function claimIn(event: OperationEvent) {
  if (event.type !== 'op.claimed') return {}
  const { seq, epoch, providerToken } = event
  return { seq, epoch, providerToken, needs: null }
}

function approvalIn(event: OperationEvent) {
  if (event.type !== 'op.approved') return {}
  const { seq, keeperEpoch } = event
  return { seq, keeperEpoch, needs: null, lapsed: false }
}

/** How it can end from any phase: the controller knows, whatever this instance has missed. */
const ends = {
  'op.applied': { target: '#operation.applied', actions: noted },
  'op.failed': { target: '#operation.failed', actions: noted },
  'op.resolved': [
    { guard: 'resolvedApplied', target: '#operation.applied', actions: noted },
    { guard: 'resolvedFailed', target: '#operation.failed', actions: noted },
    { target: '#operation.unknown', actions: noted },
  ],
} as const

/** How it can go on or end before the controller has it. */
const beforeClaim = {
  ...ends,
  'op.refused': { target: '#operation.refused', actions: noted },
  'op.withdrawn': { target: '#operation.withdrawn', actions: noted },
  'op.claimed': { target: '#operation.claimed', actions: ['claim', ...noted] },
  'op.started': { target: '#operation.applying', actions: noted },
  'op.in_doubt': { target: '#operation.in_doubt', actions: noted },
} as const

export const operationMachine = setup({
  types: {
    input: {} as OperationInput,
    context: {} as OperationContext,
    events: {} as OperationEvent,
    output: {} as {
      readonly outcome: OperationOutcome
      readonly code: string | null
      readonly why: string | null
    },
  },
  guards: {
    resolvedApplied: ({ event }) => event.type === 'op.resolved' && event.as === 'applied',
    resolvedFailed: ({ event }) => event.type === 'op.resolved' && event.as === 'failed',
    isNewToken: ({ context, event }) =>
      event.type === 'op.approved' &&
      (event.keeperEpoch > (context.keeperEpoch ?? -1) ||
        (event.keeperEpoch === context.keeperEpoch && event.seq > (context.seq ?? -1))),
    isBornClaimed: ({ context }) => context.providerToken !== null,
    isBornApproved: ({ context }) => context.seq !== null,
    isNews: ({ context, event }) => isNews(context, event),
    isNewIntentEnd: ({ context, event }) =>
      event.type === 'op.expired' && event.what === 'intent' && isNews(context, event),
    isLapsed: ({ context }) => context.lapsed,
    isHeldAgain: ({ context, event }) => context.lapsed && isNews(context, event),
    bringsFact: ({ event }) => factIn<OperationFact>(event, factTypes) !== undefined,
  },
  actions: {
    // Effects, each supplied by the plane that owns the phase and by nobody else.
    judge: (_step, _params: OperationEffect) => {},
    count: (_step, _params: OperationEffect) => {},
    dispatch: (_step, _params: OperationEffect) => {},
    execute: (_step, _params: OperationEffect) => {},
    probe: (_step, _params: OperationEffect) => {},
    // Journal entries of the same frame; supplied by each plane for its own facts.
    record: (_step, _params: OperationRecord) => {},

    answer: raise(({ event }) => factIn<OperationFact>(event, factTypes) as OperationFact),
    note: assign(({ context, event }) => {
      const said = event as Partial<Said> & { readonly type: string; readonly code?: string }
      return {
        why: said.why ?? null,
        code: said.code ?? null,
        trail: withEntry(context.trail, {
          fact: said.type,
          at: said.at ?? null,
          by: speaker(event),
          why: said.why ?? null,
        }),
      }
    }),
    trouble: assign(({ context, event }) => {
      const error = errorIn(event)
      return {
        code: error?.code ?? null,
        why: error?.message ?? null,
        trail: withEntry(context.trail, {
          fact: event.type,
          at: null,
          by: null,
          why: error?.message ?? null,
        }),
      }
    }),
    hold: assign(({ event }) =>
      event.type === 'op.held' ? { votes: [], needs: event.needs } : {},
    ),
    vote: assign(({ context, event }) =>
      event.type === 'op.vote'
        ? {
            votes: [
              ...context.votes.filter((vote) => vote.actor !== event.actor),
              {
                actor: event.actor,
                decision: event.decision,
                reason: event.reason,
                ...(event.custody !== undefined && { custody: event.custody }),
                ...(event.kid !== undefined && { kid: event.kid }),
                ...(event.vote !== undefined && { vote: event.vote }),
                ...(event.until !== undefined && { until: event.until }),
              },
            ],
          }
        : {},
    ),
    approve: assign(({ event }) => approvalIn(event)),
    claim: assign(({ event }) => claimIn(event)),
    grow: assign(({ context: { birth, trail } }) => {
      if (birth?.type !== 'op.claimed' && birth?.type !== 'op.approved') return { birth: null }
      const { type: fact, at, by, why = null } = birth
      const entry = { fact, at, by: by ?? null, why }
      const begun = { ...claimIn(birth), ...approvalIn(birth) }
      return { birth: null, why, ...begun, trail: withEntry(trail, entry) }
    }),
    lapse: assign({ lapsed: true }),
    end: assign((_, outcome: OperationOutcome) => ({ outcome, needs: null })),
  },
}).createMachine({
  id: 'operation',
  context: ({ input: { token, birth, ...input } }) => ({
    ...input,
    token: token ?? null,
    birth: birth ?? null,
    votes: [],
    needs: null,
    seq: null,
    keeperEpoch: null,
    lapsed: false,
    epoch: null,
    providerToken: null,
    outcome: null,
    code: null,
    why: null,
    trail: [{ fact: 'op.submitted', at: input.at, by: input.by, why: null }],
  }),
  initial: 'submitted',
  entry: [
    {
      type: 'record',
      params: ({ context }): OperationRecord => ({ op: context.id, fact: context.birth }),
    },
    'grow',
  ],
  on: { 'effect.done.*': { guard: 'bringsFact', actions: 'answer' } },
  states: {
    submitted: {
      // Whoever is born with a number was judged already.
      entry: enqueueActions(({ context, enqueue }) => {
        if (context.seq === null) enqueue({ type: 'judge', params: effect({ context }) })
      }),
      always: [
        { guard: 'isBornClaimed', target: 'claimed' },
        { guard: 'isBornApproved', target: 'approved' },
      ],
      on: {
        ...beforeClaim,
        'op.matched': { guard: 'isNews', actions: noted },
        'op.held': { target: 'held', actions: ['hold', ...noted] },
        'op.approved': { target: 'approved', actions: ['approve', ...noted] },
        'op.expired': { guard: 'isNewIntentEnd', target: 'expired', actions: noted },
        'op.retry': { target: 'submitted', reenter: true },
        'effect.failed.judge': { actions: 'trouble' },
      },
    },
    held: {
      on: {
        ...beforeClaim,
        'op.matched': { guard: 'isNews', actions: noted },
        'op.held': { guard: 'isNews', actions: ['hold', ...noted] },
        'op.vote': {
          guard: 'isNews',
          actions: ['vote', ...noted, { type: 'count', params: effect }],
        },
        'op.approved': { target: 'approved', actions: ['approve', ...noted] },
        'op.expired': { guard: 'isNewIntentEnd', target: 'expired', actions: noted },
        'op.retry': { actions: { type: 'count', params: effect } },
        'effect.failed.count': { actions: 'trouble' },
      },
    },
    approved: {
      entry: { type: 'dispatch', params: effect },
      on: {
        ...beforeClaim,
        'op.approved': {
          guard: 'isNewToken',
          target: 'approved',
          reenter: true,
          actions: ['approve', ...noted],
        },
        // The keeper judged again and people are needed after all.
        'op.held': { guard: 'isHeldAgain', target: 'held', actions: ['hold', ...noted] },
        'op.expired': [
          { guard: 'isNewIntentEnd', target: 'expired', actions: noted },
          { guard: 'isNews', actions: ['lapse', ...noted, { type: 'judge', params: effect }] },
        ],
        'op.retry': [
          { guard: 'isLapsed', actions: { type: 'judge', params: effect } },
          { target: 'approved', reenter: true },
        ],
        'effect.failed.dispatch': { actions: 'trouble' },
        'effect.failed.judge': { actions: 'trouble' },
      },
    },
    claimed: {
      entry: { type: 'execute', params: effect },
      on: {
        ...ends,
        'op.started': { target: 'applying', actions: noted },
        'op.in_doubt': { target: 'in_doubt', actions: noted },
        // The attempt broke off and did not say how far it came.
        'effect.failed.execute': { target: 'in_doubt', actions: 'trouble' },
      },
    },
    applying: {
      on: {
        ...ends,
        'op.in_doubt': { target: 'in_doubt', actions: noted },
        'effect.failed.execute': { target: 'in_doubt', actions: 'trouble' },
      },
    },
    in_doubt: {
      entry: { type: 'probe', params: effect },
      on: {
        ...ends,
        'op.retry': { target: 'in_doubt', reenter: true },
        'effect.failed.probe': { actions: 'trouble' },
      },
    },
    applied: { type: 'final', entry: { type: 'end', params: 'applied' } },
    failed: { type: 'final', entry: { type: 'end', params: 'failed' } },
    refused: { type: 'final', entry: { type: 'end', params: 'refused' } },
    withdrawn: { type: 'final', entry: { type: 'end', params: 'withdrawn' } },
    expired: { type: 'final', entry: { type: 'end', params: 'expired' } },
    unknown: { type: 'final', entry: { type: 'end', params: 'unknown' } },
  },
  output: ({ context }) => ({
    outcome: context.outcome ?? 'unknown',
    code: context.code,
    why: context.why,
  }),
})
