/**
 * Why something stands still, and the smallest set of facts that would clear it: for a gate, a
 * dimension or an operation, whichever has the id.
 *
 * @module
 */
import { defineRead, nearest, ProvError } from 'prov'
import type { OpRow, ReadContext } from 'prov'
import { judgeGates, leafVerdict } from '../conditions.ts'
import { workspaceErrors } from '../errors.ts'
import { now } from '../now.ts'
import { whyDimension, whyGate, whyOp } from '../why.ts'
import type { Why, WhyContext } from '../why.ts'

export const read = defineRead<{ readonly id: string }, Why>({
  name: 'why',
  describe: 'causal chain of a gate, dimension or operation by `id`, and what would clear it',
  args({ id, op, gate, dimension }) {
    const found = [id, op, gate, dimension].find((one) => typeof one === 'string')
    return { id: typeof found === 'string' ? found.trim() : '' }
  },
  async run({ id }, context) {
    const { model, standing, ops } = await now(context)
    const statuses = new Map(judgeGates(model, standing).map((gate) => [gate.id, gate.status]))
    const statusOf = (gate: string) => statuses.get(gate) ?? 'closed'
    const met: WhyContext['met'] = (leaf) => leafVerdict(leaf, model, standing, statusOf).met
    const about: WhyContext = { model, standing, met, statusOf, ops: ops.open }
    const gate = model.gates.find((one) => one.id === id)
    if (gate) return whyGate(about, gate)
    const dimension = model.dimensions.find((one) => one.id === id)
    if (dimension) return whyDimension(about, dimension)
    const row = await operation(id, context)
    if (row) return whyOp(about, row)
    const known = [...model.gates, ...model.dimensions].map((one) => one.id)
    const suggestion = nearest(id, [...known, ...ops.ops.keys()])
    throw workspaceErrors.PROV_WHY_UNKNOWN({ id, ...(suggestion !== undefined && { suggestion }) })
  },
})

/** Undefined when no operation has the id; an id that could be several is refused. */
async function operation(id: string, { read: ask }: ReadContext): Promise<OpRow | undefined> {
  try {
    return (await ask('op', { id })) as OpRow
  } catch (thrown) {
    if (ProvError.is(thrown) && thrown.code === 'PROV_OP_NOT_FOUND') return undefined
    throw thrown
  }
}
