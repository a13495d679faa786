/**
 * What a writer finds before it may write: walks every segment, checks every CRC, every count and
 * every seal, and says where the log ends. Only a torn tail of the last segment is an end; damage
 * anywhere else is refused with its place, because cutting it off would lose acknowledged records
 * that come after it.
 *
 * @module
 */
import type { Bytes, Count } from '../units.ts'
import { SegmentCursor } from './cursor.ts'
import type { Batch } from './cursor.ts'
import { journalErrors } from './errors.ts'
import type { Position } from './journal.ts'
import { segmentName, segmentNumbers } from './segment.ts'
import type { SegmentHeader } from './segment.ts'

export interface Recovered {
  readonly journal: string
  readonly segments: Count
  /** Number of the last segment. */
  readonly segment: Count
  readonly epoch: Count
  readonly batch: Count
  readonly position: Position
  readonly hash: Buffer
  /** Length that counts of the last segment, and its size on disk. */
  readonly endBytes: Bytes
  readonly sizeBytes: Bytes
  /** Bytes of an unfinished batch at the very end: never acknowledged, not counted. */
  readonly torn: boolean
}

export interface WalkOptions {
  /** Called for every batch, in order. */
  readonly onBatch?: ((segment: Count, batch: Batch) => void) | undefined
  /** Called when a segment is opened. */
  readonly onSegment?: ((header: SegmentHeader) => void) | undefined
  /** Also check that each batch carries the hash of the one before: reads cost the hashing. */
  readonly chain?: boolean | undefined
}

/**
 * Walks the log in a folder, given its file names. Undefined when there is none. Throws
 * PROV_JOURNAL_CORRUPT with file and offset.
 */
export async function walk(
  dir: string,
  names: readonly string[],
  options: WalkOptions = {},
): Promise<Recovered | undefined> {
  const numbers = segmentNumbers(names)
  if (numbers.length === 0) return undefined
  numbers.forEach((number, at) => {
    if (number === at + 1) return
    throw corrupt(`${dir}/${segmentName(at + 1)}`, 0, 'the file is missing')
  })
  let state: Recovered | undefined
  for (const number of numbers) {
    const cursor = await SegmentCursor.open(dir, number)
    try {
      checkSeal(cursor, state)
      options.onSegment?.(cursor.header)
      state = await walkSegment(cursor, state, numbers.length, options)
    } finally {
      await cursor.close()
    }
  }
  return state
}

/** A segment must begin where the one before it ended, and must have been sealed by that end. */
function checkSeal({ header, path }: SegmentCursor, before: Recovered | undefined): void {
  const wrong =
    header.firstBatch !== (before?.batch ?? 0) + 1
      ? 'it does not follow the segment before it'
      : header.firstPosition !== (before?.position ?? 0) + 1
        ? 'its first position does not follow'
        : before && header.journal !== before.journal
          ? 'it belongs to another journal'
          : before && !header.sealedHash.equals(before.hash)
            ? 'it seals another hash than that of the batch before it'
            : undefined
  if (wrong) throw corrupt(path, 0, wrong)
}

async function walkSegment(
  cursor: SegmentCursor,
  before: Recovered | undefined,
  segments: Count,
  options: WalkOptions,
): Promise<Recovered> {
  const { header, path } = cursor
  const last = header.segment === segments
  const sealedBytes = last ? undefined : await sealOf(path, header.segment)
  let { batch, position } = { batch: header.firstBatch - 1, position: header.firstPosition - 1 }
  let hash = before?.hash ?? header.sealedHash
  let latest: Batch | undefined
  let torn = false
  while (sealedBytes === undefined || cursor.offset < sealedBytes) {
    let found = await cursor.next()
    if (!found) {
      if (sealedBytes !== undefined) {
        throw corrupt(path, cursor.offset, 'a batch is damaged or missing')
      }
      const tail = await cursor.tail(batch)
      torn = tail.torn
      if (tail.laterBatch === undefined) break
      // A writer at work may have finished this one and the next while we looked.
      found = await cursor.next()
      if (!found) {
        const what = `damaged, with a whole batch behind it at byte ${tail.laterBatch}`
        throw corrupt(path, cursor.offset, what)
      }
    }
    if (found.batch !== batch + 1 || found.first !== position + 1) {
      throw corrupt(path, found.offset, `batch ${found.batch} stands where ${batch + 1} belongs`)
    }
    if (options.chain) {
      if (!found.previous.equals(hash)) {
        throw corrupt(path, found.offset, 'the hash chain breaks here')
      }
      hash = found.hash()
    }
    batch = found.batch
    position += found.count
    latest = found
    options.onBatch?.(header.segment, found)
  }
  if (sealedBytes !== undefined && cursor.offset !== sealedBytes) {
    throw corrupt(path, cursor.offset, `the segment was sealed at byte ${sealedBytes}`)
  }
  return {
    journal: header.journal,
    segments,
    segment: header.segment,
    epoch: header.epoch,
    batch,
    position,
    hash: latest && !options.chain ? latest.hash() : hash,
    endBytes: cursor.offset,
    sizeBytes: await cursor.size(),
    torn,
  }
}

/** Length at which the next segment sealed this one. */
async function sealOf(path: string, segment: Count): Promise<Bytes> {
  const next = await SegmentCursor.open(path.slice(0, path.lastIndexOf('/')), segment + 1)
  await next.close()
  return next.header.sealedBytes
}

function corrupt(file: string, offset: Bytes, what: string) {
  return journalErrors.PROV_JOURNAL_CORRUPT({ file, offset, what })
}
