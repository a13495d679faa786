/**
 * The bus without a server: in process, durable through the journal, rebuilt from it. Every change
 * is a record in the partition `bus`; the change happens when the record is durable, so what a
 * caller was told survives any crash. Publishes and acks of one turn share one sync.
 *
 *     publish ─▶ journal ─▶ book ─▶ flow of each consumer ─▶ pull ─▶ ack ─▶ journal ─▶ book
 *
 * One embedded bus per journal: it is the only writer of its partition.
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import { asProvError } from '../errors.ts'
import { defined } from '../optional.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { Journal, Position } from '../journal/journal.ts'
import type { Bytes, Count } from '../units.ts'
import { Book, busPartition as partition, lately, takesSubject } from './book.ts'
import type { Carried, Content, Message, StreamPage } from './book.ts'
import type {
  Bus,
  ConsumerConfig,
  Delivery,
  Ensured,
  EnsureOptions,
  KeyValue,
  Outgoing,
  Published,
  PullOptions,
  StreamConfig,
} from './bus.ts'
import { judgeConsumer, judgeStream } from './configs.ts'
import { busDefaults } from './defaults.ts'
import { busErrors } from './errors.ts'
import { EmbeddedDelivery } from './embedded-delivery.ts'
import { Flow } from './flow.ts'
import type { Puller } from './flow.ts'
import { isBusName, isSubject } from './subjects.ts'

export interface EmbeddedBusOptions {
  readonly journal: Journal
  readonly clock: Clock
  /**
   * A snapshot is kept after so many records, or as many as messages live if that is more, and on
   * close. Default 2,500. Smaller boots faster and writes more.
   */
  readonly snapshotEvery?: Count | undefined
  /**
   * What records of other partitions have for the bus: such a record is a message as soon as it is
   * durable, and nobody has to publish it. Default: nothing.
   */
  readonly carried?: Carried | undefined
}

const defaultSnapshotEvery: Count = 2_500
/** What is read ahead at most for a consumer that lags: this many, or so much and one more. */
const aheadMost: Count = 512
const aheadBytes: Bytes = 1_048_576
const noContent: Content = { headers: {}, body: null }

/** Opens the bus that lives in a journal. Closing it does not close the journal. */
export async function embeddedBus(options: EmbeddedBusOptions): Promise<Bus> {
  const { journal, carried } = options
  const kept = await journal.snapshot(partition)
  const book = kept ? Book.fromSnapshot(kept.position, kept.body, carried) : new Book(carried)
  const from = book.position + 1
  for await (const record of journal.read(carried ? { from } : { from, partition })) {
    book.enter(record)
  }
  const bus = new EmbeddedBus(book, options)
  for (const page of book.streams.values()) await bus.recall(page)
  if (carried && book.carriesFrom === undefined) await bus.carry()
  return bus
}

class EmbeddedBus implements Bus {
  readonly kind = 'embedded'
  readonly #book: Book
  readonly #journal: Journal
  readonly #clock: Clock
  readonly #carried: Carried | undefined
  readonly #snapshotEvery: Count
  readonly #stop: () => void
  readonly #flows = new Map<string, Flow>()
  /** Messages handed to the journal but not yet in the book, by stream. */
  readonly #coming = new Map<string, { count: Count; ids: Map<string, Promise<unknown>> }>()
  /** Acks of this turn of the loop: they become one record. */
  #acks: Map<string, { readonly of: Flow; readonly sequences: Count[] }> | undefined
  #acking: Promise<void> = Promise.resolve()
  /** Tail of the queue of each thing that is decided one at a time. */
  readonly #turns = new Map<string, Promise<unknown>>()
  /** Contents that were read ahead. */
  readonly #ahead = new WeakMap<Flow, Map<Count, Content>>()
  readonly #pulls = new Set<() => void>()
  readonly #revisions = new Map<string, Count>()
  #sinceSnapshot: Count = 0
  #snapshots: Promise<void> = Promise.resolve()
  #closed = false

