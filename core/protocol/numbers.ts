/**
 * The keeper's numbers and what used each up. Long used ones are forgotten: below a floor every
 * number is used up, and which operation had it stands in that operation's row.
 *
 * @module
 */
import type { JsonValue } from '../json.ts'
import type { Count } from '../units.ts'
import type { SeqRow } from './fold.ts'

/** Newest numbers of an epoch that stay, and by how many more before some go. */
export const numbersKept: Count = 1_024

export class SeqNumbers {
  readonly #rows = new Map<string, SeqRow>()
  readonly #floors = new Map<Count, Count>()

  /** A number at or below the floor is `past`. */
  get(keeperEpoch: Count, seq: Count): SeqRow | undefined {
    const row = this.#rows.get(`${keeperEpoch}:${seq}`)
    if (row || seq < 1 || seq > this.floor(keeperEpoch)) return row
    return { keeperEpoch, seq, used: 'past' }
  }

  has(keeperEpoch: Count, seq: Count): boolean {
    return this.get(keeperEpoch, seq) !== undefined
  }

  set(row: SeqRow): void {
    const { keeperEpoch, seq } = row
    this.#rows.set(`${keeperEpoch}:${seq}`, row)
    this.#trim(keeperEpoch, seq)
  }

  /** Everything up to here is used up, and only that is known. */
  floor(keeperEpoch: Count): Count {
    return this.#floors.get(keeperEpoch) ?? 0
  }

  /** By events alone, so that a fold from anywhere forgets the same. */
  #trim(keeperEpoch: Count, newest: Count): void {
    let floor = this.floor(keeperEpoch)
    if (newest - floor < 2 * numbersKept) return
    while (floor < newest - numbersKept) {
      const key = `${keeperEpoch}:${floor + 1}`
      if (this.#rows.get(key)?.used === undefined) break
      this.#rows.delete(key)
      floor++
    }
    this.#floors.set(keeperEpoch, floor)
  }

  toJson(): JsonValue {
    return {
      floors: [...this.#floors],
      rows: [...this.#rows.values()] as unknown as readonly JsonValue[],
    }
  }

  static fromJson(body: JsonValue): SeqNumbers {
    const kept = body as unknown as {
      readonly floors: readonly (readonly [Count, Count])[]
      readonly rows: readonly SeqRow[]
    }
    const numbers = new SeqNumbers()
    for (const [epoch, floor] of kept.floors) numbers.#floors.set(epoch, floor)
    for (const row of kept.rows) numbers.#rows.set(`${row.keeperEpoch}:${row.seq}`, row)
    return numbers
  }
}
