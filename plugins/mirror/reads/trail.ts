/**
 * Is the audit trail whole and genuine? Numbers without a gap, each event bound to the one before,
 * every signature by an enrolled key. Asks the journal only; the ledger answers to plain git.
 *
 * @module
 */
import { auditEvents, defineRead, rootOf, verifyTrail } from 'prov'
import type { ErrorReport } from 'prov'

export interface TrailView {
  readonly journal: string | null
  readonly events: number
  /** Where each emitter's chain ends: what a witness outside may remember. */
  readonly ends: Readonly<Record<string, { readonly n: number; readonly digest: string }>>
  readonly findings: readonly ErrorReport[]
}

export const read = defineRead<void, TrailView>({
  name: 'trail',
  describe: 'numbers, chain, keys and signatures of every audit event, checked',
  async run(_, { files, journal }) {
    if (!journal) return { journal: null, events: 0, ends: {}, findings: [] }
    const { id } = journal
    const where = { journal: await rootOf(journal), workspace: files.name }
    const report = await verifyTrail(auditEvents(journal), where)
    const { events, ends, findings } = report
    return { journal: id, events, ends, findings: findings.map((error) => error.toJSON()) }
  },
})
