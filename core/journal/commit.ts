/**
 * Group commit: the one engine behind every journal. Appends queue up; one batch is on its way to
 * the store at any time and the next one forms meanwhile, so the number of syncs follows from how
 * busy store and process are and no timer is needed.
 *
 *     append ─┐                      ┌─ followers
 *     append ─┼─▶ pending ─▶ store ──┤
 *     append ─┘    (next)  (one)     └─ append resolves
 *
 * C1  Order of calls is order of positions is order of resolving.
 * C2  A frame (one append) is never split over two batches.
 * C3  The first failure of the store is the last thing that happens: everything that waits and
 *     everything that comes later is refused, nothing is tried again.
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import { ProvError } from '../errors.ts'
import type { JsonValue } from '../json.ts'
import type { Bytes, Count, Millis } from '../units.ts'
import { journalErrors } from './errors.ts'
import { encodeLine } from './line.ts'
import type { JournalEntry, JournalRecord, Position } from './journal.ts'

/** One append on its way. */
export interface Frame {
  readonly first: Position
  readonly count: Count
  /** Lines of all records, each ending in a line break. */
  readonly text: string
  readonly bytes: Bytes
  readonly entries: readonly Pick<JournalEntry, 'partition'>[]
}

interface Waiting extends Frame {
  readonly entries: readonly JournalEntry[]
  readonly timeMs: number
  readonly resolve: (first: Position) => void
  readonly reject: (error: ProvError) => void
}

export interface GroupCommitOptions {
  readonly journal: string
  readonly epoch: Count
  readonly clock: Clock
  /** Last position that is already there. */
  readonly last: Position
  /** Makes frames durable, all of them or none. A throw ends the journal (C3). */
  readonly commit: (frames: readonly Frame[]) => Promise<void>
  /** Most bytes that share one batch; a larger single frame goes alone. Default 1 MiB. */
  readonly batchBytes?: Bytes | undefined
  /** Most bytes of one frame. Default 8 MiB. */
  readonly frameBytes?: Bytes | undefined
}

/** A batch that still grows waits for others, so many times as long as the last sync took. */
const patience = 8
const defaultBatchBytes: Bytes = 1_048_576
const defaultFrameBytes: Bytes = 8_388_608

export class GroupCommit {
  readonly #options: GroupCommitOptions
  readonly #batchBytes: Bytes
  readonly #frameBytes: Bytes
  readonly #listeners = new Set<(records: readonly JournalRecord[]) => void>()
  #pending: Waiting[] = []
  #next: Position
  #durable: Position
  #running: Promise<void> | undefined
  /** How long the last sync took. */
  #syncMs: Millis = 0
  #failure: ProvError | undefined
  readonly #over = new AbortController()
  #closed = false

  constructor(options: GroupCommitOptions) {
    this.#options = options
    this.#batchBytes = options.batchBytes ?? defaultBatchBytes
    this.#frameBytes = options.frameBytes ?? defaultFrameBytes
    this.#durable = options.last
    this.#next = options.last + 1
  }

  /** Last position that is on disk. */
  get durable(): Position {
    return this.#durable
  }

  /** Why nothing is taken any more, or undefined. */
  get failure(): ProvError | undefined {
    return this.#failure
  }

  /** See `Journal.over`. */
  get over(): AbortSignal {
    return this.#over.signal
  }

