/**
 * The bus port: a lossy at-least-once pipe, even when it is a server. It moves messages between
 * planes; it is never the truth, never a fence and never a dedupe (the journal is).
 *
 * B1  `publish` resolves after the stream took the message; a timeout means unknown: publish again
 *     with the same id.
 * B2  A message is delivered until it is acked or termed; redelivery follows nak, ackWait and restart.
 * B3  Ack follows the receiver's own durable record, never the other way round.
 * B4  A WorkQueue message has one consumer and goes when it is acked; a Limits stream keeps its
 *     messages until its limits say otherwise.
 * B5  A consumer holds no more unacknowledged messages than its credits.
 *
 * `prov/testing` exports `busKit`, which the embedded bus and NATS JetStream both run.
 *
 * @module
 */
import type { Position } from '../journal/journal.ts'
import type { JsonValue } from '../json.ts'
import type { Count, Millis } from '../units.ts'

export interface StreamConfig {
  /** Upper case, digits, `_`. One stream per name, configured once. */
  readonly name: string
  /** Subject patterns it takes: tokens split at `.`, `*` is one token, a last `>` is one or more. */
  readonly subjects: readonly string[]
  readonly retention: 'workqueue' | 'limits'
  /** Limits streams: how long a message is kept. Default: for ever. */
  readonly maxAgeMs?: Millis | undefined
  /** Refuse new messages beyond this many (back-pressure, PROV_BUS_FULL). Default: no limit. */
  readonly maxMessages?: Count | undefined
  /** Window in which a message id is taken only once. Default 2 minutes. Best effort, see B1. */
  readonly duplicateWindowMs?: Millis | undefined
}

export interface ConsumerConfig {
  readonly stream: string
  /** Durable name: the same name goes on where it stopped, also after a restart. */
  readonly name: string
  /** Subset of the stream's subjects, one pattern or several that do not overlap. Default: all of them. */
  readonly filter?: string | readonly string[] | undefined
  /** Redeliver when nothing was heard for this long. Default 30 s. */
  readonly ackWaitMs?: Millis | undefined
  /**
   * Most messages in flight to all pulls together. 1 keeps the order also over redeliveries, and one
   * that is stuck then stops all. Default: no bound but the credits of each pull.
   */
  readonly maxInFlight?: Count | undefined
}

export interface EnsureOptions {
  /**
   * True: settings that can change without losing a message or handing one out twice are changed
   * (more subjects, longer limits, another ackWait). Default false: any difference is refused.
   */
  readonly change?: boolean | undefined
}

/** What an `ensure` found or did. */
export type Ensured = 'created' | 'same' | 'changed'

export interface Outgoing {
  /** Unique per message; the same id within the stream's window is stored once. */
  readonly id: string
  readonly body: JsonValue
  readonly headers?: Readonly<Record<string, string>> | undefined
}

export interface Published {
  readonly stream: string
  readonly sequence: Count
  /** True when the stream already had this id. */
  readonly duplicate: boolean
}

/** One message handed to one consumer. Exactly one of ack, nak, term ends it; later calls do nothing. */
export interface Delivery {
  readonly subject: string
  readonly stream: string
  readonly sequence: Count
  readonly id: string
  /** 1 for the first attempt. */
  readonly attempt: Count
  readonly headers: Readonly<Record<string, string>>
  readonly body: JsonValue
  /** Done: resolves once the bus has it. */
  ack(): Promise<void>
  /** Again later; default at once. */
  nak(options?: { delayMs?: Millis | undefined }): Promise<void>
  /** Never again; the reason is kept for people. */
  term(reason: string): Promise<void>
  /** Still at it: resets the ackWait. */
  working(): Promise<void>
}

export interface PullOptions {
  /** Most messages in flight to this caller. Default 16. Never more than free slots downstream. */
  readonly credits?: Count | undefined
  readonly signal: AbortSignal
}

/** Compare-and-set store: who leads, and small shared facts. */
export interface KeyValue {
  get(key: string): Promise<{ value: JsonValue; revision: Count } | undefined>
  /** Only when absent. Returns the revision, or undefined when somebody else has the key. */
  create(key: string, value: JsonValue): Promise<Count | undefined>
  /** Only when the revision is still the given one. Returns the new one, or undefined. */
  update(key: string, value: JsonValue, revision: Count): Promise<Count | undefined>
  delete(key: string): Promise<void>
}

export interface Bus {
  /** `embedded` or `nats`: for people and for `prov doctor`. */
  readonly kind: string
  /**
   * Creates or checks a stream. Throws PROV_BUS_OVERLAP when subjects belong to another stream and
   * PROV_BUS_DIFFERS when it is there with other settings, each of them named.
   */
  ensureStream(config: StreamConfig, options?: EnsureOptions): Promise<Ensured>
  /** Creates or checks a durable consumer. On a WorkQueue overlapping filters are refused (PROV_BUS_OVERLAP). */
  ensureConsumer(config: ConsumerConfig, options?: EnsureOptions): Promise<Ensured>
  /** Throws PROV_BUS_NO_STREAM when no stream takes the subject, PROV_BUS_FULL, PROV_BUS_UNAVAILABLE. */
  publish(subject: string, message: Outgoing): Promise<Published>
  /** Deliveries until the signal aborts; unacked ones then go back. Each pulled by a free credit. */
  pull(stream: string, consumer: string, options: PullOptions): AsyncIterable<Delivery>
  keyValue(bucket: string): Promise<KeyValue>
  streamInfo(name: string): Promise<StreamInfo | undefined>
  /**
   * True when the journal's record at that position is a message of this bus by itself: its writer
   * need not publish it. Absent: everything is published.
   */
  readonly carried?: ((subject: string, position: Position) => boolean) | undefined
  close(): Promise<void>
}

export interface StreamInfo {
  readonly config: StreamConfig
  readonly messages: Count
  readonly lastSequence: Count
  readonly consumers: readonly { name: string; pending: Count; inFlight: Count }[]
}
