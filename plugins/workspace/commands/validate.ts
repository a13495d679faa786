/**
 * `prov validate`: a decision held against what must stay true here. Exit 0 for Safe and Risky (3
 * with --strict), 3 for Unsafe (D-19).
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { defineCommand, exitCodes, fields } from 'prov'
import { workspaceErrors } from '../errors.ts'
import type { Validation } from '../validate.ts'

export const command = defineCommand({
  pattern: 'validate [decision..]',
  describe: 'is a decision safe? Says which invariant and which dependency it goes against',
  group: 'State',
  examples: [
    ['prov validate "deploy sops-operator before cert-manager"', 'a decision in words'],
    ['prov validate --op op.json --strict', 'an operation; Risky fails, too'],
  ],
  flags: {
    decision: {
      type: 'string',
      many: true,
      describe: '<verb> <A> before|after|without <B>',
    },
    op: {
      type: 'string',
      describe: 'file with { type, target, params } as JSON instead of words',
      complete: 'files',
    },
    strict: { type: 'boolean', default: false, describe: 'Risky exits 3 as well' },
  },
  async run({ decision, op, strict }, { read, cwd }) {
    const asked =
      op === undefined
        ? { decision: (decision ?? []).join(' ') }
        : { op: await operationIn(resolve(cwd, op)) }
    const validation = (await read('validate', asked)) as Validation
    return { ...validation, strict }
  },
  render({ decision, verdict, invariants_at_risk, edges, reasons }, paint, format) {
    const colour = { Safe: paint.good, Risky: paint.warn, Unsafe: paint.bad }[verdict]
    return fields(
      [
        ['decision', decision],
        ['verdict', [verdict, colour]],
        [
          'invariants at risk',
          invariants_at_risk.length === 0 ? 'none' : [invariants_at_risk.join(', '), paint.bad],
        ],
        [
          'against',
          edges.length === 0
            ? undefined
            : edges.map(({ from, to, kind }) => `${from} → ${to} (${kind})`).join('\n'),
        ],
        ['because', reasons.length === 0 ? undefined : reasons.join('\n')],
      ],
      { paint, format },
    )
  },
  exitCode: ({ verdict, strict }) =>
    verdict === 'Unsafe' || (verdict === 'Risky' && strict) ? exitCodes.blocked : 0,
})

async function operationIn(file: string): Promise<unknown> {
  const refuse = (what: string, cause?: unknown) =>
    workspaceErrors.PROV_DECISION_FILE_INVALID({ file, what }, { place: { file }, cause })
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (thrown) {
    throw refuse('it cannot be read', thrown)
  }
  try {
    const value = JSON.parse(text) as unknown
    if (typeof value === 'object' && value !== null && 'type' in value && 'target' in value) {
      return value
    }
  } catch (thrown) {
    throw refuse('it is not JSON', thrown)
  }
  throw refuse('it has no type and target')
}
