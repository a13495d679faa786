/**
 * Work on a message that may take longer than its ackWait: says at a third of it that it goes on, so
 * that nobody else gets the message meanwhile. Opt-in, because work that hangs then never comes again
 * while its process lives: give it a deadline of its own.
 *
 * @module
 */
import { sleep } from '../clock.ts'
import type { Clock } from '../clock.ts'
import type { Millis } from '../units.ts'
import type { Delivery } from './bus.ts'
import { busDefaults } from './defaults.ts'

export interface WorkingOptions {
  readonly clock: Clock
  /** The consumer's. Default 30 s. */
  readonly ackWaitMs?: Millis | undefined
}

/** Resolves or rejects as the work does; answers nothing itself. */
export async function whileWorking<T>(
  delivery: Pick<Delivery, 'working'>,
  work: () => Promise<T>,
  { clock, ackWaitMs = busDefaults.ackWaitMs }: WorkingOptions,
): Promise<T> {
  const end = new AbortController()
  const beating = (async () => {
    for (;;) {
      await sleep(clock, ackWaitMs / 3, end.signal)
      // A beat that is lost is no reason to stop: the next one may arrive.
      await delivery.working().catch(() => undefined)
    }
  })().catch(() => undefined)
  try {
    return await work()
  } finally {
    end.abort()
    await beating
  }
}
