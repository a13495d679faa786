/**
 * A sync that nothing else in this process can hold up. Node hands syncs to four threads that all of
 * the process shares, plugins in worker threads included, and four reads of a pipe that nobody writes
 * to hold all of them for good. So a sync that is late asks whether those threads answer at all: when
 * they do, the disk is slow and is waited for; when they do not, this thread syncs by itself until
 * they do again.
 *
 * @module
 */
import { fdatasync, fdatasyncSync } from 'node:fs'
import { systemClock } from '../clock.ts'
import type { Timer } from '../clock.ts'
import { answerMs, threadsAnswer, threadsHeld } from '../threads.ts'

function warn(): void {
  process.emitWarning(
    `the threads that Node has for files have not answered for ${answerMs} ms: a busy disk, or a plugin in a thread holds them; until they do the journal syncs without them`,
    { code: 'PROV_JOURNAL_HELD_UP', detail: '`prov plugins` says what runs in a thread' },
  )
}

/** Syncs of one open file. What one that came too late found is the failure of the next one. */
export function steadySync(fd: number): () => Promise<void> {
  let failed: Error | undefined
  const now = (): void => {
    if (failed) throw failed
    fdatasyncSync(fd)
  }
  return () =>
    new Promise((resolve, reject) => {
      let over = false
      const end = (error?: unknown): void => {
        over = true
        late?.cancel()
        if (error) reject(error as Error)
        else resolve()
      }
      const direct = (): void => {
        try {
          now()
          end()
        } catch (thrown) {
          end(thrown)
        }
      }
      const look = async (): Promise<void> => {
        const known = threadsHeld()
        const slow = await threadsAnswer()
        if (!slow && !known) warn()
        if (over) return
        if (slow) late = systemClock.after(answerMs, () => void look())
        else direct()
      }
      let late: Timer | undefined
      if (threadsHeld() || failed) return direct()
      late = systemClock.after(answerMs, () => void look())
      fdatasync(fd, (error) => {
        // A disk tells a failure once: whoever was told must not keep it to himself.
        if (over) failed ??= error ?? undefined
        else end(error)
      })
    })
}
