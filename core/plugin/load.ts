/**
 * From found to loadable: trust, import, shape, name, services, config, in this order. Each step
 * that fails refuses this one plugin by name and nothing else; no setup runs here.
 *
 * @module
 */
import { asProvError, ProvError } from '../errors.ts'
import { checkPlugin } from './check.ts'
import type { Plugin } from './define.ts'
import type { FoundPlugin } from './discover.ts'
import { pluginErrors } from './errors.ts'
import { importPlugin } from './import.ts'
import type { Pen } from './isolation/pen.ts'
import { tierOf } from './isolation/tier.ts'
import type { Isolation } from './isolation/tier.ts'
import { startOrder } from './order.ts'
import type { Stopwatch } from './tree.ts'
import { demandTrust, grantedIsolation, missingGrants } from './trust.ts'
import type { TrustPlace } from './trust.ts'

/** A plugin that may start: checked, its config parsed. */
export interface LoadedPlugin {
  readonly found: FoundPlugin
  readonly plugin: Plugin
  readonly config: unknown
  readonly name: string
  readonly needs: readonly string[]
  readonly provides: readonly string[]
  /** Where it runs, when that is not this thread. */
  readonly pen?: Pen
}

export interface RefusedPlugin {
  readonly found: FoundPlugin
  /** Known once the module was imported. */
  readonly plugin?: Plugin
  readonly error: ProvError
}

export interface LoadOptions {
  readonly found: readonly FoundPlugin[]
  /** Plugins that the caller imported itself and so trusts; they come last. */
  readonly given?: readonly Plugin[] | undefined
  /** Where trust is kept. Without it, anything that is not first-party or given is refused. */
  readonly trust?: TrustPlace | undefined
  /** Raw config by plugin name. */
  readonly config?: Readonly<Record<string, unknown>> | undefined
  /** Ids of services that the core hands out. */
  readonly services: ReadonlySet<string>
  /** Those of them that code of a workspace gets by a grant only (D-40). */
  readonly guarded?: ReadonlySet<string> | undefined
  /** Starts a plugin outside of this thread. Without it everything runs in this one. */
  readonly pen?:
    ((found: FoundPlugin, tier: Exclude<Isolation, 'none'>) => Promise<Pen>) | undefined
  readonly watch: Stopwatch
}

export interface Loading {
  /** In start order. */
  readonly loaded: readonly LoadedPlugin[]
  readonly refused: readonly RefusedPlugin[]
}

/** Never throws for a plugin's fault: it is in `refused`. */
export async function loadPlugins(options: LoadOptions): Promise<Loading> {
  const refused: RefusedPlugin[] = []
  const ready: LoadedPlugin[] = []
  // Why a service will not be there, so that those who need it can say so.
  const gone = new Map<string, string>()
  const all = [...candidates(options)]
  // Threads and processes open side by side, while what runs in this thread is imported.
  const elsewhere = new Map<FoundPlugin, Promise<Pen | undefined>>()
  for (const { found, given } of all) {
    if (given) continue
    const opening = opened(found, options)
    opening.catch(() => {})
    elsewhere.set(found, opening)
  }
  for (const { found, given } of all) {
    let plugin: Plugin | undefined = given
    let pen: Pen | undefined
    try {
      await options.watch.time(found.id, async (watch) => {
        plugin ??= await watch.time('import', async () => {
          pen = await elsewhere.get(found)
          return pen?.plugin ?? importPlugin(found)
        })
        ready.push(await admit(plugin, found, pen, ready, options))
      })
    } catch (thrown) {
      await pen?.close()
      refused.push({ found, ...(plugin && { plugin }), error: asProvError(thrown) })
      for (const service of servicesOf(plugin?.provides).concat(found.provides)) {
        gone.set(service, `${plugin?.name ?? found.id} was refused`)
      }
    }
  }
  const { order, missing, cycles } = startOrder(ready, options.services, gone)
  for (const { plugin } of [...missing, ...cycles]) await plugin.pen?.close()
  for (const { plugin, service, reason } of missing) {
    refused.push({
      ...plugin,
      error: pluginErrors.PROV_PLUGIN_NEED_MISSING({ plugin: plugin.name, service, reason }),
    })
  }
  for (const { plugin, cycle } of cycles) {
    refused.push({
      ...plugin,
      error: pluginErrors.PROV_PLUGIN_NEED_CYCLE({ plugin: plugin.name, cycle }),
    })
  }
  return { loaded: order, refused }
}