  /** See `Journal.append`. An empty list writes nothing and resolves with the next position. */
  append(entries: readonly JournalEntry[]): Promise<Position> {
    return new Promise((resolve, reject) => {
      const refusal =
        this.#failure ??
        (this.#closed
          ? journalErrors.PROV_JOURNAL_CLOSED({ journal: this.#options.journal })
          : undefined)
      if (refusal) return reject(refusal)
      const timeMs = Math.round(this.#options.clock.now())
      let text = ''
      for (const entry of entries) text += encodeLine(entry, timeMs)
      const bytes = Buffer.byteLength(text)
      if (bytes > this.#frameBytes) {
        return reject(
          journalErrors.PROV_JOURNAL_TOO_LARGE({
            what: `an append of ${entries.length} records`,
            bytes,
            limitBytes: this.#frameBytes,
          }),
        )
      }
      const count = entries.length
      if (count === 0) return resolve(this.#next)
      const first = this.#next
      this.#next = first + count
      this.#pending.push({ first, count, text, bytes, entries, timeMs, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** See `Journal.follow`. A listener that throws is reported as a process warning and stays. */
  follow(listener: (records: readonly JournalRecord[]) => void): () => void {
    const own = (records: readonly JournalRecord[]): void => listener(records)
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  /** Takes nothing more; resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#closed = true
    while (this.#running) await this.#running
  }

  async #run(): Promise<void> {
    const { clock, commit } = this.#options
    await this.#gather()
    while (this.#pending.length > 0 && !this.#failure) {
      const batch = this.#take()
      const from = clock.monotonic()
      try {
        await commit(batch)
      } catch (thrown) {
        this.#fail(thrown, batch)
        break
      }
      this.#syncMs = clock.monotonic() - from
      this.#settle(batch)
      await this.#gather()
    }
    this.#running = undefined
  }

  /**
   * One turn of the loop: appends of this turn, and those of callers just woken, share a sync. While
   * each turn brings more, the processor is what everybody waits for and not the disk, so those of the
   * next turns share it, too.
   */
  async #gather(): Promise<void> {
    const { clock } = this.#options
    const until = clock.monotonic() + patience * this.#syncMs
    let before: Count
    do {
      before = this.#pending.length
      await new Promise((resolve) => setImmediate(resolve))
    } while (this.#pending.length > before && clock.monotonic() < until)
  }

  #take(): readonly Waiting[] {
    let bytes = 0
    let count = 0
    for (const frame of this.#pending) {
      bytes += frame.bytes
      if (count > 0 && bytes > this.#batchBytes) break
      count++
    }
    const batch = this.#pending.slice(0, count)
    this.#pending = this.#pending.slice(count)
    return batch
  }

  #settle(batch: readonly Waiting[]): void {
    const last = batch[batch.length - 1] as Waiting
    this.#durable = last.first + last.count - 1
    if (this.#listeners.size > 0) {
      const records = recordsOf(batch, this.#options.epoch)
      for (const listener of this.#listeners) {
        try {
          listener(records)
        } catch (thrown) {
          process.emitWarning(thrown instanceof Error ? thrown : String(thrown))
        }
      }
    }
    for (const frame of batch) frame.resolve(frame.first)
  }

  #fail(thrown: unknown, batch: readonly Waiting[]): void {
    const failure = stopped(this.#options.journal, thrown)
    this.#failure = failure
    const waiting = [...batch, ...this.#pending]
    this.#pending = []
    for (const frame of waiting) frame.reject(failure)
    this.#over.abort(failure)
  }
}

/** Why a journal stopped, as the code whose remedy fits what the disk said. */
function stopped(journal: string, thrown: unknown): ProvError {
  if (ProvError.is(thrown)) return thrown
  const reason = thrown instanceof Error ? thrown.message : String(thrown)
  const { code } = Object(thrown) as { code?: unknown }
  const make =
    code === 'ENOSPC'
      ? journalErrors.PROV_JOURNAL_NO_SPACE
      : code === 'EDQUOT'
        ? journalErrors.PROV_JOURNAL_QUOTA
        : code === 'EROFS'
          ? journalErrors.PROV_JOURNAL_READ_ONLY
          : journalErrors.PROV_JOURNAL_POISONED
  return make({ journal, reason }, { cause: thrown })
}

function recordsOf(batch: readonly Waiting[], epoch: Count): JournalRecord[] {
  const records: JournalRecord[] = []
  for (const { first, timeMs, entries } of batch) {
    for (let at = 0; at < entries.length; at++) {
      records.push(new Followed(first + at, epoch, timeMs, entries[at] as JournalEntry))
    }
  }
  return records
}

/** A record for followers; a body that came as text is parsed only for those who look at it. */
class Followed implements JournalRecord {
  readonly position: Position
  readonly epoch: Count
  readonly timeMs: number
  readonly #entry: JournalEntry

  constructor(position: Position, epoch: Count, timeMs: number, entry: JournalEntry) {
    this.position = position
    this.epoch = epoch
    this.timeMs = timeMs
    this.#entry = entry
  }

  get partition(): string {
    return this.#entry.partition
  }

  get type(): string {
    return this.#entry.type
  }

  get body(): JsonValue {
    return this.#entry.body
  }
}
