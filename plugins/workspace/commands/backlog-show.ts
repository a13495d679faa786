/** `prov backlog show`: one item with what it would change. @module */
import { defineCommand, fields, section } from 'prov'
import type { BacklogDetail } from '../backlog.ts'
import { priorityCell } from './marks.ts'

export const command = defineCommand({
  pattern: 'backlog show <id>',
  describe: 'one item: owning dimension, gates it would open, connections, operations',
  group: 'State',
  examples: [['prov backlog show bl-deploy-certmgr', 'what deploying cert-manager changes']],
  flags: {
    id: {
      type: 'string',
      required: true,
      describe: 'as `prov backlog` names it',
      complete: { read: 'backlog', value: 'id', says: ['title'] },
    },
  },
  run: async ({ id }, { read }) => (await read('backlog-item', { id })) as BacklogDetail,
  render(item, paint, format) {
    const look = { paint, format } as const
    const { dimension, gateImpact, connections, operations } = item
    return [
      `${paint.bold(item.id)}  ${item.title}`,
      ...fields(
        [
          ['priority', priorityCell(item.priority, paint)],
          ['status', item.status],
          ['kind', item.kind],
          ['since', item.created],
          ['detail', item.detail || undefined],
          [
            'dimension',
            dimension && `${dimension.id}: ${dimension.current}, wanted ${dimension.desired}`,
          ],
          [
            'gates',
            gateImpact.length === 0
              ? undefined
              : gateImpact
                  .map(
                    ({ gate, now, after }) =>
                      `${gate}: ${now}${now === after ? '' : ` → ${after}`}`,
                  )
                  .join('\n'),
          ],
          [
            'connections',
            connections.length === 0
              ? undefined
              : connections.map(({ from, to }) => `${from} → ${to}`).join('\n'),
          ],
          ['decisions', item.relatedAdrs.length === 0 ? undefined : item.relatedAdrs.join(', ')],
        ],
        look,
      ),
      ...section(
        'Do it with',
        operations.map((operation) => `  prov op submit ${operation}`),
        look,
      ),
    ]
  },
})
