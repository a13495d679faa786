/**
 * What an embedded bus remembers. The book is a projection of the bus's own partition: it changes
 * only by `enter`, one journal record at a time, so what is live, what a restart rebuilds and what
 * a snapshot holds are the same by construction.
 *
 * Bodies of messages stay where they are, in the journal; the book keeps positions. A work queue
 * also keeps the content of what is not acked yet, a limits stream that of its newest messages, so
 * the usual delivery reads nothing. What every consumer of a limits stream is done with leaves the
 * book: the stream still has it, and who is new gets it from the journal.
 *
 * @module
 */
import type { JsonObject, JsonValue } from '../json.ts'
import type { JournalRecord, Position } from '../journal/journal.ts'
import type { Count, Millis } from '../units.ts'
import type { ConsumerConfig, StreamConfig } from './bus.ts'
import { busDefaults } from './defaults.ts'
import { subjectMatches } from './subjects.ts'

export interface Content {
  readonly headers: Readonly<Record<string, string>>
  readonly body: JsonValue
}

export interface Message {
  readonly sequence: Count
  readonly position: Position
  readonly timeMs: Millis
  readonly subject: string
  readonly id: string
  /** Absent when it must be read from the journal. */
  content: Content | undefined
}

export interface ConsumerPage {
  config: ConsumerConfig
  /** Limits streams: everything up to here is done for this consumer. */
  floor: Count
  /** Limits streams: done beyond the floor. */
  readonly done: Set<Count>
  /** Deliveries so far of messages that came back. */
  readonly attempts: Map<Count, Count>
}

export interface StreamPage {
  config: StreamConfig
  /** Live messages by sequence, ascending. */
  readonly messages: Map<Count, Message>
  /** Position of the record that made it; 0 when an older snapshot does not say. */
  since: Position
  /** Sequences that the stream has, and that only somebody new would want: not in `messages`. */
  settled: { readonly from: Count; readonly to: Count } | undefined
  /** No live message has a smaller sequence. */
  first: Count
  lastSequence: Count
  /** Ids taken within the window; older ones may linger and do not count. */
  /** Messages lately taken, by `publishedKey` or `carriedKey`. */
  readonly ids: Map<string, { readonly sequence: Count; readonly timeMs: Millis }>
  readonly consumers: Map<string, ConsumerPage>
}

export interface BucketPage {
  readonly values: Map<string, { readonly value: JsonValue; readonly revision: Count }>
  revision: Count
}

/** What a record of another partition has for the bus; undefined for most. */
export type Carried = (record: JournalRecord) =>
  | {
      readonly subject: string
      readonly id: string
      readonly body: JsonValue
      /** Its writer gives each id once, so nobody needs to remember it. Default: false. */
      readonly unique?: boolean
    }
  | undefined

/** Newest messages of a limits stream whose content stays in memory. */
const warmMessages: Count = 1_024
/** What all are done with leaves the book in portions of this size. */
const settleEvery: Count = 1_024
/**
 * Ids of what the planes write can be told in advance. Whoever publishes under one must not have the
 * plane's own message taken for a repetition, so a carried one is told from carried ones only.
 */
const publishedKey = (id: string): string => `published ${id}`
const carriedKey = (id: string): string => `carried ${id}`

/** Old ids are swept once per so many messages: sweeping each time would cost more than it frees. */
const sweepEvery: Count = 1_024
/** Subjects whose stream is remembered. */
const mostRoutes: Count = 1_024
/** The bus's own partition of the journal. */
export const busPartition = 'bus'

export class Book {
  readonly streams = new Map<string, StreamPage>()
  readonly buckets = new Map<string, BucketPage>()
  /** Position of the last record entered. */
  position: Position = 0
  /** From here on records of other partitions are messages themselves; undefined: they never were. */
  carriesFrom: Position | undefined
  readonly #carried: Carried | undefined
  readonly #settles: boolean
  /** Streams by subject: there are few subjects. */
  readonly #routes = new Map<string, StreamPage>()

  /** `settles`: messages that everybody is done with leave memory; default true. */
  constructor(carried?: Carried, { settles = true } = {}) {
    this.#carried = carried
    this.#settles = settles
  }

