/**
 * The way of events out of a workspace and into it, beside an embedded bus that needs no server. The
 * streams of the embedded bus are the outbox: what a server did not take yet lies there, counted.
 *
 *     ECOSYSTEM, OPS_AUDIT (embedded) ─▶ emit?  ─▶ publish ─▶ ack here
 *     ECOSYSTEM (server) ─▶ subscribe ─▶ publish here ─▶ ack there
 *
 * N1  Nothing here waits for a server: it may be off, away, full or refuse, and operations go on.
 * N2  An event is acknowledged where it came from after it is kept where it goes: it may come twice
 *     under one id, it is not lost while its stream keeps it.
 * N3  What came in does not go out again.
 * N4  A trouble is told once, until it is over.
 *
 * @module
 */
import { join } from 'node:path'
import type { Bus, ConsumerConfig, Delivery } from '../bus/bus.ts'
import { patternsOverlap, subjectMatches, subjectWithin } from '../bus/subjects.ts'
import { applyTopology } from '../bus/topology.ts'
import type { Topology } from '../bus/topology.ts'
import { sleep } from '../clock.ts'
import type { Clock } from '../clock.ts'
import type { NatsSettings } from '../config/nats.ts'
import { asProvError } from '../errors.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { Log } from '../log.ts'
import { replaceFile } from '../small-file.ts'
import type { Count, Millis } from '../units.ts'
import type { AuditEvent } from './audit.ts'
import { asEvent, noticeOf } from './ecosystem.ts'
import { streams } from './subjects.ts'

export interface NatsLinkOptions {
  /** The embedded bus. */
  readonly bus: Bus
  readonly settings: NatsSettings
  readonly topology: Topology
  /** Opens a connection; rejects while there is no server. */
  readonly open: (heard: (state: 'lost' | 'back') => void) => Promise<Bus>
  readonly workspace: string
  /** The counters are kept there, for `prov doctor`. */
  readonly stateDir: string
  readonly clock: Clock
  readonly log: Log
}

export interface NatsLink {
  status(): Promise<LinkStatus>
  /** Ends it; what waits goes out in the next life. */
  close(): Promise<void>
}

/** What the running writer of a workspace says about its connection. */
export interface LinkStatus {
  readonly pid: number
  readonly url: string
  readonly state: 'connecting' | 'connected' | 'away' | 'ended'
  /** Events that go out once a server takes them. */
  readonly waiting: Count
  readonly published: Count
  readonly received: Count
  /** Events that a server refused for good: not allowed, too large. They stay readable here. */
  readonly dropped: Count
  /** Why it is not connected, or why something was dropped. */
  readonly why?: string
}

const name = 'nats-link'
const credits: Count = 32
const firstPauseMs: Millis = 500
const longestPauseMs: Millis = 30_000
const noteEveryMs: Millis = 1_000
/** An end waits that long for a server that is there, and for one that does not answer. */
const longestFarewellMs: Millis = 1_000
const lookMs: Millis = 20

export function startNatsLink(options: NatsLinkOptions): NatsLink {
  return new Link(options)
}

/** The name under which the counters lie in the state folder. */
export const linkStatusFile = (stateDir: string): string => join(stateDir, 'nats.json')

class Link implements NatsLink {
  readonly #options: NatsLinkOptions
  readonly #end = new AbortController()
  readonly #running: Promise<void>
  #state: LinkStatus['state'] = 'connecting'
  #why: string | undefined
  #published: Count = 0
  #received: Count = 0
  #dropped: Count = 0
  #remote: Bus | undefined
  #noting = false
  #wake = (): void => {}
  /** Resolves when a server that does not answer is waited for no longer. */
  #leave = (): void => {}
  readonly #left = new Promise<void>((resolve) => (this.#leave = resolve))
  /** Audit events from before the first life of the link are history, not news. */
  #newsMs: Millis = 0

