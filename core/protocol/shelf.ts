/**
 * Operations that have ended, on disk: one file per checkpoint, never changed, asked by id without
 * reading it whole. All of it is derived: a file that is gone or damaged comes back from the journal
 * with the next start.
 *
 *     row ⏎ row ⏎ … │ index, sorted by hash │ bits │ foot │ length of foot
 *
 * H1  A new id is told from a known one in memory: ids begin with their time, so most are beyond what a
 *     file holds, and of the others ten bits per row tell all but one in a hundred without the disk.
 * H2  What is read is what was written, or an error that says how to make it anew.
 *
 * @module
 */
import { createHash, hash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { diskFiles, placeFile } from '../journal/files.ts'
import type { JournalFiles } from '../journal/files.ts'
import type { Bytes, Count } from '../units.ts'
import { opErrors } from './errors.ts'
import type { OpRow } from './fold.ts'

/** A file of ended operations, open for questions. */
export interface Shelf {
  readonly name: string
  readonly rows: Count
  /** Over index, bits and range of ids, and by the sums in the index over every row. */
  readonly sha256: string
  /** Throws PROV_OP_SHELF_DAMAGED. */
  get(id: string): OpRow | undefined
  /** In the order in which they were put, read piece by piece. Throws PROV_OP_SHELF_DAMAGED. */
  walk(): Generator<OpRow>
}

interface Foot {
  readonly v: 1
  readonly journal: string
  readonly rows: Count
  readonly rowBytes: Bytes
  readonly bitBytes: Bytes
  readonly sha256: string
  /** The least and the greatest id in it. Absent in files of an older Prov. */
  readonly ids?: readonly [string, string]
}

/** Hash (8), offset (6), length (4), crc32 of the row (4). */
const entryBytes: Bytes = 22
const bitsPerRow = 10
const probes = 7
const chunkBytes: Bytes = 262_144

/** Writes a file of rows and opens it. The folder must be there. */
export async function writeShelf(
  dir: string,
  name: string,
  journal: string,
  rows: readonly OpRow[],
  files: JournalFiles = diskFiles,
): Promise<Shelf> {
  const texts: Buffer[] = []
  const entries: { readonly hash: Buffer; readonly entry: Buffer }[] = []
  const bits = Buffer.alloc(Math.ceil((Math.max(1, rows.length) * bitsPerRow) / 8))
  let rowBytes: Bytes = 0
  let ids: readonly [string, string] | undefined
  for (const [at, row] of rows.entries()) {
    const text = Buffer.from(`${JSON.stringify(row)}\n`)
    const hash = hashOf(row.id)
    const entry = Buffer.alloc(entryBytes)
    hash.copy(entry, 0, 0, 8)
    entry.writeUIntBE(rowBytes, 8, 6)
    entry.writeUInt32BE(text.length, 14)
    entry.writeUInt32BE(crc32(text), 18)
    entries.push({ hash, entry })
    const { id } = row
    ids = ids ? [id < ids[0] ? id : ids[0], id > ids[1] ? id : ids[1]] : [id, id]
    for (const bit of bitsOf(hash, bits.length * 8)) bits[bit >> 3]! |= 1 << (bit & 7)
    texts.push(text)
    rowBytes += text.length
    // Thousands of rows are a tenth of a second: others have their turn in between.
    if (at % 100 === 99) await new Promise((resolve) => setImmediate(resolve))
  }
  entries.sort((one, two) => one.entry.compare(two.entry, 0, 8, 0, 8))
  const index = Buffer.concat(entries.map(({ entry }) => entry))
  const sha256 = sumOf(index, bits, ids)
  const foot: Foot = {
    v: 1,
    journal,
    rows: rows.length,
    rowBytes,
    bitBytes: bits.length,
    sha256,
    ...(ids && { ids }),
  }
  const footText = Buffer.from(JSON.stringify(foot))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(footText.length)
  await placeFile(files, dir, name, Buffer.concat([...texts, index, bits, footText, length]))
  return shelfOf(join(dir, name), name, foot, bits)
}

function sumOf(index: Buffer, bits: Buffer, ids: Foot['ids']): string {
  const sum = createHash('sha256').update(index).update(bits)
  return (ids ? sum.update(JSON.stringify(ids)) : sum).digest('hex')
}

/** Opens a file of rows of that journal; undefined when it is absent, damaged or of a newer Prov. */
export function openShelf(dir: string, name: string, journal: string): Shelf | undefined {
  const path = join(dir, name)
  let fd: number | undefined
  try {
    fd = openSync(path, 'r')
    const { size } = fstatSync(fd)
    const footBytes = readExact(fd, size - 4, 4).readUInt32BE()
    const foot = JSON.parse(readExact(fd, size - 4 - footBytes, footBytes).toString()) as Foot
    const indexBytes = foot.rows * entryBytes
    const whole = foot.rowBytes + indexBytes + foot.bitBytes + footBytes + 4
    if (foot.v !== 1 || foot.journal !== journal || size !== whole) return undefined
    const summed = readExact(fd, foot.rowBytes, indexBytes + foot.bitBytes)
    const index = summed.subarray(0, indexBytes)
    const bits = summed.subarray(indexBytes)
    if (sumOf(index, bits, foot.ids) !== foot.sha256) return undefined
    return shelfOf(path, name, foot, Buffer.from(bits))
  } catch {
    return undefined
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

function shelfOf(path: string, name: string, foot: Foot, bits: Buffer): Shelf {
  const { rows, rowBytes, sha256, ids } = foot
  const damaged = (what: string) => opErrors.PROV_OP_SHELF_DAMAGED({ file: path, what })
  /** Files are opened per question: old operations are asked for rarely, and there may be many files. */
  const reading = <T>(read: (fd: number) => T): T => {
    let fd: number
    try {
      fd = openSync(path, 'r')
    } catch {
      throw damaged('it is gone')
    }
    try {
      return read(fd)
    } catch (thrown) {
      if (thrown instanceof RangeError) throw damaged(thrown.message)
      throw thrown
    } finally {
      closeSync(fd)
    }
  }
  const rowAt = (fd: number, entry: Buffer): OpRow => {
    const text = readExact(fd, entry.readUIntBE(8, 6), entry.readUInt32BE(14))
    if (crc32(text) !== entry.readUInt32BE(18)) throw damaged('a row is not what was written')
    return JSON.parse(text.toString()) as OpRow
  }
  return {
    name,
    rows,
    sha256,
    get(id) {
      if (ids && (id < ids[0] || id > ids[1])) return undefined
      const hash = hashOf(id)
      for (const bit of bitsOf(hash, bits.length * 8)) {
        if (((bits[bit >> 3] as number) & (1 << (bit & 7))) === 0) return undefined
      }
      return reading((fd) => {
        const entryAt = (at: number) => readExact(fd, rowBytes + at * entryBytes, entryBytes)
        let low = 0
        let high = rows
        while (low < high) {
          const middle = (low + high) >> 1
          if (entryAt(middle).compare(hash, 0, 8, 0, 8) < 0) low = middle + 1
          else high = middle
        }
        // Two ids with one hash stand side by side.
        for (; low < rows; low++) {
          const entry = entryAt(low)
          if (entry.compare(hash, 0, 8, 0, 8) !== 0) return undefined
          const row = rowAt(fd, entry)
          if (row.id === id) return row
        }
        return undefined
      })
    },
    *walk() {
      let rest = Buffer.alloc(0)
      for (let at = 0; at < rowBytes; at += chunkBytes) {
        const length = Math.min(chunkBytes, rowBytes - at)
        const chunk = reading((fd) => readExact(fd, at, length))
        const text = Buffer.concat([rest, chunk])
        const end = text.lastIndexOf(10) + 1
        rest = text.subarray(end)
        for (const line of text.toString('utf8', 0, end).split('\n')) {
          if (line !== '') yield parsed(line, damaged)
        }
      }
    },
  }
}

function parsed(line: string, damaged: (what: string) => Error): OpRow {
  try {
    return JSON.parse(line) as OpRow
  } catch {
    throw damaged('a row cannot be read')
  }
}

/** One id is asked of every file in turn. */
const asked = { id: '', hash: Buffer.alloc(0) }

function hashOf(id: string): Buffer {
  if (asked.id !== id || asked.hash.length === 0) {
    asked.hash = hash('sha256', id, 'buffer')
    asked.id = id
  }
  return asked.hash
}

/** Places of an id among so many bits. */
function* bitsOf(hash: Buffer, most: number): Generator<number> {
  const step = hash.readUInt32BE(12) | 1
  let at = hash.readUInt32BE(8)
  for (let probe = 0; probe < probes; probe++) {
    yield at % most
    at = (at + step) >>> 0
  }
}

function readExact(fd: number, at: Bytes, length: Bytes): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  for (let done = 0; done < length;) {
    const got = readSync(fd, bytes, done, length - done, at + done)
    if (got === 0) throw new RangeError('the file is shorter than it says')
    done += got
  }
  return bytes
}
