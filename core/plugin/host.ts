/**
 * The plugin host: starts loaded plugins one after the other by their needs, watches their lives,
 * stops them right to left. One plugin's failure is a row in `prov plugins`; the others go on.
 *
 * H1  A plugin's setup runs only when everything it needs was provided.
 * H2  A plugin that fails leaves nothing behind: its signal is aborted, its stream unsubscribed,
 *     its deferred clean-ups done, its services withdrawn.
 * H3  Who needs an ended plugin is told and goes on; who needed a failed one never starts.
 * H4  Stop is right to left: whoever needs is gone before whom it needs.
 *
 * @module
 */
import type { ActorSystem } from '../actor/system.ts'
import type { Clock } from '../clock.ts'
import type { ErrorReport, ProvError } from '../errors.ts'
import { logFor } from '../log.ts'
import type { Log, LogSink } from '../log.ts'
import { defined } from '../optional.ts'
import type { Count, Millis } from '../units.ts'
import type { FoundPlugin, PluginSource } from './discover.ts'
import { pluginErrors } from './errors.ts'
import { defaultLimits } from './isolation/tier.ts'
import type { Isolation, IsolationLimits } from './isolation/tier.ts'
import { Life } from './life.ts'
import type { LifeState } from './life.ts'
import { loadPlugins } from './load.ts'
import type { LoadOptions, LoadedPlugin, RefusedPlugin } from './load.ts'
import type { ExtensionPoint, ServiceRef } from './service.ts'
import { Stopwatch } from './tree.ts'
import { demandTrust } from './trust.ts'

export interface HostOptions extends Omit<LoadOptions, 'services' | 'watch'> {
  readonly actors: ActorSystem
  readonly clock: Clock
  readonly log: LogSink
  /** What the core hands out, by id of its reference. */
  readonly core: ReadonlyMap<string, unknown>
  /** False: everything runs in this thread. Default: what comes with a workspace runs elsewhere. */
  readonly isolation?: Partial<IsolationLimits> | false | undefined
  /** What plugins elsewhere may see some names of. Default: the process's environment. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /** Absolute paths that a sandboxed plugin must not see, beside the user's folder. */
  readonly hidden?: readonly string[] | undefined
  /** Longest setup. Default 10 s. A setup that never yields cannot be stopped from here. */
  readonly startTimeoutMs?: Millis | undefined
  /** Longest single clean-up. Default 5 s. */
  readonly stopTimeoutMs?: Millis | undefined
  /** Undo everything and throw the first refusal or failure. Default false: others go on. */
  readonly strict?: boolean | undefined
  /** Hears what ends or troubles a plugin that runs, by its id. Must not throw. */
  readonly troubled?:
    ((id: string, error: Pick<ErrorReport, 'code' | 'message'>) => void) | undefined
  /** Where the boot is measured. Default: a stopwatch of its own. */
  readonly watch?: Stopwatch | undefined
}

/** One row of `prov plugins`. */
export interface PluginRow {
  readonly id: string
  readonly name: string
  readonly source: PluginSource
  readonly version?: string
  readonly describe?: string
  readonly state: LifeState | 'refused' | 'restarting'
  /** Where it runs; absent while it was never started. */
  readonly isolation?: Isolation
  /** How often it had to be started again, because its thread or process ended. */
  readonly restarts?: Count
  readonly needs: readonly string[]
  readonly provides: readonly string[]
  readonly contributes: readonly string[]
  /** Methods and paths that it declares. */
  readonly routes: readonly string[]
  /** Needs whose provider ended meanwhile. */
  readonly lost: readonly string[]
  /** What refused or ended it; of one that runs again: what ended it before. */
  readonly error?: ErrorReport
}

