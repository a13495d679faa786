/**
 * What an inspector sees of the kernel. An inspector is a function that hears everything, or an object
 * with a function per kind that hears (and pays for) those kinds only:
 *
 *     createRuntime({ workspace, inspect: { transition: ({ address, to }) => … } })
 *
 * `hooksOf` makes one object of it, with one nullable field per kind, so that what nobody hears costs
 * the kernel a comparison with null:
 *
 *     const hear = hooks.transition
 *     if (hear !== null) hear(cell, event, before, message)
 *
 * The two kinds that every message passes are told by what their records are made of: a record is
 * made for whoever can look at it, and none for a function that only counts.
 *
 * I1  An inspector that throws, or whose promise rejects, harms nobody. After three throws it is let
 *     go: the fields it alone filled are null again, and that is told as `inspector.failed`.
 * I2  Records are plain data and carry no bodies of messages, so they may be logged. Who needs more,
 *     as the adapters do, finds the actor and the message beside the record, by reference.
 *
 * @module
 */
import { textOf } from '../errors.ts'
import type { JsonValue } from '../json.ts'
import { place, runnerOf, running } from '../running.ts'
import type { Bytes, Count, Millis } from '../units.ts'
import type { Address } from './address.ts'
import type { ActorDef, ActorEvent } from './define.ts'
import { actorErrors } from './errors.ts'
import type { Pending } from './ledger.ts'
import { listening } from './listeners.ts'
import { nameOf, unreadableName } from './mail.ts'
import type { Config, Program, Standing } from './program/program.ts'
import type { TimerState } from './state.ts'

export type InspectRecord =
  | { readonly kind: 'actor.up'; readonly address: Address; readonly restored: boolean }
  | { readonly kind: 'actor.down'; readonly address: Address; readonly why: string }
  /** A type is registered: how its machine is run, and why not compiled if it is not. */
  | {
      readonly kind: 'program'
      readonly type: string
      readonly mode: Program['mode']
      readonly why?: string | undefined
    }
  /** Into the mailbox. */
  | { readonly kind: 'event'; readonly from?: Address; readonly to: Address; readonly type: string }
  /** A step is durable and its state is what others see. */
  | {
      readonly kind: 'transition'
      readonly address: Address
      readonly sequence: Count
      readonly event: string
      readonly from: JsonValue
      readonly to: JsonValue
    }
  | {
      readonly kind: 'effect'
      readonly id: string
      readonly name: string
      readonly phase: 'started' | 'done' | 'failed' | 'aborted'
    }
  /** Inspectors hear of full ones; taps of every message that waits. */
  | {
      readonly kind: 'mailbox'
      readonly address: Address
      readonly depth: Count
      readonly full: boolean
    }
  | {
      readonly kind: 'log'
      readonly address: Address
      readonly label?: string
      readonly value: unknown
    }
  /** What a machine emitted, or a child of its own did. */
  | { readonly kind: 'emitted'; readonly address: Address; readonly type: string }
  | {
      readonly kind: 'crash'
      readonly address: Address
      readonly event: string
      readonly state: JsonValue
      readonly what: string
      readonly decision: string
      /** What was counted, and by whom it was decided. */
      readonly why: string
      /** How often this very message failed so far; 0 when whoever applied it was told. */
      readonly tries: Count
    }
  /** An invoked or spawned child; `address` when it is an actor of its own. */
  | {
      readonly kind: 'child'
      readonly parent: Address
      readonly id: string
      readonly src: string
      readonly phase: 'started' | 'done' | 'failed' | 'stopped'
      readonly address?: Address | undefined
    }
  /** Out of the hot cells, into the arena. */
  | { readonly kind: 'passivated'; readonly address: Address; readonly bytes?: Bytes | undefined }
  | {
      readonly kind: 'woken'
      readonly address: Address
      readonly by: 'message' | 'timer' | 'query' | 'effect'
    }
  /** What a start read back. */
  | {
      readonly kind: 'replayed'
      readonly actors: Count
      readonly records: Count
      readonly tookMs: Millis
    }
  /** The system was closed. What it left is 0 everywhere when it ended in order. */
  | {
      readonly kind: 'closed'
      /** Effects that had not ended: they are owed, and run after the next start. */
      readonly effects: Count
      /** Nobody took them: dead letters, or, from timers and promises, they come again. */
      readonly messages: Count
      /** Whoever asked was told. */
      readonly questions: Count
      /** The journal did not answer to them: whether they are kept is not known. */
      readonly writes: Count
    }
  /** One failure took others along. */
  | {
      readonly kind: 'group.restarted'
      readonly group: string
      readonly strategy: string
      readonly by: Address
      readonly addresses: readonly Address[]
    }
  /** Code of a plugin held the event loop, or its worker did not answer. */
  | {
      readonly kind: 'plugin.stalled'
      readonly owner: string
      readonly stalledMs: Millis
      readonly address?: Address | undefined
    }
  | { readonly kind: 'observer.failed'; readonly address: Address; readonly what: string }
  /** An inspector was let go. */
  | { readonly kind: 'inspector.failed'; readonly hears: string; readonly what: string }

