/**
 * Operations by id, as many as there ever were: those under way and those that ended lately in
 * memory, the others on disk (shelf.ts). Whoever asks cannot tell the difference.
 *
 * @module
 */
import type { Count } from '../units.ts'
import type { OpRow } from './fold.ts'
import type { Shelf } from './shelf.ts'

export class OpRows {
  readonly #near = new Map<string, OpRow>()
  readonly #shelves: Shelf[] = []
  #far: Count = 0

  /** Throws PROV_OP_SHELF_DAMAGED. */
  get(id: string): OpRow | undefined {
    const near = this.#near.get(id)
    if (near) return near
    for (let at = this.#shelves.length - 1; at >= 0; at--) {
      const row = (this.#shelves[at] as Shelf).get(id)
      if (row) return row
    }
    return undefined
  }

  has(id: string): boolean {
    return this.get(id) !== undefined
  }

  set(id: string, row: OpRow): void {
    this.#near.set(id, row)
  }

  get size(): Count {
    return this.#near.size + this.#far
  }

  /** True when the row is in memory. */
  isNear(id: string): boolean {
    return this.#near.has(id)
  }

  /** Rows in memory, in order of submission. */
  near(): Iterable<OpRow> {
    return this.#near.values()
  }

  get nearSize(): Count {
    return this.#near.size
  }

  shelves(): readonly Shelf[] {
    return this.#shelves
  }

  /** A file that holds rows which ended: they leave memory. */
  shelve(shelf: Shelf, ids: Iterable<string> = []): void {
    this.#shelves.push(shelf)
    this.#far += shelf.rows
    for (const id of ids) this.#near.delete(id)
  }

  /** All of them, about in order of submission: those on disk are read piece by piece. */
  *values(): Generator<OpRow> {
    for (const shelf of this.#shelves) yield* shelf.walk()
    yield* this.#near.values()
  }

  *keys(): Generator<string> {
    for (const { id } of this.values()) yield id
  }
}
