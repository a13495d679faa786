/**
 * One thread or process that a plugin runs in, as the host sees it: frames in, frames out, an end.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import type { Bytes, Count, Millis } from '../../units.ts'
import type { FoundPlugin } from '../discover.ts'
import type { Frame } from './wire.ts'
import type { Isolation, IsolationLimits } from './tier.ts'

export interface CageOptions {
  readonly found: FoundPlugin
  readonly tier: Isolation
  readonly limits: IsolationLimits
  /** What the plugin may see of the environment, by name. */
  readonly env: Readonly<Record<string, string>>
  /** Folders that a sandbox must not show: keys, state. */
  readonly hidden: readonly string[]
  readonly onFrame: (frame: unknown) => void
  /** Its last word; called once, also for an end that was asked for. */
  readonly onEnd: (end: CageEnd) => void
  /** It wrote past its window: whoever uses our code waits instead. Nothing of it is a frame any more. */
  readonly onFlood: () => void
  /** It began a message of so many bytes, more than one may have: none of it is kept. */
  readonly onOversize: (bytes: Bytes) => void
  /** What it prints. */
  readonly onText: (text: string) => void
}

export interface CageEnd {
  /** In words for people: `process.exit(3)`, `a crash: …`, `SIGKILL`. */
  readonly how: string
  readonly memory: boolean
}

/** What a plugin was at, as far as it is known from outside. */
export interface Doing {
  readonly kind: 'nothing' | 'import' | 'setup' | 'step' | 'effect' | 'call'
  /** Number of the batch or of the effect. */
  readonly a: Count
  /** Place of the turn in its batch, or `anyTurn`. */
  readonly b: Count
  /** Place of the message in its turn. */
  readonly c: Count
}

/** All steps of a batch were taken, and what one of them left to promises goes on. */
export const anyTurn = -1

export interface Cage {
  readonly mode: 'worker' | 'process'
  post(frame: Frame): void
  /** To who stands still for it. */
  answer(frame: Frame): void
  /** Undefined where it cannot be seen from outside. */
  doing(): Doing | undefined
  /** Memory that its heap limit does not bound, when this can be told from here. */
  memory(): Bytes | undefined
  /**
   * What it got of the processors since it began: on a busy machine the want of one is no silence of
   * its own. Undefined where the system does not say.
   */
  turn(): Turn | undefined
  /** What taking its frames has taken of this thread so far. */
  heardMs(): Millis
  /** From now on it has what Prov leaves of the processors. */
  giveWay(): void
  /** More of what it said waits here than one turn of the event loop takes. */
  behind(): boolean
  /** Keeps the process alive while somebody waits for an answer. */
  hold(held: boolean): void
  /** Ends it whatever it is at. Idempotent. */
  kill(): Promise<void>
}

/** Places in the memory that a thread and its host share. */
/** `thread`: its number for the system, 0 where that is not known. */
export const board = {
  taken: 0,
  answered: 1,
  kind: 2,
  a: 3,
  b: 4,
  c: 5,
  thread: 6,
  size: 7,
} as const

export const doings: readonly Doing['kind'][] = [
  'nothing',
  'import',
  'setup',
  'step',
  'effect',
  'call',
]

/** What a thread got of the processors, by the accounts of a Linux scheduler. */
export interface Turn {
  /** In the queue of the ready, counted when the wait is over. */
  readonly waitedMs: Millis
  readonly usedMs: Millis
  /** Runs, or would if there were a processor for it: not so one that sleeps or waits for a lock. */
  readonly ready: boolean
}

/** `folder` is that of a process or of one of its threads under `/proc`. */
export function turnOf(folder: string): Turn | undefined {
  try {
    const [used, waited] = readFileSync(`${folder}/schedstat`, 'utf8').split(' ').map(Number)
    const stat = readFileSync(`${folder}/stat`, 'utf8')
    const usedMs = (used as number) / 1_000_000
    const waitedMs = (waited as number) / 1_000_000
    if (!Number.isFinite(usedMs + waitedMs)) return undefined
    // Behind the name, which may hold anything, comes the state in one letter.
    return { usedMs, waitedMs, ready: stat.slice(stat.lastIndexOf(')')).startsWith(') R') }
  } catch {
    return undefined
  }
}

/**
 * From 0 to 1: how much of the time from one look to the next it stood still for want of a
 * processor. A wait that is not over yet is on no account, so one that is ready waited for all that
 * it did not use.
 */
export function starvedShare(before: Turn | undefined, now: Turn | undefined, ms: Millis): number {
  if (before === undefined || now === undefined || !(ms > 0)) return 0
  const waited = now.waitedMs - before.waitedMs
  const unused = now.ready ? ms - (now.usedMs - before.usedMs) : 0
  return Math.min(1, Math.max(0, waited / ms, unused / ms))
}

/**
 * Of one message, as much as the journal takes in one frame. What a process says is judged by its
 * first four bytes, before any of it is kept: what it unfolds to is some twenty times as large.
 */
export const longestFrame: Bytes = 8 * 1024 * 1024
/** The same for the text of steps, of which one may be as long as a message. */
export const longestSteps: Bytes = 2 * longestFrame
/** So much text of steps is told at once, and what comes behind it in a message of its own. */
export const enoughSteps: Count = 1_000_000

/** Added to the length of a frame that is no record but the text of steps, behind its number. */
export const rawFrame = 0x8000_0000

/** Frames that a plugin may have under way before it has to wait. */
export const frameWindow: Count = 128

/** Calls of a plugin that wait in its own memory for their turn; one more is refused, and said. */
export const longestLine: Count = 10_000

/** What the guest's first frame says when it could not even start. */
export interface Opening {
  readonly entry: string
  readonly id: string
  readonly source: FoundPlugin['source']
  readonly prov: string
}
