/**
 * One cell of the kernel bench: one arm doing one subject, in a process of its own. An arm is a
 * module under `arms/`, loaded only in the process that measures it.
 *
 * @module
 */

/** What a worker is told. */
export interface Place {
  /** Root of the tree whose kernel is measured: this one, or an older revision built elsewhere. */
  readonly root: string
  /** After the dot of an arm's name: `ours.memory` is the variant `memory` of `ours`. */
  readonly variant: string
  /** Actors that there are to be. */
  readonly actors: number
  /** Loads a package of `bench/peers`. */
  readonly peer: (name: string) => Promise<unknown>
}

export interface Cell {
  /** Does the work `times` times; is through when all of it is really done. */
  run(times: number): Promise<void> | void
  /** What is left to do after the work, before anybody looks at the memory. */
  settle?(): Promise<void>
  /** Throws when any of the work was lost. Called after each run, with all that was run so far. */
  check(total: number): void
  /** Counts beside the time, for example bytes written. Asked once, at the end. */
  figures?(total: number): Readonly<Record<string, number>>
  close?(): Promise<void> | void
}

/** Cells by subject. A subject that an arm cannot do is not there. */
export interface Arm {
  readonly cells: Readonly<Record<string, (place: Place) => Promise<Cell> | Cell>>
}

/** What a worker prints: one line of JSON. */
export interface Sample {
  /** Median of the repeats, per operation: CPU time of the main thread. */
  readonly cpuNs: number
  /** The same for all threads: garbage collector and compiler included. */
  readonly processNs: number
  readonly wallNs: number
  readonly times: number
  readonly figures: Readonly<Record<string, number>>
  /** Where the kernel has no schedstat, `cpuNs` is that of the whole process. */
  readonly clock: 'thread' | 'process'
}

/** Work that was lost makes the arm fail; its figure would be a lie. */
export function mustBe(what: string, found: number, wanted: number): void {
  if (found !== wanted) throw new Error(`${what}: ${found} instead of ${wanted}`)
}

/** Cheap numbers that are the same in every arm: a linear congruential generator. */
export function targets(count: number, below: number): Uint32Array {
  const list = new Uint32Array(count)
  let seed = 12345
  for (let at = 0; at < count; at++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    list[at] = Math.floor((seed / 4294967296) * below)
  }
  return list
}

/** Messages between two waits: what is steady state for a mailbox of 1024. */
export const burst = 1_000
