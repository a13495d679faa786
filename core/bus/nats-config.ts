/**
 * Streams, consumers and keys between our words and a JetStream server's. Pure; types of the client
 * only, the client itself comes in as an argument.
 *
 * @module
 */
import type * as NatsModule from 'nats'
import type { ConsumerInfo, StreamConfig as ServerStream } from 'nats'
import { defined } from '../optional.ts'
import type { ConsumerConfig, StreamConfig } from './bus.ts'
import { busDefaults } from './defaults.ts'
import { filtersOf } from './differences.ts'

/** The client, once it is loaded. */
export type Nats = typeof NatsModule

const nanosPerMs = 1_000_000

/** A server keeps ids no longer than messages. */
export function withinAge(config: StreamConfig): StreamConfig {
  const windowMs = config.duplicateWindowMs ?? busDefaults.duplicateWindowMs
  return config.maxAgeMs !== undefined && config.maxAgeMs < windowMs
    ? { ...config, duplicateWindowMs: config.maxAgeMs }
    : config
}

/** A stream as the server wants it. */
export function streamToServer(
  nats: Nats,
  config: StreamConfig,
): Partial<ServerStream> & { name: string } {
  const workqueue = config.retention === 'workqueue'
  return {
    name: config.name,
    subjects: [...config.subjects],
    retention: workqueue ? nats.RetentionPolicy.Workqueue : nats.RetentionPolicy.Limits,
    storage: nats.StorageType.File,
    discard: nats.DiscardPolicy.New,
    max_msgs: config.maxMessages ?? -1,
    max_age: (config.maxAgeMs ?? 0) * nanosPerMs,
    duplicate_window: (config.duplicateWindowMs ?? busDefaults.duplicateWindowMs) * nanosPerMs,
  }
}

/** A stream as the server tells it. */
export function streamFromServer(config: ServerStream): StreamConfig {
  return defined({
    name: config.name,
    subjects: config.subjects,
    retention: config.retention === 'workqueue' ? ('workqueue' as const) : ('limits' as const),
    maxAgeMs: config.max_age > 0 ? config.max_age / nanosPerMs : undefined,
    maxMessages: config.max_msgs > 0 ? config.max_msgs : undefined,
    duplicateWindowMs: config.duplicate_window / nanosPerMs,
  })
}

/** A durable pull consumer as the server wants it. */
export function consumerToServer(nats: Nats, config: ConsumerConfig) {
  const filters = filtersOf(config)
  return defined({
    durable_name: config.name,
    ack_policy: nats.AckPolicy.Explicit,
    deliver_policy: nats.DeliverPolicy.All,
    filter_subject: filters.length === 1 && filters[0] !== '>' ? filters[0] : undefined,
    filter_subjects: filters.length > 1 ? [...filters] : undefined,
    ack_wait: (config.ackWaitMs ?? busDefaults.ackWaitMs) * nanosPerMs,
    // Credits bound what is in flight; the server's own bound of 1000 would stop all for a few.
    max_ack_pending: config.maxInFlight ?? -1,
    // Never by count: a message of a work queue that ran out of deliveries lies there for ever.
    max_deliver: -1,
  })
}

/** A consumer as the server tells it. */
export function consumerFromServer(stream: string, { name, config }: ConsumerInfo): ConsumerConfig {
  const { filter_subject: one, filter_subjects: several, max_ack_pending: most = -1 } = config
  return defined({
    stream,
    name,
    filter: several !== undefined && several.length > 0 ? several : one || undefined,
    ackWaitMs: (config.ack_wait ?? 0) / nanosPerMs,
    maxInFlight: most > 0 ? most : undefined,
  })
}

/** Keys on the server are subject tokens: everything else is written as `=` and hex digits. */
export function encodeKey(key: string): string {
  return Buffer.from(key)
    .toString('latin1')
    .replaceAll(/[^A-Za-z0-9_-]/g, (c) => `=${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
