/**
 * A plane lets go of its instances of operations that ended: what they ended as stands in their rows.
 * Each goes after some more have ended, so that its followers have heard of it and a snapshot holds
 * little else than what is under way; one that has not heard of its end yet goes later still.
 *
 * @module
 */
import type { Address } from '../actor/address.ts'
import type { ActorSystem } from '../actor/system.ts'
import type { Clock, Timer } from '../clock.ts'
import { asProvError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Count, Millis } from '../units.ts'
import type { Contract } from './contract.ts'

export interface RetireOptions {
  readonly contract: Pick<Contract, 'onEnded' | 'store'>
  readonly actors: Pick<ActorSystem, 'retire' | 'list'>
  /** Actor type of the plane's instances; their ids are those of operations. */
  readonly type: string
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
}

/** So many that ended stay, and so many go at once: one record in the journal. */
const some: Count = 128
/** Followers may be behind by thousands of events when much ends at once. */
const againMs: Millis = 2_000

/** Call it when the type is registered: what an earlier life left goes, too. */
export function retireEnded({ contract, actors, type, clock, log, signal }: RetireOptions): void {
  let left: readonly Address[] = []
  let again: Timer | undefined
  const keep = (rest: readonly Address[]): void => {
    left = [...left, ...rest]
    if (left.length > 0 && !signal.aborted) {
      again ??= clock.after(againMs, () => retire([]), { background: true })
    }
  }
  const retire = (ops: readonly string[]): void => {
    again?.cancel()
    again = undefined
    const addresses = [...left, ...ops.map((op) => `${type}/${op}` as Address)]
    left = []
    if (addresses.length === 0 || signal.aborted) return
    actors.retire(addresses).then(keep, (thrown: unknown) => {
      if (signal.aborted) return
      const { code, message } = asProvError(thrown)
      log.warn(`instances of ended operations stay: ${message}`, { code })
      keep(addresses)
    })
  }
  const ended: string[] = []
  const stop = contract.onEnded((op) => {
    ended.push(op)
    if (ended.length >= 2 * some) retire(ended.splice(0, some))
  })
  const end = (): void => {
    stop()
    again?.cancel()
  }
  signal.addEventListener('abort', end, { once: true })
  const { open } = contract.store.get()
  const had = actors.list({ type }).map(({ address }) => address.slice(type.length + 1))
  retire(had.filter((op) => !open.has(op)))
}
