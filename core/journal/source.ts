/**
 * Where the bytes of a segment come from: its file, which may be growing, or its archive, which is
 * the same bytes packed (archive.ts).
 *
 * @module
 */
import { open, readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { constants, gunzip } from 'node:zlib'
import type { Bytes, Count } from '../units.ts'
import { archiveName, segmentHeaderBytes, segmentName } from './segment.ts'

export interface SegmentSource {
  readonly path: string
  /** Reads at an offset; returns how much was there. */
  read(into: Buffer, at: Bytes, bytes: Bytes, offset: Bytes): Promise<Bytes>
  size(): Promise<Bytes>
  close(): Promise<void>
}

/** Looked up at each call: a simulated world has one of its own. */
const unpack = (packed: Buffer, options = {}) => promisify(gunzip)(packed, options)

/** Opens a segment by number, as a file or as an archive. Throws ENOENT when it is neither. */
export async function openSource(dir: string, segment: Count): Promise<SegmentSource> {
  const path = `${dir}/${segmentName(segment)}`
  try {
    const handle = await open(path, 'r')
    return {
      path,
      read: async (into, at, bytes, offset) =>
        (await handle.read(into, at, bytes, offset)).bytesRead,
      size: async () => (await handle.stat()).size,
      close: () => handle.close(),
    }
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown
    // It may be archived, also just now.
    return await openArchive(`${dir}/${archiveName(segment)}`, thrown)
  }
}

/**
 * Unpacks when something behind the header is asked for: a search over segments reads headers only,
 * and a header is in the first block. What does not unpack reads as an empty file: damage.
 */
async function openArchive(path: string, absent: unknown): Promise<SegmentSource> {
  const packed = await readFile(path).catch(() => {
    throw absent
  })
  let whole: Promise<Buffer> | undefined
  const all = () => (whole ??= unpack(packed).catch(() => Buffer.alloc(0)))
  const start = await unpack(packed.subarray(0, segmentHeaderBytes), {
    finishFlush: constants.Z_SYNC_FLUSH,
  }).catch(() => Buffer.alloc(0))
  return {
    path,
    async read(into, at, bytes, offset) {
      const known = offset + bytes <= Math.min(start.length, segmentHeaderBytes)
      const source = known ? start : await all()
      return offset >= source.length ? 0 : source.copy(into, at, offset, offset + bytes)
    },
    size: async () => (await all()).length,
    close: async () => {},
  }
}
