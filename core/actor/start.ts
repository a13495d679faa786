/**
 * Opens the actor system that lives in a journal.
 *
 * @module
 */
import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import type { Journal } from '../journal/journal.ts'
import type { Count } from '../units.ts'
import type { Inspector } from './inspect.ts'
import { Kernel } from './kernel.ts'
import { openLedger } from './restore.ts'
import type { MemoryOptions } from './passivate.ts'
import { keptProofs } from './program/proofs.ts'
import type { ActorSystem, TypeRow } from './system.ts'
import type { Tracing } from './telemetry.ts'

export interface ActorsOptions {
  /** Without one only `volatile` types can be registered. Closing the system does not close it. */
  readonly journal?: Journal | undefined
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined
  /** Default: off, and free. Several hear the same. */
  readonly inspect?: Inspector | readonly Inspector[] | undefined
  /** Where traces are kept; see `openTelemetry`. Default: `traceparent` is handed on as it came. */
  readonly tracing?: Tracing | undefined
  /** The kernel's part of the journal; nobody else writes there. Default `kernel`. */
  readonly partition?: string | undefined
  /**
   * Records between two snapshots. Default: 2,000 to 10,000, more where more is to be kept. Fewer:
   * faster starts, more writing.
   */
  readonly snapshotEvery?: Count | undefined
  /** Who stays hot, where the idle ones rest. */
  readonly memory?: MemoryOptions | undefined
  /**
   * Which of so many ready actors of a plugin goes next, from 0. Default: the one that waited longest.
   * For tests that look for orders.
   */
  readonly schedule?: ((ready: Count) => Count) | undefined
  /** From 0 to below 1; what the jitter of back-offs is taken from. Default: chance. */
  readonly random?: (() => number) | undefined
  /**
   * A file that remembers which machines have proved themselves: registering one of those again takes
   * a tenth of the time. It belongs where only the user writes. Default: none, each proves itself.
   */
  readonly proofs?: string | undefined
}

/** The system, and for its host what is registered in it. */
export interface StartedActors extends ActorSystem {
  types(): readonly TypeRow[]
}

/** Reads what is kept; actors come back when their type is registered. Throws what the journal throws. */
export async function startActors(options: ActorsOptions = {}): Promise<StartedActors> {
  const { journal, inspect, partition = 'kernel', snapshotEvery } = options
  const clock = options.clock ?? systemClock
  const began = clock.monotonic()
  const ledger = await openLedger(journal, partition)
  const openedMs = clock.monotonic() - began
  const { schedule, tracing, memory, random = Math.random } = options
  return new Kernel(ledger, {
    journal,
    clock,
    inspect,
    partition,
    openedMs,
    snapshotEvery,
    memory,
    schedule,
    tracing,
    random,
    proofs: options.proofs === undefined ? undefined : keptProofs(options.proofs),
  })
}
