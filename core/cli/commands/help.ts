/**
 * `prov help errors | exit-codes | environment`: the tables that a person needs beside the commands.
 * `prov help json`: what each prints with `--json`. Generated from where the program itself looks.
 *
 * @module
 */
import { discoverPlugins } from '../../plugin/discover.ts'
import { importPlugin } from '../../plugin/import.ts'
import { environmentTable, errorRows, exitCodeTable, helpTopics } from '../topics.ts'
import { defineCommand } from '../command.ts'
import { cliErrors } from '../errors.ts'
import type { JsonHelp } from '../help-json.ts'
import { table } from '../table.ts'

interface Topic {
  readonly topic: Exclude<(typeof helpTopics)[number], 'json'>
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

export const command = defineCommand({
  pattern: 'help <topic> [command..]',
  describe:
    'tables: every error, every exit code, every variable; what each command prints as JSON',
  group: 'Tools',
  examples: [
    ['prov help errors', 'every way that Prov can say no'],
    ['prov help exit-codes', 'what a script may rely on'],
    ['prov help environment', 'which variables are looked at'],
    ['prov help json', 'which version each command is at of what it prints with --json'],
    [
      'prov help json op list',
      'that as a JSON Schema; of events and of --watch, each line is such a one',
    ],
    ['prov help plugins trust', 'help of a command'],
  ],
  flags: {
    topic: { type: 'string', choices: helpTopics, required: true, describe: 'which table' },
    command: { type: 'string', many: true, describe: 'json: what this one prints' },
  },
  run: async ({ topic, command: words }, context): Promise<Topic | JsonHelp> => {
    if (topic === 'json') return (await import('../help-json.ts')).jsonHelp(words, context)
    const [extra] = words
    if (extra !== undefined) {
      throw cliErrors.PROV_CLI_ARGUMENT_EXTRA({ argument: extra, command: `help ${topic}` })
    }
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
  render: (data, paint, format) => {
    if ('schema' in data) return JSON.stringify(data.schema, null, 2).split('\n')
    const { head, rows } =
      'commands' in data
        ? {
            head: ['command', 'version'],
            rows: data.commands.map((one) => [one.command, `${one.shapeVersion}`]),
          }
        : data
    return table(rows, { paint, format, head })
  },
})
