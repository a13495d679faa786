/**
 * What one durable consumer of the embedded bus has under way: which message is next, which are in
 * flight to whom, which come back. Lives as long as the process; what must outlive it is in the
 * book.
 *
 *     cursor ──take──▶ in flight ──ack, term──▶ gone
 *                        │    ▲
 *          nak, ackWait, ▼    │
 *          abort       redo ──┘   (smallest sequence first)
 *
 * F1  A message is in flight at most once at a time.
 * F2  A puller never has more in flight than its credits.
 *
 * @module
 */
import type { Clock, Timer } from '../clock.ts'
import type { Count, Millis } from '../units.ts'
import type { Book, ConsumerPage, Message, StreamPage } from './book.ts'
import { busDefaults } from './defaults.ts'

/** One caller of `pull`. */
export interface Puller {
  free: Count
  /** Wakes the caller when it waits. */
  wake: () => void
}

export interface Flight {
  readonly message: Message
  readonly attempt: Count
  readonly puller: Puller
  timer: Timer
}

export class Flow {
  readonly page: StreamPage
  readonly consumer: ConsumerPage
  readonly flights = new Map<Count, Flight>()
  readonly pullers = new Set<Puller>()
  readonly #book: Book
  readonly #clock: Clock
  #cursor: Count = 1
  #redo: Count[] = []
  readonly #deferred = new Set<Count>()

  constructor(book: Book, page: StreamPage, consumer: ConsumerPage, clock: Clock) {
    this.#book = book
    this.page = page
    this.consumer = consumer
    this.#clock = clock
  }

  /** The next open message for this puller, now in flight; undefined when there is none. */
  take(puller: Puller): Flight | undefined {
    const { maxInFlight = Infinity } = this.consumer.config
    if (puller.free <= 0 || this.flights.size >= maxInFlight) return undefined
    this.#book.expire(this.page, this.#clock.now())
    const message = this.#next()
    if (!message) return undefined
    const { attempts } = this.consumer
    const attempt = (attempts.get(message.sequence) ?? 0) + 1
    const flight = { message, attempt, puller, timer: noTimer }
    puller.free--
    this.flights.set(message.sequence, flight)
    this.touch(flight)
    return flight
  }

  /** Starts the wait for an answer anew. */
  touch(flight: Flight): void {
    flight.timer.cancel()
    const wait = this.consumer.config.ackWaitMs ?? busDefaults.ackWaitMs
    flight.timer = this.#clock.after(wait, () => this.giveBack(flight), { background: true })
  }

  /** True until the message was acked or termed. */
  isOpen(sequence: Count): boolean {
    return this.#book.isOpen(this.page, this.consumer, sequence)
  }

  /** Delivered or returned for later, and not ended. */
  get inFlight(): Count {
    return this.flights.size + this.#deferred.size
  }

  /** True while the flight is the one that counts for its message. */
  isCurrent(flight: Flight): boolean {
    return this.flights.get(flight.message.sequence) === flight
  }

  /** Ends a flight and frees its credit. Does nothing the second time. */
  end(flight: Flight): void {
    flight.timer.cancel()
    if (!this.isCurrent(flight)) return
    this.flights.delete(flight.message.sequence)
    flight.puller.free++
    // Where all pulls share a bound, any of them may be the one that goes on.
    if (this.consumer.config.maxInFlight === undefined) flight.puller.wake()
    else this.wake()
  }

  /** Ends a flight and lets the message be taken again. */
  giveBack(flight: Flight): void {
    if (!this.isCurrent(flight)) return
    this.end(flight)
    this.again(flight.message.sequence, flight.attempt)
  }

  /** Ends a flight and lets the message be taken again after a while. */
  defer(flight: Flight, delayMs: Millis): void {
    if (!this.isCurrent(flight)) return
    const { sequence } = flight.message
    this.#deferred.add(sequence)
    this.end(flight)
    const due = (): void => {
      this.#deferred.delete(sequence)
      this.again(sequence, flight.attempt)
    }
    this.#clock.after(delayMs, due, { background: true })
  }

  /** Lets a message that is not in flight be taken again. */
  again(sequence: Count, attempt: Count): void {
    if (!this.isOpen(sequence)) return
    this.consumer.attempts.set(sequence, attempt)
    if (sequence >= this.#cursor || this.#redo.includes(sequence)) return
    let at = this.#redo.length
    while (at > 0 && (this.#redo[at - 1] as number) > sequence) at--
    this.#redo.splice(at, 0, sequence)
    this.wake()
  }

  /** Tells whoever waits that there may be something to take. */
  wake(): void {
    for (const puller of this.pullers) puller.wake()
  }

  /** Open messages that are not in flight. */
  pending(): Count {
    let count = 0
    for (const sequence of this.page.messages.keys()) {
      if (this.#isFree(sequence)) count++
    }
    return count
  }

  #next(): Message | undefined {
    while (this.#redo.length > 0) {
      const sequence = this.#redo.shift() as number
      if (this.#isFree(sequence)) return this.page.messages.get(sequence)
    }
    this.#cursor = Math.max(this.#cursor, this.page.first)
    if (this.page.config.retention === 'limits') {
      this.#cursor = Math.max(this.#cursor, this.consumer.floor + 1)
    }
    while (this.#cursor <= this.page.lastSequence) {
      const sequence = this.#cursor++
      if (this.#isFree(sequence)) return this.page.messages.get(sequence)
    }
    return undefined
  }

  #isFree(sequence: Count): boolean {
    return !this.flights.has(sequence) && !this.#deferred.has(sequence) && this.isOpen(sequence)
  }
}

const noTimer: Timer = { cancel: () => {} }
