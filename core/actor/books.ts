/**
 * Everything that is written beside steps: promises that were kept, what happened to an actor
 * between steps, newest states of actors that keep no steps, dead letters. Memory first, then the
 * journal: each of these may be lost in a crash without breaking a promise.
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import type { Count } from '../units.ts'
import type { Address } from './address.ts'
import type { Cell, Kind } from './cell.ts'
import { typeOf } from './address.ts'
import { promised } from './ledger.ts'
import type { KernelRecords, Ledger, Pending, Stored } from './ledger.ts'
import { replayCap, replayMark, replayTell } from './letters.ts'
import type { DeadLetter, LetterReason } from './letters.ts'
import { Mail } from './mail.ts'
import type { Replayed } from './system.ts'
import type { Due } from './turns.ts'
import { isRefusal, notJson } from './writer.ts'
import type { Writer } from './writer.ts'

export interface BooksOptions {
  readonly ledger: Ledger
  readonly writer: Writer | undefined
  readonly clock: Clock
  readonly cell: (address: Address) => Cell | undefined
  readonly kind: (type: string) => Kind | undefined
  /** A write of this actor's state is through; it may go on. */
  readonly free: (cell: Cell) => void
  readonly broke: (error: Error) => void
}

/** What an envelope says of where a message came from. */
export interface Origin {
  readonly from?: Address | undefined
  /** Outbox id. */
  readonly cause?: string | undefined
  /** Version of the receiver's type that it was written for, when that is an earlier one. */
  readonly version?: Count | undefined
}

export class Books {
  readonly #options: BooksOptions
  #posting = false

  constructor(options: BooksOptions) {
    this.#options = options
  }

  /** A record that nobody waits for. */
  note<K extends keyof KernelRecords>(type: K, body: KernelRecords[K], durable?: () => void): void {
    const { writer } = this.#options
    writer?.note(writer.entry(type, body), durable)
  }

  /** What happened to an actor between steps: a record, or the newest state where none are kept. */
  keep<K extends keyof KernelRecords>(
    cell: Cell,
    type: K,
    body: KernelRecords[K],
  ): Promise<void> | undefined {
    const { durability } = cell.kind.def
    if (durability === 'journal') this.note(type, body)
    return durability === 'snapshot' ? this.touch(cell) : undefined
  }

  /** Many steps, one write: what comes meanwhile shares the next one. */
  put(cell: Cell, dues: readonly Due[] = []): Promise<void> {
    const { writer } = this.#options
    try {
      return (writer as Writer).put(...this.#standing(cell, dues))
    } catch (thrown) {
      return Promise.reject(notJson(cell.address, thrown))
    }
  }

  #standing(cell: Cell, dues: readonly Due[]): [actor: Stored, outbox: readonly Pending[]] {
    const { ledger } = this.#options
    const last = dues.at(-1)
    const settled = new Set(dues.map(({ item }) => (Mail.is(item) ? item.cause : undefined)))
    const outbox = ledger.outbox.of(cell.address).filter(({ id }) => !settled.has(id))
    for (const { item, sequence, effects } of dues) {
      const trail = Mail.is(item) ? item : undefined
      outbox.push(...promised({ address: cell.address, sequence }, effects, true, trail))
    }
    const actor = cell.stored(last?.at, last?.sequence)
    // Beside the journal's order, so the mark it is written under goes along.
    const { fingerprint = ledger.types.get(typeOf(cell.address))?.fingerprint } = actor
    const marked = fingerprint === undefined ? actor : { ...actor, fingerprint }
    return [marked, outbox.map((pending) => ledger.written(pending))]
  }

  /** Writes the newest state; never beside another write of the same actor. */
  async touch(cell: Cell): Promise<void> {
    cell.dirty = cell.busy
    if (cell.busy || cell.status === 'stopped') return
    cell.busy = true
    try {
      await this.put(cell)
    } catch (thrown) {
      // One that cannot be said is still as it was said last.
      if (!isRefusal(thrown as Error)) this.#options.broke(thrown as Error)
    }
    cell.busy = false
    this.#options.free(cell)
  }

  /** A step came of this promise. Only a journaled step says so in its own record. */
  caused(id: string, recorded: boolean): void {
    if (recorded && !this.#snapshotOwner(id)) this.#options.ledger.outbox.delete(id)
    else this.settle(id)
  }

  /** This promise is kept, or will never be: it must not come again after a restart. */
  settle(id: string): void {
    const { outbox } = this.#options.ledger
    const owner = this.#snapshotOwner(id)
    const kept = outbox.get(id)?.kept === true
    outbox.delete(id)
    if (owner) void this.touch(owner)
    else if (kept) this.note('actor.settled', { ids: [id] })
  }

  /** The actor whose own snapshot holds this promise, if one does. */
  #snapshotOwner(id: string): Cell | undefined {
    const from = this.#options.ledger.outbox.get(id)?.from
    const cell = from === undefined ? undefined : this.#options.cell(from)
    return cell?.kind.def.durability === 'snapshot' ? cell : undefined
  }

  /** A message that nobody handles. `origin` is what its envelope says. */
  letter(address: string, event: unknown, reason: LetterReason, origin: Origin = {}): void {
    const { clock, ledger, writer, kind } = this.#options
    const type = typeOf(address)
    const { from, cause, version = ledger.types.get(type)?.version } = origin
    const volatile = kind(type)?.kept === false
    const timeMs = clock.now()
    ledger.letters.add({ address, event, reason, timeMs, from, version, cause, volatile })
    if (!writer || this.#posting) return
    this.#posting = true
    queueMicrotask(() => this.post())
  }

  /** All letters of a moment share a record: a flood of refusals costs no flood of writes. */
  post(): void {
    this.#posting = false
    for (const record of this.#options.ledger.letters.unwritten()) {
      this.note('actor.letters', record)
    }
  }

  /** A dead letter becomes a promise, unless it cannot or was one too often. */
  replay(letter: DeadLetter): { readonly row: Replayed; readonly pending?: Pending } {
    const { id, address, event, body, version, replays = 0 } = letter
    const { ledger, writer } = this.#options
    const row = (outcome: Replayed['outcome'], rounds: Count): Replayed => ({
      letter: id,
      address,
      event,
      outcome,
      replays: rounds,
    })
    if (replays >= replayCap) return { row: row('spent', replays) }
    if (!body) return { row: row('bodiless', replays) }
    this.post()
    ledger.letters.take(id)
    const tell = [{ name: 'tell', params: replayTell(letter) }]
    const [promise] = promised(replayMark(letter), tell, writer !== undefined)
    const pending = { ...(promise as Pending), ...(version !== undefined && { version }) }
    ledger.outbox.set(pending)
    this.note('actor.replayed', { letter: id, pending })
    return { row: row('sent', replays + 1), pending }
  }
}
