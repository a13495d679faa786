/** `prov op list`: the operations of this workspace, newest first. @module */
import { defineCommand, formatDuration, opPhases, table } from 'prov'
import type { OpSummary } from '../reads/ops.ts'
import { phaseCell } from './end.ts'

export const command = defineCommand({
  pattern: 'op list',
  describe: 'operations, newest first: what was asked, where it stands, what it waits for',
  group: 'Operations',
  examples: [
    ['prov op list', 'everything'],
    ['prov op list --phase held', 'what waits for a person'],
  ],
  flags: {
    open: { type: 'boolean', default: false, describe: 'only those that have not ended' },
    phase: { type: 'string', choices: opPhases, describe: 'only those in this phase' },
  },
  run: async ({ open, phase }, { read }) =>
    (await read('ops', { open, ...(phase !== undefined && { phase }) })) as readonly OpSummary[],
  render(ops, paint, format) {
    if (ops.length === 0) {
      return ['no operations', paint.dim('propose one: prov op submit <type> <target>')]
    }
    const enough = shortest(ops.map(({ op }) => op))
    return table(
      ops.map(({ op, phase, type, target, by, ageMs, needs, why, glass }) => [
        [op.slice(0, enough), paint.bold],
        phaseCell(phase, paint),
        `${type} ${target}`,
        by,
        `${formatDuration(ageMs)} ago`,
        glass && !glass.reviewed
          ? ([`broken glass by ${glass.by}, not reviewed; ${needs ?? why}`, paint.bad] as const)
          : (needs ?? why),
      ]),
      { paint, format, head: ['op', 'phase', 'what', 'by', 'asked', 'why'] },
    )
  },
})

/** How many characters of the ids tell them all apart, 12 at least. */
export function shortest(ids: readonly string[]): number {
  const sorted = [...new Set(ids)].sort()
  let enough = 12
  for (const [at, id] of sorted.entries()) {
    const before = sorted[at - 1]
    if (before === undefined) continue
    let same = 0
    while (same < id.length && id[same] === before[same]) same++
    enough = Math.max(enough, same + 1)
  }
  return enough
}
