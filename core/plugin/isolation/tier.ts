/**
 * Where a plugin runs, and who decides it.
 *
 *     none      in Prov's own thread: Prov's own plugins, and those a script hands in
 *     worker    a thread of its own: the default for everything that comes with a workspace
 *     process   a process of its own, with a bound on all of its memory and a small environment
 *     sandbox   the same inside bubblewrap, or not at all
 *
 * A manifest or a workspace may ask for more than the default. Less is for a person to allow, at
 * `prov plugins trust --isolation none`: a cloned repository cannot take the wall away (D-40).
 *
 * @module
 */
import type { Bytes, Count, Millis } from '../../units.ts'
import type { FoundPlugin } from '../discover.ts'
import { pluginErrors } from '../errors.ts'

export type Isolation = 'none' | 'worker' | 'process' | 'sandbox'

export const isolations: readonly Isolation[] = ['none', 'worker', 'process', 'sandbox']

export const isIsolation = (value: unknown): value is Isolation =>
  isolations.includes(value as Isolation)

/** What a plugin elsewhere may use before it is ended. */
export interface IsolationLimits {
  /** Heap of a thread, or resident memory of a process. Default 256 MB. */
  readonly memoryBytes: Bytes
  /** Longest that it may keep its thread without letting go. Default 5 s. */
  readonly stallMs: Millis
  /** The same however little of a processor it got: nobody waits for it any longer. Default 60 s. */
  readonly silentMs: Millis
  /**
   * Longest that this very thread may be kept busy before it is said by whom: what runs here cannot be
   * ended. Default 2 s; 0: nobody looks.
   */
  readonly blockMs: Millis
  /** Longest until its module is imported and described. Default 20 s. */
  readonly openMs: Millis
  /** Between two looks at it. Default 500 ms. */
  readonly beatMs: Millis
  /** So many ends that nobody asked for, within `withinMs`, and it is not started again. Default 10 in a minute. */
  readonly ends: Count
  readonly withinMs: Millis
  /** Pause before it is started again: 100 ms, doubling, at most this. Default 5 s. */
  readonly pauseMs: Millis
}

export const defaultLimits: IsolationLimits = {
  memoryBytes: 256 * 1024 * 1024,
  stallMs: 5_000,
  silentMs: 60_000,
  blockMs: 2_000,
  openMs: 20_000,
  beatMs: 500,
  ends: 10,
  withinMs: 60_000,
  pauseMs: 5_000,
}

/** Throws PROV_PLUGIN_NOT_ISOLATED when it wants no wall and nobody allowed that. */
export function tierOf(found: FoundPlugin, granted: Isolation | undefined): Isolation {
  if (found.source === 'first-party' || found.source === 'given') return 'none'
  if (granted === 'none') return 'none'
  const wanted = found.isolation ?? 'worker'
  if (wanted === 'none') throw pluginErrors.PROV_PLUGIN_NOT_ISOLATED({ id: found.id })
  return wanted
}

/** The stronger one of what a plugin and its workspace ask for. */
export function stronger(
  a: Isolation | undefined,
  b: Isolation | undefined,
): Isolation | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return isolations.indexOf(a) >= isolations.indexOf(b) ? a : b
}
