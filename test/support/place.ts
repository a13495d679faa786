/**
 * A place for a journal on a real disk, with a disk layer that a test can break and processes that a
 * test can declare dead.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { simulatedClock } from '../../core/clock.ts'
import { openJournal } from '../../core/journal/file.ts'
import type { OpenJournalOptions } from '../../core/journal/file.ts'
import { diskFiles } from '../../core/journal/files.ts'
import type { JournalFiles } from '../../core/journal/files.ts'
import type { Owner, Processes } from '../../core/journal/lock.ts'
import { readJournal } from '../../core/journal/reader.ts'

/** Hooks around the disk; each is undefined until a test wants trouble. */
export interface Trouble {
  /** Sees a write first; may throw, or return how many bytes to write instead of all. */
  write?: ((bytes: Uint8Array, offset: number) => number | void) | undefined
  /** Awaited before each sync; may throw. */
  sync?: ((path: string) => Promise<void> | void) | undefined
}

export function troubledFiles(trouble: Trouble, disk: JournalFiles = diskFiles): JournalFiles {
  return {
    ...disk,
    open(path, options) {
      const file = disk.open(path, options)
      return {
        ...file,
        write(bytes, offset) {
          const allowed = trouble.write?.(bytes, offset)
          return file.write(
            typeof allowed === 'number' ? bytes.subarray(0, allowed) : bytes,
            offset,
          )
        },
        async datasync() {
          await trouble.sync?.(path)
          await file.datasync()
        },
      }
    },
  }
}

/** An empty folder that goes with its test. */
export async function tempDir(t: { teardown(undo: () => unknown): unknown }): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'prov-test-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  return dir
}

export async function diskPlace(
  t: { teardown(undo: () => unknown): unknown },
  options: Partial<OpenJournalOptions> = {},
) {
  const dir = options.dir ?? (await tempDir(t))
  const clock = simulatedClock()
  const trouble: Trouble = {}
  const files = troubledFiles(trouble, options.files)
  const dead = new Set<number>()
  let process = 0
  const owner = (pid: number): Owner => ({
    bootId: 'boot',
    pidNamespace: 'ns',
    pid,
    startTime: '1',
    host: 'here',
  })
  return {
    dir,
    clock,
    trouble,
    open() {
      const pid = ++process
      const processes: Processes = {
        self: () => owner(pid),
        look: (other) => (dead.has(other.pid) ? 'dead' : 'alive'),
      }
      return openJournal({ ...options, dir, clock, files, processes })
    },
    reader: () => readJournal({ dir }),
    presumeDead: () => void dead.add(process),
    failNextSync() {
      trouble.sync = () => {
        trouble.sync = undefined
        throw new Error('EIO: i/o error, fdatasync')
      }
    },
    holdSyncs() {
      let release = (): void => {}
      const held = new Promise<void>((resolve) => (release = resolve))
      trouble.sync = () => held
      return () => {
        trouble.sync = undefined
        release()
      }
    },
  }
}
