/**
 * Delivery: who gets a message, who waits for room, who is told that it was not taken. Nothing here
 * runs an actor; it only queues.
 *
 * @module
 */
import { typeOf } from './address.ts'
import type { Address } from './address.ts'
import { flag, mailOf } from './cell.ts'
import type { Cell } from './cell.ts'
import type { ProvError } from '../errors.ts'
import { asRunner } from '../running.ts'
import type { ActorEvent } from './define.ts'
import type { EffectEvent } from './effects.ts'
import { arrivalRecord } from './inspect.ts'
import { toldOf } from './ledger.ts'
import type { Pending } from './ledger.ts'
import { Mail } from './mail.ts'
import type { AskChain, Item } from './mail.ts'
import { keep, makeRoom, replaced, roomIn } from './overflow.ts'
import type { Realm } from './realm.ts'
import { abandoned, abortable, isEvent, refused } from './refuse.ts'
import type { TimerState } from './state.ts'
import type { Tracing } from './telemetry.ts'
import type { LetterReason } from './letters.ts'
import type { ActorSnapshot, Refusal, Sent } from './system.ts'
import { risenEvent } from './remote-events.ts'
import { upcast } from './versions.ts'

const accepted: Sent = { accepted: true }
/** Only an actor in this state runs what it is sent at once. */
const standingBy = flag.status | flag.busy

export class Post {
  readonly #realm: Realm

  constructor(realm: Realm) {
    this.#realm = realm
  }

