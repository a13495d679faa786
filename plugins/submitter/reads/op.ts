/**
 * One operation, whole: body, digests, votes, the trace of the policy and the story so far. The id
 * may be cut short as long as it says which one is meant.
 *
 * @module
 */
import { defineRead, nearest, opsModel } from 'prov'
import type { OpRow, OpsModel } from 'prov'
import { askErrors } from '../errors.ts'

export const read = defineRead<{ readonly id: string }, OpRow>({
  name: 'op',
  describe: 'one operation by `id`, or by the start of its id',
  args: ({ id }) => ({ id: typeof id === 'string' ? id.trim() : '' }),
  async run({ id }, { journal }) {
    const { ops } = await opsModel(journal)
    return ops.get(id) ?? byStart(ops, id)
  },
})

/** Throws PROV_OP_NOT_FOUND, PROV_OP_AMBIGUOUS. */
function byStart(ops: OpsModel['ops'], id: string): OpRow {
  const matches =
    id === '' ? [] : [...ops.keys()].filter((op) => op.startsWith(id) || op.startsWith(`op_${id}`))
  const [first, second] = matches
  if (first !== undefined && second === undefined) return ops.get(first) as OpRow
  if (first !== undefined) throw askErrors.PROV_OP_AMBIGUOUS({ id, matches: matches.slice(0, 8) })
  const near = nearest(id, ops.keys())
  throw askErrors.PROV_OP_NOT_FOUND({ id, ...(near !== undefined && { near }) })
}
