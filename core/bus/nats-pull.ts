/**
 * One `pull` over JetStream, spoken on the wire itself: requests for exactly the free credits.
 * The client's own consumers ask again when a message is read, not when it is acked, so they cannot
 * promise B5.
 *
 *     credits = in flight (handed out, unanswered) + asked (requested, not arrived) + free
 *
 * P1  What is asked never exceeds what is free; something is asked whenever something is free.
 * P2  When the server went silent, was restarted or lost the request, the pull starts anew on a
 *     fresh inbox; what was in flight stays in flight.
 *
 * @module
 */
import type { Clock, Timer } from '../clock.ts'
import { foreignJson } from '../foreign-json.ts'
import type { JsonValue } from '../json.ts'
import type { Count, Millis } from '../units.ts'
import type { Delivery } from './bus.ts'

/** A message as it comes from the server. */
export interface WireMessage {
  readonly subject: string
  readonly reply: string
  /** Status of a message without content; 0 for a real one. */
  readonly status: number
  readonly data: Uint8Array
  header(name: string): string
  readonly headers: Readonly<Record<string, string>>
}

/** The little that a pull needs from a connection. */
export interface Wire {
  /** A new, unique inbox subject of this role. */
  inbox(): string
  subscribe(subject: string, heard: (message: WireMessage) => void): () => void
  /** Tells when the connection is there again after a loss. Returns a stop. */
  onReconnect(listener: () => void): () => void
  send(subject: string, data: string, reply: string): void
  /** Resolves when the server answered. */
  ask(subject: string, data: string): Promise<void>
  /** Makes sure that stream and consumer are there; throws when they cannot be had now. */
  ensure(): Promise<void>
}

/** The id of a message, as its sender gave it. */
export const idHeader = 'Prov-Id'

const requestLifeMs: Millis = 30_000
const heartbeatMs: Millis = 5_000
const retryMs: Millis = 500
/** A new request goes out when this share of the credits is free, or nothing is asked for. */
const requestShare = 4
const nanosPerMs = 1_000_000

export class NatsPull {
  readonly #wire: Wire
  readonly #clock: Clock
  readonly #requestSubject: string
  readonly #credits: Count
  readonly #arrived: NatsDelivery[] = []
  readonly #inFlight = new Set<NatsDelivery>()
  /** Batch of each request that may still bring messages. */
  readonly #asked = new Map<string, Count>()
  #askedTotal: Count = 0
  #requests: Count = 0
  #inbox = ''
  #unsubscribe: (() => void) | undefined
  readonly #stopWatching: () => void
  #silence: Timer | undefined
  #restart: Timer | undefined
  #wake = (): void => {}
  #ended: Promise<void> | undefined

  constructor(
    wire: Wire,
    options: { stream: string; consumer: string; credits: Count; clock: Clock },
  ) {
    this.#wire = wire
    this.#clock = options.clock
    this.#credits = options.credits
    this.#requestSubject = `$JS.API.CONSUMER.MSG.NEXT.${options.stream}.${options.consumer}`
    this.#stopWatching = wire.onReconnect(() => this.#startAnew(0))
    this.#start()
  }

  /** The next delivery; undefined once the pull has ended. */
  async next(): Promise<Delivery | undefined> {
    for (;;) {
      if (this.#ended) return undefined
      const delivery = this.#arrived.shift()
      if (delivery) return delivery
      this.#request()
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  /** Ends the pull and gives back what is unanswered. Idempotent; resolves when that is done. */
  end(): Promise<void> {
    return (this.#ended ??= this.#end())
  }

  async #end(): Promise<void> {
    this.#unsubscribe?.()
    this.#stopWatching()
    this.#silence?.cancel()
    this.#restart?.cancel()
    this.#wake()
    // After the unsubscribe, or the server would hand them to us again.
    const held = [...this.#inFlight]
    this.#inFlight.clear()
    this.#arrived.length = 0
    await Promise.allSettled(held.map((delivery) => delivery.giveBack()))
  }

  #start(): void {
    this.#inbox = this.#wire.inbox()
    this.#unsubscribe = this.#wire.subscribe(`${this.#inbox}.*`, (message) => this.#hear(message))
    this.#request()
  }

  #startAnew(delayMs: Millis): void {
    if (this.#ended) return
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    this.#asked.clear()
    this.#askedTotal = 0
    this.#silence?.cancel()
    this.#restart?.cancel()
    this.#restart = this.#clock.after(
      delayMs,
      () => {
        this.#wire.ensure().then(
          () => {
            if (!this.#ended && !this.#unsubscribe) this.#start()
          },
          () => this.#startAnew(retryMs),
        )
      },
      { background: true },
    )
  }

  #request(): void {
    const free = this.#credits - this.#inFlight.size - this.#askedTotal
    if (free <= 0 || !this.#unsubscribe || this.#ended) return
    // One request for several credits: while something is asked for, messages come anyway.
    if (this.#askedTotal > 0 && free * requestShare < this.#credits) return
    const reply = `${this.#inbox}.${++this.#requests}`
    this.#asked.set(reply, free)
    this.#askedTotal += free
    const request = {
      batch: free,
      expires: requestLifeMs * nanosPerMs,
      idle_heartbeat: heartbeatMs * nanosPerMs,
    }
    this.#wire.send(this.#requestSubject, JSON.stringify(request), reply)
    this.#expectSound()
  }

  /** The server sends a heartbeat while a request waits: without any sound, something is lost. */
  #expectSound(): void {
    this.#silence?.cancel()
    this.#silence =
      this.#askedTotal > 0
        ? this.#clock.after(heartbeatMs * 3, () => this.#startAnew(0), { background: true })
        : undefined
  }

  #hear(message: WireMessage): void {
    if (message.status === 100) return this.#expectSound()
    if (message.status !== 0) return this.#hearStatus(message)
    const delivery = new NatsDelivery(message, this.#wire, () => {
      this.#inFlight.delete(delivery)
      this.#request()
    })
    this.#inFlight.add(delivery)
    this.#arrived.push(delivery)
    this.#settle(this.#oldest(), 1)
    if (this.#askedTotal === 0) this.#request()
    this.#expectSound()
    this.#wake()
  }

  #hearStatus(message: WireMessage): void {
    const left = message.header('Nats-Pending-Messages')
    if (message.status === 408 || left !== '') {
      // A request ran out: what it did not bring is free again.
      const rest = left === '' ? (this.#asked.get(message.subject) ?? 0) : Number(left)
      this.#settle(message.subject, rest)
      this.#asked.delete(message.subject)
      this.#request()
      this.#expectSound()
    } else {
      // Nobody there, consumer deleted, leader changed: ask later, on a fresh inbox.
      this.#startAnew(retryMs)
    }
  }

  /** Messages do not say which request they answer; the server serves them in order. */
  #oldest(): string | undefined {
    for (const [reply, count] of this.#asked) if (count > 0) return reply
    return undefined
  }

  #settle(reply: string | undefined, count: Count): void {
    if (reply === undefined) return
    const asked = this.#asked.get(reply)
    if (asked === undefined) return
    const settled = Math.min(asked, count)
    this.#askedTotal -= settled
    if (asked === settled) this.#asked.delete(reply)
    else this.#asked.set(reply, asked - settled)
  }
}

