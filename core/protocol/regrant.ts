/**
 * A keeper that lost everything but its key goes on under a new keeper epoch, which the controller grants
 * (D-30). What it signed and nobody claimed lapses in the same frame as the grant, so each of its numbers
 * has its one record, and a late command of the old epoch finds another one in force.
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import type { JournalEntry } from '../journal/journal.ts'
import type { Count } from '../units.ts'
import type { ContractFold } from './checkpoint.ts'
import { auditEmitter } from './emitter.ts'
import { opErrors } from './errors.ts'
import type { Signer } from './key.ts'

/** What the controller writes; pure but for the signatures. */
export function grantOf(options: {
  readonly fold: ContractFold
  readonly workspace: string
  /** Writer epoch of the controller's journal. */
  readonly epoch: Count
  /** The controller's key. */
  readonly signer: Signer
  readonly clock: Clock
}): { readonly granted: Count; readonly entries: readonly JournalEntry[] } {
  const { fold, ...rest } = options
  const { open, highest } = fold.model
  const end = fold.ends.get('controller') ?? { n: 0, digest: null }
  const pen = auditEmitter({ role: 'controller', end, ...rest })
  const keeper_epoch = highest.keeperEpoch + 1
  const { n, digest } = fold.ends.get('keeper') ?? { n: 0, digest: null }
  const grant = { keeper_epoch, n, digest }
  const entries = [pen.entry({ type: 'keeper.granted', subject: 'keeper', data: grant })]
  const lapsed = [...open.values()].filter(({ phase }) => phase === 'approved')
  const ends = lapsed.map(({ id: op, seq, keeperEpoch }) => {
    const { code, message } = opErrors.PROV_OP_KEEPER_ANEW({ op, keeperEpoch: keeper_epoch })
    const number =
      seq !== undefined && fold.model.numbers.get(keeperEpoch ?? 1, seq)?.used === undefined
        ? { seq, keeper_epoch: keeperEpoch ?? 1 }
        : {}
    const data = { what: 'command', code, message, ...number } as const
    return pen.entry({ type: 'op.expired', subject: op, data })
  })
  const all = [...entries, ...ends].map(({ partition, type, body }) => ({ partition, type, body }))
  return { granted: keeper_epoch, entries: all }
}
