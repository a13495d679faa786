/**
 * What the parts of one kernel share: who is there, what is kept, and each other.
 *
 *     post    who gets a message, and who is told that it was not taken
 *     turns   steps, their commit, and what follows it
 *     lives   starting, ending, parking, coming back from the journal
 *     passive who is idle rests in few bytes
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import { textOf } from '../errors.ts'
import type { Count, Millis } from '../units.ts'
import type { Address } from './address.ts'
import type { Alarm } from './alarm.ts'
import type { Asks } from './asks.ts'
import type { Books } from './books.ts'
import { flag } from './cell.ts'
import type { Cell, Kind } from './cell.ts'
import type { Children } from './children.ts'
import type { ActorEvent } from './define.ts'
import type { Effects } from './effects.ts'
import { Glance } from './glance.ts'
import { Groups } from './groups.ts'
import type { About, ColdKind, Hooks, Inspect, InspectKind, InspectRecordOf } from './inspect.ts'
import { receiverOf } from './ledger.ts'
import type { Ledger } from './ledger.ts'
import type { Listeners } from './listeners.ts'
import type { Lives } from './lives.ts'
import { Owned } from './outbox.ts'
import type { Passive, WokenBy } from './passivate.ts'
import type { Post } from './post.ts'
import { Recorder } from './recorder.ts'
import type { Scheduler } from './scheduler.ts'
import type { TimerState } from './state.ts'
import type { ActorSnapshot, WatchEvent } from './system.ts'
import type { Taps } from './taps.ts'
import type { Tracing } from './telemetry.ts'
import type { Turns } from './turns.ts'
import type { Warden } from './warden.ts'
import type { Writer } from './writer.ts'

/** A timer in the heap. By address: the actor may have left memory meanwhile. */
export interface Waking {
  readonly address: Address
  readonly timer: TimerState
}

export class Realm {
  readonly clock: Clock
  readonly ledger: Ledger
  readonly hooks: Hooks
  readonly tracing: Tracing | null
  readonly recorder = new Recorder()
  readonly partition: string
  readonly groups = new Groups()
  readonly kinds = new Map<string, Kind>()
  readonly cells = new Map<Address, Cell>()
  readonly starting = new Map<Address, Promise<unknown>>()
  /** Ids of promises that wait for an actor which is not there yet, by that actor's address. */
  readonly unissued = new Owned<string>()

  writer: Writer | undefined
  // Set once, by the kernel that builds the parts; nobody uses them before that.
  watchers!: Listeners<WatchEvent>
  followers!: Listeners<ActorSnapshot>
  taps!: Taps
  /** Who listens to what machines emit. */
  listeners!: Listeners<ActorEvent>
  books!: Books
  warden!: Warden
  effects!: Effects
  children!: Children
  asks!: Asks
  alarm!: Alarm<Waking>
  scheduler!: Scheduler
  post!: Post
  passive!: Passive
  turns!: Turns
  lives!: Lives

  readonly glance: Glance
  /** Commits under way. */
  commits: Count = 0
  /** Nothing new is taken: it closes, or the journal is broken. */
  shut = false
  closing = false
  /** Effects begin no more; a place that is gone is not waited for. */
  halted = false
  /** Closed: whatever still rings or answers is too late. */
  over = false
  /** Why the journal takes nothing more. */
  broken: Error | undefined
  calm: (() => void) | undefined

  constructor(
    ledger: Ledger,
    clock: Clock,
    partition: string,
    hooks: Hooks,
    tracing: Tracing | null,
  ) {
    this.ledger = ledger
    this.clock = clock
    this.partition = partition
    this.hooks = hooks
    this.tracing = tracing
    this.glance = new Glance(clock, () => {
      this.asks.rest()
      this.scheduler.turned()
    })
    for (const pending of ledger.outbox.values()) {
      this.unissued.add(pending.id, receiverOf(pending) ?? pending.from, pending.id)
    }
  }

  /** Wall time as of the last look at the clock; turns do not look each for themselves. */
  get nowMs(): Millis {
    return this.glance.wallMs
  }

  /** Monotonic less wall time, of the same look. */
  get gapMs(): Millis {
    return this.glance.monotonicMs - this.glance.wallMs
  }

  /** The actor that stands at an address now; one that rests is woken. */
  find(address: Address, by: WokenBy = 'query'): Cell | undefined {
    const cell = this.cells.get(address)
    if (cell === undefined) {
      return this.passive.size > 0 ? this.passive.wake(address, by) : undefined
    }
    // In somebody's hands: not to be sent to rest in this turn of the event loop.
    cell.flags |= flag.used
    return cell
  }

  /** From now on nothing can be made durable, so nothing is taken. */
  breakDown(error: Error): void {
    this.broken ??= error
    this.shut = true
    this.calm?.()
  }

  /** Tells inspectors and taps. Where it is hot, look first whether there is anybody. */
  say(record: InspectRecordOf<ColdKind>, cell?: Cell, about?: About<InspectKind>): void {
    const hear = this.hooks[record.kind] as Inspect | null
    if (hear !== null) hear(record, cell, about)
    if (cell !== undefined && (cell.flags & flag.tapped) !== 0) {
      this.taps.tell(cell.address, record, cell, about)
    }
  }

  /** A function of a type threw where the kernel goes on without its answer. */
  oddity(cell: Cell, place: string, thrown: unknown): void {
    const { address } = cell
    this.say({ kind: 'observer.failed', address, what: `${place}: ${textOf(thrown)}` }, cell)
  }

  /** Something ended; when it was the last thing, whoever closes goes on. */
  calmed(): void {
    if (!this.calm || !this.scheduler.idle || this.commits > 0) return
    if (this.effects.running === 0 && this.starting.size === 0) this.calm()
  }
}
