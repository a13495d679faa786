/** What holds for a bus when nobody says otherwise. @module */
import type { Count, Millis } from '../units.ts'

/** Defaults of the port, in one place. */
export const busDefaults: {
  readonly duplicateWindowMs: Millis
  readonly ackWaitMs: Millis
  readonly credits: Count
} = { duplicateWindowMs: 120_000, ackWaitMs: 30_000, credits: 16 }
