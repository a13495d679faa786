/**
 * Arguments of one command, parsed by yargs (or the short way, see simple.ts) and judged by us: yargs knows the grammar, but its
 * refusals help nobody with a mistyped flag or choice, and its handlers run with invalid arguments
 * when its failure hook only takes note. So: no handlers, a failure hook that throws, and every
 * refusal a row of our table.
 *
 * @module
 */
import type { Argv } from 'yargs'
import { ProvError } from '../errors.ts'
import { nearest } from '../nearest.ts'
import type { AnyCommand, Flag } from './command.ts'
import { cliErrors } from './errors.ts'
import { dryRunFlag, globalFlags, watchFlag } from './globals.ts'
import { kebab, positionalsOf } from './pattern.ts'
import { aliasOf, parseSimply } from './simple.ts'
import { isWatchable } from './watch.ts'

export interface ParsedArguments {
  /** The command's own flags and positionals, by the names it declares. */
  readonly flags: Readonly<Record<string, unknown>>
  readonly dryRun: boolean
  readonly watch: boolean
  readonly fmt: 'text' | 'json' | 'md' | undefined
  readonly color: boolean | undefined
}

export interface ParseOptions {
  /** A command that was perhaps meant when there is a word too many. */
  readonly longer?: string | undefined
  /** False: yargs also for what the short way could read. For the test that compares the two. */
  readonly short?: boolean | undefined
}

/** Throws PROV_CLI_*; never prints, never exits. */
export async function parseArguments(
  argv: readonly string[],
  words: string,
  command: AnyCommand,
  more: ParseOptions = {},
): Promise<ParsedArguments> {
  const tail = command.pattern.split(/\s+/).slice(words.split(' ').length).join(' ')
  const positionals = positionalsOf(tail)
  const options = optionsOf(command, positionals)
  refuseHalfSwitches(argv, options, words)
  const raw =
    (more.short === false ? undefined : parseSimply(argv, tail, positionals, options)) ??
    (await parse(argv, tail, positionals, options, command, words))
  refuseUnknown(raw, { argv, options, positionals, words, longer: more.longer })

  const flags: Record<string, unknown> = {}
  for (const [name, flag] of Object.entries(command.flags)) {
    const value = raw[kebab(name)]
    flags[name] = judge(name, flag, value, words, positionals.includes(kebab(name)))
  }
  const missing = Object.entries(command.flags)
    .filter(([name, flag]) => flag.required && flags[name] === undefined)
    .map(([name]) => (positionals.includes(kebab(name)) ? `<${name}>` : `--${kebab(name)}`))
  if (missing.length > 0) {
    throw cliErrors.PROV_CLI_ARGUMENT_MISSING({ missing, command: words })
  }
  const fmt = judge('fmt', globalFlags.fmt, raw['fmt'], words, false) as ParsedArguments['fmt']
  const dryRun = raw['dry-run'] === true
  if (dryRun && !command.writes) {
    throw cliErrors.PROV_CLI_DRY_RUN_MEANINGLESS({ command: words })
  }
  const watch = raw['watch'] === true && command.flags['watch'] === undefined
  if (watch && !isWatchable(command)) throw cliErrors.PROV_CLI_WATCH_MEANINGLESS({ command: words })
  return {
    flags,
    dryRun,
    watch,
    fmt: raw['json'] === true ? 'json' : fmt,
    color: raw['color'] as boolean | undefined,
  }
}

/** Flags of a command by the names that are typed, everybody's with them. */
export function optionsOf(
  command: AnyCommand,
  positionals: readonly string[],
): Record<string, Flag> {
  const own = Object.entries(command.flags).map(([name, flag]) => [kebab(name), flag] as const)
  return {
    ...Object.fromEntries(own.filter(([name]) => !positionals.includes(name))),
    ...globalFlags,
    'dry-run': dryRunFlag,
    // Later ones win: a command may have a flag of that name with a meaning of its own.
    ...(command.flags['watch'] === undefined && { watch: watchFlag }),
  }
}

