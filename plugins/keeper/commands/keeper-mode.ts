/**
 * `prov keeper mode`: whether the keeper signs by itself what policy signs. A signed act, in the ledger
 * like any other; nothing is restarted, and what is held by the mode alone goes on when it changes.
 *
 * @module
 */
import { defineCommand, keeperDesk } from 'prov'
import { modeSwitches } from 'prov/policies'
import type { KeeperMode, ModeReading } from 'prov/policies'
import type { KeeperView } from '../reads/keeper.ts'
import { mustBePerson } from './person.ts'

interface Mode {
  readonly mode: KeeperMode
  readonly was: KeeperMode
  readonly changed: boolean
  readonly dryRun: boolean
  /** What mode and policy amount to, before the change. */
  readonly reading: ModeReading
  /** Operations that the keeper would sign at once. */
  readonly releases: readonly string[]
}

const switches = Object.keys(modeSwitches) as readonly (keyof typeof modeSwitches)[]

export const command = defineCommand({
  pattern: 'keeper mode [to]',
  describe: 'show or change how the keeper works: policy alone, people alone, or both',
  group: 'Operations',
  examples: [
    ['prov keeper mode', 'which one it is, and what it amounts to'],
    ['prov keeper mode manual --actor alice', 'nothing is signed without a person'],
    [
      'prov keeper mode switch_to_vm_ops --actor alice',
      'the signing machine signs by policy again',
    ],
  ],
  flags: {
    to: {
      type: 'string',
      choices: ['auto', 'manual', 'hybrid', ...switches],
      describe:
        'auto: policy signs; manual: people only; hybrid: policy, and people where it holds; or the playbook that switches it',
    },
  },
  writes: true,
  async run({ to }, context): Promise<Mode> {
    const { mode: was, reading, heldByMode } = (await context.read('keeper')) as KeeperView
    const mode = to === undefined ? was : modeOf(to, was)
    const releases = was === 'manual' && mode !== was ? heldByMode : []
    const { dryRun } = context
    const asked = { mode, was, changed: mode !== was, dryRun, reading, releases }
    if (mode === was) return asked
    if (dryRun) {
      await mustBePerson(context)
      return asked
    }
    const runtime = await context.runtime()
    await runtime.service(keeperDesk).setMode({ mode, as: context.actor })
    return asked
  },
  render: ({ mode, was, changed, dryRun, reading, releases }, paint) => {
    if (!changed) {
      return [mode, paint.dim(`amounts to ${reading.mode}: ${reading.why}`)]
    }
    const text = `${was} → ${mode}`
    return [
      dryRun ? `would change ${text}` : paint.good(text),
      ...releases.map((op) => `  ${op} ${dryRun ? 'would be' : 'is'} signed by policy`),
    ]
  },
})

/** A playbook turns one switch: whoever is on already stays as they are. */
function modeOf(to: string, was: KeeperMode): KeeperMode {
  if (to === 'switch_to_operator_only') return 'manual'
  if (to === 'switch_to_vm_ops') return was === 'manual' ? 'hybrid' : was
  return to as KeeperMode
}
