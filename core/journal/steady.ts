/**
 * A sync that nothing else in this process can hold up. Node hands syncs to four threads that all of
 * the process shares, plugins in worker threads included, and four reads of a pipe that nobody writes
 * to hold all of them for good. So a sync that is late asks whether those threads answer at all: when
 * they do, the disk is slow and is waited for; when they do not, this thread syncs by itself until
 * they do again.
 *
 * @module
 */
import { randomFill } from 'node:crypto'
import { fdatasync, fdatasyncSync } from 'node:fs'
import { systemClock } from '../clock.ts'
import type { Millis } from '../units.ts'

/** How long a sync takes before somebody looks, and an answer of the shared threads as well. */
const lateMs: Millis = 250

/** The shared threads were asked and have not answered yet. */
let taken = false

/** False when they do not answer in time. From then on `taken` holds until they do. */
function answers(): Promise<boolean> {
  return new Promise((resolve) => {
    const late = systemClock.after(lateMs, () => {
      if (!taken) {
        process.emitWarning(
          'something in this process, a plugin in a thread perhaps, holds all threads that Node has for files: the journal syncs without them',
          { code: 'PROV_JOURNAL_HELD_UP', detail: '`prov plugins` says what runs in a thread' },
        )
      }
      taken = true
      resolve(false)
    })
    randomFill(Buffer.alloc(1), () => {
      late.cancel()
      taken = false
      resolve(true)
    })
  })
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
        const slow = await answers()
        if (over) return
        if (slow) late = systemClock.after(lateMs, () => void look())
        else direct()
      }
      let late: ReturnType<typeof systemClock.after> | undefined
      if (taken || failed) return direct()
      late = systemClock.after(lateMs, () => void look())
      fdatasync(fd, (error) => {
        // A disk tells a failure once: whoever was told must not keep it to himself.
        if (over) failed ??= error ?? undefined
        else end(error)
      })
    })
}
