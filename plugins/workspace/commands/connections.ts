/** `prov connections`: who needs whom, and which gate stands between. @module */
import { defineCommand, section, table } from 'prov'
import type { ConnectionsView } from '../connections.ts'
import { gateMark, listed } from './marks.ts'
import { onlyRows } from './only.ts'

export const command = defineCommand({
  pattern: 'connections [unit]',
  describe: 'units with their upstream and downstream, and the gates on each connection',
  group: 'Topology',
  examples: [
    ['prov connections', 'the whole graph, as a table'],
    ['prov connections app-cluster', 'one unit'],
  ],
  flags: {
    unit: {
      type: 'string',
      describe: 'only this one',
      complete: { read: 'connections', rows: 'units', value: 'unit' },
    },
  },
  async run({ unit }, { read }) {
    const view = (await read('connections')) as ConnectionsView
    const units = onlyRows(view.units, unit, {
      what: 'unit',
      command: 'connections',
      idOf: (row) => row.unit,
    })
    return { ...view, units }
  },
  render({ units, projects }, paint, format) {
    const look = { paint, format } as const
    const others = (['upstream', 'downstream', 'peers'] as const).flatMap((way) =>
      projects[way].map(({ project, node, via, kind, note }) => [
        way,
        project,
        node,
        via,
        [kind, note].filter(Boolean).join(': '),
      ]),
    )
    if (units.length === 0 && others.length === 0) {
      return ['no connections', paint.dim('declare units in .ontology/provisioning.ncl')]
    }
    return [
      ...table(
        units.map(({ unit, external, upstream, downstream }) => [
          [unit, external ? paint.dim : paint.bold],
          external ? ['run by others', paint.dim] : listed(upstream),
          listed(downstream),
        ]),
        { ...look, head: ['unit', 'upstream', 'downstream'] },
      ),
      ...section(
        'Gates on them',
        table(
          units.flatMap(({ unit, gates }) =>
            gates.map(({ gate, from, status }) => [
              gateMark(status, paint),
              `${from} → ${unit}`,
              [gate, paint.dim] as const,
            ]),
          ),
          { ...look, head: ['status', 'connection', 'gate'] },
        ),
        look,
      ),
      ...section(
        'Other projects',
        table(others, { ...look, head: ['', 'project', 'node', 'via', 'what'] }),
        look,
      ),
    ]
  },
})
