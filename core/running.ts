/**
 * Who runs right now, in memory that another thread can read while this one does not answer. It costs
 * one store before work of somebody and one after a round of it; nobody has to look.
 *
 * One per process: there is one thread to keep busy.
 *
 * @module
 */
import type { Count } from './units.ts'

/** Places in `running`: a beat of the event loop, who runs, who ran last. */
export const place = { beat: 0, who: 1, last: 2 } as const

export const running = new Int32Array(new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT))

export interface Runner {
  readonly owner: string
  /** In words for people: `a step of acme.quota`. */
  readonly doing: string
}

const runners: Runner[] = [{ owner: 'Prov', doing: 'work of its own' }]
const numbers = new Map<string, Count>()
const listeners = new Set<(number: Count, runner: Runner) => void>()
/** So many names are enough for people; whatever comes later is told as Prov's own work. */
const longest = 10_000

/** The number of somebody doing something: the same for the same words. */
export function runnerOf(owner: string, doing: string): Count {
  const key = `${owner}\n${doing}`
  const known = numbers.get(key)
  if (known !== undefined) return known
  if (runners.length >= longest) return 0
  const runner = { owner, doing }
  const number = runners.push(runner) - 1
  numbers.set(key, number)
  for (const listener of listeners) listener(number, runner)
  return number
}

/** The same owner, doing something else: what it leaves behind to be called is still its own. */
export const alsoBy = (number: Count, doing: string): Count =>
  runnerOf((runners[number] ?? (runners[0] as Runner)).owner, doing)

/** Runs what is not a promise yet, under a number; a loop that never ends is known by it. */
export function during<T>(number: Count, work: () => T): T {
  const before = running[place.who] as Count
  running[place.who] = number
  try {
    return work()
  } finally {
    running[place.last] = number
    running[place.who] = before
  }
}

/** The same for a function that leaves nothing behind to go on later. */
export function asRunner<T>(number: Count, work: () => T): T {
  const before = running[place.who] as Count
  running[place.who] = number
  try {
    return work()
  } finally {
    running[place.who] = before
  }
}

/** Everybody so far, and whoever comes. Returns a stop. */
export function followRunners(listener: (number: Count, runner: Runner) => void): () => void {
  for (const [number, runner] of runners.entries()) listener(number, runner)
  listeners.add(listener)
  return () => void listeners.delete(listener)
}
