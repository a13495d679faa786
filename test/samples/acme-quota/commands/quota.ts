/** `prov quota`: what was spent, by region. @module */
import { defineCommand } from 'prov'

export const command = defineCommand({
  pattern: 'quota',
  describe: 'show what was spent of each quota',
  group: 'Operations',
  examples: [['prov quota', 'all regions']],
  flags: {},
  run: async (_flags, { read }) => (await read('quota')) as Readonly<Record<string, number>>,
  render: (used) => Object.entries(used).map(([region, count]) => `${region}: ${count}`),
})
