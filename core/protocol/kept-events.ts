/**
 * Events of a journal by emitter and number, said here or heard: what is handed to whoever misses
 * them. Positions are remembered for one event in 64; the rest is read from there on.
 *
 * @module
 */
import type { JournalReader, Position } from '../journal/journal.ts'
import type { Count } from '../units.ts'
import type { AuditEvent } from './audit.ts'
import type { Hole } from './hearing.ts'
import { eventIn } from './trail.ts'

const every: Count = 64

export class KeptEvents {
  readonly #journal: JournalReader
  readonly #marks = new Map<string, Map<Count, Position>>()

  constructor(journal: JournalReader) {
    this.#journal = journal
  }

  /** Remembers where an event stands. */
  note({ emitter, n }: AuditEvent, position: Position): void {
    if (n % every !== 1) return
    const marks = this.#marks.get(emitter) ?? new Map<Count, Position>()
    this.#marks.set(emitter, marks.set(n, position))
  }

  /** The events of a hole in order, as far as they are there. */
  async *read({ emitter, from, to }: Hole): AsyncGenerator<AuditEvent> {
    const mark = from - ((from - 1) % every)
    const position = this.#marks.get(emitter)?.get(mark) ?? 1
    for await (const record of this.#journal.read({ from: position })) {
      const event = eventIn(record)
      if (event?.emitter !== emitter || event.n < from) continue
      if (event.n > to) return
      yield event
      if (event.n === to) return
    }
  }

  async one(emitter: string, n: Count): Promise<AuditEvent | undefined> {
    for await (const event of this.read({ emitter, from: n, to: n })) return event
    return undefined
  }
}
