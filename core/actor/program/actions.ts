/**
 * XState's own actions as functions of the draft. The functions a machine gives are called as their
 * author wrote them; what they ask for becomes data in the draft. Both modes use these.
 *
 * @module
 */
import type { JsonObject, JsonValue } from '../../json.ts'
import type { ActorEvent } from '../define.ts'
import { actorErrors } from '../errors.ts'
import { Copier } from './copy.ts'
import type { Draft } from './draft.ts'
import type { AssignArguments, Lexicon } from './lexicon.ts'
import { idOf } from './reference.ts'

/** Does what an action says to the draft. */
export interface Op {
  (draft: Draft, params?: unknown): void
  /** Of an assign: all that it does. */
  readonly change?: Change
}

/** A context from another one, and from whatever else XState gives an assign. */
export type Change = (args: AssignArguments, params?: unknown) => JsonObject

type Mapper = (args: unknown, params: unknown) => unknown

/** XState's own actions are functions that carry what they were made from. */
export interface BuiltIn {
  readonly type: string
  readonly assignment?: Mapper | Readonly<Record<string, unknown>>
  readonly event?: unknown
  readonly id?: unknown
  readonly delay?: unknown
  readonly to?: unknown
  readonly sendId?: unknown
  readonly value?: unknown
  readonly label?: string
  readonly collect?: (args: unknown, params: unknown) => void
  readonly src?: unknown
  readonly input?: unknown
  readonly systemId?: string
  readonly syncSnapshot?: boolean
  readonly actorRef?: unknown
}

const makers: Readonly<Record<string, (lexicon: Lexicon, action: BuiltIn) => Op>> = {
  'xstate.assign': assign,
  'xstate.raise': raise,
  'xstate.cancel': cancel,
  'xstate.log': log,
  'xstate.enqueueActions': enqueueActions,
  'xstate.sendTo': sendTo,
  'xstate.emit': emit,
  'xstate.spawnChild': spawnChild,
  'xstate.stopChild': stopChild,
}

export const isBuiltIn = (type: string): boolean => Object.hasOwn(makers, type)

export function builtInOp(lexicon: Lexicon, action: BuiltIn): Op {
  const make = makers[action.type]
  if (!make) throw lexicon.unsupported(`the action ${action.type}`, 'name an action instead')
  return make(lexicon, action)
}

function assign(lexicon: Lexicon, { assignment }: BuiltIn): Op {
  const change = changeBy(assignment)
  const op: Op = (draft, params) => {
    draft.context = change(lexicon.argsOfAssign(draft.context, draft.event), params)
    draft.touched = true
  }
  return Object.assign(op, { change })
}

function changeBy(assignment: BuiltIn['assignment']): Change {
  const copier = new Copier()
  if (typeof assignment === 'function') {
    return (args, params) => {
      const { context } = args
      const partial = assignment(args, params) as JsonObject
      return Object.assign(copier.copy(context), partial)
    }
  }
  const parts = Object.entries(assignment ?? {})
  const [only] = parts
  if (only && parts.length === 1 && typeof only[1] === 'function') {
    const [key, give] = only as [string, Mapper]
    return (args, params) => {
      const { context } = args
      const value = give(args, params)
      const next = copier.copy(context)
      next[key] = value as JsonValue
      return next
    }
  }
  return (args, params) => {
    const next = copier.copy(args.context)
    for (let at = 0; at < parts.length; at++) {
      const [key, give] = parts[at] as [string, unknown]
      const value = typeof give === 'function' ? (give as Mapper)(args, params) : give
      next[key] = value as JsonValue
    }
    return next
  }
}

function raise(lexicon: Lexicon, { event, id, delay }: BuiltIn): Op {
  const name = nameOfDelayed(lexicon, { id, delay })
  return (draft, params) => {
    const raised = eventOf(lexicon, draft, event, params, 'raise')
    const delayMs = delayOf(lexicon, draft, delay, params)
    if (delayMs === undefined) draft.queue.push(raised)
    else draft.delay(name, raised, delayMs)
  }
}

function cancel(lexicon: Lexicon, { sendId }: BuiltIn): Op {
  return (draft, params) => draft.cancel(textOf(resolve(lexicon, draft, sendId, params)))
}

function log(lexicon: Lexicon, { value, label }: BuiltIn): Op {
  return (draft, params) => {
    draft.log({
      ...(label !== undefined && { label }),
      value: resolve(lexicon, draft, value, params),
    })
  }
}

function emit(lexicon: Lexicon, { event }: BuiltIn): Op {
  return (draft, params) =>
    draft.ask('xstate.emit', { event: resolve(lexicon, draft, event, params) })
}

/**
 * What `cancel` and the journal know a delayed event by. XState makes text of it; of a function it makes
 * the same text every time, so that the second event would take the place of the first.
 */
export function nameOfDelayed(
  lexicon: Lexicon,
  { id, delay }: Pick<BuiltIn, 'id' | 'delay'>,
): string | undefined {
  if (delay === undefined || typeof id !== 'function') return textOf(id)
  throw lexicon.unsupported('an id of a delayed event that is a function', 'give a text, or no id')
}

const textOf = (id: unknown): string | undefined => (id === undefined ? undefined : String(id))

