/**
 * The few threads (four) that Node has for files, names and keys. All of the process shares them, plugins in
 * worker threads included: four reads of a pipe that nobody writes to hold all of them for good.
 *
 * @module
 */
import { randomFill } from 'node:crypto'
import { systemClock } from './clock.ts'
import type { Millis } from './units.ts'

/** How long they may take to answer before they count as held. */
export const answerMs: Millis = 250

let held = false

/** They were asked, did not answer in time, and have not answered since. */
export const threadsHeld = (): boolean => held

/** Asks them. False when they do not answer in time; from then on `threadsHeld` until they do. */
export function threadsAnswer(): Promise<boolean> {
  return new Promise((resolve) => {
    let answered = false
    const judge = (): void => {
      if (answered) return
      held = true
      resolve(false)
    }
    // When this thread was busy itself, the answer may lie there unread: it is read first.
    const late = systemClock.after(answerMs, () => void setImmediate(judge))
    randomFill(Buffer.alloc(1), () => {
      answered = true
      late.cancel()
      held = false
      resolve(true)
    })
  })
}
