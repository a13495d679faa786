/**
 * What a server is and holds, looked at without changing anything: for `prov doctor`, for the check
 * of the op contract, for people. A role that may not see something is told so, never failed.
 *
 * @module
 */
import type { ConsumerInfo, JetStreamAccountStats, StreamInfo as ServerStreamInfo } from 'nats'
import type { Clock } from '../clock.ts'
import { ProvError } from '../errors.ts'
import { foreignJson } from '../foreign-json.ts'
import type { JsonValue } from '../json.ts'
import type { Bytes, Count, Millis } from '../units.ts'
import type { NatsBus } from './nats.ts'
import { foreign, isAbsent, serverCode } from './nats-errors.ts'
import { idHeader } from './nats-pull.ts'

/** A stream as it stands there, also with what Prov would never ask for. */
export interface StreamView {
  readonly name: string
  readonly subjects: readonly string[]
  readonly retention: string
  readonly messages: Count
  /** Streams that this one takes its messages from. */
  readonly copies: readonly string[]
  /** Undefined when this role may not see them. */
  readonly consumers: readonly ConsumerView[] | undefined
}

export interface ConsumerView {
  readonly name: string
  readonly filters: readonly string[]
  readonly explicitAck: boolean
  /** The server sends by itself: nobody's credits bound it. */
  readonly push: boolean
  /** Undefined: for ever. */
  readonly maxDeliver: Count | undefined
  readonly maxInFlight: Count | undefined
  readonly pending: Count
  readonly inFlight: Count
  /** How often somebody asks for more just now; undefined when that cannot be seen. */
  readonly asked?: Count | undefined
  /** In flight for the second time or more. */
  readonly redelivered: Count
}

export interface ServerView {
  readonly version: string
  readonly name: string
  readonly url: string
  readonly roundTripMs: Millis
  /** This machine's clock minus the server's; undefined when nothing tells. */
  readonly clockOffsetMs: Millis | undefined
  /** What the account may keep and keeps; undefined when this role may not see it. */
  readonly store: { readonly bytes: Bytes; readonly limitBytes: Bytes | undefined } | undefined
  /** True when it syncs before it acknowledges; undefined when its monitoring cannot be reached. */
  readonly syncs: boolean | undefined
  /** What it says of itself; undefined when its monitoring cannot be reached. */
  readonly health: ServerHealth | undefined
}

export interface ServerHealth {
  readonly well: boolean
  /** `ok`, or what is not. */
  readonly says: string
}

const lookMs: Millis = 2_000

export async function lookAtServer(
  bus: NatsBus,
  { clock, monitor }: { readonly clock: Clock; readonly monitor: string | undefined },
): Promise<ServerView> {
  const { connection, jsm } = bus.client
  try {
    const roundTripMs = await connection.rtt()
    const account = await unlessDenied<JetStreamAccountStats>(() => jsm.getAccountInfo())
    const { version = '?', server_name = '?', server_id } = connection.info ?? {}
    const told = await varz(monitor, server_id)
    const limit = account?.limits.max_storage ?? -1
    return {
      version,
      name: server_name,
      url: connection.getServer(),
      roundTripMs,
      clockOffsetMs: told && clock.now() - told.nowMs,
      store: account && { bytes: account.storage, limitBytes: limit > 0 ? limit : told?.maxFile },
      syncs: told?.syncs,
      health: told && monitor !== undefined ? await healthOf(monitor) : undefined,
    }
  } catch (thrown) {
    throw foreign('look at the server', thrown)
  }
}

interface Told {
  readonly syncs: boolean
  readonly nowMs: Millis
  readonly maxFile: Bytes | undefined
}

/** Monitoring of the very server that we speak to, or nothing. */
async function varz(
  monitor: string | undefined,
  serverId: string | undefined,
): Promise<Told | undefined> {
  if (monitor === undefined) return undefined
  try {
    const answer = await fetch(new URL('/varz', monitor), { signal: AbortSignal.timeout(lookMs) })
    const said = (await answer.json()) as {
      server_id?: string
      now?: string
      jetstream?: { config?: { sync_always?: boolean; max_storage?: number } }
    }
    if (said.server_id !== serverId) return undefined
    const { sync_always: syncs = false, max_storage: maxFile } = said.jetstream?.config ?? {}
    return { syncs, nowMs: Date.parse(said.now ?? ''), maxFile }
  } catch {
    return undefined
  }
}

/** What answers to `/healthz` of a monitoring address, if anything does: it need not be our server. */
export async function healthOf(monitor: string): Promise<ServerHealth | undefined> {
  try {
    const answer = await fetch(new URL('/healthz', monitor), {
      signal: AbortSignal.timeout(lookMs),
    })
    const { status, error } = (await answer.json()) as { status?: string; error?: string }
    return status === undefined ? undefined : { well: answer.ok, says: error ?? status }
  } catch {
    return undefined
  }
}

/**
 * All streams of the account. A role that may not list them sees those that are named and that it may
 * look at.
 */
