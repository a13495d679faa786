/**
 * How the words of one machine are understood: its actions as functions of the draft, its guards as
 * tests, its children by name. One per program; everything here is made once, at registration.
 *
 * @module
 */
import type { AnyStateMachine, AnyStateNode } from 'xstate'
import type { JsonObject } from '../../json.ts'
import type { ActorDef, ActorEvent } from '../define.ts'
import { actorErrors } from '../errors.ts'
import { builtInOp, enqueuer, spawnFor, unsupportedAction } from './actions.ts'
import type { BuiltIn, Op } from './actions.ts'
import { Draft } from './draft.ts'
import { testOf } from './guards.ts'
import type { Test } from './guards.ts'
import { referenceTo, selfOf, systemOf } from './reference.ts'
import type { Reference } from './reference.ts'

/** What XState calls an action's functions with. One object, filled anew for each call. */
interface ActionArguments {
  context: JsonObject
  event: ActorEvent
  readonly self: Reference
  readonly system: typeof systemOf
}

/** The same for an assign. */
export interface AssignArguments extends ActionArguments {
  spawn: unknown
}

export class Lexicon {
  readonly def: ActorDef
  readonly machine: AnyStateMachine
  readonly draft = new Draft()
  readonly self: Reference
  readonly referenceTo = referenceTo
  readonly #args: ActionArguments
  readonly #argsOfAssign: AssignArguments
  readonly #ops = new Map<unknown, Op>()
  readonly #tests = new Map<unknown, Test>()
  readonly #nodes = new Map<AnyStateNode, { readonly entry: Op[]; readonly exit: Op[] }>()
  #collected: unknown[] = []
  readonly #collecting: { readonly enqueue: unknown; readonly check: (guard: unknown) => boolean }

  constructor(def: ActorDef, machine: AnyStateMachine) {
    this.def = def
    this.machine = machine
    this.self = selfOf(def.type)
    const rest = { self: this.self, system: systemOf }
    this.#args = { context: {}, event: this.draft.event, ...rest }
    this.#argsOfAssign = { context: {}, event: this.draft.event, ...rest, spawn: undefined }
    this.#argsOfAssign.spawn = spawnFor(this, this.#argsOfAssign)
    this.#collecting = {
      enqueue: enqueuer((action) => this.#collected.push(action)),
      check: (guard) => this.test(guard)(this.draft),
    }
  }

  /** What the first context is made with, beside the input. */
  get birth() {
    const { context, event } = this.draft
    return { spawn: this.argsOfAssign(context, event).spawn, self: this.self }
  }

  args(draft: Draft): ActionArguments {
    const args = this.#args
    args.context = draft.context
    args.event = draft.event
    return args
  }

  argsOfAssign(context: JsonObject, event: ActorEvent): AssignArguments {
    const args = this.#argsOfAssign
    args.context = context
    args.event = event
    return args
  }

  /** What `enqueueActions` collects with, into this array from now on. */
  collecting(into: unknown[]) {
    this.#collected = into
    return this.#collecting
  }

  /** An action of the machine; the same function for the same action. */
  known(action: unknown): Op {
    let op = this.#ops.get(action)
    if (!op) this.#ops.set(action, (op = this.op(action)))
    return op
  }

  /** An action that came up during a step. */
  op(action: unknown): Op {
    const inline = typeof action === 'function'
    const name = typeof action === 'string' ? action : (action as { readonly type: string }).type
    const found: unknown = inline ? action : this.machine.implementations.actions[name]
    const builtIn = typeof found === 'function' && 'resolve' in found
    if (!builtIn && inline) throw unsupportedAction(this.def.type, 'an inline function')
    if (!builtIn && !this.isNamed(name)) throw unsupportedAction(this.def.type, name)
    const op: Op = builtIn
      ? builtInOp(this, found as unknown as BuiltIn)
      : (draft, params) => draft.ask(name, params)
    const given =
      inline || typeof action === 'string' ? undefined : (action as { params?: unknown }).params
    if (given === undefined) return op
    if (typeof given !== 'function') return (draft) => op(draft, given)
    if (!builtIn) {
      return (draft) => draft.ask(name, given({ context: draft.context, event: draft.event }))
    }
    return (draft) => op(draft, given({ context: draft.context, event: draft.event }))
  }

  /** The definition says what an action of this name does. */
  isNamed(name: string): boolean {
    const { effects, records } = this.def
    return name === 'tell' || Object.hasOwn(effects, name) || Object.hasOwn(records, name)
  }

  test(guard: unknown): Test {
    let test = this.#tests.get(guard)
    if (!test) {
      test = testOf(this.machine, guard)
      // Guards made during a step would pile up; names do not.
      if (typeof guard === 'string') this.#tests.set(guard, test)
    }
    return test
  }

  /** A guard of the machine; the same function for the same guard. */
  knownTest(guard: unknown): Test {
    let test = this.#tests.get(guard)
    if (!test) this.#tests.set(guard, (test = testOf(this.machine, guard)))
    return test
  }

  /** All that entering a state does, its `initial` aside. */
  entryOf(node: AnyStateNode): readonly Op[] {
    return this.#opsOf(node).entry
  }

  exitOf(node: AnyStateNode): readonly Op[] {
    return this.#opsOf(node).exit
  }

  initialOf(node: AnyStateNode): readonly Op[] {
    return node.initial.actions.map((action: unknown) => this.known(action))
  }

  #opsOf(node: AnyStateNode) {
    let ops = this.#nodes.get(node)
    if (!ops) {
      const { begin, end } = this.invoked(node)
      const entry = [...node.entry.map((action) => this.known(action)), ...begin]
      ops = { entry, exit: [...node.exit.map((action) => this.known(action)), ...end] }
      this.#nodes.set(node, ops)
    }
    return ops
  }

  /** The children that a state begins when it is entered, and ends when it is left. */
  invoked(node: AnyStateNode): { readonly begin: Op[]; readonly end: Op[] } {
    const begin: Op[] = []
    const end: Op[] = []
    for (const { src, id, input, systemId, onSnapshot } of node.invoke) {
      const spawn = { src, id, input, systemId, syncSnapshot: onSnapshot !== undefined }
      begin.push(builtInOp(this, { type: 'xstate.spawnChild', ...spawn } as BuiltIn))
      end.push(builtInOp(this, { type: 'xstate.stopChild', actorRef: id }))
    }
    return { begin, end }
  }

  /** The name under which the machine finds this logic again after a restart. */
  nameOfLogic(src: unknown): string {
    if (typeof src === 'string') return src
    const { actors } = this.machine.implementations
    const found = Object.entries(actors).find(([, logic]) => logic === src)
    if (found) return found[0]
    throw this.unsupported(
      'a child whose logic has no name',
      'name the logic under `actors` of `setup` and spawn it by that name',
    )
  }

  /** The machine knows this logic, or the definition puts an actor type in its place. */
  isLogic(name: string): boolean {
    const { children = {} } = this.def as { readonly children?: object }
    const { actors } = this.machine.implementations
    return name.startsWith('xstate.invoke.') || Object.hasOwn({ ...actors, ...children }, name)
  }

  unsupported(what: string, instead: string) {
    return actorErrors.PROV_ACTOR_UNSUPPORTED({ type: this.def.type, what, instead })
  }
}

/** Every state of a machine, parents first. */
export function nodesOf(root: AnyStateNode): AnyStateNode[] {
  return [root, ...Object.values(root.states).flatMap((node) => nodesOf(node as AnyStateNode))]
}