export interface PluginHost {
  rows(): readonly PluginRow[]
  /** Plugins that started, in start order, whether or not they still run. */
  started(): readonly LoadedPlugin[]
  /** Throws PROV_PLUGIN_SERVICE_MISSING, or what kept the provider from running when it says more. */
  service<T>(ref: ServiceRef<T>): T
  contributions<T>(point: ExtensionPoint<T>): readonly { name: string; plugin: string; value: T }[]
  /**
   * Brings in the code of a plugin as it lies there now. Throws PROV_PLUGIN_UNKNOWN,
   * PROV_PLUGIN_UNTRUSTED, PROV_PLUGIN_RELOAD_FAILED; then the old one goes on.
   */
  reload(plugin: string): Promise<{ readonly generation: Count; readonly checked: Count }>
  /**
   * Ends the lives, right to left, then threads and processes; `keepThreads` leaves those to
   * `release`, for steps that the kernel still owes. Idempotent; never throws.
   */
  stop(options?: { readonly keepThreads?: boolean }): Promise<void>
  /** Ends threads and processes. Idempotent. */
  release(): Promise<void>
}

const defaultStartTimeoutMs: Millis = 10_000
const defaultStopTimeoutMs: Millis = 5_000

/** Loads and starts. Throws what a preflight refuses; other than that only when `strict`. */
export async function startPlugins(options: HostOptions): Promise<PluginHost> {
  const watch = options.watch ?? new Stopwatch('plugins', options.clock)
  const services = new Set(options.core.keys())
  const { loaded, refused } = await watch.time('load', (load) =>
    loadPlugins({ ...options, pen: penOf(options), services, watch: load }),
  )
  const host = new Host(options, loaded, refused)
  for (const { found, error } of refused) host.refusal(found.id, error)
  try {
    await watch.time('preflight', () => host.preflight())
  } catch (thrown) {
    await host.release()
    throw thrown
  }
  let first: ProvError | undefined = refused[0]?.error
  await watch.time('start', async (start) => {
    for (const plugin of loaded) {
      if (first && options.strict) break
      first = (await start.time(plugin.name, (span) => host.start(plugin, span))) ?? first
    }
  })
  if (first && options.strict) {
    await host.stop()
    host.begun()
    throw first
  }
  host.begun()
  return host
}

/** Opens threads and processes; its code is loaded when there is one to open. */
function penOf(options: HostOptions): LoadOptions['pen'] {
  const { isolation, actors, log, trust, env = process.env } = options
  const hidden = [...(trust ? [trust.home] : []), ...(options.hidden ?? [])]
  if (isolation === false) return undefined
  return async (found, tier) => {
    const [{ Pen }, { environmentOf }] = await Promise.all([
      import('./isolation/pen.ts'),
      import('./isolation/environment.ts'),
    ])
    return Pen.open({
      found,
      tier,
      limits: { ...defaultLimits, ...isolation },
      actors,
      env: environmentOf(tier, found.env ?? [], env),
      hidden,
      log: (plugin) => told(logFor(plugin, log), (error) => options.troubled?.(found.id, error)),
    })
  }
}

/** What the wall around a plugin tells as an error is that plugin's trouble. */
function told(log: Log, troubled: (error: Pick<ErrorReport, 'code' | 'message'>) => void): Log {
  return {
    ...log,
    error(message, detail) {
      const { code } = (detail ?? {}) as { readonly code?: unknown }
      if (typeof code === 'string') troubled({ code, message })
      log.error(message, detail)
    },
  }
}

class Host implements PluginHost {
  readonly #options: HostOptions
  readonly #loaded: readonly LoadedPlugin[]
  readonly #refused: RefusedPlugin[]
  readonly #lives: Life[] = []
  #begun: () => void = () => {}
  readonly #allStarted = new Promise<void>((resolve) => (this.#begun = resolve))

  constructor(
    options: HostOptions,
    loaded: readonly LoadedPlugin[],
    refused: readonly RefusedPlugin[],
  ) {
    this.#options = options
    this.#loaded = loaded
    this.#refused = [...refused]
  }

