/**
 * What a child process does, seen from outside: how much it worked, and how long it stood idle at a
 * stretch. Unlike the time on the wall both are the same on a machine that does much else.
 *
 * @module
 */
import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { systemClock } from '../../core/clock.ts'
import type { Count, Millis } from '../../core/units.ts'

export interface Effort {
  /** Processor time, with that of its own children. */
  readonly workMs: Millis
  /** Longest stretch in which it had nothing to do, but to look now and then. */
  readonly idleMs: Millis
  /** From its start to its end. */
  readonly tookMs: Millis
}

/** By so much whoever does the same in another way stays below. */
export const moreThan = ({ workMs, idleMs, tookMs }: Effort): Effort => ({
  workMs: workMs * 3 + 1_000,
  idleMs: idleMs * 3 + 3_000,
  tookMs: Math.max(12_000, tookMs * 5),
})

const looksMs: Millis = 250
/** Linux counts in hundredths of a second, whatever its own clock does. */
const tickMs: Millis = 10
/** Whoever uses no more of one stretch is only looking. */
const glanceMs: Millis = 20

/** Kills the child, which leads a group of its own, with all it started once it did more than `most`. */
export function watchEffort(child: ChildProcess, most?: Effort) {
  let [workMs, idleMs] = [0, 0]
  let isGivenUp = false
  const beganMs = systemClock.monotonic()
  let workedAtMs = beganMs
  const look = (): void => {
    const nowMs = systemClock.monotonic()
    const seen = child.pid === undefined ? undefined : workOf(child.pid)
    // Where nothing can be seen of a process the wall has to do.
    if (!seen || seen.isReady || seen.ms > workMs + glanceMs) workedAtMs = nowMs
    workMs = seen?.ms ?? workMs
    const stretchMs = nowMs - workedAtMs
    idleMs = Math.max(idleMs, stretchMs)
    const isTooMuch =
      most && (workMs > most.workMs || stretchMs > most.idleMs || nowMs - beganMs > most.tookMs)
    if (isTooMuch) {
      isGivenUp = true
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      return
    }
    timer = systemClock.after(looksMs, look)
  }
  let timer = systemClock.after(looksMs, look)
  return {
    end(): { readonly effort: Effort; readonly isGivenUp: boolean } {
      timer.cancel()
      const tookMs = systemClock.monotonic() - beganMs
      return { effort: { workMs, idleMs, tookMs }, isGivenUp }
    },
  }
}

/** Processor time of a process and of those below it; ready is who has some to do. */
function workOf(pid: Count): { readonly ms: Millis; readonly isReady: boolean } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold anything; fields count from behind the last one.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    // Its own and that of children that ended.
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
    const below = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
    const children = below.filter(Boolean).flatMap((child) => workOf(Number(child)) ?? [])
    return {
      ms: children.reduce((sum, { ms }) => sum + ms, ticks * tickMs),
      isReady: /^[RD]$/.test(fields[0] ?? '') || children.some(({ isReady }) => isReady),
    }
  } catch {
    return undefined
  }
}
