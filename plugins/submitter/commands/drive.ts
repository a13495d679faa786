/**
 * Stays with an operation until it ended or stands still for a person, telling each phase as it
 * comes. The runtime does the work; this only watches.
 *
 * @module
 */
import { ledger } from 'prov'
import type { CommandContext, Millis, OpEnd, Runtime } from 'prov'

/** Throws PROV_OP_TIMEOUT. */
export async function driven(
  runtime: Runtime,
  op: string,
  context: Pick<CommandContext, 'progress' | 'signal'>,
  timeoutMs: Millis,
): Promise<OpEnd> {
  const handle = runtime.op(op)
  const told = handle.phases$.subscribe({
    next: ({ name, why }) => context.progress(why === undefined ? name : `${name}: ${why}`),
    error: () => {},
  })
  try {
    return await handle.settled({ timeoutMs, signal: context.signal })
  } finally {
    told.unsubscribe()
  }
}

const patienceMs: Millis = 3_000

/**
 * Gives the ledger a moment to take what just happened, so that whoever looks next finds it there.
 * Nothing depends on it: a ledger that lags or is broken is its own alarm, not this command's failure.
 */
export async function mirrored(
  runtime: Runtime,
  context: Pick<CommandContext, 'clock' | 'signal'>,
): Promise<void> {
  const stop = new AbortController()
  const timer = context.clock.after(patienceMs, () => stop.abort())
  const signal = AbortSignal.any([stop.signal, context.signal])
  try {
    await runtime.service(ledger).settled({ signal })
  } catch {
    // The mirror says itself what is wrong with it, in its own log and in `prov plugins`.
  } finally {
    timer.cancel()
  }
}
