/** `prov backlog`: what is to be done, most urgent first. @module */
import { defineCommand, table } from 'prov'
import type { BacklogItem } from '../model.ts'
import { priorityCell } from './marks.ts'

export const command = defineCommand({
  pattern: 'backlog',
  describe: 'what is to be done here, most urgent first',
  group: 'State',
  examples: [
    ['prov backlog', 'everything'],
    ['prov backlog --priority High', 'only what is urgent'],
  ],
  flags: {
    priority: {
      type: 'string',
      choices: ['High', 'Medium', 'Low'],
      describe: 'only items of this priority',
    },
  },
  run: async ({ priority }, { read }) =>
    (await read('backlog', priority === undefined ? {} : { priority })) as readonly BacklogItem[],
  render(items, paint, format) {
    if (items.length === 0) return ['nothing to do']
    return table(
      items.map(({ id, priority, status, relatedDim, title }) => [
        [id, paint.bold],
        priorityCell(priority, paint),
        status,
        relatedDim ?? '',
        title,
      ]),
      { paint, format, head: ['item', 'priority', 'status', 'dimension', 'what'] },
    )
  },
})
