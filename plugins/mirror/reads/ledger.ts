/**
 * `ledger`: where the repository is and how far it follows the journal, per emitter. Reads the index
 * beside the repository, so it loads no git and takes no lock.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { defineRead, eventIn } from 'prov'
import type { Count } from 'prov'
import { parseIndex } from '../index-lines.ts'
import { ledgerDir } from '../place.ts'

export interface LedgerState {
  readonly path: string
  readonly commits: Count
  /** Newest commit; absent while there is none. */
  readonly head?: string
  /** Events of the journal that are not in the ledger yet. */
  readonly behind: Count
  readonly emitters: readonly {
    readonly emitter: string
    readonly journal: Count
    readonly ledger: Count
  }[]
}

export const read = defineRead({
  name: 'ledger',
  describe: 'where the signed ledger is and how far it follows the journal',
  run: async (_args: unknown, { files, journal }): Promise<LedgerState> => {
    const path = await ledgerDir(files.stateDir, files.name)
    const text = await readFile(join(path, '.git', 'prov', 'index'), 'utf8').catch(() => '')
    const lines = parseIndex(text) ?? []
    const held = new Map<string, Count>()
    for (const { emitter, n } of lines) held.set(emitter, n)
    const written = new Map<string, Count>()
    if (journal) {
      for await (const record of journal.read()) {
        const event = eventIn(record)
        if (event) written.set(event.emitter, event.n)
      }
    }
    const names = [...new Set([...written.keys(), ...held.keys()])].sort()
    const emitters = names.map((emitter) => ({
      emitter,
      journal: written.get(emitter) ?? 0,
      ledger: held.get(emitter) ?? 0,
    }))
    const head = lines.at(-1)?.commit
    const behind = emitters.reduce((sum, one) => sum + Math.max(0, one.journal - one.ledger), 0)
    return { path, commits: lines.length, ...(head !== undefined && { head }), behind, emitters }
  },
})