  /** The stream that takes a subject; patterns of streams never overlap. */
  streamOf(subject: string): StreamPage | undefined {
    const known = this.#routes.get(subject)
    if (known) return known
    for (const page of this.streams.values()) {
      if (!page.config.subjects.some((pattern) => subjectMatches(pattern, subject))) continue
      if (this.#routes.size >= mostRoutes) this.#routes.clear()
      this.#routes.set(subject, page)
      return page
    }
    return undefined
  }

  /** True when a record at that position was a message of itself: nobody needs to publish it. */
  carries(subject: string, position: Position): boolean {
    if (this.carriesFrom === undefined || position <= this.carriesFrom) return false
    const page = this.streamOf(subject)
    return page !== undefined && position > page.since
  }

  /** What the record of another partition says to the bus. */
  contentOf(record: JournalRecord): Content | undefined {
    const carried = this.#carried?.(record)
    return carried && { headers: {}, body: carried.body }
  }

  /** Takes one record. Unknown types are skipped: a newer Prov wrote them. */
  enter(record: JournalRecord): StreamPage | undefined {
    this.position = record.position
    if (record.partition !== busPartition) return this.#carry(record)
    this.#own(record)
    return undefined
  }

  /**
   * A record that a plane wrote for the bus is the message: the frame that says it has happened also
   * delivers it, at no cost. Decided by records alone, so a replay decides the same.
   */
  #carry(record: JournalRecord): StreamPage | undefined {
    if (this.carriesFrom === undefined) return undefined
    const carried = this.#carried?.(record)
    if (!carried || !this.carries(carried.subject, record.position)) return undefined
    const { subject, id, body, unique } = carried
    const page = this.streamOf(subject) as StreamPage
    const key = carriedKey(id)
    const taken = page.ids.get(key)
    if (taken && taken.timeMs + windowOf(page.config) > record.timeMs) return undefined
    this.#keep(page, record, { subject, id, key, content: { headers: {}, body }, unique })
    return page
  }

