/** `prov gates`: which connections are open, and the facts behind each verdict. @module */
import { defineCommand, fields, section, table } from 'prov'
import type { Paint } from 'prov'
import type { GateVerdict } from '../conditions.ts'
import { gateMark } from './marks.ts'
import { onlyRows } from './only.ts'

export const command = defineCommand({
  pattern: 'gates [gate]',
  describe: 'status of every gate, and what would change it',
  group: 'Topology',
  examples: [
    ['prov gates', 'all of them, open ones last'],
    ['prov gates --closed', 'only those that block'],
    ['prov gates secrets-to-apps', 'one gate: condition, leaves, what its file states'],
  ],
  flags: {
    gate: {
      type: 'string',
      describe: 'only this one, in full',
      complete: { read: 'gates', value: 'id', says: ['name', 'status'] },
    },
    closed: { type: 'boolean', default: false, describe: 'only those that are not open' },
  },
  async run({ gate, closed }, { read }) {
    const rows = onlyRows((await read('gates')) as readonly GateVerdict[], gate, {
      what: 'gate',
      command: 'gates',
      idOf: ({ id }) => id,
    })
    const wanted = closed ? rows.filter(({ status }) => status !== 'open') : rows
    const shut = (row: GateVerdict) => (row.status === 'open' ? 1 : 0)
    return [...wanted].sort((one, two) => shut(one) - shut(two))
  },
  render(rows, paint, format) {
    if (rows.length === 0) return [paint.good('no gate blocks')]
    const [only] = rows
    if (only && rows.length === 1) return oneGate(only, paint, format)
    return format === 'md' ? asTable(rows, paint) : asBlocks(rows, paint)
  },
})

/** Each gate on a line, its leaves under it: what blocks is read first, and nothing wraps. */
function asBlocks(rows: readonly GateVerdict[], paint: Paint): readonly string[] {
  const width = Math.max(...rows.map(({ id }) => id.length))
  return rows
    .flatMap((row) => [
      '',
      `${pad(gateMark(row.status, paint), 9)}  ${pad([row.id, paint.bold], width)}  ${crossing(row)}`,
      ...row.leaves.map((leaf) => `${' '.repeat(11)}${paint.dim(briefly(leaf))}`),
    ])
    .slice(1)
}

const pad = ([text, paint]: readonly [string, (text: string) => string], width: number) =>
  paint(text) + ' '.repeat(Math.max(0, width - text.length))

function asTable(rows: readonly GateVerdict[], paint: Paint): readonly string[] {
  return table(
    rows.map((row) => [
      gateMark(row.status, paint),
      row.id,
      crossing(row),
      row.leaves.map(briefly).join('\n'),
    ]),
    { paint, format: 'md', head: ['status', 'gate', 'governs', 'because'] },
  )
}

const crossing = ({ edge }: GateVerdict) => (edge ? `${edge.from} → ${edge.to}` : 'everything')

type Leaf = GateVerdict['leaves'][number]

const leafText = ({ leaf, met, why }: Leaf) => `${met ? '✓' : '✗'} ${leaf} (${why})`

/** A leaf that holds explains itself, unless it is a count: then the count is the point. */
const briefly = (leaf: Leaf) =>
  leaf.met && !leaf.leaf.startsWith('at most ') ? `✓ ${leaf.leaf}` : leafText(leaf)

function oneGate(row: GateVerdict, paint: Paint, format: 'text' | 'md'): readonly string[] {
  const look = { paint, format } as const
  return [
    `${paint.bold(row.id)}  ${row.name}`,
    ...fields(
      [
        ['status', gateMark(row.status, paint)],
        ['governs', crossing(row)],
        ['carries', row.carries],
        ['opens when', row.condition],
      ],
      look,
    ),
    ...section(
      'Leaves',
      row.leaves.map((leaf) => `  ${leaf.met ? leafText(leaf) : paint.warn(leafText(leaf))}`),
      look,
    ),
    ...section(
      'Stated, not evaluated',
      row.stated.map((text) => `  ${text}`),
      look,
    ),
    ...(row.status === 'open' ? [] : ['', paint.dim(`see: prov why ${row.id}`)]),
  ]
}
