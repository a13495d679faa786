/**
 * Help: what there is, what one command takes, with an example for each. Rendered from the one
 * command table, never by hand.
 *
 * @module
 */
import { asProvError } from '../errors.ts'
import type { ProvError } from '../errors.ts'
import type { AnyCommand, CommandGroup, Flag, Paint } from './command.ts'
import type { CommandEntry, Commands } from './commands.ts'
import { dryRunFlag, globalFlags, watchFlag } from './globals.ts'
import { kebab, positionalsOf } from './pattern.ts'
import { wrap } from './table.ts'
import { isWatchable } from './watch.ts'

const groups: readonly CommandGroup[] = [
  'State',
  'Topology',
  'Operations',
  'Runtime',
  'Workspace',
  'Tools',
]

/** `prov --help`: every command by group. Loads every command module. */
export async function overviewLines(commands: Commands, paint: Paint): Promise<readonly string[]> {
  const { all, broken } = await loadAll([...commands.entries.values()])
  const width = Math.max(...all.map(({ entry }) => entry.words.length))
  const lines = [
    'Prov runs infrastructure provisioning as a system of actors.',
    '',
    paint.bold('USAGE'),
    '  prov <command> [flags]',
  ]
  for (const group of groups) {
    const members = all.filter(({ command }) => command.group === group)
    if (members.length === 0) continue
    lines.push('', paint.bold(group.toUpperCase()))
    for (const { entry, command } of members.sort((a, b) =>
      a.entry.words < b.entry.words ? -1 : 1,
    )) {
      lines.push(...entryLines(entry.words, command.describe, width, paint))
    }
  }
  lines.push('', paint.bold('FLAGS FOR EVERY COMMAND'), ...flagLines(globalFlags, paint))
  const first = all.find(({ entry }) => entry.words === 'state') ?? all[0]
  const examples = [first, ...all.filter(({ command }) => command.writes).slice(0, 2)]
    .flatMap((one) => one?.command.examples.slice(0, 1) ?? [])
    .map(([line]) => `  ${line}`)
  lines.push('', paint.bold('EXAMPLES'), ...examples)
  lines.push(
    '',
    paint.bold('LEARN MORE'),
    '  prov help errors | exit-codes | environment | json',
    '  prov completion bash | zsh | fish',
    '  prov --version',
  )
  for (const { id, error } of [...commands.refused, ...broken]) {
    lines.push('', `${paint.warn('not listed:')} commands of ${id}: ${error.message}`)
  }
  return lines
}

/** One command that cannot be loaded hides itself, never the others. */
async function loadAll(entries: readonly CommandEntry[]) {
  const broken: { readonly id: string; readonly error: ProvError }[] = []
  const loaded = await Promise.all(
    entries.map(async (entry) => {
      try {
        return { entry, command: await entry.load() }
      } catch (thrown) {
        broken.push({ id: entry.owner, error: asProvError(thrown) })
        return undefined
      }
    }),
  )
  return { all: loaded.filter((one) => one !== undefined), broken }
}

/** `prov op --help`: the commands that start with a word. */
export async function groupLines(
  words: string,
  commands: Commands,
  paint: Paint,
): Promise<readonly string[]> {
  const members = [...commands.entries.values()].filter((entry) =>
    entry.words.startsWith(`${words} `),
  )
  const { all } = await loadAll(members)
  const width = Math.max(...all.map(({ entry }) => entry.words.length))
  return [
    paint.bold('USAGE'),
    `  prov ${words} <command> [flags]`,
    '',
    paint.bold('COMMANDS'),
    ...all.flatMap(({ entry, command }) => entryLines(entry.words, command.describe, width, paint)),
    '',
    paint.bold('EXAMPLES'),
    ...all.flatMap(({ command }) => command.examples.slice(0, 1)).map(([line]) => `  ${line}`),
  ]
}

/** `prov state --help`. */
export function commandLines(command: AnyCommand, paint: Paint): readonly string[] {
  const positionals = positionalsOf(command.pattern)
  const isPositional = ([name]: [string, Flag]) => positionals.includes(kebab(name))
  const all = Object.entries(command.flags)
  const own: Record<string, Flag> = {
    ...Object.fromEntries(all.filter((one) => !isPositional(one))),
    ...(command.writes && { 'dry-run': dryRunFlag }),
    ...(isWatchable(command) && { watch: watchFlag }),
  }
  const args = all.filter(isPositional)
  const lines = [
    command.describe,
    ...(command.notes ?? []).flatMap((note) => ['', ...wrap(note, paint.columns)]),
    '',
    paint.bold('USAGE'),
    `  prov ${command.pattern} [flags]`,
  ]
  if (args.length > 0) {
    const width = Math.max(...args.map(([name]) => name.length + 2))
    lines.push('', paint.bold('ARGUMENTS'))
    for (const [name, flag] of args) {
      lines.push(...entryLines(`<${name}>`, describeFlag(flag), width, paint))
    }
  }
  if (Object.keys(own).length > 0) lines.push('', paint.bold('FLAGS'), ...flagLines(own, paint))
  lines.push('', paint.bold('FLAGS FOR EVERY COMMAND'), ...flagLines(globalFlags, paint))
  lines.push('', paint.bold('EXAMPLES'))
  for (const [line, what] of command.examples) lines.push(`  ${line}`, `      ${paint.dim(what)}`)
  return lines
}

function flagLines(flags: Readonly<Record<string, Flag>>, paint: Paint): readonly string[] {
  const rows = Object.entries(flags).map(([name, flag]) => {
    const value = flag.type === 'boolean' ? '' : ` <${flag.type === 'number' ? 'n' : 'value'}>`
    const alias = flag.alias === undefined ? '' : `-${flag.alias}, `
    return [`${alias}--${kebab(name)}${value}`, describeFlag(flag)] as const
  })
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.flatMap(([left, right]) => entryLines(left, right, width, paint))
}

function describeFlag(flag: Flag): string {
  const notes = [
    flag.choices && `one of ${flag.choices.join(', ')}`,
    flag.default !== undefined &&
      flag.default !== false &&
      flag.default !== '' &&
      `default ${flag.default}`,
    flag.required && 'required',
    flag.many && 'may be given several times',
  ].filter(Boolean)
  return notes.length > 0 ? `${flag.describe} (${notes.join('; ')})` : flag.describe
}

function entryLines(left: string, right: string, width: number, paint: Paint): readonly string[] {
  const room = Math.max(24, paint.columns - width - 4)
  return wrap(right, room).map((part, at) =>
    `  ${at === 0 ? left.padEnd(width) : ' '.repeat(width)}  ${part}`.trimEnd(),
  )
}
