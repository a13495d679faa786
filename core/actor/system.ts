/**
 * The actor system as its users see it. `startActors` makes one.
 *
 * @module
 */
import type { ErrorReport } from '../errors.ts'
import type { JsonValue } from '../json.ts'
import type { Count, Millis } from '../units.ts'
import type { Address } from './address.ts'
import type { ActorDef, ActorEvent } from './define.ts'
import type { XStateFacade } from './facade.ts'
import type { Inspect } from './inspect.ts'
import type { Program } from './program/program.ts'
import type { RemoteProgram } from './program/remote.ts'
import type { DeadLetters, LetterFilter } from './letters.ts'
import type { FlightEntry, FlightRecorder } from './recorder.ts'
import type { Directive } from './supervise.ts'

/**
 * `active` takes events; `restarting` does after its back-off; `parked` waits for a person; `done`
 * reached its final state; `stopped` was ended; `dormant` is kept, but its type is not registered.
 */
export type ActorStatus = 'active' | 'restarting' | 'parked' | 'done' | 'stopped' | 'dormant'

/** The committed state of one actor. */
export interface ActorSnapshot<Context = unknown> {
  readonly address: Address
  /** XState's state value: a name, or nested names. */
  readonly value: JsonValue
  readonly context: Context
  readonly status: ActorStatus
  /** Commits of this address so far; the first one is 1. */
  readonly sequence: Count
  readonly version: Count
  readonly tags: ReadonlySet<string>
  /** Of a machine that is done. */
  readonly output?: unknown
}

export type Refusal = 'full' | 'stopped' | 'parked' | 'unknown' | 'invalid'
export type Sent =
  | { readonly accepted: true }
  | {
      readonly accepted: false
      readonly reason: Refusal
      /** Of a full mailbox that lets wait: resolves when there may be room. */
      readonly room?: Promise<void>
    }

/** A handle that stays valid for the life of the system, whatever happens to the actor. */
export interface ActorRef<Context = unknown, Event extends ActorEvent = ActorEvent> {
  readonly address: Address
  /** Queues an event and says whether it was taken. Never throws, never runs anything now. */
  send(event: Event): Sent
  /**
   * Resolves once this very event's step is durable. Rejects with PROV_ACTOR_MAILBOX_FULL,
   * PROV_ACTOR_STOPPED, PROV_ACTOR_PARKED, PROV_ACTOR_EVENT_INVALID, PROV_ACTOR_STEP_FAILED (state
   * untouched, nothing ran), PROV_ACTOR_ABORTED (outcome unknown), or the journal's error.
   */
  apply(event: Event, options?: { readonly signal?: AbortSignal }): Promise<ActorSnapshot<Context>>
  /** Cheap and synchronous. */
  snapshot(): ActorSnapshot<Context>
  /** Calls back after each commit, in order. A listener that throws three times is let go. */
  changes(listener: (snapshot: ActorSnapshot<Context>) => void): () => void
  /** The same actor as XState's `ActorRef`, for its helpers, framework bindings and rxjs. */
  asXState(): XStateFacade<Context, Event>
}

export interface WatchEvent {
  readonly address: Address
  readonly kind: 'stopped' | 'done' | 'failed' | 'parked' | 'resumed' | 'restarted'
  /** The crash, when there was one: event, state, what was decided. */
  readonly crash?: CrashReport
}

/**
 * A step that threw. The event is here as the journal holds events: what they must not carry there,
 * secrets, they do not carry here. Of volatile actors nothing is written, so this is not either.
 */
export interface CrashReport {
  /** Who failed: in a group it may be somebody else than who restarts. */
  readonly address: Address
  readonly timeMs: Millis
  /** Type of the event. */
  readonly event: string
  /** The event itself, when it is plain data of 4 KiB or less. */
  readonly body?: ActorEvent
  /** Where it stood, and still stands. */
  readonly state: JsonValue
  /** How often this very message failed so far; 0 when whoever applied it was told. */
  readonly tries: Count
  readonly decision: Directive
  /** What was counted, and by whom it was decided. */
  readonly why: string
  readonly pauseMs: Millis
  readonly error: ErrorReport
  /** The actor's last steps, oldest first; the last one is the one that failed. */
  readonly recent: readonly FlightEntry[]
}

/** One row of `prov actors`. */
export interface ActorRow {
  readonly address: Address
  readonly type: string
  readonly version: Count
  readonly status: ActorStatus
  readonly value: JsonValue
  readonly sequence: Count
  /** Messages that wait. */
  readonly depth: Count
  /** How long the first of them waited so far. */
  readonly oldestMs?: Millis
  readonly restarts: Count
  readonly parked?: { readonly code: string; readonly message: string; readonly event?: string }
  /** The plugin that registered the type. */
  readonly owner?: string
  /**
   * How its type behaves: `compiled`, `interpreted` by XState's own transition, or `elsewhere`, in the
   * thread or process of its plugin. Absent when no type is registered for it.
   */
  readonly mode?: Program['mode'] | 'elsewhere'
  /** Why its type is interpreted. */
  readonly why?: string
  /** Name of the group it is supervised in. */
  readonly group?: string
  /** Worth a look: its state was written by another machine of the same version. */
  readonly warning?: string
  /** The last few times that it failed, the newest last. */
  readonly crashes?: readonly CrashReport[]
  /** It rests out of the way until somebody needs it. */
  readonly passive?: true
}

