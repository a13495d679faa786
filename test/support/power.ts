/**
 * A disk that loses power: writes reach the file only with a sync. At a cut each sector of what was
 * not synced arrives or not, by chance, in no order; afterwards nothing works any more.
 *
 * @module
 */
import { openSync, writeSync, closeSync } from 'node:fs'
import { diskFiles } from '../../core/journal/files.ts'
import type { JournalFiles } from '../../core/journal/files.ts'

const sectorBytes = 512

export interface PoweredDisk {
  readonly files: JournalFiles
  /** Cuts the power. `random` gives numbers from 0 to 1. */
  cut(random: () => number): void
}

/** Calls `onSync` before each sync counts; it may cut the power. */
export function poweredDisk(onSync: () => void): PoweredDisk {
  let off = false
  const pending = new Set<{ path: string; bytes: Uint8Array; offset: number }>()
  const assertOn = (): void => {
    if (off) throw new Error('EIO: no power')
  }
  const apply = (path: string, bytes: Uint8Array, offset: number): void => {
    const fd = openSync(path, 'r+')
    writeSync(fd, bytes, 0, bytes.byteLength, offset)
    closeSync(fd)
  }
  return {
    files: {
      ...diskFiles,
      open(path, options) {
        assertOn()
        const file = diskFiles.open(path, options)
        return {
          write(bytes, offset) {
            assertOn()
            pending.add({ path, bytes: Uint8Array.from(bytes), offset })
            return bytes.byteLength
          },
          async datasync() {
            assertOn()
            onSync()
            assertOn()
            for (const item of pending) {
              if (item.path !== path) continue
              apply(item.path, item.bytes, item.offset)
              pending.delete(item)
            }
          },
          async truncate(length) {
            assertOn()
            await file.truncate(length)
          },
          close: () => file.close(),
        }
      },
      async rename(from, to) {
        assertOn()
        await diskFiles.rename(from, to)
      },
      async link(from, to) {
        assertOn()
        await diskFiles.link(from, to)
      },
    },
    cut(random) {
      off = true
      for (const { path, bytes, offset } of pending) {
        for (let at = 0; at < bytes.byteLength;) {
          const end = Math.min(bytes.byteLength, at + sectorBytes - ((offset + at) % sectorBytes))
          if (random() < 0.5) apply(path, bytes.subarray(at, end), offset + at)
          at = end
        }
      }
    },
  }
}

/** Random numbers that a seed repeats (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
