/**
 * `prov journal verify`: every checksum, every position, the whole hash chain. Needs no lock and
 * changes nothing.
 *
 * @module
 */
import { join } from 'node:path'
import { anchorsDir } from '../../config/home.ts'
import { verifyJournal } from '../../journal/verify.ts'
import { defineCommand } from '../command.ts'

export const command = defineCommand({
  pattern: 'journal verify',
  describe:
    'check the journal of this workspace, record by record, and against what is remembered of it outside',
  group: 'Runtime',
  examples: [
    ['prov journal verify', 'exit 0 when it is whole, 1 with the place when it is not'],
    ['prov journal verify --json', 'the same for a script'],
  ],
  flags: {},
  run: async (_flags, context) => {
    const files = await context.files()
    const anchors = anchorsDir(context.env, context.home)
    return verifyJournal({ dir: join(files.stateDir, 'journal'), anchors })
  },
  exitCode: ({ problems }) => (problems.length > 0 ? 1 : 0),
  render: ({ records, batches, segments, head, torn, problems }, paint) => [
    `${records} records in ${batches} batches and ${segments} segments`,
    ...(head ? [`head ${head.position}, epoch ${head.epoch}, ${head.hash}`] : []),
    ...(torn ? ['an unfinished write at the very end is ignored; the next start removes it'] : []),
    ...problems.map(({ file, offset, what }) => paint.bad(`${file}, byte ${offset}: ${what}`)),
    ...(problems.length === 0 ? [paint.good('the journal is whole')] : []),
  ],
})
