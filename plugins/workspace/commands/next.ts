/** `prov next`: every way on from here, with what stops it, what triggers it and which operation does it. @module */
import { defineCommand, fields } from 'prov'
import type { NextRow } from '../next.ts'
import { onlyRows } from './only.ts'

export const command = defineCommand({
  pattern: 'next [dimension]',
  describe: 'valid transitions from here, with blockers, catalysts and the operation for each',
  group: 'State',
  examples: [
    ['prov next', 'over all dimensions at once'],
    ['prov next observability', 'ways on of one dimension'],
  ],
  flags: {
    dimension: {
      type: 'string',
      describe: 'only ways on of this one',
      complete: { read: 'state', value: 'id', says: ['name', 'current'] },
    },
    all: { type: 'boolean', default: false, describe: 'also ways that lead away from the goal' },
  },
  async run({ dimension, all }, { read }) {
    const rows = (await read('next')) as readonly NextRow[]
    const asked = onlyRows(rows, dimension, {
      what: 'way on for dimension',
      command: 'next --all',
      idOf: (row) => row.dimension,
    })
    return all || dimension !== undefined ? asked : asked.filter((row) => row.towardsGoal)
  },
  render(rows, paint, format) {
    if (rows.length === 0)
      return [paint.good('nothing to do: every dimension is where it should be')]
    const look = { paint, format } as const
    return rows
      .flatMap((row) => [
        '',
        `${format === 'md' ? '## ' : ''}${paint.bold(row.dimension)}  ${row.from} → ${row.to}`,
        ...fields(
          [
            ['blocked by', row.blocker === undefined ? undefined : [row.blocker, paint.warn]],
            ['catalyst', row.catalyst],
            ['holds when', row.condition],
            ['do', commandsFor(row).join('\n')],
          ],
          look,
        ),
      ])
      .slice(1)
  },
})

/** Commands to paste; what they wait for stands behind a `#`, so that pasting does no harm. */
function commandsFor({ dimension, to, operations }: NextRow): readonly string[] {
  if (operations.length === 0) {
    return [`prov op submit dimension.transition ${dimension} --param to=${to}`]
  }
  return operations.map(({ type, target, waitsFor }) => {
    const waits = waitsFor.length === 0 ? '' : `  # waits for gate ${waitsFor.join(', ')}`
    return `prov op submit ${type} ${target}${waits}`
  })
}
