/**
 * From what the work came to, to the RESULT: the one fact that moves dimensions, or does not. Pure.
 *
 * @module
 */
import type { Acted, JsonObject, Millis, OpBody, RunOutcome } from 'prov'
import type { OperationFact } from 'prov/machines'

/** Where dimensions stand; those that never moved are at version 0. */
type Positions = Readonly<Record<string, { readonly version: number } | undefined>>

/** Each move gets the next version of its dimension: nobody else moves it while it is held. */
export function resultFact(
  body: OpBody,
  outcome: RunOutcome,
  positions: Positions,
  at: Millis,
): OperationFact {
  const common = { at, by: 'controller' } as const
  const detail = outcome.detail as JsonObject
  if (outcome.outcome === 'applied') {
    const moves = body.achieves.map((move) => ({
      ...move,
      version: (positions[move.dimension]?.version ?? 0) + 1,
    }))
    const said = { moves, gained: body.gains, lost: body.loses, detail }
    const data: Acted = { say: [{ type: 'op.applied', data: said }] }
    return { type: 'op.applied', ...common, data }
  }
  const { code, message } = outcome
  if (outcome.outcome === 'failed') {
    const data: Acted = { say: [{ type: 'op.failed', data: { code, message, detail } }] }
    return { type: 'op.failed', code, why: message, ...common, data }
  }
  const data: Acted = { say: [{ type: 'op.in_doubt', data: { code, message, detail } }] }
  return { type: 'op.in_doubt', code, why: message, ...common, data }
}
