/**
 * Small files that are replaced whole: whoever reads sees the old text or the new one, never half of
 * one, and only this user sees it at all. Not for what must survive a power cut: nothing is synced.
 *
 * @module
 */
import { randomUUID } from 'node:crypto'
import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Millis } from './units.ts'

/** Nobody takes longer to write a small file; what is older was left by a process that was killed. */
const leftMs: Millis = 600_000
const freshName = /^\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * Makes the folder when it is missing (0700); the file is 0600. Takes away what writers of this file left
 * that were killed more than ten minutes before. Throws what the disk says.
 */
export function replaceFile(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  // A name of its own: two processes may replace the same file at once.
  const fresh = `${file}.${randomUUID()}`
  try {
    writeFileSync(fresh, text, { mode: 0o600, flag: 'wx' })
    renameSync(fresh, file)
  } catch (thrown) {
    rmSync(fresh, { force: true })
    throw thrown
  }
  sweep(file)
}

function sweep(file: string): void {
  const [dir, name] = [dirname(file), basename(file)]
  try {
    // By the clock of the file system alone.
    const { mtimeMs, uid } = lstatSync(file)
    for (const entry of readdirSync(dir)) {
      if (!entry.startsWith(name) || !freshName.test(entry.slice(name.length))) continue
      const left = lstatSync(join(dir, entry))
      if (!left.isFile() || left.uid !== uid || mtimeMs - left.mtimeMs < leftMs) continue
      rmSync(join(dir, entry), { force: true })
    }
  } catch {
    // Another process swept at the same time, or may not look: the next write tries again.
  }
}
