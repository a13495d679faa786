/**
 * Stays with an operation until it ended or stands still for a person, telling each phase as it
 * comes. The runtime does the work; this only watches.
 *
 * @module
 */
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
