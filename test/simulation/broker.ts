/**
 * A message server that misbehaves by plan: it loses what it took, delivers twice, late and out of
 * order, forgets acknowledgements, is away for a while, loses its whole store. Between two planes
 * there is nothing else.
 *
 * @module
 */
import { setMaxListeners } from 'node:events'
import type {
  Bus,
  ConsumerConfig,
  Delivery,
  KeyValue,
  Outgoing,
  Published,
  StreamConfig,
} from '../../core/bus/bus.ts'
import { embeddedBus } from '../../core/bus/embedded.ts'
import { busErrors } from '../../core/bus/errors.ts'
import { memoryJournal } from '../../core/journal/memory.ts'
import type { Count, Millis } from '../../core/units.ts'
import type { Life } from './life.ts'
import type { Time } from './time.ts'

/**
 * What becomes of one message. `unsaid`: it is taken, and who published it hears of a failure. `late`:
 * those behind it overtake it.
 */
export type MessageFault = 'lost' | 'twice' | 'late' | 'unsaid'

/** Beginning of the subjects that are counted for a fault: few messages are intents or commands. */
export const messageKinds = ['ops.pending.', 'ops.cmd.', 'ops.audit.', ''] as const
export type MessageKind = (typeof messageKinds)[number]

export class Broker {
  /** By kind and the number among the messages of that kind, from 1. */
  readonly faults = new Map<string, MessageFault>()
  /** Acknowledgements that get lost, by number, from 1. */
  readonly deafTo = new Set<Count>()
  isAway = false
  readonly #published = new Map<MessageKind, Count>()
  readonly #time: Time
  readonly #random: (below: number) => number
  readonly #streams = new Map<string, StreamConfig>()
  readonly #consumers = new Map<string, ConsumerConfig>()
  #acks: Count = 0
  #bus: Promise<Bus>
  #wiped = patient()

  constructor(time: Time, random: (below: number) => number) {
    this.#time = time
    this.#random = random
    this.#bus = this.#fresh()
  }

  /** Everything that it holds is gone; who keeps the server makes streams and consumers anew. */
  wipe(): void {
    const before = this.#wiped
    this.#wiped = patient()
    const bus = this.#fresh()
    this.#bus = bus.then(async (fresh) => {
      for (const config of this.#streams.values()) await fresh.ensureStream(config)
      for (const config of this.#consumers.values()) await fresh.ensureConsumer(config)
      return fresh
    })
    before.abort()
  }

  /** Answers nobody for a while. */
  leave(forMs: Millis): void {
    this.isAway = true
    this.#time.after(forMs, () => (this.isAway = false))
  }

  /** From now on nothing goes wrong here. */
  calm(): void {
    this.isAway = false
    this.faults.clear()
    this.deafTo.clear()
  }

