/**
 * The few things that the writer asks of a disk, behind an interface: so that a test can break each
 * of them at a chosen moment and see what survives.
 *
 * @module
 */
import {
  closeSync,
  ftruncateSync,
  linkSync,
  openSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Bytes } from '../units.ts'
import { crashPoint } from '../protocol/crash.ts'
import { steadySync } from './steady.ts'

export interface WritableFile {
  /** Writes at an offset; may write less than asked, then the caller goes on. Returns bytes written. */
  write(bytes: Uint8Array, offset: Bytes): number | Promise<number>
  /** Resolves when everything written is on disk. */
  datasync(): Promise<void>
  truncate(length: Bytes): Promise<void>
  close(): void
}

export interface JournalFiles {
  /** Opens for writing; creates with mode 0600 unless `exists`. */
  open(path: string, options: { exists: boolean }): WritableFile
  /** Atomic replacement. */
  rename(from: string, to: string): Promise<void>
  /** Makes names created, renamed or removed in a folder durable. */
  syncFolder(path: string): Promise<void>
  /** A second name for a file. Throws EEXIST when the name is taken: the test-and-set of the lock. */
  link(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  list(path: string): Promise<readonly string[]>
  /** Creates a folder and its parents with mode 0700 and makes their names durable. */
  makeFolder(path: string): Promise<void>
}

/** Written at once; a write is a copy into memory, and the event loop has its turn between two. */
const pieceBytes: Bytes = 1_048_576

/**
 * The machine's disk. What goes on while a runtime works is done in this thread, where it is short, or
 * by `steadySync`: a plugin that holds the threads Node has for files must not hold the journal.
 */
export const diskFiles: JournalFiles = {
  open(path, { exists }) {
    const fd = openSync(path, exists ? 'r+' : 'wx', 0o600)
    return {
      write(bytes, offset) {
        const piece = Math.min(bytes.byteLength, pieceBytes)
        const written = writeSync(fd, bytes, 0, piece, offset)
        if (written === bytes.byteLength) return written
        return new Promise((turn) => setImmediate(turn, written))
      },
      datasync: steadySync(fd),
      truncate: async (length) => ftruncateSync(fd, length),
      close: () => closeSync(fd),
    }
  },
  rename: async (from, to) => renameSync(from, to),
  async syncFolder(path) {
    // Windows cannot open a folder; its file systems make names durable on their own.
    if (process.platform === 'win32') return
    const folder = openSync(path, 'r')
    try {
      await steadySync(folder)()
    } finally {
      closeSync(folder)
    }
  },
  link: async (from, to) => linkSync(from, to),
  remove: async (path) => unlinkSync(path),
  list: readdir,
  async makeFolder(path) {
    const first = await mkdir(path, { recursive: true, mode: 0o700 })
    if (first === undefined) return
    // A folder whose name was not synced goes with the power, and everything in it.
    for (let made = path; made.length >= first.length; made = dirname(made)) {
      await diskFiles.syncFolder(dirname(made))
    }
  },
}

/** Writes all of it, however many calls that takes. Throws when a call makes no progress. */
export async function writeAll(
  file: WritableFile,
  bytes: Uint8Array,
  offset: Bytes,
): Promise<void> {
  for (let done = 0; done < bytes.byteLength;) {
    const written = file.write(bytes.subarray(done), offset + done)
    const count = typeof written === 'number' ? written : await written
    if (count <= 0) throw new Error('a write made no progress')
    done += count
  }
}

/**
 * Puts a whole file in place: temporary file, sync, rename, sync of the folder. `fresh`: throws EEXIST
 * where one of that name is, instead of replacing it.
 */
export async function placeFile(
  files: JournalFiles,
  folder: string,
  name: string,
  bytes: Uint8Array,
  { fresh = false }: { readonly fresh?: boolean } = {},
): Promise<void> {
  const temporary = `${folder}/${name}.${process.pid}.tmp`
  await files.remove(temporary).catch(() => {})
  const file = files.open(temporary, { exists: false })
  try {
    await writeAll(file, bytes, 0)
    await file.datasync()
  } catch (thrown) {
    file.close()
    // On a full disk the half of a file would take the room that the next attempt needs.
    await files.remove(temporary).catch(() => {})
    throw thrown
  }
  file.close()
  crashPoint('file.written')
  if (fresh) {
    await files.link(temporary, `${folder}/${name}`)
    await files.remove(temporary)
  } else await files.rename(temporary, `${folder}/${name}`)
  crashPoint('file.named')
  await files.syncFolder(folder)
}
