/**
 * Every node of a machine, once, at registration: what cannot work is refused by name before anything
 * uses it. Only what has no name is refused, since nobody could find it again after a restart.
 *
 * @module
 */
import type { AnyStateNode } from 'xstate'
import { isBuiltIn, nameOfDelayed, unsupportedAction } from './actions.ts'
import type { BuiltIn } from './actions.ts'
import { isKnownGuard } from './guards.ts'
import { nodesOf } from './lexicon.ts'
import type { Lexicon } from './lexicon.ts'

/** Throws PROV_ACTOR_UNSUPPORTED. */
export function judge(lexicon: Lexicon): void {
  for (const node of nodesOf(lexicon.machine.root)) {
    for (const action of actionsOf(node)) judgeAction(lexicon, action)
    for (const { src } of node.invoke) judgeLogic(lexicon, src)
  }
}

/** Why a machine cannot be compiled; undefined when it can. */
export function whyNot({ machine }: Lexicon): string | undefined {
  const guards = machine.implementations.guards as Readonly<Record<string, unknown>>
  const foreign = (guard: unknown): boolean => {
    if (typeof guard !== 'function' || !('check' in guard)) return false
    const { guards = [] } = guard as unknown as { readonly guards?: readonly unknown[] }
    return !isKnownGuard(guard) || guards.some(foreign)
  }
  const named = Object.keys(guards).find((name) => foreign(guards[name]))
  if (named !== undefined) return `the guard ${named} is of a kind that nobody knows`
  for (const node of nodesOf(machine.root)) {
    const transitions = [...[...node.transitions.values()].flat(), ...(node.always ?? [])]
    if (transitions.some(({ guard }) => foreign(guard))) {
      return `a guard in ${node.id} is of a kind that nobody knows`
    }
  }
  return undefined
}

function actionsOf(node: AnyStateNode): readonly unknown[] {
  const transitions = [...[...node.transitions.values()].flat(), ...(node.always ?? [])]
  const initial = node.type === 'compound' ? node.initial.actions : []
  return [
    ...node.entry,
    ...node.exit,
    ...initial,
    ...transitions.flatMap((transition) => transition.actions),
  ]
}

function judgeAction(lexicon: Lexicon, action: unknown): void {
  const { type } = lexicon.def
  const inline = typeof action === 'function'
  const name = typeof action === 'string' ? action : (action as { readonly type?: string }).type
  const found: unknown = inline ? action : lexicon.machine.implementations.actions[name ?? '']
  if (typeof found === 'function' && 'resolve' in found) {
    const builtIn = found as unknown as BuiltIn
    if (!isBuiltIn(builtIn.type)) throw unsupportedAction(type, builtIn.type)
    if (builtIn.src !== undefined) judgeLogic(lexicon, builtIn.src)
    nameOfDelayed(lexicon, builtIn)
  } else if (inline || name === undefined || !lexicon.isNamed(name)) {
    throw unsupportedAction(type, inline ? 'an inline function' : (name ?? 'without a name'))
  }
}

function judgeLogic(lexicon: Lexicon, src: unknown): void {
  const name = lexicon.nameOfLogic(src)
  if (!lexicon.isLogic(name)) {
    const instead = 'give it under `actors` of `setup`, or under `children` of `defineActor`'
    throw lexicon.unsupported(`the child ${name} that nobody gave`, instead)
  }
}
