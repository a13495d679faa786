/**
 * What a writer finds before it may write: walks segments, checks every CRC, every count and every
 * seal on the way, and says where the log ends. Only a torn tail of the last segment is an end;
 * damage anywhere else is refused with its place, because cutting it off would lose acknowledged
 * records that come after it.
 *
 * A start walks the last two segments: the one that grew and the one that it seals. What lies before
 * was sealed by a later one, is checked again by whoever reads it, and whole on demand (verify.ts):
 * so a start takes as long after a million operations as after ten.
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
  /** Begin with the last segment but one. Default: with the first. */
  readonly tail?: boolean | undefined
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
  for (const number of options.tail ? numbers.slice(-2) : numbers) {
    const cursor = await SegmentCursor.open(dir, number)
    try {
      if (state || number === 1) checkSeal(cursor, state)
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
        : before && header.journal !== before.journal && header.adopted !== before.journal
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

/**
 * Ids that the history in a folder had, oldest first. They change where a segment says so and never
 * come back, so two headers tell that there was one id, and a bisection finds each change.
 */
export async function lineageOf(dir: string, numbers: readonly Count[]): Promise<string[]> {
  const ids: string[] = []
  const idOf = async (at: number) => (await headerOf(dir, numbers[at] as Count)).journal
  const split = async (low: number, first: string, high: number, last: string): Promise<void> => {
    if (first === last) return
    if (high - low === 1) return void ids.push(last)
    const middle = (low + high) >> 1
    const id = await idOf(middle)
    await split(low, first, middle, id)
    await split(middle, id, high, last)
  }
  if (numbers.length === 0) return ids
  const first = await idOf(0)
  ids.push(first)
  await split(0, first, numbers.length - 1, await idOf(numbers.length - 1))
  return ids
}

/** Hash of a batch by its number; undefined when the log has none of that number. */
export async function hashOfBatch(
  dir: string,
  numbers: readonly Count[],
  batch: Count,
): Promise<Buffer | undefined> {
  let low = 0
  let high = numbers.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((await headerOf(dir, numbers[middle] as Count)).firstBatch <= batch) low = middle + 1
    else high = middle
  }
  const number = numbers[low - 1]
  if (number === undefined) return undefined
  const next = numbers[low]
  if (next !== undefined) {
    const { firstBatch, sealedHash } = await headerOf(dir, next)
    if (firstBatch - 1 === batch) return sealedHash
  }
  const cursor = await SegmentCursor.open(dir, number)
  try {
    for (let found = await cursor.next(); found; found = await cursor.next()) {
      if (found.batch === batch) return found.hash()
    }
    return undefined
  } finally {
    await cursor.close()
  }
}

export async function headerOf(dir: string, segment: Count): Promise<SegmentHeader> {
  const cursor = await SegmentCursor.open(dir, segment)
  await cursor.close()
  return cursor.header
}

/** Length at which the next segment sealed this one. */
async function sealOf(path: string, segment: Count): Promise<Bytes> {
  return (await headerOf(path.slice(0, path.lastIndexOf('/')), segment + 1)).sealedBytes
}

function corrupt(file: string, offset: Bytes, what: string) {
  return journalErrors.PROV_JOURNAL_CORRUPT({ file, offset, what })
}