export async function lookAtStreams(
  bus: NatsBus,
  named: readonly string[],
): Promise<readonly StreamView[]> {
  const { jsm } = bus.client
  try {
    const all = await unlessDenied(() => collect(jsm.streams.list()))
    const infos = all ?? (await Promise.all(named.map((name) => streamNamed(bus, name))))
    const found = infos.filter((info) => info !== undefined)
    return await Promise.all(
      found.map(async (info) => {
        const consumers = await unlessDenied(() => collect(jsm.consumers.list(info.config.name)))
        return streamView(info, consumers)
      }),
    )
  } catch (thrown) {
    throw foreign('look at the streams', thrown)
  }
}

async function streamNamed(bus: NatsBus, name: string): Promise<ServerStreamInfo | undefined> {
  try {
    return await unlessDenied(() => bus.client.jsm.streams.info(name))
  } catch (thrown) {
    if (isAbsent(thrown)) return undefined
    throw thrown
  }
}

function streamView(
  { config, state }: ServerStreamInfo,
  consumers: readonly ConsumerInfo[] | undefined,
): StreamView {
  const { mirror, sources = [] } = config
  return {
    name: config.name,
    subjects: config.subjects ?? [],
    retention: config.retention,
    messages: state.messages,
    copies: [...(mirror ? [mirror.name] : []), ...sources.map(({ name }) => name)],
    consumers: consumers?.map(({ name, config: own, ...info }) => {
      const { filter_subject: one, filter_subjects: several = [], max_deliver = -1 } = own
      const { max_ack_pending: most = -1 } = own
      return {
        name,
        filters: several.length > 0 ? several : [one || '>'],
        explicitAck: own.ack_policy === 'explicit',
        push: own.deliver_subject !== undefined,
        maxDeliver: max_deliver > 0 ? max_deliver : undefined,
        maxInFlight: most > 0 ? most : undefined,
        pending: info.num_pending,
        inFlight: info.num_ack_pending,
        asked: info.num_waiting,
        redelivered: info.num_redelivered,
      }
    }),
  }
}

/**
 * Whether this role may publish under a subject. The server refuses what is sent in any case: it is
 * for a stream that does not exist, so nothing is stored.
 */
export async function mayPublish(
  bus: NatsBus,
  subject: string,
): Promise<'yes' | 'denied' | 'no stream'> {
  const { connection, nats } = bus.client
  const headers = nats.headers()
  headers.set('Nats-Expected-Stream', 'PROV_ASKS_ONLY')
  try {
    await connection.jetstream().publish(subject, '', { headers, timeout: lookMs })
    return 'yes'
  } catch (thrown) {
    if (isDenied(thrown)) return 'denied'
    if (serverCode(thrown) !== undefined) return 'yes'
    if ((thrown as { code?: string }).code === '503') return 'no stream'
    throw foreign(`ask about ${subject}`, thrown)
  }
}

/** A message that somebody heard, without being a consumer of anything. */
export interface Heard {
  readonly subject: string
  readonly id: string
  readonly body: JsonValue
}

/**
 * Messages of a pattern as they come, and before them what the stream kept since a moment, as far as
 * the role may read it back. What is no JSON is passed over.
 */
export async function* hearEvents(
  bus: NatsBus,
  options: { readonly pattern: string; readonly sinceMs: Millis; readonly signal: AbortSignal },
): AsyncGenerator<Heard> {
  const { pattern, sinceMs, signal } = options
  const { connection, jsm, nats } = bus.client
  const live = connection.subscribe(pattern)
  const end = (): void => live.unsubscribe()
  signal.addEventListener('abort', end, { once: true })
  try {
    // On the server before the past is read: nothing falls in between.
    await connection.flush()
    const stream = await unlessDenied(() => jsm.streams.find(pattern)).catch(() => undefined)
    if (stream !== undefined) {
      const consumer = await unlessDenied(() =>
        connection.jetstream().consumers.get(stream, {
          filterSubjects: pattern,
          deliver_policy: nats.DeliverPolicy.StartTime,
          opt_start_time: new Date(sinceMs).toISOString(),
        }),
      )
      const kept = consumer && (await consumer.info(true)).num_pending
      if (consumer && kept) {
        const messages = await consumer.fetch({ max_messages: kept, expires: lookMs })
        for await (const message of messages) {
          const heard = heardIn(message)
          if (heard) yield heard
        }
      }
    }
    for await (const message of live) {
      const heard = heardIn(message)
      if (heard) yield heard
    }
  } finally {
    signal.removeEventListener('abort', end)
    live.unsubscribe()
  }
}

function heardIn(message: {
  readonly subject: string
  readonly data: Uint8Array
  readonly headers?: { get(name: string): string } | undefined
}): Heard | undefined {
  try {
    const body = foreignJson(Buffer.from(message.data).toString('utf8'))
    const { subject, headers } = message
    return { subject, id: headers?.get(idHeader) || headers?.get('Nats-Msg-Id') || '', body }
  } catch {
    return undefined
  }
}

async function collect<T>(list: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = []
  for await (const one of list) found.push(one)
  return found
}

async function unlessDenied<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (thrown) {
    if (isDenied(thrown)) return undefined
    throw thrown
  }
}

function isDenied(thrown: unknown): boolean {
  if (ProvError.is(thrown)) return thrown.code === 'PROV_BUS_DENIED'
  return (thrown as { code?: string }).code === 'PERMISSIONS_VIOLATION'
}
