/**
 * From what the work came to, to the RESULT: the one fact that moves dimensions, or does not. Pure.
 *
 * @module
 */
import { opErrors } from 'prov'
import type { Acted, IntentClaims, JsonObject, Millis, OpBody, ProvError, RunOutcome } from 'prov'
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

/**
 * The first dimension that the operation writes and that moved while it ran, which its hold forbids:
 * then its RESULT would stand on a state that nobody agreed to. Those that it only reads may move.
 */
export function movedMeanwhile(
  { sub: op, op: body, expected_state_version: expected }: IntentClaims,
  positions: Positions,
): ProvError | undefined {
  for (const { dimension } of body.achieves) {
    const [wanted, found] = [expected[dimension] ?? 0, positions[dimension]?.version ?? 0]
    if (found !== wanted) {
      return opErrors.PROV_OP_VERSION_MOVED({ op, dimension, expected: wanted, found })
    }
  }
  return undefined
}
