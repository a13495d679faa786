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
import { shapeOf } from './proofs.ts'
import type { Proofs } from './proofs.ts'
import { difference } from './verify.ts'

/**
 * Never fails for want of a plan: what cannot be compiled, or does not do what XState does, runs
 * through XState, and `why` says so. Throws PROV_ACTOR_UNSUPPORTED when the machine uses what neither
 * mode can run. A machine of a shape that is known to `proofs` does not prove itself again.
 */
export function programFor(def: ActorDef, proofs?: Proofs): Program {
  const lexicon = new Lexicon(def, def.machine)
  judge(lexicon)
  const why = whyNot(lexicon) ?? found(def, proofs)
  return why === undefined ? new CompiledProgram(def, lexicon) : interpreted(def, why)
}

function found(def: ActorDef, proofs: Proofs | undefined): string | undefined {
  const shape = proofs && shapeOf(def.machine)
  if (shape !== undefined && proofs?.has(shape)) return undefined
  const what = difference(def)
  if (what === undefined && shape !== undefined) proofs?.add(shape)
  return what && `the compiled program differs from XState: ${what}`
}
