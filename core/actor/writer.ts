/**
 * The kernel's hand on the journal. Appends go out in order, what follows them runs when they are
 * durable, and the position of a snapshot is the last one whose consequences are all in memory.
 *
 * @module
 */
import { ProvError } from '../errors.ts'
import { journalErrors } from '../journal/errors.ts'
import type { Journal, JournalEntry, Position } from '../journal/journal.ts'
import type { JsonValue } from '../json.ts'
import type { Count } from '../units.ts'
import type { KernelRecords, LedgerBody, Stored } from './ledger.ts'

interface Flight {
  readonly count: Count
  /** Tells whoever waits that nobody will know. */
  readonly refused: (error: Error) => void
  /** Position of its last record once its consequences are in memory. */
  last: Position | undefined
}

export interface WriterOptions {
  readonly journal: Journal
  readonly partition: string
  readonly position: Position
  /** Records between two snapshots. Default: as many as what there is to keep is worth, see `dueAfter`. */
  readonly snapshotEvery: Count | undefined
  /** Records behind the newest snapshot: lives that end early must not add up. */
  readonly since: Count
  readonly body: () => LedgerBody
  /** The journal will take nothing more: whoever waits must be told. */
  readonly broke: (error: Error) => void
}

/** Bounds of the records between two snapshots, and how many each thing in one is worth. */
const [fewest, most, perThing]: readonly [Count, Count, Count] = [2_000, 10_000, 4]

/** A start reads what lies behind the last snapshot: where little is kept, another one soon costs little. */
const dueAfter = ({ actors, outbox }: LedgerBody): Count =>
  Math.min(most, Math.max(fewest, perThing * (actors.length + outbox.length)))

export class Writer {
  readonly #options: WriterOptions
  #flights: Flight[] = []
  #position: Position
  #since: Count
  /** Records that call for the next snapshot. */
  #due: Count
  #saving: Promise<void> | undefined
  #abandoned = false
  #waiting: (() => void)[] = []
  /** Snapshots of single actors under way: how to give each up. */
  readonly #puts = new Set<(error: Error) => void>()

  constructor(options: WriterOptions) {
    this.#options = options
    this.#position = options.position
    this.#since = options.since
    this.#due = options.snapshotEvery ?? fewest
  }

  /** An entry of the kernel's own partition. */
  entry<K extends keyof KernelRecords>(type: K, body: KernelRecords[K]): JournalEntry {
    return { partition: this.#options.partition, type, body: body as unknown as JsonValue }
  }

  /**
   * One frame. Exactly one of the two runs, in order of the calls. `refused` gets the error when the
   * journal would not take these entries (too large, not JSON) and lives on.
   */
  append(
    entries: readonly JournalEntry[],
    durable: () => void,
    refused: (error: Error) => void,
  ): void {
    const flight: Flight = { count: entries.length, refused, last: undefined }
    this.#flights.push(flight)
    this.#options.journal.append(entries).then(
      (first) => {
        if (this.#abandoned) return
        durable()
        this.#landed(flight, first + flight.count - 1)
      },
      (error: Error) => {
        if (this.#abandoned) return
        this.#flights = this.#flights.filter((other) => other !== flight)
        if (!isRefusal(error)) this.#options.broke(error)
        refused(error)
        this.#quiet()
      },
    )
  }

  /** A record nobody waits for; it is still durable before anything written after it. */
  note(entry: JournalEntry, durable: () => void = nothing): void {
    this.append([entry], durable, nothing)
  }

  /** Newest state of one actor, for those that keep no steps. */
  async put(actor: Stored, outbox: LedgerBody['outbox']): Promise<void> {
    const { journal, partition } = this.#options
    const body = { actor, outbox } as unknown as JsonValue
    const name = `${partition}/${actor.address}`
    let giveUp: (error: Error) => void = nothing
    const given = new Promise<void>((resolve, reject) => {
      this.#puts.add((giveUp = reject))
      journal.putSnapshot(name, { position: this.#position, body }).then(resolve, reject)
    })
    try {
      await given
    } catch (thrown) {
      throw isText(body) ? thrown : notJson(name, thrown)
    } finally {
      this.#puts.delete(giveUp)
      this.#quiet()
    }
  }

  /** Writes whose end is not known yet. */
  get underWay(): Count {
    return this.#flights.length + this.#puts.size
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    while (this.underWay > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    await this.#saving
  }

  /**
   * The journal does not answer and nobody waits any longer: whoever would is told, and what it may
   * still say is not heard. Says how many writes that were.
   */
  abandon(error: Error): Count {
    const count = this.underWay
    this.#abandoned = true
    this.#saving = undefined
    for (const { refused } of this.#flights.splice(0)) refused(error)
    for (const giveUp of this.#puts) giveUp(error)
    this.#quiet()
    return count
  }

  /** Keeps the whole system at its present position. */
  save(): Promise<void> {
    const { journal, partition, body, snapshotEvery } = this.#options
    this.#since = 0
    let snapshot: { position: Position; body: JsonValue }
    try {
      const whole = body()
      this.#due = snapshotEvery ?? dueAfter(whole)
      snapshot = { position: this.#position, body: whole as unknown as JsonValue }
    } catch {
      // Somebody cannot be read just now; without a snapshot the next start replays more.
      return (this.#saving ??= Promise.resolve())
    }
    this.#saving = (this.#saving ?? Promise.resolve())
      .then(() => journal.putSnapshot(partition, snapshot))
      // Without a snapshot the next start replays more; nothing is lost.
      .catch(nothing)
    return this.#saving
  }

  #landed(flight: Flight, last: Position): void {
    flight.last = last
    while (this.#flights[0]?.last !== undefined) {
      this.#position = (this.#flights.shift() as Flight).last as Position
    }
    this.#since += flight.count
    if (this.#since >= this.#due) void this.save()
    this.#quiet()
  }

  #quiet(): void {
    if (this.underWay > 0) return
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

/** Whether what could not be written is at fault itself. */
function isText(body: JsonValue): boolean {
  try {
    return JSON.stringify(body) !== undefined
  } catch {
    return false
  }
}

/** What could not be written says something that JSON cannot say. */
export const notJson = (partition: string, cause: unknown): Error =>
  journalErrors.PROV_JOURNAL_NOT_JSON({ partition, type: 'snapshot' }, { cause })

const nothing = (): void => {}

/** The journal lives on: what it was given is too large, or no JSON. */
export function isRefusal(error: Error): boolean {
  return (
    ProvError.is(error) &&
    (error.code === 'PROV_JOURNAL_TOO_LARGE' || error.code === 'PROV_JOURNAL_NOT_JSON')
  )
}
