/**
 * `prov op plan`: what `op submit` would sign, what that would change and why, and how the policy in
 * force would judge it. Reads only: no key, no lock, no runtime.
 *
 * @module
 */
import { defineCommand } from 'prov'
import type { OpPlan } from 'prov'
import { planLines } from './plan-lines.ts'
import { assertCurrent, readPlan, writePlan } from './plan-file.ts'
import { proposalFlags, proposalOf, proposalOfPlan } from './proposal.ts'

export const command = defineCommand({
  pattern: 'op plan [type] [target]',
  describe: 'show what an operation would change and why, and how policy judges it',
  group: 'Operations',
  examples: [
    ['prov op plan deploy app-cluster/cert-manager', 'look before submitting'],
    [
      'prov op plan deploy app-cluster/cert-manager --out cert.plan',
      'keep it for review; submit it with `--plan`',
    ],
    ['prov op plan --check cert.plan', 'is it still what would be done? Says what moved'],
  ],
  flags: {
    ...proposalFlags,
    out: { type: 'string', alias: 'o', describe: 'keep the plan in this file', complete: 'files' },
    check: {
      type: 'string',
      describe: 'compare a plan that was kept with what it would be now',
      complete: 'files',
    },
  },
  async run(flags, { read, actor, cwd }): Promise<OpPlan> {
    const { out, check } = flags
    const planned = check === undefined ? undefined : await readPlan(cwd, check)
    const proposal =
      planned && check !== undefined
        ? proposalOfPlan(planned, check, flags, actor)
        : proposalOf(flags, actor)
    const plan = (await read('plan', { ...proposal })) as OpPlan
    if (planned && check !== undefined) assertCurrent(check, planned, plan)
    if (out !== undefined) await writePlan(cwd, out, plan)
    return plan
  },
  render: (plan, paint, format) => planLines(plan, paint, format),
  exitCode: (plan) => planExit(plan),
})

/** D-1: 0 nothing would change, 2 something would, 3 it could not be claimed as things stand. */
function planExit({ empty, obstacles }: OpPlan): number {
  if (empty) return 0
  return obstacles.length > 0 ? 3 : 2
}
