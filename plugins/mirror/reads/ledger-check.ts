/**
 * `ledger-check`: every commit of the ledger against the journal and against the ledger key. Loads
 * git and reads the whole history, so it is for those who ask for exactly that.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { auditEvents, defineRead, rootOf } from 'prov'
import type { Count, ErrorReport } from 'prov'
import { journalSide } from '../journal-side.ts'
import { ledgerDir } from '../place.ts'

export interface LedgerCheckView {
  readonly commits: Count
  readonly findings: readonly ErrorReport[]
  /** Branches that hold what adopted journals left. */
  readonly left: readonly string[]
}

export const read = defineRead({
  name: 'ledger-check',
  describe: 'every commit of the ledger, checked against the journal and the ledger key',
  run: async (_args: unknown, { files, journal }): Promise<LedgerCheckView> => {
    const dir = await ledgerDir(files.stateDir, files.name)
    if (!existsSync(join(dir, '.git'))) return { commits: 0, findings: [], left: [] }
    // Without a journal whatever the ledger holds is ahead of it: that is the finding.
    const { key, digests } = await journalSide(journal ? auditEvents(journal) : [], {
      journal: journal ? await rootOf(journal) : '',
      workspace: files.name,
    })
    const { checkLedger } = await import('../ledger-check.ts')
    const { leftRefs } = await import('../left.ts')
    const { commits, findings } = await checkLedger({ dir, key, journal: digests })
    const left = await readdir(join(dir, '.git', leftRefs)).catch(() => [])
    return {
      commits,
      findings: findings.map((error) => error.toJSON()),
      left: left.map((name) => `left/${name}`).sort(),
    }
  },
})
