/**
 * Reading a journal on disk beside whoever writes it, without a lock. The reader follows the
 * writer's order of acts: a segment is sealed by the header of its successor, so "no whole batch
 * here" is the end of the log only while no successor exists.
 *
 * A reader in another process may show the newest batch a moment before its sync is over; the writer
 * itself never does (`limit`).
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import type { Bytes, Count } from '../units.ts'
import { SegmentCursor } from './cursor.ts'
import type { Batch } from './cursor.ts'
import { journalErrors } from './errors.ts'
import { decodeLines } from './line.ts'
import { headerOf, lineageOf } from './recover.ts'
import type { JournalHead, JournalReader, JournalRecord, Position, ReadOptions } from './journal.ts'
import { segmentName, segmentNumbers } from './segment.ts'
import type { SegmentHeader } from './segment.ts'
import { readSnapshot, snapshotPositions } from './snapshot.ts'

/** A place from which reading may start: the batch at `offset` begins with `first`. */
export interface Mark {
  readonly segment: Count
  readonly offset: Bytes
  readonly first: Position
}

export interface LogReadOptions extends ReadOptions {
  /** Nothing beyond this position is shown. Asked again for each batch. */
  readonly limit?: (() => Position) | undefined
  /** A mark at or before the first position wanted. */
  readonly mark?: Mark | undefined
}

/**
 * Opens the journal in `dir` for reading. Throws PROV_JOURNAL_ABSENT when there is none,
 * PROV_JOURNAL_NEWER when a later Prov wrote there; damage shows when it is met (PROV_JOURNAL_CORRUPT).
 */
export async function readJournal(options: { dir: string }): Promise<JournalReader> {
  const { dir } = options
  const names = await readdir(dir).catch(() => [] as string[])
  const lineage = await lineageOf(dir, segmentNumbers(names))
  const journal = lineage.at(-1)
  if (journal === undefined) throw journalErrors.PROV_JOURNAL_ABSENT({ dir })
  const head = (): Promise<JournalHead> => headOf(dir)
  let reached: Position = 0
  return {
    id: journal,
    lineage,
    dir,
    read: (options) => readLog(dir, options),
    head,
    async snapshot(name) {
      let names = await readdir(dir)
      for (;;) {
        const [newest] = snapshotPositions(names, name)
        if (newest === undefined) return undefined
        // The log only grows: its end is looked for where that may decide.
        if (newest > reached) reached = (await head()).position
        const found = await readSnapshot(dir, names, journal, name, reached)
        // One that the writer replaced between listing and reading has a successor.
        names = await readdir(dir)
        const [now] = snapshotPositions(names, name)
        if (found?.position === newest || now === newest) return found
      }
    },
    close: async () => {},
  }
}

/** Records from `from` on, in order, until the log's present end. */
export async function* readLog(
  dir: string,
  options: LogReadOptions = {},
): AsyncGenerator<JournalRecord> {
  const from = options.from ?? 1
  const { limit = () => Infinity, partition } = options
  const mark = options.mark ?? (await markBefore(dir, from))
  for await (const batch of batches(dir, mark, partition)) {
    if (batch.first > limit()) return
    if (batch.first + batch.count <= from) continue
    for (const record of decodeLines(batch.text(), batch.first, batch.epoch, partition)) {
      if (record.position >= from) yield record
    }
  }
}

/**
 * Batches from a mark on, across segments, until the present end; with a partition without those of
 * sealed segments that hold no record of it.
 */
async function* batches(dir: string, mark: Mark, partition?: string): AsyncGenerator<Batch> {
  let cursor = await SegmentCursor.open(dir, mark.segment)
  if (mark.offset > 0) cursor.offset = mark.offset
  let expected = mark.first
  let sealedBytes: Bytes | undefined
  try {
    for (;;) {
      // Looked for before the batch: what a successor has sealed off is not shown.
      if (sealedBytes === undefined) {
        const seal = await sealOf(dir, cursor.header.segment)
        sealedBytes = seal?.sealedBytes
        if (seal && lacks(seal, partition)) {
          cursor.offset = seal.sealedBytes
          expected = seal.firstPosition
        }
      }
      const done = sealedBytes !== undefined && cursor.offset >= sealedBytes
      const batch = done ? undefined : await cursor.next()
      if (batch) {
        if (batch.first !== expected) {
          throw corrupt(cursor, `position ${batch.first} stands where ${expected} belongs`)
        }
        expected += batch.count
        yield batch
      } else if (done) {
        const next = await SegmentCursor.open(dir, cursor.header.segment + 1)
        await cursor.close()
        cursor = next
        sealedBytes = undefined
        if (cursor.header.firstPosition !== expected) {
          throw corrupt(cursor, 'it does not follow the segment before it')
        }
      } else if (sealedBytes !== undefined) {
        throw corrupt(cursor, 'a batch is damaged or missing')
      } else if ((await sealOf(dir, cursor.header.segment)) === undefined) {
        return
      }
    }
  } finally {
    await cursor.close()
  }
}

/** The header that sealed a segment; undefined while there is no successor. */
async function sealOf(dir: string, segment: Count): Promise<SegmentHeader | undefined> {
  const next = `${dir}/${segmentName(segment + 1)}`
  if (!existsSync(next) && !existsSync(`${next}.gz`)) return undefined
  return headerOf(dir, segment + 1)
}

const lacks = ({ sealedPartitions }: SegmentHeader, partition: string | undefined): boolean =>
  partition !== undefined && sealedPartitions !== undefined && !sealedPartitions.includes(partition)

/** The start of the last segment that begins at or before a position. */
async function markBefore(dir: string, position: Position): Promise<Mark> {
  const numbers = segmentNumbers(await readdir(dir))
  let low = 0
  let high = numbers.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    const { firstPosition } = await headerOf(dir, numbers[middle] as number)
    if (firstPosition <= position) low = middle
    else high = middle - 1
  }
  const segment = numbers[low]
  if (segment === undefined) throw journalErrors.PROV_JOURNAL_ABSENT({ dir })
  return { segment, offset: 0, first: (await headerOf(dir, segment)).firstPosition }
}

async function headOf(dir: string): Promise<JournalHead> {
  const segment = segmentNumbers(await readdir(dir)).at(-1)
  if (segment === undefined) throw journalErrors.PROV_JOURNAL_ABSENT({ dir })
  const header = await headerOf(dir, segment)
  let last: Batch | undefined
  for await (const batch of batches(dir, { segment, offset: 0, first: header.firstPosition })) {
    last = batch
  }
  return {
    journal: header.journal,
    epoch: last?.epoch ?? header.epoch,
    position: last ? last.first + last.count - 1 : header.firstPosition - 1,
    batch: last?.batch ?? header.firstBatch - 1,
    hash: (last?.hash() ?? header.sealedHash).toString('hex'),
  }
}

function corrupt(cursor: SegmentCursor, what: string) {
  const { path: file, offset } = cursor
  return journalErrors.PROV_JOURNAL_CORRUPT({ file, offset, what })
}
