/**
 * A machine's words with stand-ins for the functions of its author: guards answer by chance (the same
 * chance for the same guard at the same count), actions count themselves and their order. What is left
 * is the shape of the machine, which can be walked without an input, without events of the right form
 * and without running anybody's code.
 *
 * @module
 */
import type { AnyStateMachine, AnyStateNode } from 'xstate'
import type { JsonObject } from '../../json.ts'
import type { ActorDef } from '../define.ts'
import type { BuiltIn, Op } from './actions.ts'
import type { Draft } from './draft.ts'
import { isKnownGuard } from './guards.ts'
import { Lexicon, nodesOf } from './lexicon.ts'

/** Numbers for the words of a machine, the same in every lexicon of that machine. */
export type Numbers = Map<unknown, number>

/** Keeps counts small; far more values than a walk has steps. */
const modulus = 1_000_003

export class StandIns extends Lexicon {
  readonly #numbers: Numbers

  constructor(def: ActorDef, numbers: Numbers) {
    super(def, blank(def.machine.provide({}) as AnyStateMachine, numbers))
    this.#numbers = numbers
  }

  override op(action: unknown): Op {
    const name = typeof action === 'string' ? action : (action as { readonly type: string }).type
    const found: unknown =
      typeof action === 'function' ? action : this.machine.implementations.actions[name]
    const { type, event, id, delay, sendId, assignment } = (found ?? {}) as BuiltIn
    const number = numberOf(this.#numbers, wordOf(found) ?? action)
    return (draft) => {
      count(draft, number, assignment !== undefined)
      if (type === 'xstate.raise' && isEvent(event)) {
        if (delay === undefined) draft.queue.push(event)
        else draft.delay(id as string | undefined, event, number)
      } else if (type === 'xstate.cancel' && typeof sendId === 'string') draft.cancel(sendId)
    }
  }

  override invoked({ invoke }: AnyStateNode) {
    const begin = invoke.map(({ id }) => asks('xstate.spawn', id))
    return { begin, end: invoke.map(({ id }) => asks('xstate.stop', id)) }
  }
}

/** More microsteps than this is a loop here: guards that answer by chance run into many. */
const longestWalk = 25

const asks = (name: string, what: string): Op => {
  return (draft) => {
    draft.ask(name, what)
    draft.touched = true
  }
}

/** Leaves a trace that tells how often and in which order; an assign also makes a new context. */
function count(draft: Draft, number: number, isAssign: boolean): void {
  draft.ask('ran', number)
  if (!isAssign) return
  const { n } = draft.context as { readonly n: number }
  draft.context = { n: (n * 31 + number) % modulus }
  draft.touched = true
}

/** Puts stand-ins for guards, outputs and the first context into a machine of our own. */
function blank(machine: AnyStateMachine, numbers: Numbers): AnyStateMachine {
  for (const node of nodesOf(machine.root)) {
    for (const transition of [...[...node.transitions.values()].flat(), ...(node.always ?? [])]) {
      const { guard, eventType } = transition
      // Those of routes are XState's own, and look at nothing but the event.
      if (guard && eventType !== 'xstate.route')
        transition.guard = guessing(guard, numbers) as never
    }
    if (typeof node.output === 'function') node.output = nothing as never
  }
  const { guards } = machine.implementations as { guards: Record<string, unknown> }
  for (const name of Object.keys(guards)) guards[name] = guessing(guards[name], numbers)
  machine.config = {
    ...machine.config,
    context: ({ input }: { input: number }) => ({ n: input }),
  } as never
  machine.options = { ...machine.options, maxIterations: longestWalk }
  return machine
}

const nothing = (): undefined => undefined

/** The same guard with chance at its leaves. */
function guessing(guard: unknown, numbers: Numbers): unknown {
  if (typeof guard !== 'function') {
    const { params: _, ...bare } = guard as { readonly params?: unknown }
    return typeof guard === 'string' ? guard : bare
  }
  if ('check' in guard && isKnownGuard(guard)) {
    const { guards } = guard as unknown as { readonly guards?: readonly unknown[] }
    if (!guards) return guard
    const copy = () => false
    Object.defineProperty(copy, 'name', { value: guard.name })
    return Object.assign(copy, guard, { guards: guards.map((one) => guessing(one, numbers)) })
  }
  const number = numberOf(numbers, guard)
  return ({ context }: { context: JsonObject }) => {
    const { n } = context as { readonly n: number }
    return ((n * 7_919 + number * 104_729) >>> 3) % 3 === 0
  }
}

/** A name for what XState makes anew for each copy of a machine: the timers of `after`. */
function wordOf(action: unknown): string | undefined {
  const { type, id, sendId } = (action ?? {}) as BuiltIn
  const timer = id ?? sendId
  return typeof timer === 'string' && timer.startsWith('xstate.after')
    ? `${type} ${timer}`
    : undefined
}

function numberOf(numbers: Numbers, word: unknown): number {
  let number = numbers.get(word)
  if (number === undefined) numbers.set(word, (number = numbers.size + 1))
  return number
}

const isEvent = (event: unknown): event is { readonly type: string } =>
  typeof event === 'object' && event !== null
