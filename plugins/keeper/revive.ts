/**
 * A keeper that knows operations only from the trail: it lost its journal and joined anew. What is held, or
 * was signed and lapsed, is begun again from the intent in the trail and judged as if it came in now; votes
 * of the former life are void, since nobody knows whether all of them were heard.
 *
 * @module
 */
import { isAudit } from 'prov'
import type { Contract, OpRow } from 'prov'
import type { OperationInput } from 'prov/machines'
import type { OperationRef } from './keeper.ts'

export interface ReviveParts {
  readonly contract: Contract
  readonly ref: (op: string) => OperationRef | undefined
  readonly start: (op: string, input: OperationInput) => Promise<unknown>
}

/** Resolves once each has an instance again; nothing where the journal was never lost. */
export async function revive({ contract, ref, start }: ReviveParts): Promise<void> {
  if (!contract.hears) return
  const lost = new Map<string, OpRow>()
  for (const row of contract.store.get().open.values()) {
    if ((row.phase === 'held' || row.phase === 'approved') && !ref(row.id)) lost.set(row.id, row)
  }
  if (lost.size === 0) return
  for await (const event of contract.events()) {
    const row = isAudit(event, 'op.submitted') ? lost.get(event.subject) : undefined
    if (!row || !isAudit(event, 'op.submitted')) continue
    lost.delete(row.id)
    const { op, op_digest: digest, by, intent: token } = event.data
    const { id, type, target } = row
    const at = Date.parse(event.time)
    const { workspace } = contract
    await start(id, { id, workspace, op: type, target: target ?? op.target, digest, by, at, token })
  }
}
