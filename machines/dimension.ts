/**
 * A dimension: where one aspect of the workspace stands, and where it should go. One machine for
 * every dimension: the states that people name ("bootstrapped", "operational") are data, so the
 * position is context and the machine's own states say whether the position may be trusted.
 *
 *              dimension.held
 *     ┌──────┐ ─────────────▶ ┌──────┐     dimension.moved: the next version, in either state
 *     │ free │                │ held │     dimension.declared, dimension.redefined: likewise
 *     └──────┘ ◀───────────── └──────┘
 *         │    dimension.released │
 *         └──────────┬────────────┘
 *                    │ dimension.moved, a later version than the next
 *                    ▼
 *               ┌────────┐
 *               │ behind │  carries a code; leaves when it has caught up (moved) or was told (synced)
 *               └────────┘
 *
 * M1  Only the next version moves it: a version it has seen changes nothing, so a result that
 *     arrives twice moves once.
 * M2  A gap is never jumped: a move that was missed may have changed what a gate relied on.
 * M3  A person's edit of the file is a proposal (`declared`) until an operation moves the
 *     dimension there or the proposal is declined (D-31).
 * M4  One operation holds it at a time; the hold of another one is not taken over (D-32).
 *
 * @module
 */
import { and, assign, setup } from 'xstate'

/** A way from one state to another, as `state.ncl` says it. */
export interface DimensionTransition {
  readonly from: string
  readonly to: string
  readonly condition?: string
  /** What would trigger it. Absent: nothing in particular. */
  readonly catalyst?: string
  /** What stops it. Absent: nothing does. */
  readonly blocker?: string
  readonly horizon?: string
}

export interface DimensionInput {
  readonly id: string
  readonly current: string
  readonly desired: string
  readonly transitions: readonly DimensionTransition[]
  /** How often it has moved; 0 is genesis. */
  readonly version: number
}

/** What is not known is null, never left out: a stored context reads back the same. */
export interface DimensionContext extends DimensionInput {
  /** The operation that moved it last; null at genesis. */
  readonly movedBy: string | null
  /** When it moved last, ms since the epoch. */
  readonly movedAt: number | null
  /** The operation that holds it from CLAIM to RESULT. */
  readonly heldBy: string | null
  /** What a person wrote into the file and nobody has judged yet. */
  readonly declared: string | null
  /** In `behind`: the newest version heard of, and why the position is not to be trusted. */
  readonly seenVersion: number | null
  readonly code: string | null
}

export type DimensionEvent =
  | {
      readonly type: 'dimension.moved'
      readonly to: string
      readonly version: number
      readonly op: string
      readonly at?: number
    }
  /** `current_state` in the file differs from the file that was last seen. */
  | { readonly type: 'dimension.declared'; readonly to: string }
  /** The declaration was judged and not taken. */
  | { readonly type: 'dimension.declined' }
  /** The file's other fields were edited. */
  | {
      readonly type: 'dimension.redefined'
      readonly desired: string
      readonly transitions: readonly DimensionTransition[]
    }
  | { readonly type: 'dimension.held'; readonly op: string }
  | { readonly type: 'dimension.released'; readonly op: string }
  /** The journal was asked again: this is where it stands. */
  | { readonly type: 'dimension.synced'; readonly current: string; readonly version: number }

/** In `behind`: a move was missed, the position shown is an old one. */
export const dimensionBehindCode = 'PROV_DIMENSION_BEHIND'

