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
import type {
  ConnectionOptions,
  ConsumerInfo,
  JetStreamClient,
  KV,
  NatsConnection,
  NatsError,
} from 'nats'
import { sleep, systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import type { JsonValue } from '../json.ts'
import { ProvError } from '../errors.ts'
import { defined } from '../optional.ts'
import type { Count, Millis } from '../units.ts'
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
  StreamInfo,
} from './bus.ts'
import { judgeConsumer, judgeStream } from './configs.ts'
import { busDefaults } from './defaults.ts'
import { filtersOf } from './differences.ts'
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
import { foreign, isAbsent, serverCode, serverCodes } from './nats-errors.ts'
import { idHeader, NatsPull, wireMessage } from './nats-pull.ts'
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
  /** Paths of certificates. Absent: TLS only when the server or a `tls://` address asks for it. */
  readonly tls?:
    | {
        readonly ca?: string | undefined
        readonly cert?: string | undefined
        readonly key?: string | undefined
      }
    | undefined
  /**
   * A server that is not there yet is waited for until this aborts. Default: the first failure is
   * thrown. A server that refuses the role, or is too old, is thrown either way.
   */
  readonly wait?: AbortSignal | undefined
  /** Hears when the connection is lost and when it is there again. */
  readonly onConnection?: ((state: 'lost' | 'back') => void) | undefined
  /**
   * What message ids are unique within, as the server counts duplicates. Default: this very bus, so that
   * two journals whose ids look alike never take each other's messages for their own, and what an
   * earlier life sent can be sent again. Those who receive see the id alone.
   */
  readonly idScope?: string | undefined
  /** Shown in the server's list of connections. Default `prov`. */
  readonly name?: string | undefined
  /** How long an answer is waited for. Default 5 s; afterwards the outcome is unknown. */
  readonly timeoutMs?: Millis | undefined
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined
}

const pingIntervalMs: Millis = 15_000
const reconnectWaitMs: Millis = 500

/** Older ones forget acknowledgements when they are killed and take one filter per consumer only. */
const oldestServer = '2.10'

/**
 * Connects. Throws PROV_BUS_UNREACHABLE when no server answers within the timeout, PROV_BUS_DENIED
 * when it refuses the role, PROV_BUS_SERVER_OLD and PROV_BUS_NO_JETSTREAM when it cannot be used.
 */
export async function natsBus(options: NatsBusOptions): Promise<NatsBus> {
  const { wait, clock = systemClock } = options
  for (;;) {
    try {
      return await connectOnce(options)
    } catch (thrown) {
      const error = foreign('connect', thrown)
      if (error.code !== 'PROV_BUS_UNAVAILABLE') throw error
      // Nothing was asked for yet, so nothing is in doubt.
      const { reason } = error.detail as { readonly reason: string }
      if (!wait) throw busErrors.PROV_BUS_UNREACHABLE({ reason }, { cause: thrown })
      await sleep(clock, reconnectWaitMs, wait)
    }
  }
}

async function connectOnce(options: NatsBusOptions): Promise<NatsBus> {
  const nats = await import('nats')
  const { servers, nkeySeed, name = 'prov', timeoutMs = 5_000, tls } = options
  const authenticator = nkeySeed ? nats.nkeyAuthenticator(nkeySeed) : options.authenticator
  const connection = await nats.connect(
    defined({
      servers: typeof servers === 'string' ? servers : [...servers],
      name,
      authenticator,
      inboxPrefix: options.inboxPrefix,
      tls: tls && defined({ caFile: tls.ca, certFile: tls.cert, keyFile: tls.key }),
      timeout: timeoutMs,
      maxReconnectAttempts: -1,
      reconnectTimeWait: reconnectWaitMs,
      pingInterval: pingIntervalMs,
      waitOnFirstConnect: false,
    }) as ConnectionOptions,
  )
  try {
    const { version = '0', jetstream, server_name: server } = connection.info ?? {}
    if (!isAtLeast(version, oldestServer)) {
      throw busErrors.PROV_BUS_SERVER_OLD({ version, wants: oldestServer })
    }
    if (!jetstream) throw busErrors.PROV_BUS_NO_JETSTREAM({ server: server ?? version })
    const jsm = await connection.jetstreamManager({ checkAPI: false, timeout: timeoutMs })
    return new NatsBus(nats, connection, jsm, options)
  } catch (thrown) {
    await connection.close()
    throw thrown
  }
}

