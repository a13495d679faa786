/** What was spent by region, as the signed results say: needs no lock and no running plugin. @module */
import { auditEvents, defineRead, isAudit } from 'prov'

export const read = defineRead({
  name: 'quota',
  describe: 'what was spent of each quota',
  run: async (_args: unknown, { journal }) => {
    const used: Record<string, number> = {}
    if (journal) {
      for await (const event of auditEvents(journal)) {
        if (!isAudit(event, 'op.applied')) continue
        const { region, used: count } = event.data.detail
        if (typeof region === 'string' && typeof count === 'number') used[region] = count
      }
    }
    return used
  },
})