export type InspectKind = InspectRecord['kind']
export type InspectRecordOf<K extends InspectKind> = Extract<InspectRecord, { readonly kind: K }>

/** The actor a record is about, as it stands now. Read it at once: it goes on. A cell is one. */
export interface Inspected extends Standing {
  readonly address: Address
  readonly sequence: Count
  readonly kind: {
    readonly def: ActorDef
    readonly program: Program | undefined
    readonly owner: string | undefined
  }
}

/** A message in its envelope, or the mere event when there is nothing more to say: see `messageIn`. */
export type Carried = ActorEvent | InspectedMessage

/** A message with what its envelope says. */
export interface InspectedMessage {
  readonly event: ActorEvent
  /** Outbox id of the effect or tell it came from. */
  readonly cause?: string | undefined
  /** Trace it belongs to, as W3C `traceparent`. */
  readonly traceparent?: string | undefined
  /** The timer it came from. */
  readonly timer?: TimerState | undefined
}

/** What stands beside a record of this kind, besides its actor. */
export type About<K extends InspectKind> = K extends 'event' | 'transition' | 'crash'
  ? Carried
  : K extends 'effect'
    ? Pending
    : K extends 'actor.up'
      ? { readonly input: unknown }
      : undefined

/**
 * Hears one kind. The actor is undefined where none is at hand. What it returns is nobody's, but a
 * promise that rejects counts as a throw.
 */
export type Hook<K extends InspectKind = InspectKind> = (
  record: InspectRecordOf<K>,
  actor?: Inspected,
  about?: About<K>,
) => void

/** Hears everything. */
export type Inspect = (record: InspectRecord, actor?: Inspected, about?: About<InspectKind>) => void

/** Hears the kinds that it names. */
export type InspectByKind = { readonly [K in InspectKind]?: Hook<K> | undefined }

export type Inspector = Inspect | InspectByKind

/** The message that stands beside a record of an event, a transition or a crash. */
export const messageIn = (about: Carried): InspectedMessage =>
  'type' in about ? { event: about } : about

/** The kinds that are hot. */
interface HotHooks {
  /** `before` is where the actor stood; it stands at the end of the step already. */
  transition: StepHook | null
  event: ArrivalHook | null
}
type StepHook = (actor: Inspected, event: ActorEvent, before: Config, about: Carried) => void
type ArrivalHook = (actor: Inspected, from: Address | undefined, about: Carried) => void

/** One field per kind; null where nobody listens. Fields change: read them each time. */
export type Hooks = HotHooks & { [K in ColdKind]: Hook<K> | null }
/** Kinds that are told by their records. */
export type ColdKind = Exclude<InspectKind, keyof HotHooks>

/** The record of a step that has just become the actor's state. */
export const stepRecord = (
  { address, sequence, config }: Inspected,
  event: ActorEvent,
  before: Config,
): InspectRecordOf<'transition'> => ({
  kind: 'transition',
  address,
  sequence,
  event: nameOf(event),
  from: before.value,
  to: config.value,
})

function nameIn(about: Carried): string {
  try {
    return 'type' in about ? nameOf(about) : nameOf(about.event)
  } catch {
    return unreadableName
  }
}

/** The record of a message that came into a mailbox. */
export const arrivalRecord = (
  { address: to }: Inspected,
  from: Address | undefined,
  about: Carried,
): InspectRecordOf<'event'> => {
  const type = nameIn(about)
  return from === undefined ? { kind: 'event', to, type } : { kind: 'event', from, to, type }
}

/** A loop in an inspector that never ends is not put down to whom it looks at. */
const inspecting = runnerOf('Prov', 'an inspector')

/** Throws after which an inspector is let go. */
const patience = 3

/** A list that the compiler knows to be complete. */
const silent: Readonly<Record<InspectKind, null>> = {
  'actor.up': null,
  'actor.down': null,
  program: null,
  event: null,
  transition: null,
  effect: null,
  mailbox: null,
  log: null,
  emitted: null,
  crash: null,
  child: null,
  passivated: null,
  woken: null,
  replayed: null,
  closed: null,
  'group.restarted': null,
  'plugin.stalled': null,
  'observer.failed': null,
  'inspector.failed': null,
}
const kinds = Object.keys(silent) as InspectKind[]

