/**
 * `prov help errors | exit-codes | environment`: the tables that a person needs beside the commands.
 * Generated from where the program itself looks.
 *
 * @module
 */
import { discoverPlugins } from '../../plugin/discover.ts'
import { importPlugin } from '../../plugin/import.ts'
import { environmentTable, errorRows, exitCodeTable, helpTopics } from '../topics.ts'
import { defineCommand } from '../command.ts'
import { table } from '../table.ts'

interface Topic {
  readonly topic: (typeof helpTopics)[number]
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

export const command = defineCommand({
  pattern: 'help <topic>',
  describe: 'tables: every error, every exit code, every variable',
  group: 'Tools',
  examples: [
    ['prov help errors', 'every way that Prov can say no'],
    ['prov help exit-codes', 'what a script may rely on'],
    ['prov help environment', 'which variables are looked at'],
    ['prov help plugins trust', 'help of a command'],
  ],
  flags: {
    topic: { type: 'string', choices: helpTopics, required: true, describe: 'which table' },
  },
  run: async ({ topic }): Promise<Topic> => {
    if (topic === 'exit-codes') {
      return { topic, head: ['code', 'meaning'], rows: exitCodeTable }
    }
    if (topic === 'environment') {
      return { topic, head: ['variable', 'meaning'], rows: environmentTable }
    }
    // Rows register themselves when their module is loaded: the face brings core's, plugins theirs.
    await import('../../index.ts')
    const own = discoverPlugins().found.filter(({ source }) => source === 'first-party')
    await Promise.allSettled(own.map((plugin) => importPlugin(plugin)))
    return { topic, head: ['code', 'exit', 'meaning'], rows: errorRows() }
  },
  render: ({ head, rows }, paint, format) => table(rows, { paint, format, head }),
})
