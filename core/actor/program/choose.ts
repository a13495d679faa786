/**
 * The program of an actor type.
 *
 * @module
 */
import type { ActorDef } from '../define.ts'
import { interpreted } from './interpret.ts'
import { judge } from './judge.ts'
import { Lexicon } from './lexicon.ts'
import type { Program } from './program.ts'

/** Throws PROV_ACTOR_UNSUPPORTED when the machine uses what the kernel does not run. */
export function programFor(def: ActorDef): Program {
  judge(new Lexicon(def, def.machine))
  return interpreted(def, undefined)
}
