/**
 * Lets a history go on under a new id, because the one it had is no longer its alone: a restored
 * backup, a copy, a log whose end was lost. The old records stay as they are; the next segment says
 * which id it goes on from, and its first record says who wanted that. Tokens made for the old id
 * have no force from there on.
 *
 * @module
 */
import { randomUUID } from 'node:crypto'
import { realpath } from 'node:fs/promises'
import type { JsonObject } from '../json.ts'
import { anchorOfDir } from './anchor.ts'
import { journalErrors } from './errors.ts'
import { openLocked, underLock } from './file.ts'
import type { OpenJournalOptions } from './file.ts'
import type { Position } from './journal.ts'
import { walk } from './recover.ts'
import { noHash } from './segment.ts'

/** Where the record of an adoption stands. */
export const adoptedRecord = { partition: 'journal', type: 'journal.adopted' } as const

export interface AdoptedJournal {
  readonly from: string
  readonly to: string
  /** Where the old history ends, as far as it is here; 0 when nothing is. */
  readonly position: Position
  /** Hash of its last batch, 64 hex digits. */
  readonly hash: string
}

/**
 * Checks the whole log, asks `sign` what to write down for it, and opens the next segment under the
 * new id, in one act that is there whole or not at all. Throws what `openJournal` throws but for
 * the refusals by an anchor, which this answers; PROV_JOURNAL_ABSENT when nothing was here.
 */
export function adoptJournal(
  options: OpenJournalOptions & {
    readonly sign: (adopted: AdoptedJournal) => Promise<JsonObject>
  },
): Promise<AdoptedJournal> {
  return underLock(options, async (lock, given) => {
    const { dir, files, anchors } = given
    const found = await walk(dir, await files.list(dir), { chain: true })
    const known =
      anchors === undefined ? undefined : await anchorOfDir(anchors, await realpath(dir))
    const from = found?.journal ?? known?.journal
    if (from === undefined) throw journalErrors.PROV_JOURNAL_ABSENT({ dir })
    const to = randomUUID()
    const hash = (found?.hash ?? noHash).toString('hex')
    const adopted = { from, to, position: found?.position ?? 0, hash }
    const body = await options.sign(adopted)
    const entries = [{ ...adoptedRecord, body }]
    const journal = await openLocked(lock, given, { journal: to, from, entries })
    await journal.close()
    return adopted
  })
}