/** A type that is registered, and how it behaves: see `ActorRow`. */
export type TypeRow = Required<Pick<ActorRow, 'type'>> & Pick<ActorRow, 'owner' | 'mode' | 'why'>

/** What became of a letter that was to be replayed. */
export interface Replayed {
  readonly letter: Count
  readonly address: string
  readonly event: string
  /**
   * `sent`: the promise is durable, and kept as any tell is. `spent`: it was replayed too often.
   * `bodiless`: only its type was kept.
   */
  readonly outcome: 'sent' | 'spent' | 'bodiless'
  /** Rounds so far, this one included. */
  readonly replays: Count
}

export interface ActorSystem {
  /**
   * Makes a type known and brings its actors back from the journal, timers and unfinished effects
   * included. Throws PROV_ACTOR_TYPE_TAKEN, PROV_ACTOR_UNSUPPORTED, PROV_ACTOR_JOURNAL_MISSING.
   */
  register(def: ActorDef, options?: { readonly owner?: string }): void
  /**
   * Gets the actor or starts it; its first state is durable before this resolves. A stopped address
   * starts anew. Throws PROV_ACTOR_UNREGISTERED, PROV_ACTOR_ADDRESS_INVALID, PROV_ACTOR_START_FAILED.
   */
  spawn<C, E extends ActorEvent, I>(
    def: ActorDef<C, E, I>,
    id: string,
    ...input: undefined extends I ? [input?: I] : [input: I]
  ): Promise<ActorRef<C, E>>
  /**
   * The same for behaviour that runs elsewhere: `def` says all but that. Resolves when its actors are
   * back. Rejects as `register` throws.
   */
  registerRemote(
    def: ActorDef,
    remote: RemoteProgram,
    options?: { readonly owner?: string },
  ): Promise<void>
  /** From the next turn of each of its actors on, another one runs them. */
  swapRemote(type: string, remote: RemoteProgram): void
  /** The last steps of all actors, whoever watched. */
  readonly recorder: FlightRecorder
  /** Undefined when nothing was ever started there or its type is not registered. */
  ref(address: Address): ActorRef | undefined
  /** Queues an event for an address; an unknown one gives a dead letter. Never throws. */
  send(address: Address, event: ActorEvent): Sent
  /**
   * Sends the event made for a reply address and resolves with the first event that is told to that
   * address. Rejects with PROV_ACTOR_TIMEOUT (default after 5 s) or why the question was refused.
   */
  ask(
    address: Address,
    question: (replyTo: Address) => ActorEvent,
    options?: { readonly timeoutMs?: Millis; readonly signal?: AbortSignal },
  ): Promise<ActorEvent>
  /** Hears of ends, failures, parking and restarts of one address, also before it exists. */
  watch(address: Address, listener: (event: WatchEvent) => void): () => void
  /**
   * Hears everything of one actor, also before it exists: its events, depth of its mailbox, steps,
   * effects, logs, crashes, its coming and going. Others pay nothing. Three throws, and it is let go.
   */
  tap(address: Address, listener: Inspect): () => void
  list(filter?: { readonly type?: string }): readonly ActorRow[]
  /** The newest 1,000 and no more than 4 MiB of text, the newest first. */
  deadLetters(): DeadLetters
  /**
   * Sends dead letters again, by id or all that a filter names, and resolves once that is durable. Each
   * leaves the list; the same message comes back under a new id when it fails again, at most three
   * times. By id it throws PROV_ACTOR_LETTER_UNKNOWN, PROV_ACTOR_LETTER_SPENT and
   * PROV_ACTOR_LETTER_BODILESS; by filter the rows say so.
   */
  replay(which: Count | LetterFilter): Promise<readonly Replayed[]>
  /** A person lets a parked actor go on; `skip` drops the message it failed at. Throws PROV_ACTOR_UNKNOWN. */
  resume(address: Address, options?: { readonly skip?: boolean }): Promise<void>
  /**
   * Ends an actor: waiting messages become dead letters, running effects are aborted. One that is just
   * starting begins first. Idempotent.
   */
  stop(address: Address): Promise<void>
  /**
   * Forgets actors whose machine is done, as if they had never been; resolves, once that is durable,
   * with those that are still busy or not done. For addresses that are never used again: what their
   * effects were called could be taken for new ones otherwise. Unknown addresses are done with.
   */
  retire(addresses: readonly Address[]): Promise<readonly Address[]>
  /**
   * Starts no effect any more and aborts those that run, the newest first: they are owed and run
   * after the next start. Everything else goes on. The first act of a stop, before those who
   * registered the effects are gone and the effects trip over it. Idempotent.
   */
  halt(): void
  /**
   * Takes nothing new, aborts running effects newest first, lets what was accepted commit, keeps a
   * snapshot. What is not done at the deadline (default 5 s) is done after the next start. The journal
   * gets the same time once more for what is under way; then whoever waits for it is told
   * PROV_ACTOR_CLOSE_UNFINISHED, whoever still asks PROV_ACTOR_ABORTED. What was left is a `closed`
   * record for inspectors, an unfinished write a process warning as well. Never rejects; idempotent.
   */
  close(options?: { readonly deadlineMs?: Millis }): Promise<void>
}
