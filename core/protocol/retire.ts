/**
 * A plane lets go of its instances of operations that left memory: what they ended as stands in their
 * rows. Those that have not heard of the end yet go the next time.
 *
 * @module
 */
import type { Address } from '../actor/address.ts'
import type { ActorSystem } from '../actor/system.ts'
import { asProvError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Contract } from './contract.ts'

export interface RetireOptions {
  readonly contract: Pick<Contract, 'onLeft' | 'store'>
  readonly actors: Pick<ActorSystem, 'retire' | 'list'>
  /** Actor type of the plane's instances; their ids are those of operations. */
  readonly type: string
  readonly log: Log
  readonly signal: AbortSignal
}

/** Call it when the type is registered: what an earlier life left goes, too. */
export function retireEnded({ contract, actors, type, log, signal }: RetireOptions): void {
  let left: readonly Address[] = []
  const retire = (ops: readonly string[]): void => {
    const addresses = [...left, ...ops.map((op) => `${type}/${op}` as Address)]
    left = []
    if (addresses.length === 0 || signal.aborted) return
    actors.retire(addresses).then(
      (rest) => (left = [...left, ...rest]),
      (thrown: unknown) => {
        if (signal.aborted) return
        left = [...left, ...addresses]
        const { code, message } = asProvError(thrown)
        log.warn(`instances of ended operations stay: ${message}`, { code })
      },
    )
  }
  const stop = contract.onLeft(retire)
  signal.addEventListener('abort', stop, { once: true })
  const { ops } = contract.store.get()
  const had = actors.list({ type }).map(({ address }) => address.slice(type.length + 1))
  retire(had.filter((op) => !ops.isNear(op) && ops.has(op)))
}
