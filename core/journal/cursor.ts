/**
 * Walks the batches of one segment file, which may be growing meanwhile. A batch shows only when all
 * of it is there and its CRC fits; anything else reads as "not yet".
 *
 * @module
 */
import type { Bytes, Count } from '../units.ts'
import { journalErrors } from './errors.ts'
import {
  batchFits,
  batchHash,
  batchHeaderBytes,
  batchMagic,
  batchSize,
  decodeBatchHead,
  decodeSegmentHeader,
  journalFormat,
  segmentHeaderBytes,
} from './segment.ts'
import { openSource } from './source.ts'
import type { SegmentSource } from './source.ts'
import type { BatchHead, SegmentHeader } from './segment.ts'

export interface Batch extends BatchHead {
  /** Where it starts and where the next one would. */
  readonly offset: Bytes
  readonly end: Bytes
  /** Its lines. */
  text(): string
  /** What the next batch carries as `previous`. */
  hash(): Buffer
}

const windowBytes: Bytes = 262_144
/** No batch is larger; a length beyond it is noise, not a reason to allocate. */
const largestBatchBytes: Bytes = 67_108_864

export class SegmentCursor {
  readonly path: string
  readonly header: SegmentHeader
  /** Where the next batch is looked for. */
  offset: Bytes = segmentHeaderBytes
  readonly #source: SegmentSource
  #window: Buffer = Buffer.alloc(0)
  #windowAt: Bytes = 0

  private constructor(source: SegmentSource, header: SegmentHeader) {
    this.path = source.path
    this.#source = source
    this.header = header
  }

  /**
   * Opens a segment by number. Throws PROV_JOURNAL_CORRUPT when its header is damaged, and
   * PROV_JOURNAL_NEWER when a later Prov wrote it.
   */
  static async open(dir: string, segment: Count): Promise<SegmentCursor> {
    const source = await openSource(dir, segment)
    const { path } = source
    try {
      const page = Buffer.alloc(segmentHeaderBytes)
      const got = await source.read(page, 0, segmentHeaderBytes, 0)
      const header = decodeSegmentHeader(page.subarray(0, got))
      if (!header || header.segment !== segment) {
        throw journalErrors.PROV_JOURNAL_CORRUPT({
          file: path,
          offset: 0,
          what: header
            ? `it belongs to segment ${header.segment}`
            : 'its header does not fit its CRC',
        })
      }
      const { format = 0 } = header
      if (format > journalFormat) {
        throw journalErrors.PROV_JOURNAL_NEWER({ file: path, format, known: journalFormat })
      }
      return new SegmentCursor(source, header)
    } catch (thrown) {
      await source.close()
      throw thrown
    }
  }

  /** The batch at the offset, which moves behind it; undefined when there is none (yet). */
  async next(): Promise<Batch | undefined> {
    const batch = await this.#parse(false)
    // What the window holds may be older than what the writer has added since.
    return batch ?? (await this.#parse(true))
  }

  /**
   * What stands behind the cursor. `torn`: something other than zeros. `laterBatch`: offset of a
   * whole batch of this segment with a number above `after`; if there is one, the place at the
   * cursor is damage and not the end of the log.
   */
  async tail(after: Count): Promise<{ torn: boolean; laterBatch?: Bytes }> {
    const size = await this.#source.size()
    const rest = await this.#read(this.offset, Math.max(0, size - this.offset))
    for (let at = rest.indexOf(batchMagic, 1); at >= 0; at = rest.indexOf(batchMagic, at + 1)) {
      const head = decodeBatchHead(rest, at)
      if (!head || head.segment !== this.header.segment || head.batch <= after) continue
      if (batchFits(rest, at, head)) return { torn: true, laterBatch: this.offset + at }
    }
    return { torn: !rest.equals(Buffer.alloc(rest.length)) }
  }

  /** The last whole batch at or behind the cursor, whatever stands before it. */
  async lastWhole(): Promise<BatchHead | undefined> {
    const size = await this.#source.size()
    const rest = await this.#read(this.offset, Math.max(0, size - this.offset))
    let last: BatchHead | undefined
    let next = 0
    for (let at = rest.indexOf(batchMagic); at >= 0; at = rest.indexOf(batchMagic, next)) {
      const head = decodeBatchHead(rest, at)
      const whole = head?.segment === this.header.segment && batchFits(rest, at, head)
      if (head && whole) last = head
      next = at + (head && whole ? batchSize(head.bytes) : 1)
    }
    return last
  }

  /** Size of the file now, zeros included. */
  size(): Promise<Bytes> {
    return this.#source.size()
  }

  async close(): Promise<void> {
    await this.#source.close()
  }

  async #parse(fresh: boolean): Promise<Batch | undefined> {
    const { offset } = this
    await this.#have(batchHeaderBytes, fresh)
    const head = decodeBatchHead(this.#window, offset - this.#windowAt)
    if (!head || head.segment !== this.header.segment || head.bytes > largestBatchBytes) {
      return undefined
    }
    await this.#have(batchHeaderBytes + head.bytes, false)
    const window = this.#window
    const at = offset - this.#windowAt
    if (!batchFits(window, at, head)) return undefined
    this.offset = offset + batchSize(head.bytes)
    const body = at + batchHeaderBytes
    return {
      ...head,
      offset,
      end: this.offset,
      text: () => window.toString('utf8', body, body + head.bytes),
      hash: () => batchHash(window, at, head.bytes),
    }
  }

  async #have(bytes: Bytes, fresh: boolean): Promise<void> {
    const at = this.offset - this.#windowAt
    if (!fresh && at >= 0 && at + bytes <= this.#window.length) return
    this.#window = await this.#read(this.offset, Math.max(bytes, windowBytes))
    this.#windowAt = this.offset
  }

  async #read(offset: Bytes, bytes: Bytes): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(bytes)
    let got = 0
    while (got < bytes) {
      const more = await this.#source.read(buffer, got, bytes - got, offset + got)
      if (more === 0) break
      got += more
    }
    return buffer.subarray(0, got)
  }
}
