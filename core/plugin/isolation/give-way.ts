/**
 * Who gets a processor when there are too few: Prov's thread, before plugins elsewhere that say much. Each
 * answer wakes such a plugin, the system lets who was woken run at once, and every step that comes meanwhile
 * waits for the end of its slice, some milliseconds. While there is room for all it costs nobody anything.
 * For good: only a person with rights of the system could take it back.
 *
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import type { Count } from '../../units.ts'

/** As with `nice`: a tenth of what Prov gets, while both want all. */
const lower: Count = 10
const lowest: Count = 19

const below = (priority: number): number => Math.min(lowest, priority + lower)

/** Threads by their numbers; what they start later inherits it. Only Linux knows single threads. */
export function giveWay(threads: readonly number[]): void {
  const priority = below(getPriority())
  for (const thread of threads) {
    try {
      if (getPriority(thread) < priority) setPriority(thread, priority)
    } catch {
      // It has ended, or this system knows no such thing: then it has its share like anybody.
    }
  }
}

/**
 * Linux may share the processors among sessions first: then the priorities of a process that leads one
 * count among its own only, and the session has one itself. It takes no more than ten such wishes in a
 * second: one that is refused is told again at a later beat.
 */
export function giveWayAsSession(pid: number): void {
  try {
    const its = sessionPriority(sessionOf(pid))
    // Who is of the oldest session of all, which has no priority to read or set, counts as one of none.
    const wanted = below(sessionPriority(sessionOf('self')) ?? 0)
    if (its !== undefined && its < wanted) writeFileSync(`/proc/${pid}/autogroup`, String(wanted))
  } catch {
    // This system knows no such thing, or not now, or it is not ours to say.
  }
}

const sessionOf = (pid: number | 'self'): string => readFileSync(`/proc/${pid}/autogroup`, 'utf8')

/** What Linux says of a session, `/autogroup-17 nice 0`; nothing at all of the oldest. */
export function sessionPriority(said: string): number | undefined {
  const priority = /-?\d+$/.exec(said.trim())
  return priority ? Number(priority[0]) : undefined
}
