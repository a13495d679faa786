/**
 * An actor type as data: an ordinary XState machine plus what the kernel must know about it.
 *
 * @module
 */
import type { AnyStateMachine } from 'xstate'

/** Small named type on purpose: the raw inferred machine type would not survive a `.d.ts`. */
export interface ActorDef {
  readonly type: string
  readonly version: number
  readonly machine: AnyStateMachine
}