/** A new user of a server: the seed is the secret, the key is what a configuration names. */
export async function newUser(): Promise<{ readonly seed: Uint8Array; readonly key: string }> {
  const { nkeys } = await import('nats')
  const pair = nkeys.createUser()
  return { seed: pair.getSeed(), key: pair.getPublicKey() }
}

/** The public key of a seed. Throws PROV_BUS_DENIED when it is none. */
export async function publicKeyOf(seed: Uint8Array): Promise<string> {
  const { nkeys } = await import('nats')
  try {
    return nkeys.fromSeed(seed).getPublicKey()
  } catch {
    // Without the cause: it may quote the seed.
    throw busErrors.PROV_BUS_DENIED({ what: 'use this seed' })
  }
}

/** Compares the first two numbers of versions. */
export function isAtLeast(version: string, wanted: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10))
  const [needsMajor = 0, needsMinor = 0] = wanted.split('.').map(Number)
  return major > needsMajor || (major === needsMajor && minor >= needsMinor)
}

const done = { new: 'created', same: 'same', change: 'changed' } as const

type Manager = Awaited<ReturnType<NatsConnection['jetstreamManager']>>

export class NatsBus implements Bus {
  readonly kind = 'nats'
  readonly #nats: Nats
  readonly #connection: NatsConnection
  readonly #jsm: Manager
  readonly #js: JetStreamClient
  readonly #clock: Clock
  readonly #timeoutMs: Millis
  /** What this process asked for: made again when a server comes back without it. */
  readonly #streams = new Map<string, StreamConfig>()
  readonly #consumers = new Map<string, ConsumerConfig>()
  readonly #pulls = new Set<NatsPull>()
  readonly #reconnected = new Set<() => void>()
  readonly #idScope: string
  readonly #onConnection: (state: 'lost' | 'back') => void
  #closing: Promise<void> | undefined

  constructor(nats: Nats, connection: NatsConnection, jsm: Manager, options: NatsBusOptions) {
    this.#nats = nats
    this.#connection = connection
    this.#jsm = jsm
    this.#js = connection.jetstream()
    this.#clock = options.clock ?? systemClock
    this.#timeoutMs = options.timeoutMs ?? 5_000
    this.#idScope = options.idScope ?? nats.nuid.next()
    this.#onConnection = options.onConnection ?? (() => {})
    void this.#watch()
  }

  async ensureStream(config: StreamConfig, options: EnsureOptions = {}): Promise<Ensured> {
    this.#assertOpen()
    const wanted = withinAge(config)
    judgeStream(wanted, [])
    const known = await this.#streamConfig(wanted.name)
    const verdict = judgeStream(wanted, known ? [known] : [], options)
    if (verdict !== 'same') {
      const server = streamToServer(this.#nats, wanted)
      await this.#call(`${verdict === 'new' ? 'create' : 'change'} stream ${wanted.name}`, () =>
        verdict === 'new'
          ? this.#jsm.streams.add(server)
          : this.#jsm.streams.update(wanted.name, server),
      ).catch((thrown: unknown) => {
        if (!serverCodes.subjectOverlap.includes(serverCode(thrown) ?? 0)) throw thrown
        throw busErrors.PROV_BUS_OVERLAP({
          what: `stream ${wanted.name}`,
          with: 'another stream or the server itself',
          pattern: wanted.subjects.join(', '),
        })
      })
    }
    this.#streams.set(wanted.name, wanted)
    return done[verdict]
  }

