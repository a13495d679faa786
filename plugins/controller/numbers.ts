/**
 * The keeper's numbers as the controller takes them: strictly in order, each used up by exactly one
 * record (D-30). Commands that come early wait; a gap that stays open is given up after a while.
 *
 * @module
 */
import { seqKey } from 'prov'
import type { Contract, SeqRow } from 'prov'

export type Place =
  /** It is this one's turn. */
  | 'next'
  /** Others come first. */
  | 'early'
  /** This very command used its number up before: a redelivery. */
  | 'done'
  /** This very command was decided and its record is not durable yet. */
  | 'under way'
  /** Another command bears the number. */
  | 'reused'
  /** Its number was given up, or used up by something else of this operation. */
  | 'spent'

export class Numbers {
  readonly #contract: Contract
  /** Decided in this turn, not yet durable. */
  readonly #deciding = new Set<string>()
  #epoch: number
  #next = 1

  constructor(contract: Contract) {
    this.#contract = contract
    const { highest, numbers } = contract.store.get()
    this.#epoch = highest.keeperEpoch
    this.#next = numbers.floor(this.#epoch) + 1
    this.settle()
  }

  get next(): number {
    return this.#next
  }

  get epoch(): number {
    return this.#epoch
  }

  row(seq: number): SeqRow | undefined {
    return this.#contract.store.get().numbers.get(this.#epoch, seq)
  }

  /** Where a command stands; `approval` is the digest of its token. */
  place(command: {
    readonly keeperEpoch: number
    readonly seq: number
    readonly op: string
    readonly approval: string
  }): Place {
    const { keeperEpoch, seq, op, approval } = command
    if (keeperEpoch !== this.#epoch) return 'reused'
    const row = this.row(seq)
    // The keeper's own trail says which token bears the number.
    if (row?.approval !== undefined && row.approval !== approval) return 'reused'
    if (row?.used === 'past') {
      const had = this.#contract.store.get().ops.get(op)
      return had?.seq === seq && had.keeperEpoch === keeperEpoch ? 'done' : 'reused'
    }
    if (row?.used !== undefined) {
      if (row.op !== undefined && row.op !== op) return 'reused'
      return row.used === 'seq.skipped' ? 'spent' : 'done'
    }
    if (this.#deciding.has(seqKey(keeperEpoch, seq))) return 'under way'
    return seq === this.#next ? 'next' : seq > this.#next ? 'early' : 'spent'
  }

  /** Takes the number for a decision that is on its way to the journal. */
  take(seq: number): void {
    this.#deciding.add(seqKey(this.#epoch, seq))
    this.settle()
  }

  /** Moves on over everything that is used up. */
  settle(): void {
    for (;;) {
      const key = seqKey(this.#epoch, this.#next)
      const used = this.row(this.#next)?.used !== undefined
      if (!used && !this.#deciding.has(key)) return
      if (used) this.#deciding.delete(key)
      this.#next++
    }
  }
}
