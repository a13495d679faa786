// @ts-check
/**
 * `prov quota`: flags in, data out, lines last. A command does not print and does not exit; so the
 * same object serves the terminal, `--json` and whatever else asks.
 */
import { defineCommand } from 'prov'

export const command = defineCommand({
  pattern: 'quota',
  describe: 'show how many operations were applied',
  group: 'Operations',
  examples: [['prov quota', 'how many so far']],
  flags: {},
  run: async (_flags, { read }) => /** @type {{ used: number }} */ (await read('quota')),
  render: ({ used }) => [`${used} ${used === 1 ? 'operation was' : 'operations were'} applied`],
})