  async ensureConsumer(config: ConsumerConfig, options: EnsureOptions = {}): Promise<Ensured> {
    this.#assertOpen()
    const own = await this.#consumerInfo(config.stream, config.name)
    const stream = await this.#streamConfig(config.stream)
    if (!stream) throw busErrors.PROV_BUS_NO_STREAM({ name: config.stream })
    // One that exists is only compared: a role may be allowed to look at its own and nothing else.
    // For a new one all are: a server's own check has let partly overlapping filters pass.
    const known = own ? [own] : await this.#consumerInfos(config.stream)
    const configs = known.map((info) => consumerFromServer(config.stream, info))
    const verdict = judgeConsumer(config, stream, configs, options)
    if (verdict !== 'same') {
      const { durable_name: name, ...rest } = consumerToServer(this.#nats, config)
      await this.#call(`${verdict === 'new' ? 'create' : 'change'} consumer ${name}`, () =>
        verdict === 'new'
          ? this.#jsm.consumers.add(config.stream, { durable_name: name, ...rest })
          : this.#jsm.consumers.update(config.stream, name, rest),
      ).catch((thrown: unknown) => {
        if (!serverCodes.filterOverlap.includes(serverCode(thrown) ?? 0)) throw thrown
        throw busErrors.PROV_BUS_OVERLAP({
          what: `consumer ${config.name}`,
          with: 'another consumer',
          pattern: filtersOf(config).join(', '),
        })
      })
    }
    this.#consumers.set(`${config.stream} ${config.name}`, config)
    return done[verdict]
  }

  async publish(subject: string, message: Outgoing): Promise<Published> {
    this.#assertOpen()
    if (!isSubject(subject)) {
      throw busErrors.PROV_BUS_NAME_INVALID({ what: 'subject', name: subject })
    }
    const headers = this.#nats.headers()
    for (const [name, value] of Object.entries(message.headers ?? {})) headers.set(name, value)
    headers.set(idHeader, message.id)
    try {
      const { stream, seq, duplicate } = await this.#js.publish(
        subject,
        JSON.stringify(message.body),
        { msgID: `${this.#idScope}/${message.id}`, headers, timeout: this.#timeoutMs },
      )
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
    const open = () => this.#connection.jetstream().views.kv(bucket, { history: 1 })
    let store = await this.#call(`open bucket ${bucket}`, open)
    const ask = <T>(what: string, act: (store: KV) => Promise<T>): Promise<T> =>
      this.#call(what, async () => {
        try {
          return await act(store)
        } catch (thrown) {
          if (!isAbsent(thrown)) throw thrown
          // A server that lost everything lost the bucket, too.
          store = await open()
          return act(store)
        }
      })
    const unlessMoved = async (what: string, set: (store: KV) => Promise<Count>) => {
      try {
        return await ask(what, set)
      } catch (thrown) {
        if (serverCode(thrown) === serverCodes.wrongRevision) return undefined
        throw thrown
      }
    }
    return {
      get: (key) =>
        ask(`read ${key}`, async (store) => {
          const entry = await store.get(encodeKey(key))
          if (!entry || entry.operation !== 'PUT') return undefined
          return { value: entry.json<JsonValue>(), revision: entry.revision }
        }),
      create: (key, value) =>
        unlessMoved(`create ${key}`, (store) =>
          store.create(encodeKey(key), JSON.stringify(value)),
        ),
      update: (key, value, revision) =>
        unlessMoved(`update ${key}`, (store) =>
          store.update(encodeKey(key), JSON.stringify(value), revision),
        ),
      delete: (key) => ask(`delete ${key}`, (store) => store.delete(encodeKey(key))),
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

  /** What messages of streams do not need: for `nats-look.ts` and `exchange.ts`. */
  get client(): {
    readonly connection: NatsConnection
    readonly jsm: Manager
    readonly nats: Nats
    /** A subject of one's own for answers. */
    readonly inbox: () => string
  } {
    const inbox = () => this.#nats.createInbox(this.#inboxPrefix())
    return { connection: this.#connection, jsm: this.#jsm, nats: this.#nats, inbox }
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
      if (status.type === this.#nats.Events.Disconnect && !this.#closing) this.#onConnection('lost')
      if (status.type === this.#nats.Events.Reconnect) {
        this.#onConnection('back')
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