  refusal(id: string, error: ProvError): void {
    logFor(id, this.#options.log).warn(`refused: ${error.message}`, { code: error.code })
  }

  /** Nobody's turn is to come any more. */
  begun(): void {
    this.#begun()
  }

  /** Before anybody acts: what a plugin keeps elsewhere must not contradict the journal. */
  async preflight(): Promise<void> {
    for (const { plugin, name, config, pen } of this.#loaded) {
      if (pen || !plugin.preflight) continue
      const known = Object.entries(plugin.needs ?? {}).map(([key, { id }]) => {
        return [key, this.#options.core.get(id)]
      })
      const needs = Object.fromEntries(known) as Record<never, never>
      await plugin.preflight({ name, config, needs, log: logFor(name, this.#options.log) })
    }
  }

  /** Starts one; the error when it was refused or failed. */
  async start(loaded: LoadedPlugin, watch: Stopwatch): Promise<ProvError | undefined> {
    const absent = loaded.needs.find((need) => this.#find(need) === undefined)
    if (absent !== undefined) {
      const error = pluginErrors.PROV_PLUGIN_NEED_MISSING({
        plugin: loaded.name,
        service: absent,
        reason: this.#whyMissing(absent),
      })
      watch.note(error.code)
      this.#refused.push({ ...loaded, error })
      this.refusal(loaded.name, error)
      return error
    }
    const life = new Life({
      loaded,
      actors: this.#options.actors,
      clock: this.#options.clock,
      log: logFor(loaded.name, this.#options.log),
      startTimeoutMs: this.#options.startTimeoutMs ?? defaultStartTimeoutMs,
      stopTimeoutMs: this.#options.stopTimeoutMs ?? defaultStopTimeoutMs,
      resolve: (service) => this.#find(service),
      contributions: (point) => this.contributions(point),
      allStarted: () => this.#allStarted,
      ended: (over) => this.#ended(over),
    })
    this.#lives.push(life)
    try {
      await life.start()
      return undefined
    } catch {
      const error = life.error as ProvError
      watch.note(error.code)
      if (!life.told(error)) {
        logFor(loaded.name, this.#options.log).error(error.message, { code: error.code })
      }
      return error
    }
  }

  rows(): readonly PluginRow[] {
    const row = (found: FoundPlugin, one: Partial<LoadedPlugin>) => ({
      id: found.id,
      name: one.name ?? one.plugin?.name ?? found.id,
      source: found.source,
      version: found.version,
      describe: one.plugin?.describe,
      needs: one.needs ?? idsOf(one.plugin?.needs),
      provides: one.provides ?? [...idsOf(one.plugin?.provides), ...found.provides],
      contributes: (one.plugin?.contributes ?? []).map(({ point, name }) => `${point}:${name}`),
      routes: Object.keys(one.plugin?.routes ?? {}),
    })
    return [
      ...this.#lives.map((life) => {
        const pen = life.loaded.pen?.row()
        // One without a setup has no life that could end with it.
        const shown = life.state === 'running' ? pen?.state : undefined
        const elsewhere = shown === 'restarting' ? shown : shown === 'down' && ('failed' as const)
        return defined({
          ...row(life.loaded.found, life.loaded),
          state: elsewhere || life.state,
          isolation: pen?.isolation ?? ('none' as const),
          restarts: pen && pen.ends > 0 ? pen.ends : undefined,
          lost: life.lost.flatMap(({ services }) => services),
          error: life.error?.toJSON() ?? pen?.trouble,
        })
      }),
      ...this.#refused.map(({ found, error, ...one }) =>
        defined({
          ...row(found, one),
          state: 'refused' as const,
          lost: [],
          error: error.toJSON(),
        }),
      ),
    ]
  }

  started(): readonly LoadedPlugin[] {
    return this.#lives.filter((life) => life.state !== 'starting').map((life) => life.loaded)
  }

  service<T>(ref: ServiceRef<T>): T {
    const found = this.#find(ref.id)
    if (found !== undefined) return found as T
    const root = this.#rootOf(ref.id)
    // A broken file of the workspace is what the person has to mend, not our list of plugins.
    if (root && !root.code.startsWith('PROV_PLUGIN_')) throw root
    throw pluginErrors.PROV_PLUGIN_SERVICE_MISSING({
      service: ref.id,
      reason: this.#whyMissing(ref.id),
    })
  }

  /** Of all that may start, also those whose turn is still to come: additions are data. */
  contributions<T>(point: ExtensionPoint<T>) {
    return this.#present().flatMap(({ name, plugin }) =>
      (plugin.contributes ?? [])
        .filter((addition) => addition.point === point.id)
        .map((addition) => ({ name: addition.name, plugin: name, value: addition.value as T })),
    )
  }

  async reload(plugin: string) {
    const loaded = this.#loaded.find(({ name, found }) => name === plugin || found.id === plugin)
    if (!loaded) {
      const known = this.#loaded.map(({ name }) => name)
      throw pluginErrors.PROV_PLUGIN_UNKNOWN({ id: plugin, known })
    }
    if (!loaded.pen) {
      const reason = 'it runs in this thread'
      throw pluginErrors.PROV_PLUGIN_RELOAD_FAILED({ plugin: loaded.name, reason })
    }
    const { trust } = this.#options
    if (trust) demandTrust(loaded.found, trust)
    return loaded.pen.reload()
  }

  async stop(options: { readonly keepThreads?: boolean } = {}): Promise<void> {
    for (const { pen } of this.#loaded) pen?.leaving()
    for (const life of [...this.#lives].reverse()) await life.stop()
    if (!options.keepThreads) await this.release()
  }

  async release(): Promise<void> {
    await Promise.all(this.#loaded.map(async ({ pen }) => pen?.close()))
  }

  #present(): readonly LoadedPlugin[] {
    return this.#loaded.filter((one) => {
      const life = this.#lives.find(({ loaded }) => loaded === one)
      if (!life) return !this.#refused.some(({ found }) => found === one.found)
      return life.state === 'running' || life.state === 'starting'
    })
  }

  #find(service: string): unknown {
    const own = this.#options.core.get(service)
    if (own !== undefined) return own
    return this.#lives
      .find((life) => life.state === 'running' && life.services.has(service))
      ?.services.get(service)
  }

  #whyMissing(service: string): string {
    const life = this.#lives.find(({ loaded }) => loaded.provides.includes(service))
    if (life) return `${life.loaded.name} is ${life.state}`
    const refused = this.#refused.find(({ plugin, found }) =>
      [...idsOf(plugin?.provides), ...found.provides].includes(service),
    )
    if (refused) return `${refused.plugin?.name ?? refused.found.id} was refused`
    return 'no plugin provides it'
  }

  /** The first trouble behind a missing service: along the needs, to the plugin that failed itself. */
  #rootOf(service: string, seen: readonly string[] = []): ProvError | undefined {
    if (seen.includes(service)) return undefined
    const life = this.#lives.find(({ loaded }) => loaded.provides.includes(service))
    const refused = this.#refused.find(({ plugin }) => idsOf(plugin?.provides).includes(service))
    const error = life?.error ?? refused?.error
    if (error?.code !== 'PROV_PLUGIN_NEED_MISSING') return error
    return this.#rootOf(String(error.detail['service']), [...seen, service]) ?? error
  }

  #ended(over: Life): void {
    if (over.error) this.#options.troubled?.(over.loaded.found.id, over.error)
    for (const life of this.#lives) {
      const services = life.loaded.needs.filter((need) => over.loaded.provides.includes(need))
      if (life.state !== 'running' || services.length === 0) continue
      life.tellLost({
        plugin: over.loaded.name,
        services,
        ...(over.error && { error: over.error.toJSON() }),
      })
    }
  }
}

function idsOf(refs: Readonly<Record<string, ServiceRef<unknown>>> | undefined): string[] {
  return Object.values(refs ?? {}).flatMap((ref) => (typeof ref?.id === 'string' ? [ref.id] : []))
}
