/**
 * The actor system as its users see it.
 *
 * @module
 */
import type { ActorDef } from './define.ts'

export interface ActorSystem {
  register(def: ActorDef): void
}
