/**
 * One message of the embedded bus in the hands of one consumer, and what its answer does: a record
 * first, then the flow moves on.
 *
 * @module
 */
import type { JsonObject, JsonValue } from '../json.ts'
import type { Count } from '../units.ts'
import type { Content } from './book.ts'
import type { Delivery } from './bus.ts'
import type { Flight, Flow } from './flow.ts'

export class EmbeddedDelivery implements Delivery {
  readonly subject: string
  readonly stream: string
  readonly sequence: Count
  readonly id: string
  readonly attempt: Count
  readonly headers: Readonly<Record<string, string>>
  readonly body: JsonValue
  readonly #flow: Flow
  readonly #flight: Flight
  readonly #record: (type: string, body: JsonObject) => Promise<void>
  readonly #ack: (flow: Flow, sequence: Count) => Promise<void>
  #ended = false

  constructor(
    flow: Flow,
    flight: Flight,
    content: Content,
    record: (type: string, body: JsonObject) => Promise<void>,
    ack: (flow: Flow, sequence: Count) => Promise<void>,
  ) {
    this.subject = flight.message.subject
    this.stream = flow.page.config.name
    this.sequence = flight.message.sequence
    this.id = flight.message.id
    this.attempt = flight.attempt
    this.headers = content.headers
    this.body = content.body
    this.#flow = flow
    this.#flight = flight
    this.#record = record
    this.#ack = ack
  }

  ack(): Promise<void> {
    return this.#finish(() => this.#ack(this.#flow, this.sequence))
  }

  term(reason: string): Promise<void> {
    return this.#finish(() => this.#record('message.termed', { ...this.#key(), reason }))
  }

  async nak(options: { delayMs?: number | undefined } = {}): Promise<void> {
    // A late nak says nothing: the message is already with somebody else.
    if (this.#ended || !this.#flow.isCurrent(this.#flight)) return
    this.#ended = true
    this.#flight.timer.cancel()
    try {
      await this.#record('message.returned', { ...this.#key(), attempt: this.attempt })
    } finally {
      const { delayMs = 0 } = options
      if (delayMs > 0) this.#flow.defer(this.#flight, delayMs)
      else this.#flow.giveBack(this.#flight)
    }
  }

  async working(): Promise<void> {
    if (!this.#ended && this.#flow.isCurrent(this.#flight)) this.#flow.touch(this.#flight)
  }

  /** A late ack counts too: the work is done, whoever else has the message. */
  async #finish(record: () => Promise<void>): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    this.#flight.timer.cancel()
    try {
      if (this.#flow.isOpen(this.sequence)) await record()
    } finally {
      this.#flow.end(this.#flight)
    }
  }

  #key(): { stream: string; consumer: string; sequence: Count } {
    const { name: consumer } = this.#flow.consumer.config
    return { stream: this.stream, consumer, sequence: this.sequence }
  }
}
