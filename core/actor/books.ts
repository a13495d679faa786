/**
 * Everything that is written beside steps: promises that were kept, what happened to an actor
 * between steps, newest states of actors that keep no steps, dead letters. Memory first, then the
 * journal: each of these may be lost in a crash without breaking a promise.
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import type { Address } from './address.ts'
import type { Cell } from './cell.ts'
import { letterCap, promised, withoutChain } from './ledger.ts'
import type { KernelRecords, Ledger } from './ledger.ts'
import { Mail } from './mail.ts'
import type { DeadLetter, LetterReason } from './system.ts'
import type { Due } from './turns.ts'
import type { Writer } from './writer.ts'

export interface BooksOptions {
  readonly ledger: Ledger
  readonly writer: Writer | undefined
  readonly clock: Clock
  readonly cell: (address: Address) => Cell | undefined
  /** A write of this actor's state is through; it may go on. */
  readonly free: (cell: Cell) => void
  readonly broke: (error: Error) => void
}

export class Books {
  readonly #options: BooksOptions
  #letters: DeadLetter[] = []

  constructor(options: BooksOptions) {
    this.#options = options
  }

  /** A record that nobody waits for. */
  note<K extends keyof KernelRecords>(type: K, body: KernelRecords[K]): void {
    const { writer } = this.#options
    writer?.note(writer.entry(type, body))
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
    const { ledger, writer } = this.#options
    const last = dues.at(-1)
    const settled = new Set(dues.map(({ item }) => (item instanceof Mail ? item.cause : undefined)))
    const outbox = [...ledger.outbox.values()].filter(
      (pending) => pending.from === cell.address && !settled.has(pending.id),
    )
    for (const { item, sequence, effects } of dues) {
      const trail = item instanceof Mail ? item : undefined
      outbox.push(...promised({ address: cell.address, sequence }, effects, true, trail))
    }
    return (writer as Writer).put(cell.stored(last?.at, last?.sequence), outbox.map(withoutChain))
  }

  /** Writes the newest state; never beside another write of the same actor. */
  async touch(cell: Cell): Promise<void> {
    cell.dirty = cell.busy
    if (cell.busy || cell.status === 'stopped') return
    cell.busy = true
    try {
      await this.put(cell)
    } catch (thrown) {
      this.#options.broke(thrown as Error)
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

  letter(address: string, event: string, reason: LetterReason): void {
    const { clock, ledger, writer } = this.#options
    const letter = { address, event, reason, timeMs: clock.now() }
    ledger.letter(letter)
    if (!writer) return
    this.#letters.push(letter)
    if (this.#letters.length > letterCap) this.#letters.shift()
    if (this.#letters.length === 1) queueMicrotask(() => this.post())
  }

  /** All letters of a moment share a record: a flood of refusals costs no flood of writes. */
  post(): void {
    const letters = this.#letters
    this.#letters = []
    if (letters.length === 0) return
    const first = this.#options.ledger.letterCount - letters.length + 1
    this.note('actor.letters', { first, letters })
  }
}
