/**
 * What waits in an actor's mailbox. A plain event waits as itself; an envelope is made only when there
 * is more to say of it. The first message needs no box at all; a ring is taken from a pool when a
 * second one comes and goes back when the last one was taken.
 *
 * @module
 */
import { textOf } from '../errors.ts'
import type { Count, Millis } from '../units.ts'
import type { Address } from './address.ts'
import type { ActorEvent } from './define.ts'
import type { TimerState } from './state.ts'
import type { ActorSnapshot } from './system.ts'
import type { Tracing } from './telemetry.ts'

/** Who waits for the step of a message. */
export interface Waiter {
  resolve(snapshot: ActorSnapshot): void
  reject(error: Error): void
}

/** Who waits for whom: the actors on whose behalf a question is asked, the nearest one first. */
export interface AskChain {
  readonly address: Address
  readonly up: AskChain | undefined
}

/** An event with all that is known of it. */
export class Mail {
  /** Replaced by a newer one where messages coalesce. */
  event: ActorEvent
  readonly atMs: Millis
  from: Address | undefined = undefined
  /** Outbox id of the effect or tell it came from. */
  cause: string | undefined = undefined
  /** The timer it came from: stale once the state no longer holds this very one. */
  timer: TimerState | undefined = undefined
  /** Gone when its caller gave up before the message was taken. */
  waiter: Waiter | undefined = undefined
  chain: AskChain | undefined = undefined
  /** W3C trace context of the sender. */
  traceparent: string | undefined = undefined
  /** Where messages coalesce: what it is about. */
  key: string | undefined = undefined
  dropped = false
  // oxlint-disable-next-line no-unused-private-class-members -- `#envelope in` below is its use
  readonly #envelope = true

  /** Told without looking at the event: one may throw at a mere `instanceof`, or be a revoked proxy. */
  static is(item: object): item is Mail {
    return #envelope in item
  }

  constructor(event: ActorEvent, atMs: Millis) {
    this.event = event
    this.atMs = atMs
  }
}

export type Item = ActorEvent | Mail

/** From here on a message belongs to the span of its step, and so does what it asks for. */
export function traced(tracing: Tracing, address: Address, mail: Mail | undefined): void {
  if (mail !== undefined) mail.traceparent = tracing.step(address, mail)
}

export const unreadableName = '(unreadable)'

/** What an event calls itself. Whatever it is, this does not throw: events are their senders' objects. */
export function nameOf(event: unknown): string {
  try {
    const name: unknown = (event as Partial<ActorEvent> | null | undefined)?.type
    return typeof name === 'string' ? name : textOf(name)
  } catch {
    return unreadableName
  }
}

export const eventOf = (item: Item): ActorEvent => (Mail.is(item) ? item.event : item)

/** So many slots without holes. */
export const empty = (slots: Count): undefined[] => Array.from({ length: slots }, () => undefined)

/** First in, first out, in a power of two of slots that doubles when it is full. */
export class Ring {
  #slots: (Item | undefined)[]
  #head = 0
  #mask: number
  size: Count = 0

  constructor(slots = 8) {
    this.#slots = empty(slots)
    this.#mask = slots - 1
  }

  get first(): Item | undefined {
    return this.#slots[this.#head]
  }

  push(item: Item): void {
    if (this.size > this.#mask) this.#grow()
    this.#slots[(this.#head + this.size) & this.#mask] = item
    this.size++
  }

  /** Undefined when empty. */
  take(): Item | undefined {
    const head = this.#head
    const item = this.#slots[head]
    if (item === undefined) return undefined
    this.#slots[head] = undefined
    this.#head = (head + 1) & this.#mask
    this.size--
    return item
  }

  toArray(): Item[] {
    const all: Item[] = []
    for (let at = 0; at < this.size; at++) {
      all.push(this.#slots[(this.#head + at) & this.#mask] as Item)
    }
    return all
  }

  #grow(): void {
    const all = this.toArray()
    const slots = 2 * (this.#mask + 1)
    this.#slots = [...all, ...empty(slots - all.length)]
    this.#head = 0
    this.#mask = slots - 1
  }

  get slots(): Count {
    return this.#mask + 1
  }
}

const pool: Ring[] = []
/** Rings kept for reuse, and the longest one worth keeping. */
const pooled = 256
const longest = 2_048

export const takeRing = (): Ring => pool.pop() ?? new Ring()

/** Only for an empty one. */
export function giveRing(ring: Ring): void {
  if (pool.length < pooled && ring.slots <= longest) pool.push(ring)
}
