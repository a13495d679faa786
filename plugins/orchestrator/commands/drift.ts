/** `prov drift`: what providers see now against what the journal says, line by line. @module */
import { defineCommand } from 'prov'
import type { Paint } from 'prov'
import type { DriftRow } from '../drift.ts'

export const command = defineCommand({
  pattern: 'drift',
  describe: 'machines as recorded against what their providers see now',
  notes: [
    'Exit 0: nothing differs. 2: something does. 7: a provider cannot be asked, or cannot tell; what it said of others is shown all the same.',
    'Compared are the machines of leases: identity, host and port; and machines that bear the name of this workspace while no lease has them. No provider sees dimensions and capabilities: those are where operations left them.',
  ],
  group: 'State',
  examples: [
    ['prov drift', 'it asks providers to look, starts nothing and takes no lock'],
    ['prov drift --watch --json', 'a line each time that the answer changes'],
  ],
  flags: {},
  run: async (_, { read }) => (await read('drift')) as readonly DriftRow[],
  exitCode: (rows) => {
    if (rows.some(({ drift }) => drift === 'unknown')) return 7
    return rows.some(({ drift }) => drift === 'differs') ? 2 : 0
  },
  render: (rows, paint) =>
    rows.length === 0
      ? ['no machine is leased, and providers see none']
      : rows.flatMap((row) => linesFor(row, paint)),
})

function linesFor(
  { provider, machine, op, drift, lines, why }: DriftRow,
  paint: Paint,
): readonly string[] {
  const colour = { none: paint.good, differs: paint.bad, unknown: paint.warn }[drift]
  const name = [provider, machine].filter((part) => part !== null).join(' ')
  const whose = op === null ? '' : ` of ${op}`
  return [
    `${paint.bold(name)}${whose}: ${colour(why)}`,
    ...(drift === 'differs' ? lines : []).map((line) => {
      const sign = { '+': paint.good, '-': paint.bad }[line[0] as string] ?? paint.dim
      return `  ${sign(line)}`
    }),
  ]
}