const nowhere: TrustPlace = { home: '/nonexistent', workspace: '' }

function* candidates(options: LoadOptions): Generator<{ found: FoundPlugin; given?: Plugin }> {
  for (const found of options.found) yield { found }
  for (const plugin of options.given ?? []) {
    const { name } = Object(plugin) as { name?: unknown }
    yield {
      given: plugin,
      found: {
        id: typeof name === 'string' ? name : 'given',
        source: 'given',
        entry: '',
        root: '',
        provides: [],
      },
    }
  }
}

/** Asks for trust, then starts what does not run in this thread. */
async function opened(found: FoundPlugin, options: LoadOptions): Promise<Pen | undefined> {
  const place = options.trust ?? nowhere
  demandTrust(found, place)
  if (!options.pen) return undefined
  const tier = tierOf(found, grantedIsolation(found, place))
  return tier === 'none' ? undefined : options.pen(found, tier)
}

/** Checks one imported plugin against those before it and parses its config. */
async function admit(
  plugin: Plugin,
  found: FoundPlugin,
  pen: Pen | undefined,
  before: readonly LoadedPlugin[],
  options: LoadOptions,
): Promise<LoadedPlugin> {
  checkPlugin(plugin)
  const { name } = plugin
  const twin = before.find((other) => other.name === name)
  if (twin) throw pluginErrors.PROV_PLUGIN_NAME_TAKEN({ plugin: name, by: twin.found.id })
  const needs = servicesOf(plugin.needs)
  const guarded = needs.filter((service) => options.guarded?.has(service))
  const [service] = missingGrants(found, options.trust ?? nowhere, guarded)
  if (service !== undefined) {
    throw pluginErrors.PROV_PLUGIN_NOT_GRANTED({ id: found.id, service })
  }
  const provides = servicesOf(plugin.provides)
  for (const service of provides) {
    const by = options.services.has(service)
      ? 'the core'
      : before.find((other) => other.provides.includes(service))?.name
    if (by !== undefined)
      throw pluginErrors.PROV_PLUGIN_PROVIDE_TAKEN({ plugin: name, service, by })
  }
  for (const { point, name: added } of additionsOf(plugin)) {
    const by = before.find((other) =>
      additionsOf(other.plugin).some((one) => one.point === point && one.name === added),
    )?.name
    if (by !== undefined) {
      throw pluginErrors.PROV_PLUGIN_CONTRIBUTION_TAKEN({ plugin: name, point, name: added, by })
    }
  }
  const config = await parseConfig(plugin, pen, options.config?.[name])
  return { found, plugin, config, name, needs, provides, ...(pen && { pen }) }
}

/** Contributions and routes: each name belongs to one plugin. */
function additionsOf(plugin: Plugin): readonly { readonly point: string; readonly name: string }[] {
  const routes = Object.keys(plugin.routes ?? {}).map((name) => ({ point: 'routes', name }))
  return [...(plugin.contributes ?? []), ...routes]
}

async function parseConfig(plugin: Plugin, pen: Pen | undefined, raw: unknown): Promise<unknown> {
  const refuse = (reason: string, cause?: unknown) =>
    pluginErrors.PROV_PLUGIN_CONFIG_REFUSED({ plugin: plugin.name, reason }, { cause })
  const parses = pen ? pen.description.config : plugin.config !== undefined
  if (!parses) {
    if (raw === undefined) return undefined
    throw refuse('it takes none')
  }
  try {
    // A parsed config may be anything: it stays where its parser is.
    return pen ? await pen.config(raw) : plugin.config?.(raw)
  } catch (cause) {
    // The parser did not say no, it did not come to say anything.
    if (pen && ProvError.is(cause) && cause.code.startsWith('PROV_PLUGIN_')) throw cause
    throw refuse(cause instanceof Error ? cause.message : String(cause), cause)
  }
}

function servicesOf(refs: Plugin['needs']): string[] {
  return Object.values(refs ?? {}).flatMap((ref) => (typeof ref?.id === 'string' ? [ref.id] : []))
}
