/**
 * An actor type as data: an ordinary XState v5 machine plus what the kernel must know about it. The
 * machine decides, the rest says what happens around a decision: what is kept, what runs outside,
 * what is written beside it, what follows a failure.
 *
 * @module
 */
import type { AnyStateMachine, ContextFrom, EventFromLogic, InputFrom } from 'xstate'
import type { Clock } from '../clock.ts'
import type { JournalEntry } from '../journal/journal.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { Count, Millis } from '../units.ts'
import type { Address } from './address.ts'
import { actorErrors } from './errors.ts'
import { supervisionOf } from './supervise.ts'
import type { Supervision, SupervisionSpec } from './supervise.ts'
import type { TimerPolicies } from './timers.ts'
import type { Upcast } from './versions.ts'

/** What actors send each other: plain JSON with a `type`. */
export interface ActorEvent {
  readonly type: string
}

/**
 * What survives a crash. `journal`: every step is a record. `snapshot`: only the newest state, many
 * steps share a write. `volatile`: nothing, the actor is gone with the process.
 */
export type Durability = 'volatile' | 'snapshot' | 'journal'

export interface MailboxPolicy {
  /** Messages that may wait, 1 or more. Default 1024. Timers and effect results always get in. */
  readonly capacity: Count
  /**
   * What happens to the next one. `reject` (default): the sender is told at once. `await`: told, and
   * handed a promise of room; `apply` waits by itself. `coalesce`: a message with the `key` of one
   * that waits takes its place, also while there is room, and whoever applied that one hears of the newer
   * one's step. `drop-oldest`, `drop-newest`: one is lost,
   * counted as a dead letter; for types that say `lossy` only.
   */
  readonly overflow: 'reject' | 'await' | 'coalesce' | 'drop-oldest' | 'drop-newest'
  /**
   * Where messages coalesce: what an event is about. As data, `'field'` or `['path', 'to', 'field']`:
   * events of one type with the same text, number or boolean there are about the same; an event that
   * has none there stands for itself. Or a function, also across types; undefined for those that stand
   * for themselves. A function works in Prov's own thread only: plugins of a workspace give data.
   */
  readonly key?: string | readonly string[] | ((event: never) => string | undefined) | undefined
  /** Losing messages is fine for this type: newer ones say it all. */
  readonly lossy?: boolean | undefined
}

/** Whether it can say what an event is about: nothing, a field, a path to one, or a function. */
export function isMailKey(key: unknown): key is MailboxPolicy['key'] {
  if (key === undefined || typeof key === 'function') return true
  const path: readonly unknown[] = Array.isArray(key) ? key : [key]
  return path.length > 0 && path.every((name) => typeof name === 'string' && name !== '')
}

/** What an effect may use. It runs after the commit that asked for it, never before. */
export interface EffectContext {
  /** Aborts when the actor stops or the system closes. */
  readonly signal: AbortSignal
  /** `<address>:<sequence>:<index>`, the same one again after a crash: be idempotent by it. */
  readonly id: string
  readonly self: Address
  readonly clock: Clock
  /** W3C trace context to hand on to whatever it calls. */
  readonly traceparent?: string | undefined
  /**
   * Asks another actor on behalf of this one. Rejects as `ActorSystem.ask` does, and with
   * PROV_ACTOR_ASK_CYCLE when the question would come back to an actor that waits for its answer.
   */
  ask(
    address: Address,
    question: (replyTo: Address) => ActorEvent,
    options?: { readonly timeoutMs?: Millis; readonly signal?: AbortSignal },
  ): Promise<ActorEvent>
}

/**
 * Touches the outside. Its answer comes back as `effect.done.<name>` `{ id, output }`; a throw comes
 * back as `effect.failed.<name>` `{ id, error: { code, message, detail } }`: a ProvError with its own code,
 * anything else as PROV_ACTOR_EFFECT_FAILED with its words as the message and its place in the detail.
 */
export type EffectHandler = (
  params: never,
  context: EffectContext,
) => Promise<JsonValue | void> | JsonValue | void

/** Pure: what else must be in the journal exactly when this step is. */
export type RecordMaker = (
  params: never,
  context: { readonly self: Address; readonly sequence: Count },
) => JournalEntry | readonly JournalEntry[]

/** State of an actor as plain data: what `migrate` gets and gives. */
export interface PersistedState {
  readonly value: JsonValue
  readonly context: JsonObject
}