  #own(record: JournalRecord): void {
    const body = record.body as JsonObject
    switch (record.type) {
      case 'stream.ensured':
        this.#addStream(body as unknown as StreamConfig, record.position)
        break
      case 'carrying.began':
        this.carriesFrom ??= record.position
        break
      case 'consumer.ensured':
        this.#addConsumer(body as unknown as ConsumerConfig)
        break
      case 'message.published':
        this.#addMessage(record)
        break
      case 'message.acked':
      case 'message.termed':
        this.#finish(
          body['stream'] as string,
          body['consumer'] as string,
          body['sequence'] as number,
        )
        break
      case 'messages.acked':
        for (const [stream, consumer, sequences] of body['acked'] as unknown as Acked) {
          for (const sequence of sequences) this.#finish(stream, consumer, sequence)
        }
        break
      case 'message.returned': {
        const page = this.streams.get(body['stream'] as string)
        const consumer = page?.consumers.get(body['consumer'] as string)
        consumer?.attempts.set(body['sequence'] as number, body['attempt'] as number)
        break
      }
      case 'value.set': {
        const bucket = this.bucket(body['bucket'] as string)
        const revision = body['revision'] as number
        bucket.values.set(body['key'] as string, { value: body['value'] as JsonValue, revision })
        bucket.revision = Math.max(bucket.revision, revision)
        break
      }
      case 'value.deleted': {
        const bucket = this.bucket(body['bucket'] as string)
        bucket.values.delete(body['key'] as string)
        bucket.revision = Math.max(bucket.revision, body['revision'] as number)
        break
      }
    }
  }

  /** The page of a bucket, made when absent. */
  bucket(name: string): BucketPage {
    let page = this.buckets.get(name)
    if (!page) this.buckets.set(name, (page = { values: new Map(), revision: 0 }))
    return page
  }

  /** Drops what is older than the stream keeps. */
  expire(page: StreamPage, now: Millis): void {
    const { maxAgeMs } = page.config
    if (maxAgeMs === undefined || page.config.retention !== 'limits') return
    for (; page.first <= page.lastSequence; page.first++) {
      const message = page.messages.get(page.first)
      if (message && message.timeMs + maxAgeMs > now) return
      page.messages.delete(page.first)
      // What left the book is older.
      page.settled = undefined
    }
  }

  /** Messages of a stream. Where age ends them too, those that left the book count a little longer. */
  count({ messages, settled }: StreamPage): Count {
    return messages.size + (settled ? settled.to - settled.from + 1 : 0)
  }

  /** True when somebody wants what left the book: see `recall`. */
  lacks({ settled, consumers }: StreamPage): boolean {
    return settled !== undefined && [...consumers.values()].some(({ floor }) => floor < settled.to)
  }

  /** Takes back what left the book, out of one that holds everything. */
  recall(page: StreamPage, whole: Book): void {
    const { settled } = page
    const all = whole.streams.get(page.config.name)?.messages
    if (!settled || !all) return
    const newer = [...page.messages]
    page.messages.clear()
    for (const [sequence, message] of all) {
      if (sequence < settled.from || sequence > settled.to) continue
      page.messages.set(sequence, { ...message, content: undefined })
    }
    for (const [sequence, message] of newer) page.messages.set(sequence, message)
    page.first = settled.from
    page.settled = undefined
  }

  /** True when the consumer still has to see the end of the message. */
  isOpen(page: StreamPage, consumer: ConsumerPage, sequence: Count): boolean {
    const message = page.messages.get(sequence)
    if (!message) return false
    if (!takes(consumer.config, message)) return false
    return (
      page.config.retention === 'workqueue' ||
      (sequence > consumer.floor && !consumer.done.has(sequence))
    )
  }

  #addStream(config: StreamConfig, since: Position): void {
    const known = this.streams.get(config.name)
    if (known) {
      known.config = config
      // Subjects that it takes only now were not carried before: publishing twice is the safe side.
      known.since = since
      return
    }
    this.streams.set(config.name, {
      config,
      since,
      messages: new Map(),
      settled: undefined,
      first: 1,
      lastSequence: 0,
      ids: new Map(),
      consumers: new Map(),
    })
  }

  #addConsumer(config: ConsumerConfig): void {
    const page = this.streams.get(config.stream)
    if (!page) return
    const known = page.consumers.get(config.name)
    if (known) {
      known.config = config
      return
    }
    page.consumers.set(config.name, { config, floor: 0, done: new Set(), attempts: new Map() })
  }

  #addMessage(record: JournalRecord): void {
    const { stream, sequence, subject, id, ...content } = record.body as unknown as Content & {
      stream: string
      /** Only in records of an older Prov; it is the next one anyway, but for what failed. */
      sequence?: Count
      subject: string
      id: string
    }
    const page = this.streams.get(stream)
    if (page) this.#keep(page, record, { subject, id, key: publishedKey(id), content, sequence })
  }

  #keep(
    page: StreamPage,
    { position, timeMs }: JournalRecord,
    message: {
      readonly subject: string
      readonly id: string
      /** What it is known by when it comes again. */
      readonly key: string
      readonly content: Content
      readonly sequence?: Count | undefined
      readonly unique?: boolean | undefined
    },
  ): void {
    const { subject, id, key, content, sequence = page.lastSequence + 1 } = message
    page.messages.set(sequence, { sequence, position, timeMs, subject, id, content })
    page.lastSequence = sequence
    if (message.unique !== true) {
      page.ids.delete(key)
      page.ids.set(key, { sequence, timeMs })
    }
    if (sequence % sweepEvery === 0) sweep(page, timeMs)
    if (page.config.retention === 'limits') {
      const cold = page.messages.get(sequence - warmMessages)
      if (cold) cold.content = undefined
      if (sequence % settleEvery === 0) this.#settle(page)
    }
  }

  #finish(stream: string, name: string, sequence: Count): void {
    const page = this.streams.get(stream)
    const consumer = page?.consumers.get(name)
    if (!page || !consumer) return
    consumer.attempts.delete(sequence)
    if (page.config.retention === 'workqueue') {
      page.messages.delete(sequence)
      while (page.first <= page.lastSequence && !page.messages.has(page.first)) page.first++
      return
    }
    if (sequence > consumer.floor) consumer.done.add(sequence)
    raiseFloor(page, consumer)
  }

  /** Lets go of what everybody is done with, but for the newest. */
  #settle(page: StreamPage): void {
    // Where a number is the limit the stream is short anyway.
    if (!this.#settles || page.config.maxMessages !== undefined) return
    let to = page.lastSequence - warmMessages
    for (const consumer of page.consumers.values()) {
      raiseFloor(page, consumer)
      to = Math.min(to, consumer.floor)
    }
    const { first } = page
    if (to < first) return
    for (; page.first <= to; page.first++) page.messages.delete(page.first)
    page.settled = { from: page.settled?.from ?? first, to }
  }

  /** The whole book as JSON, without contents. */
  toSnapshot(): JsonValue {
    return {
      ...(this.carriesFrom !== undefined && { carriesFrom: this.carriesFrom }),
      streams: [...this.streams.values()].map((page) => ({
        config: page.config as unknown as JsonObject,
        since: page.since,
        ...(page.settled && { settled: page.settled }),
        lastSequence: page.lastSequence,
        messages: [...page.messages.values()].map(({ sequence, position, timeMs, subject, id }) => [
          sequence,
          position,
          timeMs,
          subject,
          id,
        ]),
        ids: [...page.ids].map(([id, { sequence, timeMs }]) => [id, sequence, timeMs]),
        consumers: [...page.consumers.values()].map((consumer) => ({
          config: consumer.config as unknown as JsonObject,
          floor: consumer.floor,
          done: [...consumer.done],
          attempts: [...consumer.attempts],
        })),
      })),
      buckets: [...this.buckets].map(([name, { values, revision }]) => ({
        name,
        revision,
        values: [...values].map(([key, entry]) => [key, entry.value, entry.revision]),
      })),
    }
  }

  /** The book as it stood at a position. */
  static fromSnapshot(position: Position, body: JsonValue, carried?: Carried): Book {
    const book = new Book(carried)
    book.position = position
    const kept = body as unknown as Kept
    book.carriesFrom = kept.carriesFrom
    for (const stream of kept.streams) {
      const { config, since, settled, lastSequence, messages, ids, consumers } = stream
      book.#addStream(config, since ?? 0)
      const page = book.streams.get(config.name) as StreamPage
      page.lastSequence = lastSequence
      page.settled = settled
      page.first = messages[0]?.[0] ?? lastSequence + 1
      for (const [sequence, at, timeMs, subject, id] of messages) {
        const message = { sequence, position: at, timeMs, subject, id, content: undefined }
        page.messages.set(sequence, message)
      }
      for (const [id, sequence, timeMs] of ids) page.ids.set(id, { sequence, timeMs })
      for (const consumer of consumers) {
        page.consumers.set(consumer.config.name, {
          config: consumer.config,
          floor: consumer.floor,
          done: new Set(consumer.done),
          attempts: new Map(consumer.attempts),
        })
      }
    }
    for (const { name, revision, values } of kept.buckets) {
      const bucket = book.bucket(name)
      bucket.revision = revision
      for (const [key, value, at] of values) bucket.values.set(key, { value, revision: at })
    }
    return book
  }
}

