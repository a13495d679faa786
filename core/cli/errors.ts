/** What the command line can refuse before a command runs. @module */
import { defineErrors } from '../errors.ts'

const perhaps = (suggestion: string | undefined) =>
  suggestion === undefined ? '' : `; did you mean \`${suggestion}\`?`

/** A few names, and how many more. */
const someOf = (names: readonly string[]) =>
  names.length > 3 ? `one of ${names.length} plugins` : names.join(' or ')

export const cliErrors = defineErrors<{
  PROV_CLI_COMMAND_UNKNOWN: {
    command: string
    suggestion?: string
    /** The first word, where other commands begin with it. */
    group?: string
    unlisted?: readonly string[]
  }
  PROV_CLI_COMMAND_INCOMPLETE: { command: string; known: readonly string[] }
  PROV_CLI_COMMAND_MISSING: { flag: string }
  PROV_CLI_FLAG_UNKNOWN: { flag: string; command: string; suggestion?: string }
  PROV_CLI_CHOICE_UNKNOWN: {
    flag: string
    value: string
    choices: readonly string[]
    suggestion?: string
    command: string
  }
  PROV_CLI_ARGUMENT_EXTRA: { argument: string; command: string; suggestion?: string }
  PROV_CLI_ARGUMENT_MISSING: { missing: readonly string[]; command: string }
  PROV_CLI_VALUE_INVALID: { flag: string; value: string; wanted: string; command: string }
  PROV_CLI_USAGE: { reason: string; command: string }
  PROV_CLI_DRY_RUN_MEANINGLESS: { command: string }
  PROV_CLI_WATCH_MEANINGLESS: { command: string }
  PROV_CLI_SHAPE_UNKNOWN: { command: string; plugin: string }
  PROV_CLI_RELOAD_UNREACHABLE: { plugin: string; pid?: number }
  PROV_CLI_NATS_NO_KEYS: { workspace: string }
  PROV_CLI_NATS_PLAIN: { listen: string }
}>({
  PROV_CLI_COMMAND_UNKNOWN: {
    disposition: 'usage',
    text: ({ command, suggestion, unlisted }) =>
      `there is no command \`${command}\`${perhaps(suggestion)}` +
      (unlisted ? `; ${someOf(unlisted)} may bring it, but could not be asked` : ''),
    remedy: ({ suggestion, group, unlisted }) =>
      unlisted
        ? 'run `prov plugins` to see why, and `prov --help` to list the commands'
        : suggestion === undefined
          ? `run \`prov ${group === undefined ? '' : `${group} `}--help\` to list the commands`
          : `run \`prov ${suggestion} --help\``,
  },
  PROV_CLI_COMMAND_INCOMPLETE: {
    disposition: 'usage',
    text: ({ command, known }) => `\`prov ${command}\` needs one more word: ${known.join(', ')}`,
    remedy: ({ command }) => `run \`prov ${command} --help\``,
  },
  PROV_CLI_COMMAND_MISSING: {
    disposition: 'usage',
    text: ({ flag }) => `${flag} stands alone: no command takes it`,
    remedy: 'run `prov --help` to list the commands; flags come after one',
  },
  PROV_CLI_FLAG_UNKNOWN: {
    disposition: 'usage',
    text: ({ flag, command, suggestion }) =>
      `\`prov ${command}\` has no flag ${flag}${perhaps(suggestion)}`,
    remedy: ({ command }) => `run \`prov ${command} --help\` to see its flags`,
  },
  PROV_CLI_CHOICE_UNKNOWN: {
    disposition: 'usage',
    text: ({ flag, value, choices, suggestion }) =>
      `${flag} is one of ${choices.join(', ')}; "${value}" is not${perhaps(suggestion)}`,
    remedy: ({ command }) => `run \`prov ${command} --help\``,
  },
  PROV_CLI_ARGUMENT_EXTRA: {
    disposition: 'usage',
    text: ({ argument, command, suggestion }) =>
      `\`prov ${command}\` does not know what to do with "${argument}"${perhaps(suggestion)}`,
    remedy: ({ command }) => `run \`prov ${command} --help\` to see what it takes`,
  },
  PROV_CLI_ARGUMENT_MISSING: {
    disposition: 'usage',
    text: ({ missing, command }) => `\`prov ${command}\` needs ${missing.join(' and ')}`,
    remedy: ({ command }) => `run \`prov ${command} --help\` for an example`,
  },
  PROV_CLI_VALUE_INVALID: {
    disposition: 'usage',
    text: ({ flag, value, wanted }) => `${flag} wants ${wanted}; "${value}" is none`,
    remedy: ({ command }) => `run \`prov ${command} --help\` for an example`,
  },
  PROV_CLI_USAGE: {
    disposition: 'usage',
    text: ({ reason }) => reason,
    remedy: ({ command }) => `run \`prov ${command} --help\``,
  },
  PROV_CLI_DRY_RUN_MEANINGLESS: {
    disposition: 'usage',
    text: ({ command }) =>
      `\`prov ${command}\` changes nothing, so --dry-run has no meaning for it`,
    remedy: ({ command }) => `run \`prov ${command}\` without --dry-run`,
  },
  PROV_CLI_WATCH_MEANINGLESS: {
    disposition: 'usage',
    text: ({ command }) => `\`prov ${command}\` is nothing that could be watched`,
    remedy: ({ command }) => `run \`prov ${command}\` without --watch`,
  },
  PROV_CLI_SHAPE_UNKNOWN: {
    disposition: 'usage',
    text: ({ command, plugin }) =>
      `the plugin ${plugin} does not say what \`prov ${command}\` prints as JSON`,
    remedy: 'ask its author for `shapes` beside `commands`; `prov help json` lists who says it',
  },
  PROV_CLI_RELOAD_UNREACHABLE: {
    disposition: 'retry',
    text: ({ plugin, pid }) =>
      pid === undefined
        ? `nothing runs here that could reload ${plugin}: the next command starts its code as it lies there`
        : `process ${pid} runs ${plugin}, and it cannot be asked to reload it: only \`prov run\` can`,
    remedy: ({ plugin, pid }) =>
      `${pid === undefined ? '' : `end process ${pid} and start \`prov run\`, or let it call \`runtime.reload('${plugin}')\`; `}\`prov plugins trust ${plugin}\` pins the changed code`,
  },
  PROV_CLI_NATS_NO_KEYS: {
    disposition: 'usage',
    text: ({ workspace }) => `no role of ${workspace} has a key yet, so nobody could connect`,
    remedy: 'run `prov nats keys`, which makes one for each role',
  },
  PROV_CLI_NATS_PLAIN: {
    disposition: 'refuse',
    text: ({ listen }) => `a server on ${listen} can be reached by others and needs a certificate`,
    remedy: 'pass --cert and --key to `prov nats config`, or listen on 127.0.0.1',
  },
})
