/**
 * Where every dimension stands: the journal's position, what the file says when it says something
 * else, and the operation that is about to change it (D-31).
 *
 * @module
 */
import { defineRead } from 'prov'
import type { JournalReader, JsonObject } from 'prov'
import { nextRows, stateRows } from '../next.ts'
import type { DimensionRow } from '../next.ts'
import { now } from '../now.ts'

export interface StateRow extends DimensionRow {
  /** Of the ways towards the goal: all `blocked`, one `ready`, none there (`stuck`); or `reached`. */
  readonly status: 'reached' | 'blocked' | 'ready' | 'stuck'
  /** The file was edited since it was last seen: the edit becomes a proposal with the next writer. */
  readonly edited?: true
  /** The operation that moved it last. */
  readonly movedBy?: string
  /** Operations under way that would move it. */
  readonly pending: readonly { readonly op: string; readonly to: string; readonly phase: string }[]
}

export const read = defineRead<void, readonly StateRow[]>({
  name: 'state',
  describe:
    'current and desired state of every dimension, with what stops or would trigger the way on',
  async run(_, context) {
    const { model, standing, ops } = await now(context)
    const seen = await lastSeen(context.journal)
    const next = nextRows(model, standing)
    return stateRows(model, standing).map((row) => {
      const ways = next.filter(({ dimension, towardsGoal }) => dimension === row.id && towardsGoal)
      const movedBy = Object.hasOwn(ops.positions, row.id) ? ops.positions[row.id]?.op : undefined
      return {
        ...row,
        status: row.reached
          ? 'reached'
          : ways.length === 0
            ? 'stuck'
            : ways.every(({ blocker }) => blocker !== undefined)
              ? 'blocked'
              : 'ready',
        ...(row.declared !== undefined && isEdit(seen, row) && { edited: true as const }),
        ...(movedBy !== undefined && { movedBy }),
        pending: [...ops.open.values()].flatMap(({ id, phase, body }) =>
          body.achieves
            .filter((move) => move.dimension === row.id)
            .map(({ to }) => ({ op: id, to, phase })),
        ),
      }
    })
  },
})

type Positions = Readonly<Record<string, string>>

/** What the files said when somebody last looked with the right to write. */
async function lastSeen(journal: JournalReader | undefined): Promise<Positions> {
  let seen: Positions = {}
  for await (const { type, body } of journal?.read({ partition: 'declarations' }) ?? []) {
    if (type === 'files.seen') seen = (body as JsonObject)['positions'] as unknown as Positions
  }
  return seen
}

function isEdit(seen: Positions, { id, declared }: DimensionRow): boolean {
  return Object.hasOwn(seen, id) && seen[id] !== declared
}
