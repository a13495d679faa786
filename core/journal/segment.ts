/**
 * The bytes of a segment: one header page, then batches. A batch is what one sync makes durable: a
 * header, then the lines of its records. Little endian throughout.
 *
 *     ┌ header, 4096 bytes ┐┌ batch ┬───────┐┌ batch ┬───────┐ zeros (preallocated)
 *     │ id format first seal││ head │ lines ││ head │ lines │ 000000000…
 *     └─────────────────────┘└──────┴───────┘└──────┴───────┘
 *
 * S1  The CRC of a batch covers segment number, batch number, positions, epoch, the hash before it
 *     and its lines: a block from another place or time does not fit.
 * S2  Each batch carries the SHA-256 of the batch before it; a segment header carries length and
 *     last hash of the segment before it. What lies behind that length does not count.
 * S3  A header says what its records look like; whoever does not know that look reads none of them.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import * as zlib from 'node:zlib'
import type { Bytes, Count, Millis } from '../units.ts'
import type { Position } from './journal.ts'

/** Size of a segment header: one page, so that batches never share one with it. */
export const segmentHeaderBytes: Bytes = 4_096
export const batchHeaderBytes: Bytes = 80
/** Batches start at multiples of this. */
const alignment: Bytes = 8
const segmentMagic = Buffer.from('PROVJRN1', 'latin1')
/**
 * What the records of this Prov look like. Raised with every kind of record, and every field of one,
 * that an older Prov would pass over or take for something else; what it reads is every number up to
 * this. `test/fixtures/kernel-<number>` shows what each looks like.
 */
export const journalFormat: Count = 4
const segmentCovered: Bytes = 128
/** Behind the covered part: CRC and length of a JSON text, then the text. Without it nothing is lost. */
const partitionsAt: Bytes = 128
const partitionsTextAt: Bytes = partitionsAt + 8
/** First bytes of every batch; recovery looks for it behind a damaged place. */
export const batchMagic: Buffer = Buffer.from('PRVB', 'latin1')

export const noHash: Buffer = Buffer.alloc(32)

export interface SegmentHeader {
  readonly segment: Count
  readonly journal: string
  readonly epoch: Count
  readonly firstBatch: Count
  readonly firstPosition: Position
  readonly createdMs: Millis
  /** The newest look that its records may have. Absent: written before that was said. */
  readonly format?: Count | undefined
  /** Length that counts of the segment before; 0 for the first one. */
  readonly sealedBytes: Bytes
  /** Hash of the last batch before this segment; zeros when there is none. */
  readonly sealedHash: Buffer
  /**
   * Partitions that records of the segment before belong to, sorted: a reader of another one passes it
   * over. Absent when nobody counted them or they are too many for the page.
   */
  readonly sealedPartitions?: readonly string[] | undefined
  /** Id that the journal had before this segment, where it was adopted: the one place it may change. */
  readonly adopted?: string | undefined
}

export interface BatchHead {
  readonly bytes: Bytes
  readonly segment: Count
  readonly batch: Count
  readonly first: Position
  readonly count: Count
  readonly epoch: Count
  readonly previous: Buffer
}

/** CRC-32 as in zlib; own table for Node 20 before 20.15. */
export const crc32: (bytes: Uint8Array) => number =
  typeof zlib.crc32 === 'function' ? (bytes) => zlib.crc32(bytes) : tableCrc32

let table: Uint32Array | undefined

/** CRC-32 without help from zlib. Exported to be checked against it. */
export function tableCrc32(bytes: Uint8Array): number {
  table ??= Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
    return value
  })
  let crc = 0xffffffff
  for (const byte of bytes) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 0xff] as number)
  return (crc ^ 0xffffffff) >>> 0
}

/** Bytes that a batch of `bodyBytes` takes on disk. */
export function batchSize(bodyBytes: Bytes): Bytes {
  return Math.ceil((batchHeaderBytes + bodyBytes) / alignment) * alignment
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const page = Buffer.alloc(segmentHeaderBytes)
  segmentMagic.copy(page, 0)
  page.writeUInt32LE(header.segment, 12)
  page.writeUInt32LE(header.epoch, 16)
  page.writeUInt32LE(header.format ?? 0, 20)
  page.writeBigUInt64LE(BigInt(header.firstBatch), 24)
  page.writeBigUInt64LE(BigInt(header.firstPosition), 32)
  page.writeDoubleLE(header.createdMs, 40)
  page.writeBigUInt64LE(BigInt(header.sealedBytes), 48)
  header.sealedHash.copy(page, 56)
  idBytes(header.journal).copy(page, 88)
  if (header.adopted !== undefined) idBytes(header.adopted).copy(page, 104)
  page.writeUInt32LE(crc32(page.subarray(12, segmentCovered)), 8)
  if (header.sealedPartitions) putPartitions(page, header.sealedPartitions)
  return page
}