  send(address: Address, event: ActorEvent): Sent {
    return this.sendTo(address, this.#realm.find(address, 'message'), event)
  }

  sendTo(address: Address, cell: Cell | undefined, event: ActorEvent): Sent {
    const reason = this.#refusal(cell, address, event)
    if (reason === undefined) {
      this.#queue(cell as Cell, event, undefined)
      return accepted
    }
    if (reason === 'full') return this.#overflow(cell as Cell, event)
    this.#realm.books.letter(address, event, reason)
    return { accepted: false, reason }
  }

  /** See `ActorRef.apply`. */
  apply(
    address: Address,
    event: ActorEvent,
    signal: AbortSignal | undefined,
  ): Promise<ActorSnapshot> {
    return new Promise((resolve, reject) => {
      const cell = this.#realm.find(address, 'message')
      const reason = this.#refusal(cell, address, event)
      if (signal?.aborted) return reject(abandoned(address, event))
      if (reason === 'full' && cell?.kind.def.mailbox.overflow === 'await') {
        const again = (): void => resolve(this.apply(address, event, signal))
        void roomIn(cell, signal).then(again, () => reject(abandoned(address, event)))
        return
      }
      const mail = new Mail(event, this.#realm.nowMs)
      mail.waiter = signal
        ? abortable(mail, signal, address, { resolve, reject })
        : { resolve, reject }
      if (reason === undefined) return this.#queue(cell as Cell, mail, undefined)
      if (reason === 'full' && cell) {
        const key = replaced(this.#realm, cell, event)
        if (key !== undefined || makeRoom(this.#realm, cell)) {
          return this.#queue(cell, mail, undefined, key)
        }
      }
      reject(this.#realm.broken ?? refused(reason, address, cell, event))
    })
  }

  /** Throws when the question is not taken. An actor that keeps nothing may answer before it returns. */
  ask(address: Address, event: ActorEvent, chain: AskChain | undefined): void {
    const cell = this.#realm.find(address, 'message')
    const reason = this.#refusal(cell, address, event)
    if (reason !== undefined && !(reason === 'full' && makeRoom(this.#realm, cell as Cell))) {
      throw this.#realm.broken ?? refused(reason, address, cell, event)
    }
    const to = cell as Cell
    let item: Item = event
    if (chain) {
      item = new Mail(event, this.#realm.nowMs)
      item.chain = chain
    }
    if (!this.#put(to, item, chain?.address)) return
    const { scheduler } = this.#realm
    // Who keeps steps answers after a commit, and several questions may share one.
    if (to.kind.kept || to.kind.program === undefined) scheduler.ready(to)
    else scheduler.now(to)
  }

  /** An address where nobody stands may still be about to get somebody. */
  #refusal(cell: Cell | undefined, address: Address, event: ActorEvent): Refusal | undefined {
    if (!isEvent(event)) return 'invalid'
    if (this.#realm.shut) return 'stopped'
    if (cell === undefined) return this.#realm.ledger.stored.has(address) ? 'stopped' : 'unknown'
    if ((cell.flags & (flag.status | flag.ending)) !== 0) {
      const { status } = cell
      if (status === 'parked') return 'parked'
      if (status !== 'restarting') return 'stopped'
    }
    if (cell.box === undefined) return undefined
    return cell.depth < cell.kind.capacity ? undefined : 'full'
  }

  #overflow(cell: Cell, event: ActorEvent): Sent {
    const { address, kind } = cell
    this.#realm.say({ kind: 'mailbox', address, depth: cell.depth, full: true }, cell)
    const key = replaced(this.#realm, cell, event)
    if (key !== undefined || makeRoom(this.#realm, cell)) {
      this.#queue(cell, event, undefined, key)
      return accepted
    }
    const { overflow } = kind.def.mailbox
    if (overflow === 'await') return { accepted: false, reason: 'full', room: roomIn(cell) }
    const lost = overflow === 'drop-newest' ? 'dropped' : 'full'
    this.#realm.books.letter(address, event, lost)
    return { accepted: false, reason: 'full' }
  }

  /** Into the mailbox, whatever its depth. */
  deliver(cell: Cell, mail: Mail): void {
    this.#queue(cell, mail, mail.from)
  }

  #queue(cell: Cell, sent: Item, from: Address | undefined, key?: string): void {
    if (this.#put(cell, sent, from, key)) this.#realm.scheduler.ready(cell)
  }

  /** Into the mailbox; true when its actor can take a turn. */
  #put(cell: Cell, sent: Item, from: Address | undefined, key?: string): boolean {
    const { hooks, tracing } = this.#realm
    const item = tracing === null ? sent : this.#traced(tracing, sent, from)
    const tapped = (cell.flags & flag.tapped) !== 0
    const hear = hooks.event
    if (hear !== null) hear(cell, from, item)
    if (tapped) this.#realm.taps.tell(cell.address, arrivalRecord(cell, from, item), cell, item)
    const idle = (cell.flags & standingBy) === 0
    if (cell.kind.keyed) keep(this.#realm, cell, item, key)
    // How long something waits is only interesting where it has to.
    else cell.push(idle || Mail.is(item) ? item : new Mail(item, this.#realm.nowMs))
    if (tapped) this.#depth(cell)
    return idle
  }

  /** What comes from outside belongs to whatever its sender is in. */
  #traced(tracing: Tracing, item: Item, from: Address | undefined): Mail {
    const mail = mailOf(item, this.#realm.nowMs)
    const outside = from === undefined && mail.cause === undefined && mail.timer === undefined
    if (outside) mail.traceparent ??= tracing.here()
    return mail
  }

  /** Inspectors hear of full mailboxes only. */
  #depth(cell: Cell): void {
    const { address, depth, kind } = cell
    const record = { kind: 'mailbox' as const, address, depth, full: depth >= kind.capacity }
    this.#realm.taps.tell(address, record, cell)
  }

  /** Tells are kept in the outbox, so a full mailbox is no reason to lose them. */
  tell(pending: Pending, { to, event } = toldOf(pending)): void {
    const { books, ledger, starting, unissued, asks, nowMs } = this.#realm
    const { id: cause, version } = pending
    const from = senderOf(pending)
    const give = (reason: LetterReason): void => {
      books.letter(to, event, reason, { from, cause, version })
      books.settle(cause)
    }
    // Only the kernel says that a child ended.
    if (pending.name !== 'child.ended' && !isEvent(event)) return give('invalid')
    if (asks.answer(to, event)) return books.settle(cause)
    const cell = this.#realm.find(to, 'message')
    if (cell && cell.status !== 'done') {
      const read = this.#read(cell, pending, event)
      if (!read) return unissued.add(cause, to, cause)
      const mail = new Mail(read, nowMs)
      mail.cause = cause
      mail.from = from
      mail.chain = pending.chain
      mail.traceparent = pending.traceparent
      return this.#queue(cell, mail, from)
    }
    if (starting.has(to) || (!cell && ledger.stored.get(to)?.state)) {
      return unissued.add(cause, to, cause)
    }
    give(cell || ledger.stored.has(to) ? 'stopped' : 'unknown')
  }

  /** What another version told, as this one understands it. What it cannot read waits for one that can. */
  #read(cell: Cell, { version }: Pending, event: ActorEvent): ActorEvent | undefined {
    if (version === undefined) return event
    try {
      const { def, remote, risen, runner } = cell.kind
      const { address } = cell
      if (remote) return risenEvent(risen, event, version, { def, address })
      return asRunner(runner, () => upcast(def, event, version, address))
    } catch (thrown) {
      this.#realm.warden.unreadable(cell, thrown as ProvError)
      return undefined
    }
  }

  /** A tell of an actor that keeps nothing: delivered now or a dead letter, no promise to keep. */
  tellNow(from: Address, params: unknown): void {
    const { books, ledger, starting, asks } = this.#realm
    let to: Address
    let event: ActorEvent
    try {
      const told = params as { readonly to: unknown; readonly event: ActorEvent }
      event = told.event
      // A machine may name anything.
      to = (typeof told.to === 'string' ? told.to : String(told.to)) as Address
    } catch {
      return books.letter(from, params, 'invalid', { from })
    }
    if (!isEvent(event)) return books.letter(to, event, 'invalid', { from })
    if (asks.answer(to, event)) return
    const cell = this.#realm.find(to, 'message')
    if (cell !== undefined && !cell.done) return this.#queue(cell, event, from)
    const waiting = starting.get(to)
    if (waiting) return void waiting.catch(() => {}).then(() => this.tellNow(from, params))
    books.letter(to, event, cell || ledger.stored.has(to) ? 'stopped' : 'unknown', { from })
  }

  answered(pending: Pending, event: EffectEvent): void {
    const { books, ledger, over, nowMs } = this.#realm
    // Whoever owed it has ended or begun anew.
    if (over || !ledger.outbox.has(pending.id)) return
    const cell = this.#realm.find(pending.from, 'effect')
    if (!cell || cell.status === 'done') return books.settle(pending.id)
    const mail = new Mail(event, nowMs)
    mail.cause = pending.id
    mail.chain = pending.chain
    mail.traceparent = pending.traceparent
    this.#queue(cell, mail, undefined)
  }

  ring(address: Address, timer: TimerState): void {
    const { over, clock } = this.#realm
    if (over) return
    const cell = this.#realm.find(address, 'timer')
    const set = cell && standingTimer(cell, timer)
    if (!set) return
    const mail = new Mail(set.event, clock.now())
    mail.timer = set
    this.#queue(cell, mail, undefined)
  }
}

/** The timer as the actor holds it now, if it still does: an actor that was away holds an equal one. */
export function standingTimer(cell: Cell, timer: TimerState): TimerState | undefined {
  if (cell.timers.includes(timer)) return timer
  return cell.timers.find((one) => one.id === timer.id && one.dueMs === timer.dueMs)
}

/** A replayed letter says whose message it was. */
function senderOf({ from, params }: Pending): Address {
  if (!from.startsWith('letter/')) return from
  return ((params as { readonly from?: Address } | null)?.from ?? from) as Address
}

/** True for a message that waits for somebody of this type, or for an answer. */
export const addressedTo = (pending: Pending, type: string): boolean => {
  const wanted = typeOf(toldOf(pending).to)
  return wanted === type || wanted === 'ask'
}
