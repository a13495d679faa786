/**
 * An operation in flight, as whoever proposed it sees it: a stream of phases and one answer. Built
 * over the submissions service, so it works for operations of an earlier life, too.
 *
 * @module
 */
import { Observable } from 'rxjs'
import type { Clock } from '../clock.ts'
import { asProvError, coreErrors, ProvError } from '../errors.ts'
import { defined } from '../optional.ts'
import type { OpHandle } from '../runtime.ts'
import type { Millis } from '../units.ts'
import { opErrors } from './errors.ts'
import { isTerminal, outcomeOf } from './fold.ts'
import type { OpEnd, PhaseChange, Submissions } from './services.ts'

/** Nothing is asked before somebody subscribes or waits; `find` is called then. */
export function opHandle(id: string, find: () => Submissions, clock: Clock): OpHandle {
  return {
    id,
    phases$: new Observable<PhaseChange>((subscriber) => {
      const seen = (change: PhaseChange) => {
        subscriber.next(change)
        if (isTerminal(change.name)) subscriber.complete()
      }
      try {
        return find().follow(id, seen, (error) => subscriber.error(error))
      } catch (thrown) {
        subscriber.error(asProvError(thrown))
        return undefined
      }
    }),
    settled: (options = {}) => settled(id, find, clock, options),
  }
}

/** A phase that asks for a person counts as settled: waiting for people is the caller's choice. */
async function settled(
  id: string,
  find: () => Submissions,
  clock: Clock,
  options: { readonly timeoutMs?: Millis; readonly signal?: AbortSignal },
): Promise<OpEnd> {
  const { timeoutMs, signal } = options
  if (signal?.aborted) throw givenUp(signal)
  const desk = find()
  const first = await desk.phase(id)
  if (!first) throw opErrors.PROV_OP_UNKNOWN({ op: id })
  let newest = first
  const undo: (() => void)[] = []
  try {
    return await new Promise<OpEnd>((resolve, reject) => {
      undo.push(
        desk.follow(
          id,
          (change) => {
            newest = change
            const outcome = outcomeOf(change.name)
            if (outcome === undefined) return
            const { name: phase, code, why } = change
            resolve(defined({ op: id, outcome, phase, code, why }))
          },
          reject,
        ),
      )
      if (timeoutMs !== undefined) {
        const timer = clock.after(timeoutMs, () =>
          reject(opErrors.PROV_OP_TIMEOUT({ op: id, phase: newest.name, waitedMs: timeoutMs })),
        )
        undo.push(() => timer.cancel())
      }
      if (signal) {
        const abort = () => reject(givenUp(signal))
        // It may have aborted while the phase was asked for; a listener would never hear of it.
        if (signal.aborted) abort()
        signal.addEventListener('abort', abort, { once: true })
        undo.push(() => signal.removeEventListener('abort', abort))
      }
    })
  } finally {
    for (const one of undo) one()
  }
}

/** Giving up waiting is the caller's wish, not a failure of the operation: it goes on. */
function givenUp(signal: AbortSignal): ProvError {
  const reason: unknown = signal.reason
  return ProvError.is(reason) ? reason : coreErrors.PROV_INTERRUPTED({ signal: 'its caller' })
}
