/**
 * Behaviour that runs elsewhere: in a thread or in a process. It keeps nothing: the kernel hands over
 * where an actor stands and what it was sent, and gets back the steps. Whoever runs it may die at any
 * moment without an actor noticing more than a pause.
 *
 * @module
 */
import type { Clock } from '../../clock.ts'
import type { ErrorReport } from '../../errors.ts'
import type { JournalEntry } from '../../journal/journal.ts'
import type { JsonValue } from '../../json.ts'
import type { Count, Millis } from '../../units.ts'
import type { Address } from '../address.ts'
import type { ActorEvent } from '../define.ts'
import type { ActorState } from '../state.ts'
import type { Asked, LogLine } from './program.ts'

/** One step as data; records are made already, where the code is. */
export interface RemoteStep {
  readonly state: ActorState
  readonly tags: readonly string[]
  /** What runs after the commit. */
  readonly asked: readonly Asked[]
  /** What is written with it. */
  readonly beside: readonly JournalEntry[]
  readonly logs: readonly LogLine[]
}

export interface RemoteMessage {
  readonly event: ActorEvent
  readonly nowMs: Millis
  readonly timer?: string
}

export interface RemoteTurn {
  readonly address: Address
  /** Sequence of the state; the first step is the next one. */
  readonly sequence: Count
  readonly state: ActorState
  readonly messages: readonly RemoteMessage[]
}

/** A child whose logic is with the machine. */
export interface RemoteChild {
  readonly parent: Address
  readonly asked: {
    readonly id: string
    readonly src: string
    readonly input?: JsonValue | undefined
    readonly systemId?: string | undefined
    readonly syncSnapshot?: boolean | undefined
  }
  readonly clock: Clock
  /** Aborts when it is to stop. */
  readonly signal: AbortSignal
  /** What it says, its end included, as data that nobody has looked at yet. */
  readonly hear: (event: unknown) => void
  /** Hands over who takes its mail; again wherever it begins again. */
  readonly mail: (take: (event: ActorEvent) => void) => void
}

/** What is read of an actor that an older version wrote. */
export interface RemoteKept {
  readonly address: Address
  readonly version: Count
  readonly state: ActorState
  /** At which it stands parked. */
  readonly event?: ActorEvent | undefined
}

export interface RemoteProgram {
  readonly mode: 'worker' | 'process'
  /** Rejects with what the machine threw, as a ProvError. */
  start(request: {
    readonly address: Address
    readonly input: unknown
    readonly sequence: Count
    readonly nowMs: Millis
  }): Promise<RemoteStep>
  /**
   * Steps for the messages in order. Fewer steps than messages: the next one failed, or the machine is
   * done. Rejects only when it cannot run at all; a message that kills its worker is a failure.
   */
  turn(
    request: RemoteTurn,
  ): Promise<{ readonly steps: readonly RemoteStep[]; readonly failure?: ErrorReport }>
  /** A kept actor in the shape of the present version, with its timers and the event it stands parked at. */
  climb(kept: RemoteKept): Promise<Pick<RemoteKept, 'state' | 'event'>>
  /** What an event of that version means now. Rejects with PROV_ACTOR_EVENT_UNREADABLE. */
  upcast(event: ActorEvent, version: Count, address: string): Promise<ActorEvent>
  /** Throws when the machine has no such state. */
  restore(state: ActorState, address: Address): Promise<void>
  /** Runs a child until it ends or is stopped; rejects when it cannot. Absent: there are none. */
  child?(child: RemoteChild): Promise<void>
}
