/**
 * The command table: words → how to load the command. Built from manifests and light modules, so
 * that `prov state` loads the command `state` and nothing of the plugin behind it. Plugins of
 * strangers are asked last, and only trusted ones: most command lines never get there.
 *
 * @module
 */
import { pathToFileURL } from 'node:url'
import { asProvError } from '../errors.ts'
import type { ProvError } from '../errors.ts'
import { nearest } from '../nearest.ts'
import type { CommandTable, ShapeModule } from '../plugin/define.ts'
import type { Discovery, FoundPlugin } from '../plugin/discover.ts'
import type { TrustPlace } from '../plugin/trust.ts'
import type { AnyCommand } from './command.ts'
import * as ownCommands from './commands/index.ts'
import { cliErrors } from './errors.ts'
import type { Printed } from './shape.ts'

export interface CommandEntry {
  /** `state`, `op submit`. */
  readonly words: string
  /** `core` or the plugin's id. */
  readonly owner: string
  readonly load: () => Promise<AnyCommand>
  /** What it prints with `--json`; undefined for one of a guest who does not say. */
  readonly printed: () => Promise<Printed | undefined>
}

/** A light module that lists commands. */
export interface CommandModule {
  readonly commands?: CommandTable
  readonly shapes?: ShapeModule
}

export interface Commands {
  /** By words. */
  readonly entries: ReadonlyMap<string, CommandEntry>
  /** Plugins whose commands could not be listed, with the reason. */
  readonly refused: readonly { readonly id: string; readonly error: ProvError }[]
}

/** Core's and first-party commands. Loads one small module per plugin. */
export async function knownCommands(discovery: Discovery): Promise<Commands> {
  const own = discovery.found.filter((plugin) => plugin.source === 'first-party')
  const modules = await Promise.all(
    own.map(async (plugin) => [plugin, await lightModule(plugin)] as const),
  )
  const entries = new Map(entriesOf('core', ownCommands))
  for (const [plugin, module] of modules) {
    for (const [words, entry] of entriesOf(plugin.id, module)) {
      if (!entries.has(words)) entries.set(words, entry)
    }
  }
  return { entries, refused: [] }
}

/** Adds those of plugins that came with the workspace, as far as they are trusted. */
export async function withGuestCommands(
  known: Commands,
  discovery: Discovery,
  place: TrustPlace,
): Promise<Commands> {
  const entries = new Map(known.entries)
  const refused = [...known.refused]
  const guests = discovery.found.filter((plugin) => plugin.source !== 'first-party')
  for (const plugin of guests) {
    try {
      const [{ demandTrust }, { importModule, importPlugin }] = await Promise.all([
        import('../plugin/trust.ts'),
        import('../plugin/import.ts'),
      ])
      demandTrust(plugin, place)
      const module =
        plugin.commands === undefined
          ? await importPlugin(plugin)
          : ((await importModule(plugin, plugin.commands)) as CommandModule)
      for (const [words, entry] of guestEntriesOf(plugin.id, module)) {
        if (!entries.has(words)) entries.set(words, entry)
      }
    } catch (thrown) {
      refused.push({ id: plugin.id, error: asProvError(thrown) })
    }
  }
  return { entries, refused }
}

/** What some typed words mean. */
export type Match =
  | {
      readonly kind: 'command'
      readonly entry: CommandEntry
      readonly rest: readonly string[]
      /** A longer command that was perhaps meant: `plugins tru` is `plugins` with a word too many. */
      readonly longer: string | undefined
    }
  | { readonly kind: 'group'; readonly words: string; readonly known: readonly string[] }
  | { readonly kind: 'none'; readonly error: ProvError }

/** The longest run of words that names a command; a group when more words are needed. */
export function matchCommand(words: readonly string[], commands: Commands): Match {
  const keys = [...commands.entries.keys()]
  for (let count = words.length; count > 0; count--) {
    const entry = commands.entries.get(words.slice(0, count).join(' '))
    if (!entry) continue
    const longer = keys.filter((key) => key.startsWith(`${entry.words} `))
    return {
      kind: 'command',
      entry,
      rest: words.slice(count),
      longer: nearest(words.slice(0, count + 1).join(' '), longer),
    }
  }
  const [first = '', second] = words
  const members = keys.filter((key) => key.startsWith(`${first} `))
  if (members.length > 0 && second === undefined) {
    const known = members.map((key) => key.slice(first.length + 1)).sort()
    return { kind: 'group', words: first, known }
  }
  const typed = second === undefined ? first : `${first} ${second}`
  const meant =
    members.length > 0
      ? nearest(typed, members)
      : (nearest(first, new Set(keys.map((key) => key.split(' ')[0] as string))) ??
        nearest(typed, keys))
  return {
    kind: 'none',
    error: cliErrors.PROV_CLI_COMMAND_UNKNOWN({
      command: members.length > 0 ? typed : first,
      ...(meant !== undefined && { suggestion: meant }),
      ...(members.length > 0 && { group: first }),
      // The command may exist in a plugin that nobody trusted: say so, or it is a riddle.
      ...(commands.refused.length > 0 && { unlisted: commands.refused.map(({ id }) => id) }),
    }),
  }
}

async function lightModule(plugin: FoundPlugin): Promise<CommandModule> {
  if (plugin.commands === undefined) return {}
  return (await import(pathToFileURL(plugin.commands).href)) as CommandModule
}

function entriesOf(owner: string, module: CommandModule): [string, CommandEntry][] {
  return Object.entries(module.commands ?? {}).map(([words, load]) => [
    words,
    {
      words,
      owner,
      load: async () => (await load()).command,
      printed: async () => (await module.shapes?.())?.shapes[words],
    },
  ])
}

function guestEntriesOf(owner: string, module: CommandModule): [string, CommandEntry][] {
  return Object.entries(module.commands ?? {}).map(([words, load]) => [
    words,
    {
      words,
      owner,
      load: async () => (await import('./guest.ts')).loadGuest(owner, words, load),
      printed: async () => (await import('./guest.ts')).guestPrinted(owner, words, module.shapes),
    },
  ])
}
