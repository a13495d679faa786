/**
 * The program of an actor type: compiled, if the machine can be and the compiled one proves itself.
 *
 * @module
 */
import type { ActorDef } from '../define.ts'
import { CompiledProgram } from './compile.ts'
import { interpreted } from './interpret.ts'
import { judge, whyNot } from './judge.ts'
import { Lexicon } from './lexicon.ts'
import type { Program } from './program.ts'
import { difference } from './verify.ts'

/**
 * Never fails for want of a plan: what cannot be compiled, or does not do what XState does, runs
 * through XState, and `why` says so. Throws PROV_ACTOR_UNSUPPORTED when the machine uses what neither
 * mode can run.
 */
export function programFor(def: ActorDef): Program {
  const lexicon = new Lexicon(def, def.machine)
  judge(lexicon)
  const why = whyNot(lexicon) ?? found(def)
  return why === undefined ? new CompiledProgram(def, lexicon) : interpreted(def, why)
}

function found(def: ActorDef): string | undefined {
  const what = difference(def)
  return what && `the compiled program differs from XState: ${what}`
}