  constructor(options: NatsLinkOptions) {
    this.#options = options
    this.#running = this.#run().catch((thrown: unknown) => {
      if (!this.#end.signal.aborted)
        options.log.error('events go nowhere', asProvError(thrown).toJSON())
    })
  }

  async status(): Promise<LinkStatus> {
    const waiting = await this.#waiting()
    return {
      pid: process.pid,
      url: this.#options.settings.url,
      state: this.#state,
      waiting,
      published: this.#published,
      received: this.#received,
      dropped: this.#dropped,
      ...(this.#why !== undefined && { why: this.#why }),
    }
  }

  async close(): Promise<void> {
    if (this.#end.signal.aborted) return
    const { clock } = this.#options
    // A short command has just told something: a server that is there gets it now.
    const untilMs = clock.monotonic() + longestFarewellMs
    while (this.#state === 'connected' && clock.monotonic() < untilMs) {
      if ((await this.#waiting()) === 0) break
      await sleep(clock, lookMs)
    }
    this.#end.abort()
    const patience = clock.after(longestFarewellMs, () => this.#leave(), { background: true })
    await Promise.race([this.#running, this.#left])
    patience.cancel()
    await this.#remote?.close()
    this.#state = 'ended'
    await this.#note()
  }

  async #run(): Promise<void> {
    const { bus, settings, workspace, clock } = this.#options
    const { signal } = this.#end
    const bornMs = clock.now()
    const own = { stream: streams.ecosystem, name, filter: apart(settings.emit) }
    await bus.ensureConsumer(own, { change: true })
    const audit = { stream: streams.audit(workspace), name }
    if ((await bus.ensureConsumer(audit)) === 'created') this.#newsMs = bornMs
    let pauseMs = firstPauseMs
    while (!signal.aborted) {
      try {
        await this.#connect()
        pauseMs = firstPauseMs
        await this.#carry([own, audit])
      } catch (thrown) {
        if (signal.aborted) return
        this.#trouble(thrown)
      }
      await this.#note()
      await this.#pause(pauseMs)
      pauseMs = Math.min(pauseMs * 2, longestPauseMs)
    }
  }

  /** Ends early when the connection is there again. */
  async #pause(ms: Millis): Promise<void> {
    const { signal } = this.#end
    const wake = new AbortController()
    this.#wake = () => wake.abort()
    await sleep(this.#options.clock, ms, AbortSignal.any([signal, wake.signal])).catch(() => {})
    this.#wake = () => {}
  }

  #back(): void {
    const { log, settings } = this.#options
    if (this.#state === 'away') log.info(`events go to ${settings.url} again`)
    this.#state = 'connected'
    this.#why = undefined
    this.#wake()
    this.#noteSoon()
  }

  async #connect(): Promise<void> {
    const { open, topology, log } = this.#options
    if (!this.#remote) {
      const remote = await open((state) => {
        if (state === 'lost') this.#trouble(new Error('the connection is lost'))
        else this.#back()
      })
      this.#remote = remote
      if (this.#end.signal.aborted) return remote.close()
    }
    const rows = await applyTopology(this.#remote, topology)
    for (const { name, error } of rows) {
      if (error && this.#state !== 'connected')
        log.warn(`${name}: ${error.message}`, { code: error.code })
    }
    this.#back()
    await this.#note()
  }

  /** Carries both ways until something is in the way. */
  async #carry(out: readonly ConsumerConfig[]): Promise<void> {
    const { bus } = this.#options
    const remote = this.#remote as Bus
    const round = new AbortController()
    const end = (): void => round.abort()
    this.#end.signal.addEventListener('abort', end, { once: true })
    const lane = async (from: Bus, { stream, name }: ConsumerConfig, take: Take) => {
      try {
        const pull = from.pull(stream, name, { credits, signal: round.signal })
        for await (const delivery of pull) {
          await take(delivery)
          this.#noteSoon()
        }
      } finally {
        round.abort()
      }
    }
    try {
      const incoming = await this.#incoming(remote)
      await Promise.all([
        ...out.map((consumer) => lane(bus, consumer, (delivery) => this.#send(remote, delivery))),
        ...incoming.map((consumer) =>
          lane(remote, consumer, (delivery) => this.#receive(delivery)),
        ),
      ])
    } finally {
      this.#end.signal.removeEventListener('abort', end)
      round.abort()
    }
  }

  /** Our consumers on the server: one per stream that has what we subscribe to. */
  async #incoming(remote: Bus): Promise<readonly ConsumerConfig[]> {
    const { settings, topology, workspace, log } = this.#options
    const made: ConsumerConfig[] = []
    for (const { name: stream, subjects } of topology.streams) {
      const filter = apart(settings.subscribe).filter((wanted) =>
        subjects.some((taken) => patternsOverlap(taken, wanted)),
      )
      if (filter.length === 0) continue
      const consumer = { stream, name: `prov-${workspace}`, filter }
      try {
        await remote.ensureConsumer(consumer, { change: true })
        made.push(consumer)
      } catch (thrown) {
        const error = asProvError(thrown)
        if (error.code === 'PROV_BUS_UNAVAILABLE') throw error
        log.warn(`nothing is heard from ${stream}: ${error.message}`, { code: error.code })
      }
    }
    return made
  }

  async #send(remote: Bus, delivery: Delivery): Promise<void> {
    const { workspace, clock, settings, log } = this.#options
    const notice = outgoing(delivery, workspace, clock.now())
    const news =
      notice &&
      !(delivery.stream !== streams.ecosystem && isBefore(notice.event.time, this.#newsMs))
    if (!notice || !news || !settings.emit.some((one) => subjectMatches(one, notice.subject))) {
      return delivery.ack()
    }
    const { subject, event } = notice
    try {
      await remote.publish(subject, { id: event.id, body: event as unknown as JsonObject })
      this.#published++
      await delivery.ack()
    } catch (thrown) {
      const error = asProvError(thrown)
      if (!['PROV_BUS_DENIED', 'PROV_BUS_TOO_LARGE'].includes(error.code)) throw error
      this.#dropped++
      if (this.#why === undefined)
        log.warn(`an event stays here: ${error.message}`, { code: error.code })
      this.#why = error.message
      await delivery.term(error.code)
    }
  }

  async #receive(delivery: Delivery): Promise<void> {
    const { bus, workspace } = this.#options
    const { subject, id, headers, body } = delivery
    const { source, id: own } = Object(body) as { source?: unknown; id?: unknown }
    if (
      typeof source === 'string' &&
      (source === `prov/${workspace}` || source.startsWith(`prov/${workspace}/`))
    )
      return delivery.ack()
    try {
      // Ids of events are unique within their source only.
      const unique = typeof source === 'string' && typeof own === 'string' ? `${source}/${own}` : id
      await bus.publish(subject, { id: unique, body, headers: { ...headers, [via]: 'nats' } })
      this.#received++
      await delivery.ack()
    } catch (thrown) {
      const { code } = asProvError(thrown)
      if (code !== 'PROV_BUS_NO_STREAM' && code !== 'PROV_BUS_TOO_LARGE') throw thrown
      await delivery.term(code)
    }
  }

  #trouble(thrown: unknown): void {
    const { log, settings } = this.#options
    const { code, message } = asProvError(thrown)
    if (this.#state === 'away' || this.#end.signal.aborted) return
    this.#state = 'away'
    this.#why = thrown instanceof Error ? thrown.message : message
    log.warn(`events stay here until ${settings.url} takes them: ${this.#why}`, { code })
    this.#noteSoon()
  }

  async #waiting(): Promise<Count> {
    const { bus, workspace } = this.#options
    let waiting = 0
    for (const stream of [streams.ecosystem, streams.audit(workspace)]) {
      const info = await bus.streamInfo(stream).catch(() => undefined)
      const own = info?.consumers.find((one) => one.name === name)
      if (own) waiting += own.pending + own.inFlight
    }
    return waiting
  }

  #noteSoon(): void {
    if (this.#noting) return
    this.#noting = true
    const note = (): void => {
      this.#noting = false
      void this.#note()
    }
    this.#options.clock.after(noteEveryMs, note, { background: true })
  }

  /** Best effort: nobody waits for a counter. */
  async #note(): Promise<void> {
    const file = linkStatusFile(this.#options.stateDir)
    try {
      const text = JSON.stringify(await this.status())
      replaceFile(file, text)
    } catch {
      // The next one says it.
    }
  }
}

type Take = (delivery: Delivery) => Promise<void>

const via = 'Prov-Via'

function outgoing(
  { headers, subject, id, body, stream }: Delivery,
  workspace: string,
  timeMs: Millis,
) {
  if (headers[via] !== undefined) return undefined
  if (stream !== streams.ecosystem) return noticeOf(body as unknown as AuditEvent)
  return {
    subject,
    event: asEvent({ id, subject, body: body as JsonValue }, { workspace, timeMs }),
  }
}

const isBefore = (time: string, ms: Millis): boolean => Date.parse(time) < ms

/** Without those that lie within another one: patterns of one consumer may not overlap. */
function apart(patterns: readonly string[]): readonly string[] {
  return patterns.filter(
    (one, at) =>
      !patterns.some(
        (other, n) =>
          n !== at && subjectWithin(one, other) && (!subjectWithin(other, one) || n < at),
      ),
  )
}