  /** What a key of a bucket holds, for onlookers. */
  async look(bucket: string, key: string): ReturnType<KeyValue['get']> {
    return (await (await this.#bus).keyValue(bucket)).get(key)
  }

  /** Nobody remembers a key any more. */
  async forget(bucket: string, key: string): Promise<void> {
    await (await (await this.#bus).keyValue(bucket)).delete(key)
  }

  /** A message that nobody asked it to carry. */
  async slip(subject: string, message: Outgoing): Promise<void> {
    await (await this.#bus).publish(subject, message)
  }

  /** The connection of one life. */
  connection(life: Life): Bus {
    const through = <T>(what: string, act: (bus: Bus) => Promise<T>): Promise<T> =>
      life.through(async () => {
        await this.#time.sleep(this.#random(40) / 10)
        if (this.isAway) {
          throw busErrors.PROV_BUS_UNAVAILABLE({ what, reason: 'it is away' })
        }
        return act(await this.#bus)
      })
    return {
      kind: 'simulated',
      ensureStream: (config, options) =>
        through('a stream', (bus) => {
          this.#streams.set(config.name, config)
          return bus.ensureStream(config, options)
        }),
      ensureConsumer: (config, options) =>
        through('a consumer', (bus) => {
          this.#consumers.set(`${config.stream} ${config.name}`, config)
          return bus.ensureConsumer(config, options)
        }),
      publish: (subject, message) =>
        through('a message', (bus) => {
          life.said.push(message.id)
          return this.#take(bus, subject, message)
        }),
      pull: (stream, consumer, options) => {
        const deliveries = this.#pull(life, { stream, consumer, ...options })
        const next = () => life.through(() => deliveries.next())
        return { [Symbol.asyncIterator]: () => ({ next }) }
      },
      keyValue: async (bucket) => {
        // What it held may be gone by the next question.
        const asked = <T>(act: (store: KeyValue) => Promise<T>): Promise<T> =>
          through('a value', async (bus) => act(await bus.keyValue(bucket)))
        return {
          get: (key) => asked((store) => store.get(key)),
          create: (key, value) => asked((store) => store.create(key, value)),
          update: (key, value, revision) => asked((store) => store.update(key, value, revision)),
          delete: (key) => asked((store) => store.delete(key)),
        }
      },
      streamInfo: (name) => through('a look', (bus) => bus.streamInfo(name)),
      close: async () => {},
    }
  }

  async #fresh(): Promise<Bus> {
    const clock = this.#time.clock(
      () => 0,
      () => false,
    )
    return embeddedBus({ journal: memoryJournal({ clock }), clock })
  }

  async #take(bus: Bus, subject: string, message: Outgoing): Promise<Published> {
    const fault = this.#faultOf(subject)
    const taken = { stream: 'S', sequence: 0, duplicate: false }
    switch (fault) {
      case 'lost':
        return taken
      case 'late':
        this.#time.after(this.#random(20_000), () => {
          void this.#bus.then((now) => now.publish(subject, message)).catch(() => {})
        })
        return taken
      case 'twice': {
        const { id } = message
        await bus.publish(subject, { ...message, id: `${id}~twice` })
        return bus.publish(subject, message)
      }
      case 'unsaid':
        await bus.publish(subject, message)
        throw busErrors.PROV_BUS_UNAVAILABLE({ what: 'a message', reason: 'the answer is lost' })
      default:
        return bus.publish(subject, message)
    }
  }

  #faultOf(subject: string): MessageFault | undefined {
    let fault: MessageFault | undefined
    for (const kind of messageKinds.filter((start) => subject.startsWith(start))) {
      const nth = (this.#published.get(kind) ?? 0) + 1
      this.#published.set(kind, nth)
      fault ??= this.faults.get(`${kind}${nth}`)
    }
    return fault
  }

  async *#pull(
    life: Life,
    options: {
      readonly stream: string
      readonly consumer: string
      readonly credits?: Count | undefined
      readonly signal: AbortSignal
    },
  ): AsyncGenerator<Delivery> {
    const { stream, consumer, credits, signal } = options
    while (!signal.aborted && !life.isDead()) {
      const until = AbortSignal.any([signal, life.gone.signal, this.#wiped.signal])
      const bus = await this.#bus
      for await (const delivery of bus.pull(stream, consumer, { credits, signal: until })) {
        if (this.isAway) await this.#back(() => life.isDead() || signal.aborted)
        yield this.#handed(life, delivery)
      }
    }
  }

  async #back(over: () => boolean): Promise<void> {
    while (this.isAway && !over()) await this.#time.sleep(500)
  }

  #handed(life: Life, delivery: Delivery): Delivery {
    const { subject, stream, sequence, id, attempt, headers, body } = delivery
    const answer = (act: () => Promise<void>): Promise<void> =>
      life.through(async () => {
        if (this.isAway || this.deafTo.has(++this.#acks)) return
        await act()
      })
    return {
      subject,
      stream,
      sequence,
      id,
      attempt,
      headers,
      body,
      ack: () => answer(() => delivery.ack()),
      nak: (given: { delayMs?: Millis | undefined } = {}) => answer(() => delivery.nak(given)),
      term: (reason) => answer(() => delivery.term(reason)),
      working: () => answer(() => delivery.working()),
    }
  }
}

/** Heard by every pull of every life. */
function patient(): AbortController {
  const controller = new AbortController()
  setMaxListeners(0, controller.signal)
  return controller
}
