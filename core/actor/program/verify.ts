/**
 * A compiled program proves itself before it is used: at registration it walks side by side with
 * XState's own transition, over the machine's shape (see `stand-ins.ts`), through the configurations it
 * reaches, with every type of event that the machine knows. The first difference is named.
 *
 * The walk is short on purpose, because every start of `prov` pays for it; what it is a sample of, ten
 * thousand random machines and the laws of `machineLaws` look at at length.
 *
 * @module
 */
import { isDeepStrictEqual } from 'node:util'
import type { AnyStateNode } from 'xstate'
import type { Count } from '../../units.ts'
import type { ActorDef } from '../define.ts'
import { CompiledProgram } from './compile.ts'
import { interpreted } from './interpret.ts'
import { nodesOf } from './lexicon.ts'
import type { Lexicon } from './lexicon.ts'
import type { Config, Program, Step } from './program.ts'
import { StandIns } from './stand-ins.ts'
import type { Numbers } from './stand-ins.ts'

export interface VerifyOptions {
  /** Steps in all. Default 24. */
  readonly steps?: Count
  /** Where chance begins. Default 1. */
  readonly seed?: Count
  /** What has to prove itself. Default: the compiled program. */
  readonly make?: (def: ActorDef, words: Lexicon) => Program
}

/** The first difference, for people; undefined when there is none. */
export function difference(def: ActorDef, options: VerifyOptions = {}): string | undefined {
  const { steps = 24, seed = 1, make = compiled } = options
  const numbers: Numbers = new Map()
  const light = { ...def, durability: 'volatile' as const }
  const words = new StandIns(light, numbers)
  const ours = make(light, new StandIns(light, numbers))
  const theirs = interpreted(light, undefined, words)
  const next = untried(typesOf(words.machine.root))
  let left = steps
  for (let round = 0; left > 0; round++) {
    // Another first count is another sequence of answers from the guards.
    const input = seed + round * 17
    let ends: Ends = pair(ours, theirs, (program) => program.start(input, 0))
    for (let length = 0; ; length++) {
      left--
      // XState lost a state: there is nothing to compare with.
      if (words.draft.repaired) break
      const found = differs(ends)
      if (found) return found
      const [a, b] = ends
      const isOver = !a || !b || a.config.status === 'done' || length === longestRound
      if (left <= 0 || isOver) break
      const type = next(a.config)
      const timer = a.timers.find(({ event }) => event.type === type)?.id
      ends = pair(ours, theirs, (program) => {
        return program.step(program === ours ? a : b, { type }, length, timer)
      })
    }
  }
  return undefined
}

const compiled = (def: ActorDef, words: Lexicon): Program => new CompiledProgram(def, words)

/** After so many steps a walk begins again, with other answers. */
const longestRound = 15

/** Where both stand; undefined where one threw. */
type Ends = readonly [Step | undefined, Step | undefined]

function pair(ours: Program, theirs: Program, run: (program: Program) => Step): Ends {
  const attempt = (program: Program): Step | undefined => {
    try {
      return run(program)
    } catch {
      return undefined
    }
  }
  return [attempt(ours), attempt(theirs)]
}

function differs([ours, theirs]: Ends): string | undefined {
  if (!ours && !theirs) return undefined
  if (!ours || !theirs) return `only ${ours ? 'XState' : 'the compiled program'} fails`
  const [a, b] = [shown(ours), shown(theirs)]
  const part = (Object.keys(a) as (keyof typeof a)[]).find(
    (key) => !isDeepStrictEqual(a[key], b[key]),
  )
  return part && `${part} in ${theirs.config.text}`
}

const shown = ({ config, context, timers, asked }: Step) => {
  const { value, status, history } = config
  return { state: value, status, history, context, timers, actions: asked }
}

/** Gives for a configuration the types of events in turn, so that each is tried there in the end. */
function untried(types: readonly string[]): (config: Config) => string {
  const turns = new Map<string, number>()
  let shift = 0
  return ({ text }) => {
    const turn = turns.get(text) ?? shift++
    turns.set(text, turn + 1)
    return types[turn % types.length] as string
  }
}

/** All types of events that a machine knows, patterns with something in their place, and one more. */
function typesOf(root: AnyStateNode): string[] {
  const types = new Set(['no.such.event'])
  for (const node of nodesOf(root)) {
    for (const type of node.transitions.keys()) types.add(type.replace(/\*$/, 'x'))
  }
  return [...types].reverse()
}
