/**
 * `prov journal repair`: looks first, says what would be lost, and takes nothing away that could be
 * missed without `--yes`; then a copy of everything lies beside the journal.
 *
 * @module
 */
import { join } from 'node:path'
import { anchorsDir } from '../../config/home.ts'
import { repairJournal } from '../../journal/repair.ts'
import { defineCommand } from '../command.ts'

export const command = defineCommand({
  pattern: 'journal repair',
  describe: 'make a damaged journal one that opens again; says first what that would lose',
  group: 'Runtime',
  examples: [
    ['prov journal repair', 'what can be proven harmless goes; else it says what would be lost'],
    ['prov journal repair --yes', 'cuts at the damaged place, with a copy of all files beside it'],
  ],
  flags: {
    yes: { type: 'boolean', default: false, describe: 'take away the positions that are lost' },
  },
  writes: true,
  run: async ({ yes }, context) => {
    const { stateDir } = await context.files()
    const anchors = anchorsDir(context.env, context.home)
    const apply = !context.dryRun
    return repairJournal({ dir: join(stateDir, 'journal'), anchors, apply, lose: yes })
  },
  exitCode: ({ problem, done }) => (problem !== undefined && !done ? 1 : 0),
  render: ({ harmless, problem, lost, copy, done }, paint) => [
    ...harmless.map((what) => `${done ? 'removed' : 'would remove'} ${what}: nobody can miss it`),
    ...(problem ? [paint.bad(`${problem.file}, byte ${problem.offset}: ${problem.what}`)] : []),
    ...(lost
      ? [
          done
            ? paint.warn(`positions ${lost.from} to ${lost.to} are gone, perhaps more behind them`)
            : paint.warn(
                `positions ${lost.from} to ${lost.to} would be lost, perhaps more behind them`,
              ),
        ]
      : []),
    ...(copy !== undefined
      ? [
          `everything as it was lies in ${copy}`,
          'go on with `prov journal adopt`: ends may be missing',
        ]
      : []),
    ...(problem && !done
      ? ['put the file back from a copy if there is one; else `prov journal repair --yes`']
      : [paint.good(done ? 'the journal is whole' : 'the journal would be whole')]),
  ],
})
