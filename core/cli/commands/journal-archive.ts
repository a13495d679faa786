/** `prov journal archive`: packs old segments; history stays readable and whole. @module */
import { join } from 'node:path'
import { archiveJournal } from '../../journal/archive.ts'
import { defineCommand } from '../command.ts'

export const command = defineCommand({
  pattern: 'journal archive',
  describe: 'pack segments of the journal that no start needs any more; nothing is lost',
  group: 'Runtime',
  examples: [['prov journal archive', 'about a tenth of the room; every command still reads it']],
  flags: {},
  writes: true,
  run: async (_flags, { files, dryRun }) => {
    const { stateDir } = await files()
    return archiveJournal({ dir: join(stateDir, 'journal'), dryRun })
  },
  render: ({ below, segments, bytesBefore, bytesAfter }, paint) => [
    segments === 0
      ? `nothing to pack below position ${below}`
      : paint.good(`${segments} segments, ${bytesBefore} bytes, are ${bytesAfter} now`),
  ],
})