async function parse(
  argv: readonly string[],
  tail: string,
  positionals: readonly string[],
  options: Readonly<Record<string, Flag>>,
  command: AnyCommand,
  words: string,
): Promise<Record<string, unknown>> {
  const { default: yargs } = await import('yargs')
  const parser = (yargs([...argv]) as unknown as Argv)
    .scriptName('prov')
    .help(false)
    .version(false)
    .locale('en')
    .exitProcess(false)
    .strict(false)
    .parserConfiguration({
      'camel-case-expansion': false,
      'duplicate-arguments-array': true,
      // `--tag a eu`: one value each, or a list would swallow the words behind it.
      'greedy-arrays': false,
      'parse-positional-numbers': false,
      'parse-numbers': false,
      'strip-aliased': true,
      'boolean-negation': true,
    })
    .fail((message, error) => {
      if (ProvError.is(error)) throw error
      const lacking = message?.startsWith('Not enough non-option arguments')
      if (lacking) {
        const missing = [...tail.matchAll(/<([a-zA-Z-]+)(?:\.\.)?>/g)].map(([all]) => all)
        throw cliErrors.PROV_CLI_ARGUMENT_MISSING({ missing, command: words })
      }
      throw cliErrors.PROV_CLI_USAGE({ reason: message ?? error.message, command: words })
    })
    .command(
      `$0 ${tail.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`.trim(),
      command.describe,
      (builder) => {
        for (const name of positionals) builder.positional(name, { type: 'string' })
        for (const [name, flag] of Object.entries(options)) {
          builder.option(name, {
            // Numbers stay text here: yargs would turn a typing error into NaN.
            type: flag.type === 'boolean' ? 'boolean' : 'string',
            array: flag.many === true,
            ...(flag.alias !== undefined && { alias: flag.alias }),
          })
        }
        return builder
      },
      () => {},
    )
  return (await parser.parseAsync()) as Record<string, unknown>
}

/** `--dry-run=yes` is not the opposite of what it says: yargs takes all but `true` for no. */
function refuseHalfSwitches(
  argv: readonly string[],
  options: Readonly<Record<string, Flag>>,
  command: string,
): void {
  const end = argv.indexOf('--')
  for (const part of end < 0 ? argv : argv.slice(0, end)) {
    const [, dashes = '', name = '', value] = /^(--?)(?:no-)?([^=]+)=(.*)$/s.exec(part) ?? []
    const flag = dashes === '-' ? aliasOf(`-${name}`, options) : name
    if (value === undefined || flag === undefined || !Object.hasOwn(options, flag)) continue
    if (options[flag]?.type !== 'boolean' || value === 'true' || value === 'false') continue
    const wanted = 'no value, or true or false'
    throw cliErrors.PROV_CLI_VALUE_INVALID({ flag: `--${flag}`, value, wanted, command })
  }
}

interface Known {
  readonly argv: readonly string[]
  readonly options: Readonly<Record<string, Flag>>
  readonly positionals: readonly string[]
  readonly words: string
  readonly longer: string | undefined
}

function refuseUnknown(raw: Readonly<Record<string, unknown>>, than: Known): void {
  const { argv, options, positionals, words, longer } = than
  const known = new Set([...Object.keys(options), ...positionals])
  for (const name of Object.keys(raw)) {
    if (name === '_' || name === '$0' || name === '--' || known.has(name)) continue
    const negated = argv.some((part) => part.startsWith(`--no-${name}`))
    const flag = name.length === 1 ? `-${name}` : negated ? `--no-${name}` : `--${name}`
    const meant = nearest(name, Object.keys(options))
    throw cliErrors.PROV_CLI_FLAG_UNKNOWN({
      flag,
      command: words,
      ...(meant !== undefined && { suggestion: `--${meant}` }),
    })
  }
  const [extra] = (raw['_'] as readonly (string | number)[] | undefined) ?? []
  if (extra !== undefined) {
    throw cliErrors.PROV_CLI_ARGUMENT_EXTRA({
      argument: String(extra),
      command: words,
      ...(longer !== undefined && { suggestion: longer }),
    })
  }
}

function judge(
  name: string,
  flag: Flag,
  value: unknown,
  command: string,
  positional: boolean,
): unknown {
  if (value === undefined) return flag.many ? [] : flag.default
  if (flag.many) {
    const all = Array.isArray(value) ? (value as readonly unknown[]) : [value]
    return all.map((one) => judgeOne(name, flag, one, command, positional))
  }
  if (Array.isArray(value)) {
    throw cliErrors.PROV_CLI_VALUE_INVALID({
      flag: `--${kebab(name)}`,
      value: value.join(' '),
      wanted: 'one value',
      command,
    })
  }
  return judgeOne(name, flag, value, command, positional)
}

function judgeOne(
  name: string,
  flag: Flag,
  value: unknown,
  command: string,
  positional: boolean,
): unknown {
  const shown = positional ? `<${name}>` : `--${kebab(name)}`
  const refuse = (wanted: string) =>
    cliErrors.PROV_CLI_VALUE_INVALID({ flag: shown, value: String(value), wanted, command })
  if (flag.type === 'boolean') return value
  if (value === '' && !positional) throw refuse('a value')
  if (flag.type === 'number') {
    const number = Number(value)
    if (String(value).trim() === '' || !Number.isFinite(number)) throw refuse('a number')
    if (flag.count && !(Number.isSafeInteger(number) && number >= 0)) {
      throw refuse('a whole number, 0 or more')
    }
    return number
  }
  const text = String(value)
  if (flag.choices && !flag.choices.includes(text)) {
    const meant = nearest(text, flag.choices)
    throw cliErrors.PROV_CLI_CHOICE_UNKNOWN({
      flag: shown,
      value: text,
      choices: flag.choices,
      command,
      ...(meant !== undefined && { suggestion: meant }),
    })
  }
  return text
}