export interface ActorSpec<M extends AnyStateMachine> {
  /** Lower case, digits, `.` and `-`; unique in a system. Put your plugin's name in front. */
  readonly type: string
  /** 1 or more. Raise it when old states no longer fit the machine, and say how in `migrate`. */
  readonly version: Count
  readonly machine: M
  /** Default `journal`. */
  readonly durability?: Durability | undefined
  readonly mailbox?: Partial<MailboxPolicy> | undefined
  readonly supervision?: SupervisionSpec | undefined
  /** By action name. A machine names actions; these are what the names do outside. */
  readonly effects?: Readonly<Record<string, EffectHandler>> | undefined
  /** By action name: entries in the same frame as the step (outbox, audit). */
  readonly records?: Readonly<Record<string, RecordMaker>> | undefined
  /** By old version: one step up the ladder, from that version to the next one. */
  readonly migrate?: Readonly<Record<number, (state: PersistedState) => PersistedState>> | undefined
  /**
   * By the name under which the machine invokes or spawns: children that are actors of the kernel,
   * with its journal and supervision. Other names mean the machine's own logic, which runs beside the
   * kernel and begins again from its input after a crash. They are registered with their parent.
   */
  readonly children?: Readonly<Record<string, ActorDef>> | undefined
  /**
   * By old version: what waiting mail, timers, tells and dead letters of that version mean in the next
   * one. A version that is not named leaves its events as they are.
   */
  readonly upcast?: Readonly<Record<number, Upcast>> | undefined
  /** What timers do that are overdue when the actor is loaded. Default: all `fire`. */
  readonly timers?: TimerPolicies | undefined
}

const brand = Symbol.for('prov.actor')

/** Small named type on purpose: the raw inferred machine type would not survive a `.d.ts`. */
export interface ActorDef<
  Context = unknown,
  Event extends ActorEvent = ActorEvent,
  Input = unknown,
> {
  readonly [brand]: true
  readonly type: string
  readonly version: Count
  readonly machine: AnyStateMachine
  readonly durability: Durability
  readonly mailbox: MailboxPolicy
  readonly supervision: Supervision
  readonly effects: Readonly<Record<string, EffectHandler>>
  readonly records: Readonly<Record<string, RecordMaker>>
  readonly migrate: Readonly<Record<number, (state: PersistedState) => PersistedState>>
  readonly children: Readonly<Record<string, ActorDef>>
  readonly upcast: Readonly<Record<number, Upcast>>
  /** Of a machine that is not here: see `fingerprint`. */
  readonly fingerprint?: string
  /** Undefined when all of them fire. */
  readonly timers: TimerPolicies | undefined
  /** Carries the types; never there at run time. */
  readonly '~types'?: { readonly context: Context; readonly event: Event; readonly input: Input }
}

/**
 * Fills in the defaults and seals the definition. What the machine may use is judged when the type
 * is registered. Throws PROV_ACTOR_DEF_INVALID.
 */
export function defineActor<M extends AnyStateMachine>(
  spec: ActorSpec<M>,
): ActorDef<ContextFrom<M>, EventFromLogic<M>, InputFrom<M>> {
  const invalid = (what: string) => actorErrors.PROV_ACTOR_DEF_INVALID({ type: spec.type, what })
  if (!/^[a-z][a-z0-9.-]*$/.test(spec.type)) {
    throw invalid(
      'its type is no name: lower case letters, digits, `.` and `-`, a letter first, as in `acme.quota`',
    )
  }
  if (spec.type === 'ask' || spec.type === 'letter') {
    throw invalid(`\`${spec.type}\` is the kernel’s own type`)
  }
  if (!Number.isSafeInteger(spec.version) || spec.version < 1) {
    throw invalid('the version must be a whole number from 1')
  }
  const mailbox = { capacity: 1024, overflow: 'reject' as const, ...spec.mailbox }
  if (!(mailbox.capacity >= 1)) throw invalid('a mailbox holds at least one message')
  if (mailbox.overflow === 'coalesce' && !mailbox.key) {
    throw invalid('a mailbox that coalesces needs `key`')
  }
  if (!isMailKey(mailbox.key)) {
    throw invalid('`mailbox.key` is the name of a field, the path to one as a list, or a function')
  }
  if (mailbox.overflow.startsWith('drop') && mailbox.lossy !== true) {
    throw invalid('a mailbox that drops messages needs `lossy: true`')
  }
  const group: unknown = spec.supervision?.group
  if (group !== undefined && typeof group !== 'function') {
    throw invalid('`supervision.group` is a function of the id')
  }
  const both = Object.keys(spec.effects ?? {}).find((name) => spec.records?.[name])
  if (both) throw invalid(`action ${both} is an effect or a record, not both`)
  if (spec.effects?.['tell'] || spec.records?.['tell']) throw invalid('`tell` is built in')
  const durability = spec.durability ?? 'journal'
  if (spec.records && durability !== 'journal') {
    throw invalid('`records` need a step in the journal, so `durability: "journal"`')
  }
  const supervision = supervisionOf(spec.supervision)
  if (typeof supervision === 'string') throw invalid(supervision)
  return Object.freeze({
    [brand]: true as const,
    type: spec.type,
    version: spec.version,
    machine: spec.machine,
    durability,
    mailbox,
    supervision,
    effects: spec.effects ?? {},
    records: spec.records ?? {},
    migrate: spec.migrate ?? {},
    children: spec.children ?? {},
    upcast: spec.upcast ?? {},
    timers: spec.timers,
  })
}

/** True for a definition made by any copy of this library. */
export function isActorDef(value: unknown): value is ActorDef {
  return typeof value === 'object' && value !== null && brand in value
}
