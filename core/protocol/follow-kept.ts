/**
 * Following what the planes say where it is heard: in the plane's own journal, in the order in which
 * it was kept there. The bus is asked by one consumer of the whole process, so a follower meets each
 * event once and never before what the event rests on.
 *
 * @module
 */
import { sleep } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { asProvError } from '../errors.ts'
import type { Journal, Position } from '../journal/journal.ts'
import type { Count, Millis } from '../units.ts'
import type { FollowOptions } from './follow.ts'
import { eventIn } from './trail.ts'

export interface KeptOptions {
  readonly journal: Journal
  readonly clock: Clock
  /** Calls back when there is more to read. Returns a stop. */
  readonly more: (listener: () => void) => () => void
}

const credits: Count = 64
const noteEvery: Count = 256
const againMs: Millis = 1_000

/** Name of the snapshot that says how far a follower came. */
export const followedNote = (name: string): string => `followed-${name}`

/** Starts following; how far it came is a snapshot, and what lies behind it comes again. */
export async function followKept(
  { name, log, signal, take, failed }: Omit<FollowOptions, 'bus' | 'contract'>,
  { journal, clock, more }: KeptOptions,
): Promise<void> {
  const note = followedNote(name)
  let done: Position = (await journal.snapshot(note))?.position ?? 0
  let noted = done
  let stirred = false
  let wake = (): void => {}
  const stir = (): void => {
    stirred = true
    wake()
  }
  const rest = async (): Promise<void> => {
    if (!stirred && !signal.aborted) await new Promise<void>((resolve) => (wake = resolve))
    stirred = false
  }
  signal.addEventListener('abort', stir, { once: true })
  const stop = more(stir)
  /** Under way, oldest first. */
  const open: { readonly position: Position; over: boolean }[] = []

  const keep = async (position: Position): Promise<void> => {
    noted = position
    await journal.putSnapshot(note, { position, body: null }).catch(() => {})
  }
  const settle = (): void => {
    while (open[0]?.over === true) done = (open.shift() as { position: Position }).position
    stir()
  }
  const handle = async (at: (typeof open)[number], act: () => Promise<void> | void) => {
    for (;;) {
      try {
        await act()
        break
      } catch (thrown) {
        if (signal.aborted) return
        const { code, message } = asProvError(thrown)
        log.warn(`${name}: record ${at.position} again later`, { code, message })
        await sleep(clock, againMs, signal).catch(() => {})
        if (signal.aborted) return
      }
    }
    at.over = true
    settle()
  }
  const run = async (): Promise<void> => {
    let read = done
    while (!signal.aborted) {
      let moved = false
      for await (const record of journal.read({ from: read + 1 })) {
        if (signal.aborted) break
        read = record.position
        const event = eventIn(record)
        if (!event) continue
        moved = true
        const at = { position: record.position, over: false }
        open.push(at)
        void handle(at, () => take(event))
        while (open.length >= credits && !signal.aborted) await rest()
        if (done - noted >= noteEvery) await keep(done)
      }
      if (moved) stirred = true
      await rest()
    }
    stop()
    if (done > noted) await keep(done)
  }
  run().catch((thrown: unknown) => {
    stop()
    if (signal.aborted) return
    log.error(`${name} follows no more`, asProvError(thrown).toJSON())
    failed?.(thrown)
  })
}
