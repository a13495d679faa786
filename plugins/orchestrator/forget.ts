/**
 * Runs of operations that left the contract's memory go, and their leases with them: the result stands
 * in the operation's row, and nobody asks for the run again. A lease that still destroys its machine
 * keeps its page until a later round.
 *
 * @module
 */
import { asProvError } from 'prov'
import type { ActorSystem, Address, Contract, Log } from 'prov'
import type { RunBook } from './book.ts'
import { leaseType } from './lease-address.ts'

export interface ForgetOptions {
  readonly book: RunBook
  readonly actors: Pick<ActorSystem, 'retire'>
  readonly contract: Pick<Contract, 'onLeft' | 'store'>
  readonly log: Log
  readonly signal: AbortSignal
}

/** Call it when leases are registered: what an earlier life left goes, too. Returns a stop. */
export function forgetEnded({ book, actors, contract, log, signal }: ForgetOptions): () => void {
  /** Of operations that left, those that had to stay. */
  let staying: readonly string[] = []
  const forget = (ops: Iterable<string>): void => {
    const tokens = [...staying, ...book.endedRunsOf(ops)]
    staying = []
    if (tokens.length === 0) return
    const addresses = tokens.map((token): Address => `${leaseType}/${token}`)
    actors.retire(addresses).then(
      (busy) => {
        const left = new Set<string>(busy)
        staying = [...staying, ...tokens.filter((_, at) => left.has(addresses[at] as Address))]
        book.drop(tokens.filter((_, at) => !left.has(addresses[at] as Address)))
      },
      (thrown: unknown) => {
        if (signal.aborted) return
        const { code, message } = asProvError(thrown)
        log.warn(`runs of ended operations stay: ${message}`, { code })
      },
    )
  }
  const stop = contract.onLeft(forget)
  const { ops } = contract.store.get()
  forget([...book.ops()].filter((op) => !ops.isNear(op) && ops.has(op)))
  return stop
}
