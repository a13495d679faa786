/** A decision held against what must stay true here: words, or an operation (D-19). @module */
import { defineRead } from 'prov'
import type { JsonObject } from 'prov'
import { now } from '../now.ts'
import { bodyOf, brought } from '../ops.ts'
import type { OpRequest } from '../ops.ts'
import { validateDecision, validateOp } from '../validate.ts'
import type { Validation } from '../validate.ts'

interface ValidateArgs {
  readonly decision: string
  readonly op: OpRequest | undefined
}

export const read = defineRead<ValidateArgs, Validation>({
  name: 'validate',
  describe: 'verdict on a `decision` in words, or on an `op` { type, target, params }',
  args: ({ decision, op }) => ({
    decision: typeof decision === 'string' ? decision : '',
    op: requestIn(op),
  }),
  async run({ decision, op }, context) {
    const { model, standing } = await now(context)
    if (op) {
      const body = bodyOf(model, standing, op, await brought(model, op, context))
      return validateOp(model, standing, body)
    }
    return validateDecision(model, decision)
  },
})

function requestIn(value: unknown): OpRequest | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { type, target, image, params } = value as Readonly<Record<string, unknown>>
  return {
    type: typeof type === 'string' ? type : '',
    target: typeof target === 'string' ? target : '',
    ...(typeof image === 'string' && { image }),
    ...(typeof params === 'object' && params !== null && { params: params as JsonObject }),
  }
}
