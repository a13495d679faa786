/**
 * The first look at a command line: which words name the command, which flags are everybody's. No
 * parser is loaded for it.
 *
 * @module
 */
import type { Flag } from './command.ts'

/** Flags that every command takes. */
export const globalFlags = {
  workspace: {
    type: 'string',
    describe: 'folder of the workspace; default: around the current folder',
    complete: 'files',
  },
  project: {
    type: 'string',
    describe: 'a project whose planes are on other machines; default: PROV_PROJECT',
  },
  actor: {
    type: 'string',
    describe: 'who acts, one of your keys; default: PROV_ACTOR, else your only key',
    complete: 'keys',
  },
  fmt: {
    type: 'string',
    choices: ['text', 'json', 'md'],
    describe: 'form of the output; default: text, json for agents',
  },
  json: { type: 'boolean', describe: 'the same as --fmt json' },
  color: { type: 'boolean', describe: 'colours; default: on a terminal (see NO_COLOR)' },
  help: { type: 'boolean', alias: 'h', describe: 'help, with examples' },
} as const satisfies Record<string, Flag>

export const dryRunFlag = {
  type: 'boolean',
  describe: 'say what would happen and change nothing',
} as const satisfies Flag

export const watchFlag = {
  type: 'boolean',
  describe: 'look again and again, and print what changed; Ctrl-C ends it',
} as const satisfies Flag

const takesValue = new Set(
  Object.entries(globalFlags)
    .filter(([, flag]) => flag.type === 'string')
    .map(([name]) => `--${name}`),
)
const isSwitch = new Set([
  '--json',
  '--color',
  '--no-color',
  '--help',
  '-h',
  '--dry-run',
  '--watch',
])

export interface FirstLook {
  /** Words before the first flag that only a command can know; they name the command. */
  readonly words: readonly string[]
  readonly help: boolean
  readonly version: boolean
  /** The first flag that not every command takes. */
  readonly stray: string | undefined
  /** Best guess before parsing, so that even a usage error comes in the right form. */
  readonly json: boolean
  readonly workspace: string | undefined
  readonly project: string | undefined
  readonly actor: string | undefined
}

export function firstLook(argv: readonly string[]): FirstLook {
  const words: string[] = []
  const given: Record<string, string> = {}
  let naming = true
  let switches: readonly string[] = []
  for (let at = 0; at < argv.length; at++) {
    const part = argv[at] as string
    if (part === '--') break
    const [name = '', ...value] = part.split('=')
    if (takesValue.has(name)) {
      given[name.slice(2)] = value.length > 0 ? value.join('=') : (argv[++at] ?? '')
    } else if (part.startsWith('-')) {
      switches = [...switches, part]
      if (!isSwitch.has(part)) naming = false
    } else if (naming) {
      words.push(part)
    }
  }
  const [first] = words
  const asksVersion =
    first === undefined
      ? switches.some((part) => part === '--version' || part === '-V' || part === '-v')
      : first === 'version' && words.length === 1
  return {
    words,
    help: switches.includes('--help') || switches.includes('-h'),
    version: asksVersion,
    stray: switches.find((part) => !isSwitch.has(part)),
    json: switches.includes('--json') || given['fmt'] === 'json',
    workspace: given['workspace'],
    project: given['project'],
    actor: given['actor'],
  }
}

/** The argv without the words that named the command, wherever global flags stood between them. */
export function withoutWords(argv: readonly string[], words: readonly string[]): string[] {
  const rest = [...argv]
  let from = 0
  for (const word of words) {
    const at = rest.findIndex(
      (part, index) => index >= from && part === word && !takesValue.has(rest[index - 1] as string),
    )
    rest.splice(at, 1)
    from = at
  }
  return rest
}
