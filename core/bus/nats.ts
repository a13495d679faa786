/**
 * The bus over NATS JetStream, server 2.10 or newer; the only place that loads `nats`, and
 * only when a bus is opened. It makes no promise beyond the port's: a server may lose what it
 * acknowledged, forgets message ids of a work queue when it restarts and does not fence by acks.
 *
 * Client defaults that are changed here, and why: reconnecting never ends (by default the connection
 * closes for good after ten tries) and tries twice a second, pings come every 15 s (2 min), the API check on connecting is off
 * (it needs a permission that a role should not have), the inbox prefix is the role's own.
 *
 * @module
 */
import type { ConnectionOptions, ConsumerInfo, NatsConnection, NatsError } from 'nats'
import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import type { JsonValue } from '../json.ts'
import { ProvError } from '../errors.ts'
import { defined } from '../optional.ts'
import type { Count, Millis } from '../units.ts'
import type {
  Bus,
  ConsumerConfig,
  Delivery,
  KeyValue,
  Outgoing,
  Published,
  PullOptions,
  StreamConfig,
  StreamInfo,
} from './bus.ts'
import { busDefaults, judgeConsumer, judgeStream } from './configs.ts'
import { busErrors } from './errors.ts'
import {
  consumerFromServer,
  consumerToServer,
  encodeKey,
  streamFromServer,
  streamToServer,
  withinAge,
} from './nats-config.ts'
import type { Nats } from './nats-config.ts'
import { foreign, serverCode, serverCodes } from './nats-errors.ts'
import { NatsPull, wireMessage } from './nats-pull.ts'
import type { Wire } from './nats-pull.ts'
import { isBusName, isSubject, subjectMatches } from './subjects.ts'

export interface NatsBusOptions {
  /** `host:port` or URLs. */
  readonly servers: string | readonly string[]
  /** Seed of the role's user nkey (`SU…`). Kept in memory only. */
  readonly nkeySeed?: Uint8Array | undefined
  /** Any authenticator of the client instead of an nkey. */
  readonly authenticator?: ConnectionOptions['authenticator']
  /** Inbox subjects of this role, so that it can be allowed to listen to nothing else. Default `_INBOX`. */
  readonly inboxPrefix?: string | undefined
  /** Shown in the server's list of connections. Default `prov`. */
  readonly name?: string | undefined
  /** How long an answer is waited for. Default 5 s; afterwards the outcome is unknown. */
  readonly timeoutMs?: Millis | undefined
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined
}

const pingIntervalMs: Millis = 15_000
const reconnectWaitMs: Millis = 500

/**
 * Connects. Throws PROV_BUS_UNAVAILABLE when no server answers within the timeout and
 * PROV_BUS_DENIED when it refuses the role.
 */
export async function natsBus(options: NatsBusOptions): Promise<Bus> {
  const nats = await import('nats')
  const { servers, nkeySeed, name = 'prov', timeoutMs = 5_000 } = options
  const authenticator = nkeySeed ? nats.nkeyAuthenticator(nkeySeed) : options.authenticator
  try {
    const connection = await nats.connect(
      defined({
        servers: typeof servers === 'string' ? servers : [...servers],
        name,
        authenticator,
        inboxPrefix: options.inboxPrefix,
        timeout: timeoutMs,
        maxReconnectAttempts: -1,
        reconnectTimeWait: reconnectWaitMs,
        pingInterval: pingIntervalMs,
        waitOnFirstConnect: false,
      }) as ConnectionOptions,
    )
    const jsm = await connection.jetstreamManager({ checkAPI: false, timeout: timeoutMs })
    return new NatsBus(nats, connection, jsm, options.clock ?? systemClock, timeoutMs)
  } catch (thrown) {
    throw foreign('connect', thrown)
  }
}

type Manager = Awaited<ReturnType<NatsConnection['jetstreamManager']>>

class NatsBus implements Bus {
  readonly kind = 'nats'
  readonly #nats: Nats
  readonly #connection: NatsConnection
  readonly #jsm: Manager
  readonly #clock: Clock
  readonly #timeoutMs: Millis
  /** What this process asked for: made again when a server comes back without it. */
  readonly #streams = new Map<string, StreamConfig>()
  readonly #consumers = new Map<string, ConsumerConfig>()
  readonly #pulls = new Set<NatsPull>()
  readonly #reconnected = new Set<() => void>()
  #closing: Promise<void> | undefined

  constructor(
    nats: Nats,
    connection: NatsConnection,
    jsm: Manager,
    clock: Clock,
    timeoutMs: Millis,
  ) {
    this.#nats = nats
    this.#connection = connection
    this.#jsm = jsm
    this.#clock = clock
    this.#timeoutMs = timeoutMs
    void this.#watch()
  }

