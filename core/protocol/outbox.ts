/**
 * The outbox of a role: what its partition says must reach the bus, it reaches. A plane writes
 * `outbox` and `audit` records in the frame of its act; the pump publishes them in order under
 * their own ids, again and again until the bus took them, and notes how far it came.
 *
 *     frame { step, audit, outbox } ─▶ pump ─▶ bus        (message id = event id or outbox id)
 *                                       └─▶ outbox.sent { position }   now and then
 *
 * A bus that lives in this very journal takes the records as its messages by itself (`Bus.carried`):
 * then nothing is pumped and only the note is written, for the day when another bus takes over.
 *
 * The note is written late on purpose: after a crash some messages go out twice under the same id,
 * and every receiver knows ids. One sync per message would buy nothing.
 *
 * @module
 */
import type { Bus } from '../bus/bus.ts'
import { sleep } from '../clock.ts'
import type { Clock, Timer } from '../clock.ts'
import { asProvError } from '../errors.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { Journal, JournalEntry, JournalRecord, Position } from '../journal/journal.ts'
import type { Log } from '../log.ts'
import type { Count, Millis } from '../units.ts'
import { crashPoint } from './crash.ts'
import { subjects } from './subjects.ts'

/** One message on its way out. */
export interface OutboxItem {
  readonly position: Position
  readonly subject: string
  readonly id: string
  readonly body: JsonValue
  /** Its id is given once: to an event, to the one intent of an operation, to one number. */
  readonly unique?: boolean
}

/** True for the id of what takes an operation on to the next plane. */
export const isHop = (id: string): boolean => id.startsWith('intent:') || id.startsWith('command:')

/** A message as a record of the frame it belongs to. */
export function outboxEntry(
  role: string,
  message: { readonly subject: string; readonly id: string; readonly body: JsonValue },
): JournalEntry {
  const { subject, id, body } = message
  return { partition: role, type: 'outbox', body: { subject, id, body } }
}

/** What a record asks the pump to send; undefined for records that are none of its business. */
export function outboxItem(record: JournalRecord, workspace: string): OutboxItem | undefined {
  const { position, type } = record
  if (type === 'audit') {
    const { body } = record
    const { id } = body as { readonly id: string }
    return { position, subject: subjects.audit(workspace), id, body, unique: true }
  }
  if (type !== 'outbox') return undefined
  const { subject, id, body } = record.body as JsonObject
  const unique = isHop(id as string)
  return { position, subject: subject as string, id: id as string, body: body as JsonValue, unique }
}

/** Position that an `outbox.sent` record vouches for, or 0. */
export function sentUpTo(record: JournalRecord): Position {
  return record.type === 'outbox.sent' ? (record.body as { position: Position }).position : 0
}

export interface OutboxOptions {
  readonly role: string
  readonly journal: Journal
  readonly bus: Bus
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
  /** What the journal holds unsent, in order. */
  readonly unsent: readonly OutboxItem[]
}

/** Most messages under way at once. */
const window: Count = 64
/** The note is written after so many messages, or when it was quiet for so long. */
const noteEvery: Count = 256
/** The same where nothing is sent twice for the lack of it. */
const noteCarriedEvery: Count = 4_096
const notePauseMs: Millis = 1_000
const firstPauseMs: Millis = 200
const longestPauseMs: Millis = 10_000

export class Outbox {
  readonly #options: OutboxOptions
  #queue: OutboxItem[]
  #running = false
  #sent: Position = 0
  #unnoted: Count = 0
  #noteLater: Timer | undefined
  #idle: (() => void)[] = []

  constructor(options: OutboxOptions) {
    this.#options = options
    this.#queue = [...options.unsent]
    options.signal.addEventListener('abort', () => this.#note(), { once: true })
    void this.#run()
  }

  /** The bus has the item at that position already. */
  passed(position: Position): void {
    // What stands before it and was not taken yet must not be vouched for.
    if (this.#queue.length > 0) return
    this.#sent = position
    if (++this.#unnoted >= noteCarriedEvery) this.#note()
  }

  /** Takes one more durable item. */
  push(item: OutboxItem): void {
    this.#queue.push(item)
    void this.#run()
  }

  /** Ends this pump and gives what it did not send. */
  rest(): readonly OutboxItem[] {
    const rest = this.#queue
    this.#queue = []
    return rest
  }

  /** Messages that the bus has not taken yet. */
  get waiting(): Count {
    return this.#queue.length
  }

  /** Resolves when nothing waits, or the signal aborted. */
  drained(): Promise<void> {
    if (!this.#running || this.#options.signal.aborted) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  async #run(): Promise<void> {
    if (this.#running) return
    this.#running = true
    const { signal, clock, log, role } = this.#options
    let pauseMs = firstPauseMs
    while (this.#queue.length > 0 && !signal.aborted) {
      const batch = this.#queue.slice(0, window)
      const { taken, error } = await this.#publish(batch)
      this.#queue = this.#queue.slice(taken)
      if (taken > 0) {
        crashPoint('sent')
        this.#sent = (batch[taken - 1] as OutboxItem).position
      }
      this.#unnoted += taken
      if (error === undefined) {
        pauseMs = firstPauseMs
        continue
      }
      if (signal.aborted) break
      const { code, message } = asProvError(error)
      log.warn(`${role}: the bus took nothing, again in ${pauseMs} ms`, { code, message })
      await sleep(clock, pauseMs, signal).catch(() => {})
      pauseMs = Math.min(pauseMs * 2, longestPauseMs)
    }
    this.#running = false
    if (signal.aborted || this.#unnoted >= noteEvery) this.#note()
    else this.#noteLater ??= clock.after(notePauseMs, () => this.#note(), { background: true })
    for (const wake of this.#idle.splice(0)) wake()
  }

  /** Hands a batch over in order; counts those at its front that were taken. */
  async #publish(
    batch: readonly OutboxItem[],
  ): Promise<{ readonly taken: Count; readonly error: unknown }> {
    const { bus } = this.#options
    const results = await Promise.allSettled(
      batch.map(({ subject, id, body }) => bus.publish(subject, { id, body })),
    )
    const at = results.findIndex(({ status }) => status === 'rejected')
    if (at < 0) return { taken: batch.length, error: undefined }
    return { taken: at, error: (results[at] as PromiseRejectedResult).reason }
  }

  #note(): void {
    const { journal, role } = this.#options
    this.#noteLater?.cancel()
    this.#noteLater = undefined
    if (this.#unnoted === 0) return
    this.#unnoted = 0
    const body = { position: this.#sent }
    // Lost with a journal that ended meanwhile, and then nothing is lost but a few repeats.
    const noted = journal.append([{ partition: role, type: 'outbox.sent', body }])
    noted.then(() => crashPoint('noted')).catch(() => {})
  }
}
