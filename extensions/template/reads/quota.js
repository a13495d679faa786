// @ts-check
/**
 * A read model: what the journal says about the quota. It needs no running plugin and no lock, so
 * `prov quota` answers at once, also while something else runs.
 */
import { auditEvents, defineRead, isAudit } from 'prov'

export const read = defineRead({
  name: 'quota',
  describe: 'how many operations were applied so far',
  /** @param {unknown} _args it takes none */
  run: async (_args, { journal }) => {
    let used = 0
    // There is no journal before the first operation.
    if (journal)
      for await (const event of auditEvents(journal)) if (isAudit(event, 'op.applied')) used++
    return { used }
  },
})
