/**
 * Reads the whole log and checks everything that can be checked: every CRC, every position, every
 * seal and the whole hash chain. What `prov journal verify` runs; it changes nothing and needs no
 * lock.
 *
 * @module
 */
import { readdir } from 'node:fs/promises'
import { ProvError } from '../errors.ts'
import type { Bytes, Count } from '../units.ts'
import { journalErrors } from './errors.ts'
import type { JournalHead } from './journal.ts'
import { walk } from './recover.ts'
import { segmentNumbers } from './segment.ts'

export interface JournalProblem {
  readonly file: string
  readonly offset: Bytes
  readonly what: string
}

export interface JournalReport {
  /** Counted up to the first problem. */
  readonly records: Count
  readonly batches: Count
  readonly segments: Count
  /** Absent when a problem hides where the log ends. */
  readonly head?: JournalHead
  /** True when an unfinished write stands at the very end: harmless, the next writer removes it. */
  readonly torn: boolean
  /** Empty, or the first place where the log cannot be trusted any more. */
  readonly problems: readonly JournalProblem[]
}

/** Checks the journal in `dir`. Throws PROV_JOURNAL_ABSENT when there is none. */
export async function verifyJournal(options: { dir: string }): Promise<JournalReport> {
  const { dir } = options
  const names = await readdir(dir).catch(() => [] as string[])
  const segments = segmentNumbers(names).length
  if (segments === 0) throw journalErrors.PROV_JOURNAL_ABSENT({ dir })
  let records = 0
  let batches = 0
  try {
    const found = await walk(dir, names, {
      chain: true,
      onBatch: (_, batch) => {
        records += batch.count
        batches++
      },
    })
    if (!found) throw journalErrors.PROV_JOURNAL_ABSENT({ dir })
    const { journal, epoch, position, batch, torn } = found
    const head = { journal, epoch, position, batch, hash: found.hash.toString('hex') }
    return { records, batches, segments, head, torn, problems: [] }
  } catch (thrown) {
    if (!ProvError.is(thrown) || thrown.code !== 'PROV_JOURNAL_CORRUPT') throw thrown
    const { file, offset, what } = thrown.detail as unknown as JournalProblem
    return { records, batches, segments, torn: false, problems: [{ file, offset, what }] }
  }
}
