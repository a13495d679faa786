/** One backlog item with its dimension, gate impact and connections. Throws PROV_BACKLOG_UNKNOWN. @module */
import { defineRead } from 'prov'
import { backlogDetail } from '../backlog.ts'
import type { BacklogDetail } from '../backlog.ts'
import { now } from '../now.ts'

export const read = defineRead<{ readonly id: string }, BacklogDetail>({
  name: 'backlog-item',
  describe: 'one backlog item by `id`: owning dimension, gate impact, linked connections',
  args: ({ id }) => ({ id: typeof id === 'string' ? id : '' }),
  async run({ id }, context) {
    const { model, standing } = await now(context)
    return backlogDetail(model, standing, id)
  },
})