class NatsDelivery implements Delivery {
  readonly subject: string
  readonly stream: string
  readonly sequence: Count
  readonly id: string
  readonly attempt: Count
  readonly headers: Readonly<Record<string, string>>
  readonly body: JsonValue
  readonly #reply: string
  readonly #wire: Wire
  readonly #onEnd: () => void
  #ended = false

  constructor(message: WireMessage, wire: Wire, onEnd: () => void) {
    const address = parseAckSubject(message.reply)
    this.subject = message.subject
    this.stream = address.stream
    this.sequence = address.sequence
    this.attempt = address.attempt
    // A message of somebody else's program bears the server's own header at best.
    this.id = message.header(idHeader) || message.header('Nats-Msg-Id')
    this.headers = message.headers
    this.body = bodyIn(message.data)
    this.#reply = message.reply
    this.#wire = wire
    this.#onEnd = onEnd
  }

  ack(): Promise<void> {
    return this.#end('+ACK')
  }

  nak(options: { delayMs?: Millis | undefined } = {}): Promise<void> {
    const { delayMs = 0 } = options
    const delay = delayMs > 0 ? ` ${JSON.stringify({ delay: delayMs * nanosPerMs })}` : ''
    return this.#end(`-NAK${delay}`)
  }

  term(reason: string): Promise<void> {
    return this.#end(`+TERM ${reason.replaceAll(/\s+/g, ' ')}`)
  }

  async working(): Promise<void> {
    if (!this.#ended) await this.#wire.ask(this.#reply, '+WPI')
  }

  /** The pull ended without an answer; one that comes later still counts. */
  async giveBack(): Promise<void> {
    if (!this.#ended) await this.#wire.ask(this.#reply, '-NAK')
  }

  async #end(answer: string): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    try {
      await this.#wire.ask(this.#reply, answer)
    } finally {
      this.#onEnd()
    }
  }
}

/**
 * `$JS.ACK.<stream>.<consumer>.<attempt>.<sequence>.…`; with a domain and an account in front of the
 * stream on servers that have them.
 */
export function parseAckSubject(subject: string): {
  stream: string
  attempt: Count
  sequence: Count
} {
  const tokens = subject.split('.')
  const at = tokens.length > 9 ? 4 : 2
  return {
    stream: tokens[at] ?? '',
    attempt: Number(tokens[at + 2]),
    sequence: Number(tokens[at + 3]),
  }
}

/** What the client hands to a subscription, as a pull sees it. */
export function wireMessage(message: {
  subject: string
  reply?: string
  data: Uint8Array
  headers?: { code: number; keys(): string[]; get(name: string): string }
}): WireMessage {
  const { headers } = message
  const own: Record<string, string> = {}
  for (const name of headers?.keys() ?? []) {
    if (!name.startsWith('Nats-') && name !== idHeader) own[name] = headers?.get(name) ?? ''
  }
  return {
    subject: message.subject,
    reply: message.reply ?? '',
    status: headers?.code ?? 0,
    data: message.data,
    header: (name) => headers?.get(name) ?? '',
    headers: own,
  }
}

/** Null for what is no JSON: whoever reads it refuses that as it refuses any other body. */
function bodyIn(data: Uint8Array): JsonValue {
  try {
    return foreignJson(Buffer.from(data).toString('utf8'))
  } catch {
    return null
  }
}