/**
 * The hooks of one inspector, of several, or of none. A function has three throws in all, an object
 * three per kind. Who is let go is told to the others as `inspector.failed`, or as a process warning
 * when nobody hears that.
 */
export function hooksOf(inspect?: Inspector | readonly Inspector[]): Hooks {
  const hooks: Hooks = { ...silent }
  if (inspect === undefined) return hooks
  const guests = new Map<InspectKind, Guest[]>()
  const compose = (kind: InspectKind): void => {
    const all = guests.get(kind) ?? []
    const [first] = all
    const only = all.length === 1 ? first : undefined
    if (first === undefined) hooks[kind] = null
    else if (kind === 'transition') hooks.transition = only ? steps(only) : steps(asOne(all))
    else if (kind === 'event') hooks.event = only ? arrivals(only) : arrivals(asOne(all))
    else (hooks as Record<ColdKind, Loose>)[kind] = only ? records(only) : records(asOne(all))
  }
  const letGo = (guest: Guest, hears: string, thrown: unknown): void => {
    for (const [kind, all] of guests) {
      if (!all.includes(guest)) continue
      guests.set(
        kind,
        all.filter((other) => other !== guest),
      )
      compose(kind)
    }
    const what = textOf(thrown)
    const hear = hooks['inspector.failed']
    if (hear !== null) hear({ kind: 'inspector.failed', hears, what })
    else {
      const { code, message } = actorErrors.PROV_ACTOR_INSPECTOR_LET_GO({ hears, what })
      process.emitWarning(message, { type: 'ProvWarning', code })
    }
  }
  const guestOf = (hear: Loose, hears: string): Guest => {
    let throws = 0
    const guest: Guest = {
      hear,
      failed: (thrown) => {
        if (++throws === patience) letGo(guest, hears, thrown)
      },
    }
    return guest
  }
  for (const one of Array.isArray(inspect) ? (inspect as readonly Inspector[]) : [inspect]) {
    const all = typeof one === 'function' ? guestOf(one as Loose, 'everything') : undefined
    for (const kind of kinds) {
      const own = (one as InspectByKind)[kind] as Loose | undefined
      const guest = all ?? (own && guestOf(own, kind))
      if (guest) guests.set(kind, [...(guests.get(kind) ?? []), guest])
    }
  }
  for (const kind of guests.keys()) compose(kind)
  return hooks
}

/** Any hook, once its kind no longer matters. */
type Loose = (record?: unknown, actor?: unknown, about?: unknown) => unknown

interface Guest {
  readonly hear: Loose
  readonly failed: (thrown: unknown) => void
}

// Each of these calls its guest by itself, with nothing in between: a call that the compiler can take
// apart costs a few nanoseconds, one through another closure three times as much.

function records({ hear, failed }: Guest): Loose {
  return (record, actor, about) => {
    listening.depth++
    const runs = running[place.who] as Count
    running[place.who] = inspecting
    try {
      wait(hear(record, actor, about), failed)
    } catch (thrown) {
      failed(thrown)
    } finally {
      running[place.who] = runs
      listening.depth--
    }
  }
}

function steps({ hear, failed }: Guest): StepHook {
  if (seesNothing(hear)) return records({ hear, failed })
  return (actor, event, before, about) => {
    listening.depth++
    const runs = running[place.who] as Count
    running[place.who] = inspecting
    try {
      wait(hear(stepRecord(actor, event, before), actor, about), failed)
    } catch (thrown) {
      failed(thrown)
    } finally {
      running[place.who] = runs
      listening.depth--
    }
  }
}

function arrivals({ hear, failed }: Guest): ArrivalHook {
  if (seesNothing(hear)) return records({ hear, failed })
  return (actor, from, about) => {
    listening.depth++
    const runs = running[place.who] as Count
    running[place.who] = inspecting
    try {
      wait(hear(arrivalRecord(actor, from, about), actor, about), failed)
    } catch (thrown) {
      failed(thrown)
    } finally {
      running[place.who] = runs
      listening.depth--
    }
  }
}

/** A promise that rejects counts as a throw. */
function wait(answer: unknown, failed: (thrown: unknown) => void): void {
  if (typeof answer === 'object' && answer instanceof Promise) answer.catch(failed)
}

/** An arrow function without parameters has no way to look at a record: it counts. */
const seesNothing = (hear: Loose): boolean => /^(async\s*)?\(\s*\)\s*=>/.test(String(hear))

/** Several that share a record; each fails for itself. */
function asOne(guests: readonly Guest[]): Guest {
  const all = guests.map(records)
  return {
    hear: (record, actor, about) => {
      for (const hear of all) hear(record, actor, about)
    },
    failed: () => {},
  }
}
