/** What is to be done here, most urgent first. @module */
import { defineRead } from 'prov'
import { backlogRows } from '../backlog.ts'
import { priorities } from '../model.ts'
import type { BacklogItem, Priority } from '../model.ts'
import { now } from '../now.ts'

export const read = defineRead<{ readonly priority?: Priority }, readonly BacklogItem[]>({
  name: 'backlog',
  describe: 'backlog items, most urgent first; `priority` narrows them',
  args({ priority }) {
    const found = priorities.find((one) => one === priority)
    return found === undefined ? {} : { priority: found }
  },
  async run({ priority }, context) {
    const { model } = await now(context)
    return backlogRows(model, { priority })
  },
})