  constructor(book: Book, options: EmbeddedBusOptions) {
    this.#book = book
    this.#journal = options.journal
    this.#clock = options.clock
    this.#carried = options.carried
    this.#snapshotEvery = options.snapshotEvery ?? defaultSnapshotEvery
    this.#stop = options.journal.follow((records) => {
      for (const record of records) {
        const own = record.partition === partition
        if (!own && book.carriesFrom === undefined) continue
        const page = book.enter(record)
        if (own || page) this.#sinceSnapshot++
        if (page) this.#wake(page, (page.messages.get(page.lastSequence) as Message).subject)
      }
    })
  }

  /** From here on what `carried` finds needs no publishing. */
  carry(): Promise<void> {
    return this.#record('carrying.began', {})
  }

  /** Brings back what left memory, for a consumer that is newer: the journal is read once. */
  async recall(page: StreamPage): Promise<void> {
    if (!this.#book.lacks(page)) return
    const carried = this.#carried
    const whole = new Book(carried, { settles: false })
    for await (const record of this.#journal.read(carried ? {} : { partition })) {
      if (record.position > this.#book.position) break
      whole.enter(record)
    }
    this.#book.recall(page, whole)
  }

  carried(subject: string, position: Position): boolean {
    return this.#book.carries(subject, position)
  }

  ensureStream(config: StreamConfig, options: EnsureOptions = {}): Promise<Ensured> {
    return this.#inTurn('configuration', async () => {
      const known = [...this.#book.streams.values()].map((page) => page.config)
      const verdict = judgeStream(config, known, options)
      if (verdict === 'same') return 'same'
      await this.#record('stream.ensured', defined(config) as unknown as JsonObject)
      return verdict === 'new' ? 'created' : 'changed'
    })
  }

  ensureConsumer(config: ConsumerConfig, options: EnsureOptions = {}): Promise<Ensured> {
    return this.#inTurn('configuration', async () => {
      const page = this.#page(config.stream)
      const known = [...page.consumers.values()].map((consumer) => consumer.config)
      const verdict = judgeConsumer(config, page.config, known, options)
      if (verdict === 'same') return 'same'
      await this.#record('consumer.ensured', defined(config) as unknown as JsonObject)
      await this.recall(page)
      return verdict === 'new' ? 'created' : 'changed'
    })
  }

  async publish(subject: string, message: Outgoing): Promise<Published> {
    this.#assertOpen()
    if (!isSubject(subject)) {
      throw busErrors.PROV_BUS_NAME_INVALID({ what: 'subject', name: subject })
    }
    const page = this.#book.streamOf(subject)
    if (!page) throw busErrors.PROV_BUS_NO_STREAM({ name: subject })
    const stream = page.config.name
    const coming = this.#comingOf(page)
    // The first of two at the same time decides for both: if it fails, so does the second.
    const first = coming.ids.get(message.id)
    if (first) await first
    const now = this.#clock.now()
    const taken = lately(page, message.id, now)
    if (taken !== undefined) return { stream, sequence: taken, duplicate: true }
    this.#book.expire(page, now)
    const limit = page.config.maxMessages
    if (limit !== undefined && this.#book.count(page) + coming.count >= limit) {
      throw busErrors.PROV_BUS_FULL({ stream, limit })
    }
    coming.count++
    const { id, headers = {}, body } = message
    const recorded = this.#record('message.published', {
      stream,
      subject,
      id,
      headers,
      body,
    })
    coming.ids.set(id, recorded)
    try {
      await recorded
    } catch (thrown) {
      const error = asProvError(thrown)
      if (error.code !== 'PROV_JOURNAL_TOO_LARGE') throw error
      const limitBytes = error.detail['limitBytes'] as number
      throw busErrors.PROV_BUS_TOO_LARGE({ subject, limitBytes }, { cause: thrown })
    } finally {
      coming.count--
      coming.ids.delete(id)
    }
    this.#wake(page, subject)
    const sequence = lately(page, id, now) ?? page.lastSequence
    return { stream, sequence, duplicate: false }
  }

  async *pull(stream: string, consumer: string, options: PullOptions): AsyncGenerator<Delivery> {
    const { signal, credits = busDefaults.credits } = options
    const flow = this.#flow(stream, consumer)
    let wake = (): void => {}
    const puller: Puller = { free: credits, wake: () => wake() }
    const giveBack = (): void => {
      signal.removeEventListener('abort', giveBack)
      this.#pulls.delete(giveBack)
      flow.pullers.delete(puller)
      for (const flight of flow.flights.values()) {
        if (flight.puller === puller) flow.giveBack(flight)
      }
      puller.free = 0
      wake()
    }
    signal.addEventListener('abort', giveBack)
    this.#pulls.add(giveBack)
    flow.pullers.add(puller)
    try {
      while (!signal.aborted && !this.#closed) {
        const flight = flow.take(puller)
        if (flight) {
          const content = flight.message.content ?? (await this.#load(flow, flight.message))
          if (flow.isCurrent(flight))
            yield new EmbeddedDelivery(flow, flight, content, this.#record, this.#ack)
        } else {
          await new Promise<void>((resolve) => (wake = resolve))
        }
      }
    } finally {
      giveBack()
    }
  }

  async keyValue(bucket: string): Promise<KeyValue> {
    this.#assertOpen()
    if (!isBusName(bucket)) {
      throw busErrors.PROV_BUS_NAME_INVALID({ what: 'bucket', name: bucket })
    }
    const page = this.#book.bucket(bucket)
    const inTurn = <T>(key: string, decide: () => Promise<T>): Promise<T> =>
      this.#inTurn(`value ${bucket} ${key}`, decide)
    const set = async (key: string, value: JsonValue): Promise<Count> => {
      const revision = this.#nextRevision(bucket)
      await this.#record('value.set', { bucket, key, value, revision })
      return revision
    }
    return {
      get: async (key) => {
        this.#assertOpen()
        return page.values.get(key)
      },
      create: (key, value) =>
        inTurn(key, async () => (page.values.has(key) ? undefined : set(key, value))),
      update: (key, value, revision) =>
        inTurn(key, async () =>
          page.values.get(key)?.revision === revision ? set(key, value) : undefined,
        ),
      delete: (key) =>
        inTurn(key, async () => {
          if (!page.values.has(key)) return
          const revision = this.#nextRevision(bucket)
          await this.#record('value.deleted', { bucket, key, revision })
        }),
    }
  }

  async streamInfo(name: string) {
    const page = this.#book.streams.get(name)
    if (!page) return undefined
    this.#book.expire(page, this.#clock.now())
    return {
      config: page.config,
      messages: this.#book.count(page),
      lastSequence: page.lastSequence,
      consumers: [...page.consumers.keys()].map((consumer) => {
        const flow = this.#flow(name, consumer)
        return { name: consumer, pending: flow.pending(), inFlight: flow.inFlight }
      }),
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const giveBack of this.#pulls) giveBack()
    await Promise.allSettled([...this.#turns.values(), this.#acking])
    this.#stop()
    await (this.#sinceSnapshot > 0 ? this.#snapshot() : this.#snapshots)
  }

  /** Appends one record; the book has it when this resolves. */
  readonly #record = async (type: string, body: JsonObject): Promise<void> => {
    await this.#journal.append([{ partition, type, body }])
    if (this.#closed || this.#sinceSnapshot < this.#snapshotEvery) return
    let live = 0
    for (const page of this.#book.streams.values()) live += page.messages.size
    if (this.#sinceSnapshot >= live) void this.#snapshot()
  }

  /** Acks of one turn share one record. */
  readonly #ack = (flow: Flow, sequence: Count): Promise<void> => {
    const { stream, name } = flow.consumer.config
    const acks = (this.#acks ??= this.#gather())
    const mine = acks.get(`${stream} ${name}`)
    if (mine) mine.sequences.push(sequence)
    else acks.set(`${stream} ${name}`, { of: flow, sequences: [sequence] })
    return this.#acking
  }

  #gather(): Map<string, { readonly of: Flow; readonly sequences: Count[] }> {
    const acks = new Map<string, { readonly of: Flow; readonly sequences: Count[] }>()
    this.#acking = new Promise((resolve) => setImmediate(resolve)).then(() => {
      this.#acks = undefined
      const acked = [...acks.values()].map(({ of: { consumer }, sequences }) => {
        return [consumer.config.stream, consumer.config.name, sequences] as const
      })
      return this.#record('messages.acked', { acked })
    })
    return acks
  }

  /** Never throws: a snapshot only shortens the next boot, the journal holds everything. */
  #snapshot(): Promise<void> {
    this.#sinceSnapshot = 0
    const snapshot = { position: this.#book.position, body: this.#book.toSnapshot() }
    this.#snapshots = this.#snapshots
      .then(() => this.#journal.putSnapshot(partition, snapshot))
      .catch((thrown: unknown) => process.emitWarning(asProvError(thrown)))
    return this.#snapshots
  }

  /** Keys of a bucket share one count; several may be on their way to the journal. */
  #nextRevision(bucket: string): Count {
    const given = this.#revisions.get(bucket) ?? 0
    const revision = Math.max(given, this.#book.bucket(bucket).revision) + 1
    this.#revisions.set(bucket, revision)
    return revision
  }

  /** Reads what a lagging consumer takes next as well: to find one place costs as much as to go on. */
  async #load(flow: Flow, message: Message): Promise<Content> {
    let ahead = this.#ahead.get(flow)
    if (!ahead?.has(message.sequence)) {
      ahead = await this.#readFrom(flow.page, message)
      this.#ahead.set(flow, ahead)
    }
    const content = ahead.get(message.sequence)
    ahead.delete(message.sequence)
    if (content) return content
    throw busErrors.PROV_BUS_UNAVAILABLE({
      what: `read message ${message.sequence}`,
      reason: `the journal has nothing at position ${message.position}`,
    })
  }

  async #readFrom(page: StreamPage, first: Message): Promise<Map<Count, Content>> {
    const found = new Map<Count, Content>()
    let wanted: Message | undefined = first
    let bytes = 0
    for await (const record of this.#journal.read({ from: first.position })) {
      if (record.position < wanted.position) continue
      if (record.position > wanted.position) break
      const own = record.partition === partition
      const content = own ? (record.body as unknown as Content) : this.#book.contentOf(record)
      const { headers, body } = content ?? noContent
      found.set(wanted.sequence, { headers, body })
      bytes += JSON.stringify(body).length
      wanted = page.messages.get(wanted.sequence + 1)
      if (!wanted || wanted.content) break
      if (found.size >= aheadMost || bytes >= aheadBytes) break
    }
    return found
  }

  #wake(page: StreamPage, subject: string): void {
    for (const { config } of page.consumers.values()) {
      if (!takesSubject(config, subject)) continue
      this.#flows.get(`${config.stream} ${config.name}`)?.wake()
    }
  }

  #page(stream: string): StreamPage {
    const page = this.#book.streams.get(stream)
    if (!page) throw busErrors.PROV_BUS_NO_STREAM({ name: stream })
    return page
  }

  #flow(stream: string, name: string): Flow {
    this.#assertOpen()
    const page = this.#page(stream)
    const consumer = page.consumers.get(name)
    if (!consumer) throw busErrors.PROV_BUS_NO_CONSUMER({ stream, consumer: name })
    const key = `${stream} ${name}`
    let flow = this.#flows.get(key)
    if (!flow) {
      flow = new Flow(this.#book, page, consumer, this.#clock)
      this.#flows.set(key, flow)
    }
    return flow
  }

  #comingOf(page: StreamPage) {
    const { name } = page.config
    let coming = this.#coming.get(name)
    if (!coming) {
      coming = { count: 0, ids: new Map() }
      this.#coming.set(name, coming)
    }
    return coming
  }

  /** Runs decisions about one thing one after the other: each sees the outcome of the last. */
  #inTurn<T>(thing: string, decide: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(thing) ?? Promise.resolve()).then(() => {
      this.#assertOpen()
      return decide()
    })
    const settled = turn.then(
      () => {},
      () => {},
    )
    this.#turns.set(thing, settled)
    void settled.then(() => {
      if (this.#turns.get(thing) === settled) this.#turns.delete(thing)
    })
    return turn
  }

  #assertOpen(): void {
    if (this.#closed) throw busErrors.PROV_BUS_CLOSED({ kind: this.kind })
  }
}
