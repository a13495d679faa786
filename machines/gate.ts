/**
 * A gate ("membrane"): may data, tokens or control signals cross? Its condition is a tree over
 * leaves; the machine keeps the truth of each leaf and the verdict follows.
 *
 *                 condition.changed, gate.redefined
 *        ┌────────────────────┬────────────────────┐
 *        ▼                    ▼                    ▼
 *     ┌────────┐ ◀──────▶ ┌─────────┐ ◀──────▶ ┌──────┐
 *     │ closed │          │ partial │          │ open │
 *     └────────┘          └─────────┘          └──────┘
 *      no leaf holds       some leaf holds,      the tree holds
 *      (or not active)     the tree does not
 *
 * G1  A gate closes again when its evidence goes bad: no state remembers having been open.
 * G2  A leaf that nobody has answered is false: gates fail closed.
 * G3  Partial blocks like closed (D-47); it only says that the way is begun.
 * G4  A leaf that the tree does not name changes nothing, and neither does the same answer again.
 *
 * @module
 */
import { assign, setup } from 'xstate'
import type { Condition } from '../policies/index.ts'
import { holds, leafId, leavesOf } from '../policies/index.ts'

/** What is known about one leaf. */
export interface LeafTruth {
  readonly met: boolean
  /** Why, for people: "cluster stands at bootstrapped". */
  readonly why: string | null
  /** When it became so, ms since the epoch. */
  readonly at: number | null
}

export interface GateInput {
  readonly id: string
  readonly condition: Condition
  /** Default true. An inactive gate is closed whatever its leaves say. */
  readonly active?: boolean
  /** What is true at birth, by leaf id; absent leaves are false. */
  readonly leaves?: Readonly<Record<string, boolean>>
}

export interface GateContext {
  readonly id: string
  readonly condition: Condition
  readonly active: boolean
  /** One entry for each leaf of the condition, by leaf id. */
  readonly leaves: Readonly<Record<string, LeafTruth>>
}

export type GateEvent =
  | {
      readonly type: 'condition.changed'
      /** Leaf id, see `leafId`. */
      readonly leaf: string
      readonly met: boolean
      readonly why?: string
      readonly at?: number
    }
  /** The file was edited. Leaves that both conditions name keep their truth. */
  | {
      readonly type: 'gate.redefined'
      readonly condition: Condition
      readonly active?: boolean
      readonly leaves?: Readonly<Record<string, boolean>>
    }

function leavesFor(
  condition: Condition,
  truth: (leaf: string) => LeafTruth | undefined,
): Readonly<Record<string, LeafTruth>> {
  const unknown: LeafTruth = { met: false, why: null, at: null }
  return Object.fromEntries(
    leavesOf(condition).map((leaf) => [leafId(leaf), truth(leafId(leaf)) ?? unknown]),
  )
}

const told = (leaves: Readonly<Record<string, boolean>> | undefined, leaf: string) => {
  const met = leaves?.[leaf]
  return met === undefined ? undefined : { met, why: null, at: null }
}

export const gateMachine = setup({
  types: {
    input: {} as GateInput,
    context: {} as GateContext,
    events: {} as GateEvent,
  },
  guards: {
    changesLeaf: ({ context, event }) => {
      if (event.type !== 'condition.changed') return false
      const known = Object.hasOwn(context.leaves, event.leaf)
      return known && context.leaves[event.leaf]?.met !== event.met
    },
    treeHolds: ({ context }) =>
      context.active && holds(context.condition, (leaf) => context.leaves[leaf]?.met === true),
    someHolds: ({ context }) =>
      context.active && Object.values(context.leaves).some((leaf) => leaf.met),
  },
  actions: {
    note: assign(({ context, event }) =>
      event.type === 'condition.changed'
        ? {
            leaves: {
              ...context.leaves,
              [event.leaf]: { met: event.met, why: event.why ?? null, at: event.at ?? null },
            },
          }
        : {},
    ),
    redefine: assign(({ context, event }) =>
      event.type === 'gate.redefined'
        ? {
            condition: event.condition,
            active: event.active ?? true,
            leaves: leavesFor(
              event.condition,
              (leaf) => told(event.leaves, leaf) ?? context.leaves[leaf],
            ),
          }
        : {},
    ),
  },
}).createMachine({
  id: 'gate',
  context: ({ input }) => ({
    id: input.id,
    condition: input.condition,
    active: input.active ?? true,
    leaves: leavesFor(input.condition, (leaf) => told(input.leaves, leaf)),
  }),
  initial: 'judging',
  on: {
    'condition.changed': { guard: 'changesLeaf', target: '.judging', actions: 'note' },
    'gate.redefined': { target: '.judging', actions: 'redefine' },
  },
  states: {
    // Passed through, never rested in: the verdict is computed from the leaves each time.
    judging: {
      always: [
        { guard: 'treeHolds', target: 'open' },
        { guard: 'someHolds', target: 'partial' },
        { target: 'closed' },
      ],
    },
    open: {},
    partial: {},
    closed: {},
  },
})