function sendTo(lexicon: Lexicon, { to, event, id, delay }: BuiltIn): Op {
  const name = nameOfDelayed(lexicon, { id, delay })
  return (draft, params) => {
    const sent = eventOf(lexicon, draft, event, params, 'sendTo')
    const delayMs = delayOf(lexicon, draft, delay, params)
    const target = resolve(lexicon, draft, to, params)
    const receiver = target ? idOf(target) : '#self'
    if (receiver === undefined) throw new Error('sendTo was given a target that is no actor')
    if (delayMs === undefined) draft.ask('xstate.send', { to: receiver, event: sent })
    else draft.delay(name, sent, delayMs, receiver === '#self' ? undefined : receiver)
  }
}

function spawnChild(lexicon: Lexicon, action: BuiltIn): Op {
  const { src, id, input, systemId, syncSnapshot } = action
  return (draft) => {
    const name = lexicon.nameOfLogic(src)
    const childId = typeof id === 'function' ? (id as Mapper)(lexicon.args(draft), undefined) : id
    draft.touched = true
    draft.ask('xstate.spawn', {
      id: childId ?? draft.childNames.next(name, draft),
      src: name,
      ...withInput(typeof input === 'function' ? input(lexicon.args(draft)) : input),
      ...(systemId !== undefined && { systemId }),
      ...(syncSnapshot && { syncSnapshot }),
    })
  }
}

function stopChild(lexicon: Lexicon, { actorRef }: BuiltIn): Op {
  return (draft, params) => {
    const id = idOf(resolve(lexicon, draft, actorRef, params))
    draft.touched = true
    if (id !== undefined) draft.ask('xstate.stop', { id })
  }
}

/** `spawn` as assigns and the first context get it: hands out a reference, which is data. */
export function spawnFor(
  lexicon: Lexicon,
  args: Pick<AssignArguments, 'context' | 'event'>,
): (src: unknown, options?: BuiltIn) => unknown {
  return (src, options = {} as BuiltIn) => {
    const { draft } = lexicon
    // A step that only assigns has not opened the draft.
    draft.context = args.context
    draft.event = args.event
    const name = lexicon.nameOfLogic(src)
    const { input, systemId, syncSnapshot } = options
    const id = (options.id as string | undefined) ?? draft.childNames.next(name, draft)
    const given =
      typeof input === 'function' && typeof src === 'string' ? input(lexicon.args(draft)) : input
    draft.ask('xstate.spawn', {
      id,
      src: name,
      ...withInput(given),
      ...(systemId !== undefined && { systemId }),
      ...(syncSnapshot && { syncSnapshot }),
    })
    return lexicon.referenceTo(id)
  }
}

const withInput = (input: unknown) => input !== undefined && { input }

function enqueueActions(lexicon: Lexicon, { collect }: BuiltIn): Op {
  return (draft, params) => {
    const actions: unknown[] = []
    const { context, event, self, system } = lexicon.args(draft)
    const { enqueue, check } = lexicon.collecting(actions)
    collect?.({ context, event, enqueue, check, self, system }, params)
    for (const action of actions) lexicon.op(action)(draft)
  }
}

/** `enqueue`, with a short form for each of XState's actions. */
export function enqueuer(push: (action: unknown) => void): unknown {
  const add = (type: string, rest: object) =>
    push(Object.assign(() => {}, { type, ...rest, resolve: add }))
  const sendTo = (to: unknown, event: unknown, options?: object) =>
    add('xstate.sendTo', { to, event, ...options })
  return Object.assign((action: unknown) => push(action), {
    assign: (assignment: unknown) => add('xstate.assign', { assignment }),
    cancel: (sendId: unknown) => add('xstate.cancel', { sendId }),
    raise: (event: unknown, options?: object) => add('xstate.raise', { event, ...options }),
    sendTo,
    sendParent: (event: unknown, options?: object) => sendTo('#_parent', event, options),
    spawnChild: (src: unknown, options?: object) => add('xstate.spawnChild', { src, ...options }),
    stopChild: (actorRef: unknown) => add('xstate.stopChild', { actorRef }),
    emit: (event: unknown) => add('xstate.emit', { event }),
  })
}

function resolve(lexicon: Lexicon, draft: Draft, given: unknown, params: unknown): unknown {
  return typeof given === 'function' ? (given as Mapper)(lexicon.args(draft), params) : given
}

function eventOf(
  lexicon: Lexicon,
  draft: Draft,
  given: unknown,
  params: unknown,
  by: string,
): ActorEvent {
  if (typeof given === 'string') {
    throw new Error(`${by} takes an event, not its type: write { type: "${given}" }`)
  }
  return resolve(lexicon, draft, given, params) as ActorEvent
}

/** Undefined: now. A delay may be the name of one that the machine gives. */
function delayOf(lexicon: Lexicon, draft: Draft, given: unknown, params: unknown) {
  const { delays } = lexicon.machine.implementations
  const found = typeof given === 'string' ? (delays as Record<string, unknown>)[given] : given
  const delayMs = resolve(lexicon, draft, found, params)
  if (typeof delayMs !== 'number') return undefined
  if (Number.isFinite(delayMs)) return delayMs
  const name = typeof given === 'string' ? ` ${given}` : ''
  throw new TypeError(`the delay${name} is ${delayMs}, which is no number of milliseconds`)
}

export function unsupportedAction(type: string, name: string) {
  const instead = 'give what it does under `effects` or `records` of `defineActor`'
  return actorErrors.PROV_ACTOR_UNSUPPORTED({ type, what: `the action ${name}`, instead })
}