/** True when a consumer's filter takes the message. */
export function takes(config: ConsumerConfig, message: Message): boolean {
  return takesSubject(config, message.subject)
}

/** As `takes`, for a subject. */
export function takesSubject({ filter }: ConsumerConfig, subject: string): boolean {
  if (filter === undefined) return true
  if (typeof filter === 'string') return subjectMatches(filter, subject)
  return filter.some((pattern) => subjectMatches(pattern, subject))
}

/** The message of that id, when it came lately: published again, or carried before. */
export function lately(page: StreamPage, id: string, nowMs: Millis): Count | undefined {
  const oldest = nowMs - windowOf(page.config)
  const keys = [publishedKey(id), carriedKey(id)]
  return keys.map((key) => page.ids.get(key)).find((one) => one && one.timeMs > oldest)?.sequence
}

/** Window of a stream in which an id counts. */
function windowOf(config: StreamConfig): Millis {
  return config.duplicateWindowMs ?? busDefaults.duplicateWindowMs
}

/** Moves a consumer's floor over what it is done with or does not take. */
function raiseFloor(page: StreamPage, consumer: ConsumerPage): void {
  // What left the book before it came may be its own.
  if (page.settled && consumer.floor < page.settled.to) return
  for (let next = consumer.floor + 1; next <= page.lastSequence; next++) {
    const message = page.messages.get(next)
    if (message && takes(consumer.config, message) && !consumer.done.has(next)) break
    consumer.done.delete(next)
    consumer.floor = next
  }
}

function sweep(page: StreamPage, now: Millis): void {
  const oldest = now - windowOf(page.config)
  for (const [id, { timeMs }] of page.ids) {
    if (timeMs >= oldest) break
    page.ids.delete(id)
  }
}

/** Sequences by stream and consumer. */
export type Acked = readonly (readonly [stream: string, consumer: string, readonly Count[]])[]

interface Kept {
  readonly carriesFrom?: Position
  readonly streams: readonly {
    readonly config: StreamConfig
    readonly since?: Position
    readonly settled?: { readonly from: Count; readonly to: Count }
    readonly lastSequence: Count
    readonly messages: readonly (readonly [Count, Position, Millis, string, string])[]
    readonly ids: readonly (readonly [string, Count, Millis])[]
    readonly consumers: readonly {
      readonly config: ConsumerConfig
      readonly floor: Count
      readonly done: readonly Count[]
      readonly attempts: readonly (readonly [Count, Count])[]
    }[]
  }[]
  readonly buckets: readonly {
    readonly name: string
    readonly revision: Count
    readonly values: readonly (readonly [string, JsonValue, Count])[]
  }[]
}
