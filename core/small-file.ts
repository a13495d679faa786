/**
 * Small files that are replaced whole: whoever reads sees the old text or the new one, never half of
 * one, and only this user sees it at all. Not for what must survive a power cut: nothing is synced.
 *
 * @module
 */
import { randomUUID } from 'node:crypto'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** Makes the folder when it is missing (0700); the file is 0600. Throws what the disk says. */
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
}
