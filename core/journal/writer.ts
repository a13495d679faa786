/**
 * Writes batches to the end of the log: builds them in one buffer, keeps preallocated space ahead of
 * them and opens the next segment when one is full.
 *
 * Why space ahead: a sync of a file that grows also writes the new length; over zeros that are
 * already on disk it writes the data alone, which is about half as long.
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import type { Bytes, Count } from '../units.ts'
import type { Frame } from './commit.ts'
import { journalErrors } from './errors.ts'
import { placeFile, writeAll } from './files.ts'
import { Reserve, reserveName } from './reserve.ts'
import type { JournalFiles, WritableFile } from './files.ts'
import type { Position } from './journal.ts'
import type { Mark } from './reader.ts'
import {
  batchHash,
  batchHeaderBytes,
  batchSize,
  encodeSegmentHeader,
  journalFormat,
  sealBatch,
  segmentHeaderBytes,
  segmentName,
} from './segment.ts'

/** Where the log ends: what the next batch builds on. */
export interface LogEnd {
  readonly segment: Count
  readonly batch: Count
  readonly position: Position
  readonly hash: Buffer
  /** Length that counts of the segment. */
  readonly endBytes: Bytes
  /** Of the records in the segment, or more. */
  readonly partitions: Set<string>
}

/** A log that goes on under another id: what its first segment under that id begins with. */
export interface Adoption {
  readonly from: string
  readonly frames: readonly Frame[]
}

export interface LogWriterOptions {
  readonly dir: string
  readonly journal: string
  readonly epoch: Count
  readonly files: JournalFiles
  readonly clock: Clock
  readonly segmentBytes: Bytes
}

/** Space that a new segment starts with and grows by. */
const extentBytes: Bytes = 1_048_576
/** Room that is kept back for the ends of what was begun. */
const reserveBytes: Bytes = 2 * extentBytes

export class LogWriter {
  readonly #options: LogWriterOptions
  readonly #reserve: Reserve
  #file: WritableFile
  #end: LogEnd
  #allocated: Bytes
  #growing: Promise<void> | undefined
  #buffer = Buffer.allocUnsafe(65_536)

  private constructor(
    options: LogWriterOptions,
    reserve: Reserve,
    file: WritableFile,
    end: LogEnd,
  ) {
    this.#options = options
    this.#reserve = reserve
    this.#file = file
    this.#end = end
    this.#allocated = firstExtent(options)
  }

  /** Opens the segment behind `end`, sealing it. */
  static async open(
    options: LogWriterOptions,
    end: LogEnd,
    adoption?: Adoption,
  ): Promise<LogWriter> {
    const bytes = Math.min(reserveBytes, 2 * options.segmentBytes)
    const reserve = new Reserve(options.files, `${options.dir}/${reserveName}`, bytes)
    const [file, start] = await reserve.instead(() => openSegment(options, end, adoption))
    await reserve.fill()
    return new LogWriter(options, reserve, file, start)
  }

