/**
 * A disk that loses power, for tests: everything works on real files in a folder, as it would out of
 * the memory of a kernel, and beside them it is noted what a real disk would hold by now. At a cut
 * the files become that: what was not synced arrives sector by sector or not at all, in no order, and
 * names that were made, moved or removed without a sync of their folder are old or new.
 *
 *     write, rename, … ─▶ files (as seen while the power is on)
 *            sync      ─▶ what survives for certain
 *            cut       ─▶ files := certain + a random part of the rest; from now on every call fails
 *
 * Hand `files` to `openJournal`; after the cut make another disk over the same folder and open again.
 *
 * @module
 */
import * as fs from 'node:fs'
import { dirname, join } from 'node:path'
import type { Bytes, Count } from '../units.ts'
import type { JournalFiles } from './files.ts'

export interface SimulatedDiskOptions {
  /** Everything below it belongs to the disk. Must exist. */
  readonly folder: string
  /** Numbers from 0 to 1, from a seed that the test prints. */
  readonly random: () => number
  /** The power goes at this step, before or after it took effect. Counts from 1. Default: never. */
  readonly cutAt?: Count | undefined
}

export interface SimulatedDisk {
  readonly files: JournalFiles
  /** How many things were asked of it that change it or make it durable. */
  readonly steps: Count
  readonly isOff: boolean
  /** Cuts the power now. Idempotent. */
  cut(): void
}

const sectorBytes: Bytes = 512

interface Inode {
  /** As programs see it. */
  live: Buffer
  /** As it is on the platters. */
  certain: Buffer
  readonly dirty: Set<number>
}

/** A change of names in one folder that only a sync of it makes certain. */
interface NameChange {
  readonly folder: string
  readonly apply: (names: Map<string, Inode>) => void
}

/** See the head of this file. What lies in the folder already counts as synced. */
export function simulatedDisk(options: SimulatedDiskOptions): SimulatedDisk {
  const { folder, random, cutAt } = options
  const names = new Map<string, Inode>()
  for (const path of filesBelow(folder)) {
    const content = fs.readFileSync(path)
    names.set(path, { live: content, certain: Buffer.from(content), dirty: new Set() })
  }
  const certain = new Map(names)
  let changes: NameChange[] = []
  let steps = 0
  let isOff = false

  const assertOn = (): void => {
    if (isOff) throw Object.assign(new Error('EIO: the power is off'), { code: 'EIO' })
  }
  /** One step: the cut comes before it or after it. */
  function step<T>(act: () => T): T {
    assertOn()
    const dies = ++steps === cutAt
    if (dies && random() < 0.5) cut()
    assertOn()
    try {
      return act()
    } finally {
      if (dies) cut()
      assertOn()
    }
  }
  const change = (path: string, apply: NameChange['apply']): void => {
    apply(names)
    changes.push({ folder: dirname(path), apply })
  }
  const inodeOf = (path: string): Inode => {
    const inode = names.get(path)
    if (!inode) throw Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' })
    return inode
  }

  function cut(): void {
    if (isOff) return
    isOff = true
    for (const place of new Set(changes.map((one) => one.folder))) {
      const here = changes.filter((one) => one.folder === place)
      // Most file systems keep changes of names in order; nothing here may depend on it.
      const inOrder = random() < 0.5
      const kept = Math.floor(random() * (here.length + 1))
      here.forEach((one, at) => (inOrder ? at < kept : random() < 0.5) && one.apply(certain))
    }
    for (const path of filesBelow(folder)) if (!certain.has(path)) fs.rmSync(path)
    const contents = new Map<Inode, Buffer>()
    for (const [path, inode] of certain) {
      const content = contents.get(inode) ?? survivor(inode, random)
      contents.set(inode, content)
      // A new file each: a process that still holds the old one writes into nothing.
      fs.rmSync(path, { force: true })
      fs.writeFileSync(path, content, { mode: 0o600 })
    }
  }

  const files: JournalFiles = {
    open(path, { exists }) {
      assertOn()
      if (!exists) {
        step(() => {
          fs.closeSync(fs.openSync(path, 'wx', 0o600))
          const fresh: Inode = { live: Buffer.alloc(0), certain: Buffer.alloc(0), dirty: new Set() }
          change(path, (map) => void map.set(path, fresh))
        })
      }
      const inode = inodeOf(path)
      const fd = fs.openSync(path, 'r+')
      return {
        write: (bytes, offset) =>
          step(() => {
            fs.writeSync(fd, bytes, 0, bytes.byteLength, offset)
            inode.live = grown(inode.live, offset + bytes.byteLength)
            inode.live.set(bytes, offset)
            mark(inode, offset, offset + bytes.byteLength)
            return bytes.byteLength
          }),
        datasync: async () =>
          step(() => {
            for (const sector of inode.dirty) {
              const start = sector * sectorBytes
              const end = Math.min(start + sectorBytes, inode.live.length)
              if (start >= end) continue
              inode.certain = grown(inode.certain, end)
              inode.live.copy(inode.certain, start, start, end)
            }
            inode.certain = sized(inode.certain, inode.live.length)
            inode.dirty.clear()
          }),
        truncate: async (length) =>
          step(() => {
            fs.ftruncateSync(fd, length)
            mark(inode, length, inode.live.length)
            inode.live = sized(inode.live, length)
          }),
        close: () => fs.closeSync(fd),
      }
    },
    rename: async (from, to) =>
      step(() => {
        const inode = inodeOf(from)
        fs.renameSync(from, to)
        change(to, (map) => {
          map.set(to, inode)
          map.delete(from)
        })
      }),
    syncFolder: async (path) =>
      step(() => {
        for (const one of changes) if (one.folder === path) one.apply(certain)
        changes = changes.filter((one) => one.folder !== path)
      }),
    link: async (from, to) =>
      step(() => {
        const inode = inodeOf(from)
        fs.linkSync(from, to)
        change(to, (map) => void map.set(to, inode))
      }),
    remove: async (path) =>
      step(() => {
        fs.unlinkSync(path)
        change(path, (map) => void map.delete(path))
      }),
    async list(path) {
      assertOn()
      return fs.readdirSync(path)
    },
    // Its promise is that the names are durable when it is over.
    makeFolder: async (path) =>
      void step(() => fs.mkdirSync(path, { recursive: true, mode: 0o700 })),
  }
  return {
    files,
    get steps() {
      return steps
    },
    get isOff() {
      return isOff
    },
    cut,
  }
}

/** What a disk holds of a file: each sector that was not synced, and the length, old or new. */
function survivor({ live, certain, dirty }: Inode, random: () => number): Buffer {
  const length = random() < 0.5 ? live.length : certain.length
  const content = sized(Buffer.from(certain), length)
  for (const sector of dirty) {
    const start = sector * sectorBytes
    const end = Math.min(start + sectorBytes, length, live.length)
    if (start < end && random() < 0.5) live.copy(content, start, start, end)
  }
  return content
}

function mark({ dirty }: Inode, from: Bytes, to: Bytes): void {
  for (let at = Math.floor(from / sectorBytes); at * sectorBytes < to; at++) dirty.add(at)
}

function grown(bytes: Buffer, length: Bytes): Buffer {
  return bytes.length >= length ? bytes : sized(bytes, length)
}

function sized(bytes: Buffer, length: Bytes): Buffer {
  if (bytes.length === length) return bytes
  const result = Buffer.alloc(length)
  bytes.copy(result, 0, 0, Math.min(length, bytes.length))
  return result
}

function filesBelow(folder: string): string[] {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? filesBelow(path) : [path]
  })
}
