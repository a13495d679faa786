/**
 * What may come next on a command line that is being typed: words of commands, flags, choices, and
 * what there is now. Reads as list commands read: no lock, no passphrase, no network, and no code of
 * strangers, trusted or not. Where something cannot be told, nothing is offered.
 *
 *     words ─▶ first look ─▶ command table ─▶ flag or place of the current word ─▶ candidates
 *
 * @module
 */
import { resolve } from 'node:path'
import { systemClock } from '../clock.ts'
import { homeDir } from '../config/home.ts'
import { findWorkspace } from '../config/workspace.ts'
import { discoverPlugins } from '../plugin/discover.ts'
import type { CliOptions } from './cli.ts'
import type { AnyCommand, Flag } from './command.ts'
import { knownCommands, matchCommand } from './commands.ts'
import type { Commands } from './commands.ts'
import type { ContextOptions } from './context.ts'
import { firstLook } from './globals.ts'
import { offered } from './offered.ts'
import { optionsOf } from './parse.ts'
import { kebab, positionalsOf } from './pattern.ts'
import { aliasOf } from './simple.ts'
import { helpTopics } from './topics.ts'
import { isWatchable } from './watch.ts'

export interface Candidate {
  readonly value: string
  readonly says?: string | undefined
}

/** `files`: the shell knows them better. */
export type Candidates = readonly Candidate[] | 'files'

/** The last of the words is the one being typed, perhaps empty. May throw what loading a command throws. */
export async function candidatesFor(
  words: readonly string[],
  options: CliOptions & { readonly signal: AbortSignal },
): Promise<Candidates> {
  const { cwd, env } = options
  const before = words.slice(0, -1)
  const current = words.at(-1) ?? ''
  const look = firstLook(before)
  const discovery = discoverPlugins({
    workspace: findWorkspace(resolve(cwd, look.workspace ?? '.')),
  })
  const commands = await knownCommands(discovery)
  const helps = look.words[0] === 'help'
  const named = helps ? look.words.slice(1) : look.words
  const match = named.length > 0 ? matchCommand(named, commands) : undefined
  const command = match?.kind === 'command' ? await match.entry.load() : undefined
  const line = placeOf(before, current, command)
  const place: ContextOptions = {
    ...options,
    clock: options.clock ?? systemClock,
    home: homeDir(env),
    workspace: look.workspace,
    project:
      look.project ?? (look.workspace === undefined ? env['PROV_PROJECT'] || undefined : undefined),
    actor: look.actor,
    dryRun: true,
    guests: false,
  }
  if (line.flag !== undefined) {
    const values = await offered(line.flag, place)
    if (values === 'files' || line.prefix === '') return values
    return values.map((one) => ({ ...one, value: `${line.prefix}${one.value}` }))
  }
  if (line.flags !== undefined) return line.flags
  const next = match?.kind === 'none' ? [] : await wordsAfter(named, commands)
  if (helps) return named.length === 0 ? [...topics, ...next] : next
  if (!command || match?.kind !== 'command') return next
  const taken = line.plain.length - match.entry.words.split(' ').length
  const names = positionalsOf(command.pattern)
  const several = command.pattern.includes('..') ? names.at(-1) : undefined
  const name = names[taken] ?? several
  const flag = Object.entries(command.flags).find(([key]) => kebab(key) === name)?.[1]
  const values = flag === undefined ? [] : await offered(flag, place)
  if (values === 'files') return values
  return taken === 0 ? [...next, ...values] : values
}

const topics = helpTopics.map((value) => ({ value }))

interface Place {
  /** Words that are neither flags nor their values. */
  readonly plain: readonly string[]
  /** The current word is this flag's value, after what is typed of `--flag=`. */
  readonly flag?: Flag
  readonly prefix: string
  /** The current word is a flag: those that may still come. */
  readonly flags?: readonly Candidate[]
}

/** Where the current word stands among the flags of a command, or of all where none is named yet. */
function placeOf(
  before: readonly string[],
  current: string,
  command: AnyCommand | undefined,
): Place {
  const every = optionsOf(command ?? none, positionalsOf(command?.pattern ?? ''))
  const options = Object.fromEntries(
    Object.entries(every).filter(
      ([name]) =>
        (name !== 'dry-run' || command?.writes === true) &&
        (name !== 'watch' || command?.flags['watch'] !== undefined || watchable(command)),
    ),
  )
  const flagOf = (part: string) => {
    const name = part.startsWith('--') ? part.slice(2) : aliasOf(part, options)
    return name !== undefined && Object.hasOwn(options, name)
      ? ([name, options[name]!] as const)
      : undefined
  }
  const given = new Set<string>()
  const plain: string[] = []
  for (let at = 0; at < before.length; at++) {
    const part = before[at] as string
    if (part === '--') return { plain: [...plain, ...before.slice(at + 1)], prefix: '' }
    const [, flag] = flagOf(part.split('=')[0] as string) ?? []
    if (!part.startsWith('-')) plain.push(part)
    else given.add(flagOf(part.split('=')[0] as string)?.[0] ?? '')
    if (!flag || flag.type === 'boolean' || part.includes('=')) continue
    if (at + 1 === before.length) return { plain, flag, prefix: '' }
    at++
  }
  if (!current.startsWith('-')) return { plain, prefix: '' }
  const [, typed = '', name = ''] = /^(--([a-z-]+)=)/.exec(current) ?? []
  const [, flag] = flagOf(`--${name}`) ?? []
  if (flag && flag.type !== 'boolean') return { plain, flag, prefix: typed }
  const flags = Object.entries(options)
    .filter(([each, { many }]) => many === true || !given.has(each))
    .map(([each, { describe }]) => ({ value: `--${each}`, says: describe }))
  return { plain, prefix: '', flags }
}

const none: AnyCommand = {
  pattern: '',
  describe: '',
  group: 'Tools',
  examples: [],
  flags: {},
  run: async () => undefined,
}

const watchable = (command: AnyCommand | undefined) => command !== undefined && isWatchable(command)

/** Next words of all commands that begin with these. */
async function wordsAfter(
  named: readonly string[],
  { entries }: Commands,
): Promise<readonly Candidate[]> {
  const start = named.map((word) => `${word} `).join('')
  const longer = [...entries.keys()].filter((words) => words.startsWith(start))
  const next = new Set(longer.map((words) => words.slice(start.length).split(' ')[0] as string))
  return Promise.all(
    [...next].sort().map(async (value) => {
      const words = `${start}${value}`
      const members = longer
        .filter((each) => each.startsWith(`${words} `))
        .map((each) => each.slice(words.length + 1))
      const command = await entries.get(words)?.load()
      return { value, says: command?.describe ?? members.join(', ') }
    }),
  )
}