export const dimensionMachine = setup({
  types: {
    input: {} as DimensionInput,
    context: {} as DimensionContext,
    events: {} as DimensionEvent,
  },
  guards: {
    isNext: ({ context, event }) =>
      event.type === 'dimension.moved' && event.version === context.version + 1,
    catchesUp: ({ context, event }) =>
      event.type === 'dimension.moved' &&
      event.version === context.version + 1 &&
      event.version >= (context.seenVersion ?? 0),
    leavesGap: ({ context, event }) =>
      event.type === 'dimension.moved' && event.version > context.version + 1,
    isHolder: ({ context, event }) =>
      event.type === 'dimension.released' && context.heldBy === event.op,
    isNobodys: ({ context }) => context.heldBy === null,
    isHeld: ({ context }) => context.heldBy !== null,
    isNotOlder: ({ context, event }) =>
      event.type === 'dimension.synced' &&
      event.version >= (context.seenVersion ?? context.version),
    isElsewhere: ({ context, event }) =>
      event.type === 'dimension.declared' && event.to !== context.current,
    isTakenBack: ({ context, event }) =>
      event.type === 'dimension.declared' &&
      event.to === context.current &&
      context.declared !== null,
    isDeclared: ({ context }) => context.declared !== null,
  },
  actions: {
    move: assign(({ context, event }) =>
      event.type === 'dimension.moved'
        ? {
            current: event.to,
            version: event.version,
            movedBy: event.op,
            movedAt: event.at ?? null,
            declared: context.declared === event.to ? null : context.declared,
          }
        : {},
    ),
    hold: assign(({ event }) => (event.type === 'dimension.held' ? { heldBy: event.op } : {})),
    release: assign({ heldBy: null }),
    declare: assign(({ event }) =>
      event.type === 'dimension.declared' ? { declared: event.to } : {},
    ),
    undeclare: assign({ declared: null }),
    redefine: assign(({ event }) =>
      event.type === 'dimension.redefined'
        ? { desired: event.desired, transitions: event.transitions }
        : {},
    ),
    noteGap: assign(({ context, event }) =>
      event.type === 'dimension.moved'
        ? {
            code: dimensionBehindCode,
            seenVersion: Math.max(event.version, context.seenVersion ?? 0),
          }
        : {},
    ),
    trust: assign({ code: null, seenVersion: null }),
    sync: assign(({ event }) =>
      event.type === 'dimension.synced' ? { current: event.current, version: event.version } : {},
    ),
  },
}).createMachine({
  id: 'dimension',
  context: ({ input }) => ({
    ...input,
    movedBy: null,
    movedAt: null,
    heldBy: null,
    declared: null,
    seenVersion: null,
    code: null,
  }),
  initial: 'free',
  on: {
    'dimension.declared': [
      { guard: 'isElsewhere', actions: 'declare' },
      { guard: 'isTakenBack', actions: 'undeclare' },
    ],
    'dimension.declined': { guard: 'isDeclared', actions: 'undeclare' },
    'dimension.redefined': { actions: 'redefine' },
  },
  states: {
    free: {
      on: {
        'dimension.moved': [
          { guard: 'isNext', actions: 'move' },
          { guard: 'leavesGap', target: 'behind', actions: 'noteGap' },
        ],
        'dimension.held': { target: 'held', actions: 'hold' },
      },
    },
    held: {
      on: {
        'dimension.moved': [
          { guard: 'isNext', actions: 'move' },
          { guard: 'leavesGap', target: 'behind', actions: 'noteGap' },
        ],
        'dimension.released': { guard: 'isHolder', target: 'free', actions: 'release' },
      },
    },
    behind: {
      on: {
        'dimension.moved': [
          { guard: and(['catchesUp', 'isHeld']), target: 'held', actions: ['move', 'trust'] },
          { guard: 'catchesUp', target: 'free', actions: ['move', 'trust'] },
          { guard: 'isNext', actions: 'move' },
          { guard: 'leavesGap', actions: 'noteGap' },
        ],
        'dimension.synced': [
          { guard: and(['isNotOlder', 'isHeld']), target: 'held', actions: ['sync', 'trust'] },
          { guard: 'isNotOlder', target: 'free', actions: ['sync', 'trust'] },
        ],
        'dimension.held': { guard: 'isNobodys', actions: 'hold' },
        'dimension.released': { guard: 'isHolder', actions: 'release' },
      },
    },
  },
})
