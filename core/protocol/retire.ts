/**
 * A plane lets go of its instances of operations that left memory: what they ended as stands in their
 * rows. Those that have not heard of the end yet go a little later.
 *
 * @module
 */
import type { Address } from '../actor/address.ts'
import type { ActorSystem } from '../actor/system.ts'
import type { Clock, Timer } from '../clock.ts'
import { asProvError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Millis } from '../units.ts'
import type { Contract } from './contract.ts'

export interface RetireOptions {
  readonly contract: Pick<Contract, 'onLeft' | 'store'>
  readonly actors: Pick<ActorSystem, 'retire' | 'list'>
  /** Actor type of the plane's instances; their ids are those of operations. */
  readonly type: string
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
}

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
  const stop = contract.onLeft(retire)
  const end = (): void => {
    stop()
    again?.cancel()
  }
  signal.addEventListener('abort', end, { once: true })
  const { ops } = contract.store.get()
  // Whatever is not in memory left it. To look each one up on disk would take longer than all the rest.
  const had = actors.list({ type }).map(({ address }) => address.slice(type.length + 1))
  retire(had.filter((op) => !ops.isNear(op)))
}
