/** `prov state`: where every dimension stands. @module */
import { defineCommand, table } from 'prov'
import type { Paint } from 'prov'
import type { StateRow } from '../reads/state.ts'
import { stateMark } from './marks.ts'
import { onlyRows } from './only.ts'

export const command = defineCommand({
  pattern: 'state [dimension]',
  describe: 'where every dimension stands, where it should go, and what is in the way',
  group: 'State',
  examples: [
    ['prov state', 'all dimensions'],
    ['prov state cluster_provisioning --json', 'one of them, as data'],
  ],
  flags: {
    dimension: {
      type: 'string',
      describe: 'only this one',
      complete: { read: 'state', value: 'id', says: ['name', 'current'] },
    },
  },
  run: async ({ dimension }, { read }) =>
    onlyRows((await read('state')) as readonly StateRow[], dimension, {
      what: 'dimension',
      command: 'state',
      idOf: ({ id }) => id,
    }),
  render(rows, paint, format) {
    if (rows.length === 0) {
      return ['no dimensions', paint.dim('declare them in .ontology/state.ncl')]
    }
    return table(
      rows.map((row) => [
        stateMark(row.status, paint),
        [row.id, paint.bold],
        row.current,
        row.desired,
        [wayText(row), row.status === 'blocked' || row.doubtful ? paint.warn : plain],
      ]),
      { paint, format, head: ['', 'dimension', 'now', 'wanted', 'way on'] },
    )
  },
})

const plain: Paint['dim'] = (text) => text

/** What stops it, else what would trigger it; then what is under way, and what the file says. */
function wayText(row: StateRow): string {
  const { status, blockers, catalysts, pending, declared, edited, doubtful } = row
  const way = {
    reached: 'at desired state',
    blocked: `blocked: ${blockers.join('; ')}`,
    ready: catalysts.length === 0 ? 'ready' : `ready: ${catalysts.join('; ')}`,
    stuck: 'no declared way leads on',
  }[status]
  return [
    doubtful ? 'in doubt: an operation has no known outcome' : way,
    ...pending.map(({ op, to, phase }) => `${phase}: ${op} → ${to}`),
    ...(declared === undefined || pending.length > 0
      ? []
      : [
          edited
            ? `edited in the file: ${declared}; not judged yet`
            : `(the file says ${declared})`,
        ]),
  ].join('\n')
}