  async ensureStream(config: StreamConfig): Promise<void> {
    this.#assertOpen()
    const wanted = withinAge(config)
    judgeStream(wanted, [])
    const known = await this.#streamConfig(wanted.name)
    if (!known || judgeStream(wanted, [known]) === 'new') {
      await this.#call(`create stream ${wanted.name}`, async () => {
        await this.#jsm.streams.add(streamToServer(this.#nats, wanted))
      }).catch((thrown: unknown) => {
        if (!serverCodes.subjectOverlap.includes(serverCode(thrown) ?? 0)) throw thrown
        throw busErrors.PROV_BUS_OVERLAP({
          what: `stream ${wanted.name}`,
          with: 'another stream or the server itself',
          pattern: wanted.subjects.join(', '),
        })
      })
    }
    this.#streams.set(wanted.name, wanted)
  }

  async ensureConsumer(config: ConsumerConfig): Promise<void> {
    this.#assertOpen()
    const own = await this.#consumerInfo(config.stream, config.name)
    const stream = await this.#streamConfig(config.stream)
    if (!stream) throw busErrors.PROV_BUS_NO_STREAM({ name: config.stream })
    // One that exists is only compared: a role may be allowed to look at its own and nothing else.
    // For a new one all are: a server's own check has let partly overlapping filters pass.
    const known = own ? [own] : await this.#consumerInfos(config.stream)
    const configs = known.map((info) => consumerFromServer(config.stream, info))
    if (judgeConsumer(config, stream, configs) === 'new') {
      await this.#call(`create consumer ${config.name}`, async () => {
        await this.#jsm.consumers.add(config.stream, consumerToServer(this.#nats, config))
      }).catch((thrown: unknown) => {
        if (!serverCodes.filterOverlap.includes(serverCode(thrown) ?? 0)) throw thrown
        throw busErrors.PROV_BUS_OVERLAP({
          what: `consumer ${config.name}`,
          with: 'another consumer',
          pattern: config.filter ?? '>',
        })
      })
    }
    this.#consumers.set(`${config.stream} ${config.name}`, config)
  }

  async publish(subject: string, message: Outgoing): Promise<Published> {
    this.#assertOpen()
    if (!isSubject(subject)) {
      throw busErrors.PROV_BUS_NAME_INVALID({ what: 'subject', name: subject })
    }
    const headers = this.#nats.headers()
    for (const [name, value] of Object.entries(message.headers ?? {})) headers.set(name, value)
    try {
      const { stream, seq, duplicate } = await this.#connection
        .jetstream()
        .publish(subject, JSON.stringify(message.body), {
          msgID: message.id,
          headers,
          timeout: this.#timeoutMs,
        })
      return { stream, sequence: seq, duplicate }
    } catch (thrown) {
      const code = serverCode(thrown)
      if (code === serverCodes.maxMessages) {
        const stream = [...this.#streams.values()].find(({ subjects }) =>
          subjects.some((pattern) => subjectMatches(pattern, subject)),
        )
        throw busErrors.PROV_BUS_FULL(
          { stream: stream?.name ?? subject, limit: stream?.maxMessages ?? 0 },
          { cause: thrown },
        )
      }
      const error = thrown as NatsError
      if (error.code === '503') throw busErrors.PROV_BUS_NO_STREAM({ name: subject })
      if (error.code === 'MAX_PAYLOAD_EXCEEDED') {
        const limitBytes = this.#connection.info?.max_payload ?? 0
        throw busErrors.PROV_BUS_TOO_LARGE({ subject, limitBytes }, { cause: thrown })
      }
      throw foreign(`publish ${subject}`, thrown)
    }
  }

  async *pull(stream: string, consumer: string, options: PullOptions): AsyncGenerator<Delivery> {
    this.#assertOpen()
    const { signal, credits = busDefaults.credits } = options
    if (signal.aborted) return
    // A server that is away right now is waited for, like one that goes away later.
    const known = await this.#consumerInfo(stream, consumer).catch((thrown: unknown) => {
      if (ProvError.is(thrown) && thrown.code === 'PROV_BUS_UNAVAILABLE') return 'away'
      throw thrown
    })
    // One that this process made is made again: its server came back without its store just now.
    const own = this.#consumers.has(`${stream} ${consumer}`)
    if (!known && !own) throw busErrors.PROV_BUS_NO_CONSUMER({ stream, consumer })
    if (signal.aborted) return
    const wire = this.#wire(stream, consumer)
    const pull = new NatsPull(wire, { stream, consumer, credits, clock: this.#clock })
    const end = (): void => void pull.end()
    this.#pulls.add(pull)
    signal.addEventListener('abort', end)
    try {
      if (signal.aborted) return
      for (;;) {
        const delivery = await pull.next()
        if (!delivery) return
        yield delivery
      }
    } finally {
      signal.removeEventListener('abort', end)
      await pull.end()
      this.#pulls.delete(pull)
    }
  }

  async keyValue(bucket: string): Promise<KeyValue> {
    this.#assertOpen()
    if (!isBusName(bucket)) {
      throw busErrors.PROV_BUS_NAME_INVALID({ what: 'bucket', name: bucket })
    }
    const store = await this.#call(`open bucket ${bucket}`, () =>
      this.#connection.jetstream().views.kv(bucket, { history: 1 }),
    )
    const unlessMoved = async (what: string, set: () => Promise<Count>) => {
      try {
        return await this.#call(what, set)
      } catch (thrown) {
        if (serverCode(thrown) === serverCodes.wrongRevision) return undefined
        throw thrown
      }
    }
    return {
      get: (key) =>
        this.#call(`read ${key}`, async () => {
          const entry = await store.get(encodeKey(key))
          if (!entry || entry.operation !== 'PUT') return undefined
          return { value: entry.json<JsonValue>(), revision: entry.revision }
        }),
      create: (key, value) =>
        unlessMoved(`create ${key}`, () => store.create(encodeKey(key), JSON.stringify(value))),
      update: (key, value, revision) =>
        unlessMoved(`update ${key}`, () =>
          store.update(encodeKey(key), JSON.stringify(value), revision),
        ),
      delete: (key) => this.#call(`delete ${key}`, () => store.delete(encodeKey(key))),
    }
  }

  async streamInfo(name: string): Promise<StreamInfo | undefined> {
    this.#assertOpen()
    const info = await this.#serverStream(name)
    if (!info) return undefined
    const consumers = await this.#consumerInfos(name)
    return {
      config: streamFromServer(info.config),
      messages: info.state.messages,
      lastSequence: info.state.last_seq,
      consumers: consumers.map(({ name, num_pending, num_ack_pending }) => ({
        name,
        pending: num_pending,
        inFlight: num_ack_pending,
      })),
    }
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#pulls].map((pull) => pull.end()))
    await this.#connection.close()
  }

  async #watch(): Promise<void> {
    for await (const status of this.#connection.status()) {
      if (status.type === this.#nats.Events.Reconnect) {
        for (const listener of this.#reconnected) listener()
      }
    }
  }

  #wire(stream: string, consumer: string): Wire {
    const connection = this.#connection
    return {
      inbox: () => this.#nats.createInbox(this.#inboxPrefix()),
      subscribe: (subject, heard) => {
        const subscription = connection.subscribe(subject, {
          callback: (error, message) => {
            if (!error) heard(wireMessage(message))
          },
        })
        return () => subscription.unsubscribe()
      },
      onReconnect: (listener) => {
        this.#reconnected.add(listener)
        return () => void this.#reconnected.delete(listener)
      },
      send: (subject, data, reply) => {
        if (!connection.isClosed()) connection.publish(subject, data, { reply })
      },
      ask: async (subject, data) => {
        try {
          await connection.request(subject, data, { timeout: this.#timeoutMs })
        } catch (thrown) {
          throw foreign('answer for a message', thrown)
        }
      },
      ensure: async () => {
        const streamConfig = this.#streams.get(stream)
        if (streamConfig) await this.ensureStream(streamConfig)
        const config = this.#consumers.get(`${stream} ${consumer}`)
        if (config) await this.ensureConsumer(config)
      },
    }
  }

  #inboxPrefix(): string {
    const { options } = this.#connection as unknown as { options: { inboxPrefix?: string } }
    return options.inboxPrefix ?? '_INBOX'
  }

  #serverStream(name: string) {
    return this.#call(`look at stream ${name}`, async () => {
      try {
        return await this.#jsm.streams.info(name)
      } catch (thrown) {
        if (serverCodes.notFound.includes(serverCode(thrown) ?? 0)) return undefined
        throw thrown
      }
    })
  }

  async #streamConfig(name: string): Promise<StreamConfig | undefined> {
    const info = await this.#serverStream(name)
    return info && streamFromServer(info.config)
  }

  #consumerInfo(stream: string, name: string): Promise<ConsumerInfo | undefined> {
    return this.#call(`look at consumer ${name}`, async () => {
      try {
        return await this.#jsm.consumers.info(stream, name)
      } catch (thrown) {
        if (serverCodes.notFound.includes(serverCode(thrown) ?? 0)) return undefined
        throw thrown
      }
    })
  }

  #consumerInfos(stream: string) {
    return this.#call(`list consumers of ${stream}`, async () => {
      try {
        const found: ConsumerInfo[] = []
        for await (const info of this.#jsm.consumers.list(stream)) found.push(info)
        return found
      } catch (thrown) {
        if (serverCodes.notFound.includes(serverCode(thrown) ?? 0)) return []
        throw thrown
      }
    })
  }

  /** Turns what the client throws into rows of ours, with the server's error as cause. */
  async #call<T>(what: string, act: () => Promise<T>): Promise<T> {
    this.#assertOpen()
    try {
      return await act()
    } catch (thrown) {
      throw foreign(what, thrown)
    }
  }

  #assertOpen(): void {
    if (this.#closing) throw busErrors.PROV_BUS_CLOSED({ kind: this.kind })
  }
}
