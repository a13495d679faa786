/**
 * Running read models: the one way that CLI, scripts, HTTP and MCP get at what is. Over the journal
 * on disk without a lock when nothing runs, over the live journal inside a runtime; the model cannot
 * tell the difference.
 *
 * @module
 */
import { pathToFileURL } from 'node:url'
import type { Clock } from '../clock.ts'
import type { WorkspaceFiles } from '../config/workspace.ts'
import type { JournalReader } from '../journal/journal.ts'
import { nearest } from '../nearest.ts'
import type { Plugin, ReadTable } from './define.ts'
import type { Discovery } from './discover.ts'
import { pluginErrors } from './errors.ts'
import type { AnyReadModel, Contributions, ReadContext } from './read.ts'
import type { ExtensionPoint } from './service.ts'
import type { TrustPlace } from './trust.ts'

export type Read = (name: string, args?: Readonly<Record<string, unknown>>) => Promise<unknown>

export interface ReadOptions {
  readonly table: ReadTable
  readonly files: WorkspaceFiles
  readonly journal: JournalReader | undefined
  readonly clock: Clock
  /** Default: nobody added anything. */
  readonly contributions?: Contributions | undefined
}

/** Read models of first-party plugins, without loading the plugins. */
export async function knownReads(discovery: Discovery): Promise<ReadTable> {
  const tables = await Promise.all(
    discovery.found
      .filter((plugin) => plugin.source === 'first-party' && plugin.reads !== undefined)
      .map(async (plugin) => {
        const module: unknown = await import(pathToFileURL(plugin.reads as string).href)
        return (module as { reads?: ReadTable }).reads ?? {}
      }),
  )
  return Object.assign({}, ...tables) as ReadTable
}

/**
 * Adds those of plugins that came with the workspace, as far as they are trusted. One that is not, or
 * does not load, adds nothing: `prov plugins` says why.
 */
export async function withGuestReads(
  known: ReadTable,
  discovery: Discovery,
  place: TrustPlace,
): Promise<ReadTable> {
  const all: Record<string, ReadTable[string]> = {}
  const guests = discovery.found.filter((plugin) => plugin.source !== 'first-party')
  for (const plugin of guests) {
    const [{ standing }, { importModule, importPlugin }] = await Promise.all([
      import('./trust.ts'),
      import('./import.ts'),
    ])
    if (standing(plugin, place).standing !== 'trusted') continue
    const { reads } = plugin
    const loaded = reads === undefined ? importPlugin(plugin) : importModule(plugin, reads)
    const module: unknown = await loaded.catch(() => undefined)
    Object.assign(all, (module as { reads?: ReadTable } | undefined)?.reads)
  }
  return { ...all, ...known }
}

/**
 * A reader that computes each model (with the same arguments) once: everything it answers is one
 * consistent look. Make a new one for the next look. Throws PROV_READ_*, and what models refuse.
 */
export function readOnce(options: ReadOptions): Read {
  const answers = new Map<string, Promise<unknown>>()
  const readIn =
    (path: readonly string[]): Read =>
    (name, args = {}) => {
      const key = `${name} ${JSON.stringify(args)}`
      if (path.includes(key)) {
        const circle = [...path.slice(path.indexOf(key)), key].map((one) => one.split(' ')[0] ?? '')
        return Promise.reject(pluginErrors.PROV_READ_CIRCLE({ circle }))
      }
      const known = answers.get(key)
      if (known) return known
      const { files, journal, clock } = options
      const { contributions = nothingAdded } = options
      const read = readIn([...path, key])
      const context: ReadContext = { files, journal, clock, read, contributions }
      const answer = load(options.table, name).then((model) =>
        model.run(argumentsOf(model, args) as never, context),
      )
      answers.set(key, answer)
      return answer
    }
  return readIn([])
}

const nothingAdded: Contributions = async () => []

/** What the plugins of a workspace would add, without starting any; imported at the first question. */
export function foundContributions(discovery: Discovery, place: TrustPlace): Contributions {
  let plugins: Promise<readonly Plugin[]> | undefined
  const imported = async (): Promise<readonly Plugin[]> => {
    const { standing } = await import('./trust.ts')
    const { importPlugin } = await import('./import.ts')
    const may = discovery.found.filter((one) => /own|trusted/.test(standing(one, place).standing))
    const all = may.map((one) => importPlugin(one).catch(() => undefined))
    return (await Promise.all(all)).filter((one) => one !== undefined)
  }
  return async <T>(point: ExtensionPoint<T>) =>
    (await (plugins ??= imported())).flatMap((plugin) =>
      (plugin.contributes ?? [])
        .filter((addition) => addition.point === point.id)
        .map(({ name, value }) => ({
          name,
          plugin: plugin.name,
          value: value as T,
          config: discovery.config[plugin.name],
        })),
    )
}

async function load(table: ReadTable, name: string): Promise<AnyReadModel> {
  const found = Object.hasOwn(table, name) ? table[name] : undefined
  if (found) return (await found()).read
  const suggestion = nearest(name, Object.keys(table))
  throw pluginErrors.PROV_READ_UNKNOWN({ name, ...(suggestion !== undefined && { suggestion }) })
}

function argumentsOf(model: AnyReadModel, raw: Readonly<Record<string, unknown>>): unknown {
  if (model.args) return model.args(raw)
  const keys = Object.keys(raw).filter((key) => raw[key] !== undefined)
  if (keys.length === 0) return {}
  throw pluginErrors.PROV_READ_ARGS_UNEXPECTED({ name: model.name, keys })
}