  /** False while there is no room beyond the reserve; asking looks whether there is some again. */
  hasRoom(): boolean {
    if (!this.#reserve.isThere) void this.#reserve.fill()
    return this.#reserve.isThere
  }

  get end(): LogEnd {
    return this.#end
  }

  /**
   * Writes one batch and resolves when it is on disk. No frames make an empty batch, which seals
   * what stands before it. Returns a mark for readers. Whatever it throws, the log must be taken
   * for unknown from here on.
   */
  async write(frames: readonly Frame[]): Promise<Mark> {
    const bodyBytes = frames.reduce((sum, frame) => sum + frame.bytes, 0)
    const size = batchSize(bodyBytes)
    if (this.#end.endBytes + size > this.#options.segmentBytes) await this.#roll()
    await this.#roomFor(this.#end.endBytes + size)
    const { segment, endBytes: offset, position, batch, hash } = this.#end
    const bytes = this.#encode(frames, bodyBytes, size)
    sealBatch(bytes, {
      bytes: bodyBytes,
      segment,
      batch: batch + 1,
      first: position + 1,
      count: frames.reduce((sum, frame) => sum + frame.count, 0),
      epoch: this.#options.epoch,
      previous: hash,
    })
    await writeAll(this.#file, bytes, offset)
    const synced = this.#file.datasync()
    // The disk is busy now: a good moment for the hash that the next batch needs.
    const next = batchHash(bytes, 0, bodyBytes)
    await synced
    const last = frames.at(-1)
    const { partitions } = this.#end
    for (const { entries } of frames) for (const { partition } of entries) partitions.add(partition)
    this.#end = {
      segment,
      batch: batch + 1,
      position: last ? last.first + last.count - 1 : position,
      hash: next,
      endBytes: offset + size,
      partitions,
    }
    return { segment, offset, first: position + 1 }
  }

  /** Gives the space ahead back and closes the file. */
  async close(): Promise<void> {
    await this.#growing?.catch(() => {})
    await this.#file.truncate(this.#end.endBytes).catch(() => {})
    this.#file.close()
  }

  /** Closes the file as it is: after a failure nothing more is written. */
  async abandon(): Promise<void> {
    await this.#growing?.catch(() => {})
    this.#file.close()
  }

  #encode(frames: readonly Frame[], bodyBytes: Bytes, size: Bytes): Buffer {
    if (this.#buffer.length < size) this.#buffer = Buffer.allocUnsafe(size * 2)
    const bytes = this.#buffer.subarray(0, size)
    let at = batchHeaderBytes
    for (const frame of frames) at += bytes.write(frame.text, at, 'utf8')
    if (at !== batchHeaderBytes + bodyBytes) throw new Error('a frame changed its size')
    return bytes
  }

  async #roll(): Promise<void> {
    const [file, start] = await this.#reserve.instead(() => openSegment(this.#options, this.#end))
    await this.close()
    this.#file = file
    this.#end = start
    this.#allocated = firstExtent(this.#options)
  }

  /** Waits until space up to `bytes` is on disk; asks for the next extent before it is needed. */
  async #roomFor(bytes: Bytes): Promise<void> {
    while (bytes > this.#allocated) await (this.#growing ?? this.#grow())
    const ahead = this.#allocated - bytes
    if (ahead < extentBytes / 2 && this.#allocated < this.#options.segmentBytes && !this.#growing) {
      // Its failure shows when the space is needed: growing is tried again there.
      this.#grow().catch(() => {})
    }
  }

  #grow(): Promise<void> {
    const from = this.#allocated
    const to = Math.min(from + extentBytes, this.#options.segmentBytes)
    const grow = async (): Promise<void> => {
      await writeAll(this.#file, Buffer.alloc(to - from), from)
      await this.#file.datasync()
      this.#allocated = to
    }
    this.#growing = this.#reserve.instead(grow).finally(() => (this.#growing = undefined))
    return this.#growing
  }
}

function firstExtent({ segmentBytes }: LogWriterOptions): Bytes {
  return Math.min(extentBytes, segmentBytes)
}

async function openSegment(
  options: LogWriterOptions,
  end: LogEnd,
  adoption?: Adoption,
): Promise<readonly [WritableFile, LogEnd]> {
  const { dir, files, journal, epoch, clock } = options
  const segment = end.segment + 1
  const bytes = Buffer.alloc(firstExtent(options))
  encodeSegmentHeader({
    segment,
    journal,
    epoch,
    firstBatch: end.batch + 1,
    firstPosition: end.position + 1,
    createdMs: clock.now(),
    format: journalFormat,
    sealedBytes: end.endBytes,
    sealedHash: end.hash,
    sealedPartitions: end.segment === 0 ? undefined : [...end.partitions].sort(),
    adopted: adoption?.from,
  }).copy(bytes)
  const start = { ...end, segment, endBytes: segmentHeaderBytes, partitions: new Set<string>() }
  const begun = adoption ? putBatch(bytes, start, adoption.frames, epoch) : start
  // A writer that was frozen here and replaced meanwhile must not replace its successor's.
  await placeFile(files, dir, segmentName(segment), bytes, { fresh: true }).catch((thrown) => {
    // The name is taken, or whoever opened the journal swept the unfinished file away.
    const { code = '' } = thrown as NodeJS.ErrnoException
    if (!['EEXIST', 'ENOENT'].includes(code)) throw thrown
    throw journalErrors.PROV_JOURNAL_FENCED({ journal, epoch }, { cause: thrown })
  })
  const file = files.open(`${dir}/${segmentName(segment)}`, { exists: true })
  return [file, begun]
}

/** Puts a batch where the log ends in the bytes of a segment; returns the end behind it. */
function putBatch(bytes: Buffer, end: LogEnd, frames: readonly Frame[], epoch: Count): LogEnd {
  const body = Buffer.from(frames.map(({ text }) => text).join(''))
  const size = batchSize(body.length)
  const batch = bytes.subarray(end.endBytes, end.endBytes + size)
  body.copy(batch, batchHeaderBytes)
  const count = frames.reduce((sum, frame) => sum + frame.count, 0)
  sealBatch(batch, {
    bytes: body.length,
    segment: end.segment,
    batch: end.batch + 1,
    first: end.position + 1,
    count,
    epoch,
    previous: end.hash,
  })
  return {
    segment: end.segment,
    batch: end.batch + 1,
    position: end.position + count,
    hash: batchHash(batch, 0, body.length),
    endBytes: end.endBytes + size,
    partitions: new Set(frames.flatMap(({ entries }) => entries.map(({ partition }) => partition))),
  }
}
