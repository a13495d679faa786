/**
 * Asking for what did not arrive. Each plane says now and then how far its own chains have come;
 * whoever misses something asks for it by emitter and numbers, and it is published again. The first
 * to answer is the emitter, after a while anybody who has it.
 *
 *     ops.ask.<ws>   { heads: { keeper: 812 } }          now and then, and when somebody is new
 *                    { ask: { keeper, 700, 811 } } ─▶ ops.audit.<ws>, under new message ids
 *                    { standing | stands: … }           see standing.ts
 *
 * These messages are not signed: they can make others speak, never make anybody believe. What they
 * cost is bounded: one answer at a time, of so many events at most.
 *
 * @module
 */
import type { Bus } from '../bus/bus.ts'
import type { Clock, Timer } from '../clock.ts'
import { asProvError } from '../errors.ts'
import { newId } from '../ids.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { Log } from '../log.ts'
import type { Count, Millis } from '../units.ts'
import type { AuditEvent } from './audit.ts'
import type { Hole } from './hearing.ts'
import { resentId } from './hops.ts'
import type { Talk } from './standing.ts'
import { askStream, subjects } from './subjects.ts'

export interface GapsOptions {
  readonly workspace: string
  /** Name of the consumer. */
  readonly plane: string
  readonly bus: Bus
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
  /** How far own chains have come. */
  readonly heads: () => ReadonlyMap<string, Count>
  readonly holes: () => readonly Hole[]
  readonly announced: (heads: ReadonlyMap<string, Count>) => void
  /** Events of anybody, as far as the journal has them. */
  readonly events: (hole: Hole) => AsyncIterable<AuditEvent>
  /** What else is said there. */
  readonly talk: Talk
}

const tickMs: Millis = 1_000
const headsMs: Millis = 5_000
const quietHeadsMs: Millis = 30_000
const longestPauseMs: Millis = 30_000
/** Others answer from this try on. */
const othersFrom: Count = 3
const mostEvents: Count = 256
const mostAnswers: Count = 16

export class Gaps {
  readonly #options: GapsOptions
  readonly #asked = new Map<string, { from: Count; tries: Count; dueMs: Millis; pauseMs: Millis }>()
  #answers: Count = 0
  #answering: Promise<void> = Promise.resolve()
  #said = ''
  #saidMs: Millis = -Infinity
  #hello = true
  #timer: Timer | undefined

  constructor(options: GapsOptions) {
    this.#options = options
  }

  /** Resolves once it hears others; ends with the signal. */
  async start(): Promise<void> {
    const { bus, workspace, plane, log, signal } = this.#options
    const { name: stream } = askStream(workspace)
    await bus.ensureStream(askStream(workspace))
    await bus.ensureConsumer({ stream, name: plane })
    void (async () => {
      for await (const delivery of bus.pull(stream, plane, { credits: 64, signal })) {
        this.#hear(delivery.body)
        await delivery.ack().catch(() => {})
      }
    })().catch((thrown: unknown) => {
      if (!signal.aborted) log.error('nobody can ask here', asProvError(thrown).toJSON())
    })
    signal.addEventListener('abort', () => this.#timer?.cancel(), { once: true })
    void this.#tick()
  }

  async #tick(): Promise<void> {
    const { clock, log, signal } = this.#options
    try {
      await this.#say()
      for (const question of this.#options.talk.ask?.() ?? []) await this.#publish(question)
      for (const hole of this.#options.holes()) await this.#ask(hole)
    } catch (thrown) {
      const { code, message } = asProvError(thrown)
      if (!signal.aborted) log.debug('nobody can be asked just now', { code, message })
    }
    if (signal.aborted) return
    this.#timer = clock.after(tickMs, () => void this.#tick(), { background: true })
  }

  /** Says how far own chains have come: soon when they moved or somebody is new, else seldom. */
  async #say(): Promise<void> {
    const { clock, heads } = this.#options
    const now = Object.fromEntries(heads())
    const text = JSON.stringify(now)
    const ageMs = clock.monotonic() - this.#saidMs
    if (!this.#hello && ageMs < (text === this.#said ? quietHeadsMs : headsMs)) return
    await this.#publish({ heads: now, ...(this.#said === '' && { hello: true }) })
    this.#hello = false
    this.#said = text
    this.#saidMs = clock.monotonic()
  }

  async #ask({ emitter, from, to }: Hole): Promise<void> {
    const nowMs = this.#options.clock.monotonic()
    let asked = this.#asked.get(emitter)
    if (asked?.from !== from) {
      // It may only be late: messages of several planes overtake each other.
      asked = { from, tries: 0, dueMs: nowMs + (asked ? 0 : tickMs), pauseMs: tickMs }
      this.#asked.set(emitter, asked)
    }
    if (nowMs < asked.dueMs) return
    asked.tries++
    asked.dueMs = nowMs + asked.pauseMs
    asked.pauseMs = Math.min(asked.pauseMs * 2, longestPauseMs)
    const last = Math.min(to, from + mostEvents - 1)
    await this.#publish({ ask: { emitter, from, to: last, tries: asked.tries } })
  }

  async #talk(message: JsonObject): Promise<void> {
    const { talk, log, signal } = this.#options
    try {
      const answer = await talk.hear(message)
      if (answer && !signal.aborted) await this.#publish(answer)
    } catch (thrown) {
      const { code, message: what } = asProvError(thrown)
      if (!signal.aborted) log.debug('an answer did not go out', { code, message: what })
    }
  }

  async #publish(body: JsonObject): Promise<void> {
    const { bus, workspace, plane, clock } = this.#options
    const id = newId('ask', clock)
    await bus.publish(subjects.ask(workspace), { id, body: { ...body, by: plane } })
  }

  #hear(body: JsonValue): void {
    const { heads, hello, ask, by } = Object(body) as JsonObject
    if (by === this.#options.plane) return
    if (hello === true) this.#hello = true
    void this.#talk(Object(body) as JsonObject)
    const counts = Object.entries(Object(heads) as JsonObject).filter(
      (pair): pair is [string, number] => Number.isSafeInteger(pair[1]),
    )
    if (counts.length > 0) this.#options.announced(new Map(counts))
    const { emitter, from, to, tries } = Object(ask) as JsonObject
    if (typeof emitter !== 'string' || !isCount(from) || !isCount(to) || !isCount(tries)) return
    if (!this.#options.heads().has(emitter) && tries < othersFrom) return
    if (this.#answers >= mostAnswers) return
    this.#answers++
    const hole = { emitter, from, to: Math.min(to, from + mostEvents - 1) }
    this.#answering = this.#answering.then(async () => {
      await this.#answer(hole).catch((thrown: unknown) => {
        const { code, message } = asProvError(thrown)
        this.#options.log.debug('an answer did not go out', { code, message })
      })
      this.#answers--
    })
  }

  async #answer(hole: Hole): Promise<void> {
    const { bus, workspace, clock, events, signal } = this.#options
    for await (const event of events(hole)) {
      if (signal.aborted) return
      const body = event as unknown as JsonObject
      await bus.publish(subjects.audit(workspace), { id: resentId(event.id, clock), body })
    }
  }
}

const isCount = (value: JsonValue | undefined): value is Count =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0
