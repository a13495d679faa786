/**
 * Reads the whole log and checks everything that can be checked: every CRC, every position, every
 * seal and the whole hash chain. What `prov journal verify` runs; it changes nothing and needs no
 * lock.
 *
 * @module
 */
import { readdir } from 'node:fs/promises'
import { realPath } from '../config/home.ts'
import { ProvError } from '../errors.ts'
import type { Bytes, Count } from '../units.ts'
import { journalErrors } from './errors.ts'
import type { JournalHead } from './journal.ts'
import { checkAnchor, foundLog } from './anchor-check.ts'
import { lockHolder } from './lock.ts'
import { lineageOf, walk } from './recover.ts'
import type { Recovered } from './recover.ts'
import { notePartitions } from './line.ts'
import { segmentName, segmentNumbers } from './segment.ts'
import type { SegmentHeader } from './segment.ts'

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

/**
 * Checks the journal in `dir`, with `anchors` also against what the user remembers of it, unless
 * somebody writes it now: then that was checked when it was opened. Throws PROV_JOURNAL_ABSENT when
 * there is none, PROV_JOURNAL_GONE when there was one.
 */
export async function verifyJournal(options: {
  readonly dir: string
  readonly anchors?: string | undefined
}): Promise<JournalReport> {
  const { dir, anchors } = options
  const names = await readdir(dir).catch(() => [] as string[])
  const segments = segmentNumbers(names).length
  if (segments === 0) {
    if (anchors !== undefined) await checkAnchor(anchors, realPath(dir), undefined)
    throw journalErrors.PROV_JOURNAL_ABSENT({ dir })
  }
  let records = 0
  let batches = 0
  let partitions = new Set<string>()
  try {
    const found = await walk(dir, names, {
      chain: true,
      onSegment(header) {
        refuseHiding(dir, header, partitions)
        partitions = new Set()
      },
      onBatch: (_, batch) => {
        records += batch.count
        batches++
        notePartitions(batch.text(), partitions)
      },
    })
    if (!found) throw journalErrors.PROV_JOURNAL_ABSENT({ dir })
    const { journal, epoch, position, batch, torn } = found
    const head = { journal, epoch, position, batch, hash: found.hash.toString('hex') }
    const idle = anchors !== undefined && !(await lockHolder(`${dir}/lock`))
    const problems = idle ? await againstAnchor(anchors, dir, names, found) : []
    return { records, batches, segments, head, torn, problems }
  } catch (thrown) {
    if (!ProvError.is(thrown) || thrown.code !== 'PROV_JOURNAL_CORRUPT') throw thrown
    const { file, offset, what } = thrown.detail as unknown as JournalProblem
    return { records, batches, segments, torn: false, problems: [{ file, offset, what }] }
  }
}

/** A seal that leaves a partition out would make readers pass over its records. */
function refuseHiding(
  dir: string,
  { segment, sealedPartitions }: SegmentHeader,
  found: ReadonlySet<string>,
): void {
  const hidden = [...found].filter((name) => sealedPartitions?.includes(name) === false)
  if (hidden.length === 0) return
  throw journalErrors.PROV_JOURNAL_CORRUPT({
    file: `${dir}/${segmentName(segment)}`,
    offset: 0,
    what: `its seal of the segment before leaves out ${hidden.join(', ')}`,
  })
}

async function againstAnchor(
  anchors: string,
  dir: string,
  names: readonly string[],
  found: Recovered,
): Promise<readonly JournalProblem[]> {
  try {
    const numbers = segmentNumbers(names)
    const log = foundLog(dir, numbers, await lineageOf(dir, numbers), found)
    await checkAnchor(anchors, realPath(dir), log)
    return []
  } catch (thrown) {
    if (!ProvError.is(thrown)) throw thrown
    return [
      {
        file: `${dir}/${segmentName(found.segment)}`,
        offset: found.endBytes,
        what: thrown.message,
      },
    ]
  }
}