function putPartitions(page: Buffer, partitions: readonly string[]): void {
  const text = Buffer.from(JSON.stringify(partitions))
  if (partitionsTextAt + text.length > page.length) return
  text.copy(page, partitionsTextAt)
  page.writeUInt32LE(crc32(text), partitionsAt)
  page.writeUInt32LE(text.length, partitionsAt + 4)
}

function partitionsOf(page: Buffer): readonly string[] | undefined {
  const length = page.readUInt32LE(partitionsAt + 4)
  const text = page.subarray(partitionsTextAt, partitionsTextAt + length)
  if (length === 0 || text.length !== length) return undefined
  if (page.readUInt32LE(partitionsAt) !== crc32(text)) return undefined
  return JSON.parse(text.toString()) as readonly string[]
}

/** The header, or undefined when these bytes are none. */
export function decodeSegmentHeader(page: Buffer): SegmentHeader | undefined {
  if (page.length < segmentHeaderBytes || !page.subarray(0, 8).equals(segmentMagic))
    return undefined
  if (page.readUInt32LE(8) !== crc32(page.subarray(12, segmentCovered))) return undefined
  const adopted = page.subarray(104, 120)
  const sealedPartitions = partitionsOf(page.subarray(0, segmentHeaderBytes))
  const format = page.readUInt32LE(20)
  return {
    segment: page.readUInt32LE(12),
    epoch: page.readUInt32LE(16),
    firstBatch: Number(page.readBigUInt64LE(24)),
    firstPosition: Number(page.readBigUInt64LE(32)),
    createdMs: page.readDoubleLE(40),
    sealedBytes: Number(page.readBigUInt64LE(48)),
    sealedHash: Buffer.from(page.subarray(56, 88)),
    journal: idText(page.subarray(88, 104)),
    ...(format > 0 && { format }),
    ...(sealedPartitions && { sealedPartitions }),
    ...(!adopted.equals(Buffer.alloc(16)) && { adopted: idText(adopted) }),
  }
}

function idBytes(id: string): Buffer {
  return Buffer.from(id.replaceAll('-', ''), 'hex')
}

function idText(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** Writes head and CRC in front of a body that already lies at `batchHeaderBytes`. */
export function sealBatch(bytes: Buffer, head: BatchHead): void {
  batchMagic.copy(bytes, 0)
  bytes.writeUInt32LE(head.bytes, 8)
  bytes.writeUInt32LE(head.segment, 12)
  bytes.writeBigUInt64LE(BigInt(head.batch), 16)
  bytes.writeBigUInt64LE(BigInt(head.first), 24)
  bytes.writeUInt32LE(head.count, 32)
  bytes.writeUInt32LE(head.epoch, 36)
  head.previous.copy(bytes, 40)
  bytes.fill(0, 72, batchHeaderBytes)
  const end = batchHeaderBytes + head.bytes
  bytes.fill(0, end, batchSize(head.bytes))
  bytes.writeUInt32LE(crc32(bytes.subarray(8, end)), 4)
}

/** Reads a batch head without judging it; undefined when the magic is not there. */
export function decodeBatchHead(bytes: Buffer, at = 0): BatchHead | undefined {
  if (bytes.length - at < batchHeaderBytes || bytes.compare(batchMagic, 0, 4, at, at + 4) !== 0) {
    return undefined
  }
  return {
    bytes: bytes.readUInt32LE(at + 8),
    segment: bytes.readUInt32LE(at + 12),
    batch: Number(bytes.readBigUInt64LE(at + 16)),
    first: Number(bytes.readBigUInt64LE(at + 24)),
    count: bytes.readUInt32LE(at + 32),
    epoch: bytes.readUInt32LE(at + 36),
    previous: Buffer.from(bytes.subarray(at + 40, at + 72)),
  }
}

/** True when the CRC of the batch at `at` fits; the bytes must hold all of it. */
export function batchFits(bytes: Buffer, at: number, head: BatchHead): boolean {
  const end = at + batchHeaderBytes + head.bytes
  return end <= bytes.length && bytes.readUInt32LE(at + 4) === crc32(bytes.subarray(at + 8, end))
}

/** What the next batch carries as `previous`. */
export function batchHash(bytes: Buffer, at: number, bodyBytes: Bytes): Buffer {
  const end = at + batchHeaderBytes + bodyBytes
  return createHash('sha256')
    .update(bytes.subarray(at + 8, end))
    .digest()
}

/** `segment-00000001.log` */
export function segmentName(segment: Count): string {
  return `segment-${String(segment).padStart(8, '0')}.log`
}

/** `segment-00000001.log.gz`: the same segment, packed. */
export function archiveName(segment: Count): string {
  return `${segmentName(segment)}.gz`
}

/** Numbers of the segments among file names, packed or not, ascending. */
export function segmentNumbers(names: readonly string[]): number[] {
  const numbers = new Set<number>()
  for (const name of names) {
    const match = /^segment-(\d{8,})\.log(\.gz)?$/.exec(name)
    if (match) numbers.add(Number(match[1]))
  }
  return [...numbers].sort((a, b) => a - b)
}
