/** `prov keeper mode`: auto, manual or hybrid; a signed act, in the ledger like any other. @module */
import { defineCommand, keeperDesk } from 'prov'
import type { KeeperView } from '../reads/keeper.ts'

interface Mode {
  readonly mode: 'auto' | 'manual' | 'hybrid'
  readonly was: 'auto' | 'manual' | 'hybrid'
  readonly changed: boolean
  readonly dryRun: boolean
}

export const command = defineCommand({
  pattern: 'keeper mode [to]',
  describe: 'show or change how the keeper works: policy alone, people alone, or both',
  group: 'Operations',
  examples: [
    ['prov keeper mode', 'which one it is'],
    ['prov keeper mode manual --actor alice', 'nothing is signed without a person'],
  ],
  flags: {
    to: {
      type: 'string',
      choices: ['auto', 'manual', 'hybrid'],
      describe:
        'auto: policy signs; manual: people only; hybrid: policy, and people where it holds',
    },
  },
  writes: true,
  async run({ to }, context): Promise<Mode> {
    const { mode: was } = (await context.read('keeper')) as KeeperView
    if (to === undefined || to === was)
      return { mode: was, was, changed: false, dryRun: context.dryRun }
    if (context.dryRun) return { mode: to, was, changed: true, dryRun: true }
    const runtime = await context.runtime()
    await runtime.service(keeperDesk).setMode({ mode: to, as: context.actor })
    return { mode: to, was, changed: true, dryRun: false }
  },
  render: ({ mode, was, changed, dryRun }, paint) => {
    if (!changed) return [mode]
    const text = `${was} → ${mode}`
    return [dryRun ? `would change ${text}` : paint.good(text)]
  },
})
