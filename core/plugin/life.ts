/**
 * The life of one plugin: setup, the stream that setup returns, the end. Every boundary is wrapped:
 * whatever a plugin throws, wherever it throws it, ends this plugin and nobody else.
 *
 *     starting ──setup settled──▶ running ──stream completes──▶ ended
 *         │                          ├──────stream errors─────▶ failed
 *         └──throws, too slow──▶ failed     stop() ───────────▶ stopped
 *
 * @module
 */
import { setMaxListeners } from 'node:events'
import type { ActorSystem } from '../actor/system.ts'
import type { Clock } from '../clock.ts'
import { ProvError } from '../errors.ts'
import { during, runnerOf } from '../running.ts'
import type { Log } from '../log.ts'
import type { Millis } from '../units.ts'
import type { LostNeed, Plugin, PluginContext } from './define.ts'
import { pluginErrors } from './errors.ts'
import { handlesOf } from './handles.ts'
import type { LoadedPlugin } from './load.ts'
import type { ExtensionPoint } from './service.ts'

export type LifeState = 'starting' | 'running' | 'ended' | 'failed' | 'stopped'

export interface LifeOptions {
  readonly loaded: LoadedPlugin
  readonly actors: ActorSystem
  readonly clock: Clock
  readonly log: Log
  readonly startTimeoutMs: Millis
  readonly stopTimeoutMs: Millis
  readonly resolve: (service: string) => unknown
  readonly contributions: PluginContext<never, never, unknown>['contributions']
  readonly allStarted: () => Promise<void>
  /** Called once when the plugin ends by itself, never for `stop`. */
  readonly ended: (life: Life) => void
}

type AnyContext = PluginContext<Record<never, never>, Record<never, never>, unknown>

export class Life {
  readonly loaded: LoadedPlugin
  readonly services = new Map<string, unknown>()
  readonly lost: LostNeed[] = []
  state: LifeState = 'starting'
  error: ProvError | undefined
  readonly #options: LifeOptions
  readonly #end = new AbortController()
  readonly #undo: (() => Promise<void> | void)[] = []
  readonly #listeners: ((lost: LostNeed) => void)[] = []
  #subscription: { unsubscribe(): void } | undefined

  constructor(options: LifeOptions) {
    this.#options = options
    this.loaded = options.loaded
    // One for each thing it does at a time: Node would call the eleventh a leak, on the user's screen.
    setMaxListeners(0, this.#end.signal)
  }

  /** Runs setup. Throws what refused it, after undoing what it had started. */
  async start(): Promise<void> {
    const { plugin, name } = this.loaded
    try {
      for (const def of Object.values(plugin.actors ?? {})) {
        const { actors } = this.#options
        const { pen } = this.loaded
        if (pen) await actors.registerRemote(def, pen.remote(def.type), { owner: name })
        else actors.register(def, { owner: name })
      }
      const { setup } = plugin
      const begin = () =>
        during(runnerOf(name, 'its setup'), () => setup?.(this.#context() as never))
      const returned = setup && (await this.#inTime(begin()))
      const absent = this.loaded.provides.filter((service) => !this.services.has(service))
      if (absent.length > 0) {
        throw pluginErrors.PROV_PLUGIN_SERVICE_NOT_PROVIDED({ plugin: name, services: absent })
      }
      this.state = 'running'
      if (returned !== undefined) this.#live(returned)
    } catch (thrown) {
      this.error = ProvError.is(thrown)
        ? thrown
        : pluginErrors.PROV_PLUGIN_SETUP_FAILED(
            { plugin: name, reason: reasonOf(thrown) },
            { cause: thrown },
          )
      this.state = 'failed'
      await this.#release()
      throw this.error
    }
  }

  /** Ends it from outside. Idempotent; never throws. */
  async stop(): Promise<void> {
    if (this.state === 'running' || this.state === 'starting') this.state = 'stopped'
    await this.#release()
  }

  /** Whoever watches its thread or process named it already: one fault is one line. */
  told({ code, message }: ProvError): boolean {
    const trouble = this.loaded.pen?.row().trouble
    return trouble?.code === code && trouble.message === message
  }

  tellLost(lost: LostNeed): void {
    this.lost.push(lost)
    this.#options.log.warn(`${lost.plugin} ended; its services are gone`, {
      services: lost.services,
    })
    for (const listener of this.#listeners) {
      try {
        listener(lost)
      } catch (thrown) {
        this.#options.log.error('onLost threw', { reason: reasonOf(thrown) })
      }
    }
  }

  #context(): AnyContext {
    const { plugin, name, config } = this.loaded
    const { resolve, contributions, allStarted, actors, clock, log } = this.#options
    const needs = Object.entries(plugin.needs ?? {}).map(([key, ref]) => [key, resolve(ref.id)])
    const provide = Object.entries(plugin.provides ?? {}).map(([key, ref]) => [
      key,
      (service: unknown) => void this.services.set(ref.id, service),
    ])
    return {
      name,
      config,
      needs: Object.fromEntries(needs) as Record<never, never>,
      provide: Object.fromEntries(provide) as Record<never, never>,
      actors: actorsOf(name, actors, log, plugin.actors ?? {}),
      contributions: <T>(point: ExtensionPoint<T>) => contributions(point),
      allStarted,
      clock,
      log,
      signal: this.#end.signal,
      defer: (undo) => void this.#undo.push(undo),
      onLost: (listener) => void this.#listeners.push(listener),
    }
  }

  /** The stream is the life: subscribed here, its error or completion is the plugin's end. */
  #live(returned: unknown): void {
    const life = returned as { subscribe?: (observer: object) => { unsubscribe(): void } }
    if (typeof life.subscribe !== 'function') {
      throw pluginErrors.PROV_PLUGIN_SHAPE_INVALID({
        plugin: this.loaded.name,
        field: 'setup',
        wanted: 'a function that returns an Observable, a promise of one, or nothing',
      })
    }
    this.#subscription = life.subscribe({
      next: () => {},
      error: (thrown: unknown) => this.#over(thrown),
      complete: () => this.#over(),
    })
    if (this.state !== 'running') this.#subscription.unsubscribe()
  }

  #over(...failure: [] | [unknown]): void {
    if (this.state !== 'running') return
    this.state = failure.length === 0 ? 'ended' : 'failed'
    if (failure.length > 0) {
      const [thrown] = failure
      // What ended its thread has a name of its own.
      const named = ProvError.is(thrown) && thrown.code.startsWith('PROV_PLUGIN_')
      this.error = named
        ? thrown
        : pluginErrors.PROV_PLUGIN_LIFE_FAILED(
            { plugin: this.loaded.name, reason: reasonOf(thrown) },
            { cause: thrown },
          )
      if (!this.told(this.error)) {
        this.#options.log.error(this.error.message, { code: this.error.code })
      }
    } else {
      this.#options.log.info('ended')
    }
    void this.#release()
    this.#options.ended(this)
  }

  async #inTime<T>(work: T | Promise<T>): Promise<T> {
    const { clock, startTimeoutMs } = this.#options
    let expire = () => {}
    const late = new Promise<never>((_, reject) => {
      expire = () =>
        reject(
          pluginErrors.PROV_PLUGIN_TIMEOUT({
            plugin: this.loaded.name,
            afterMs: startTimeoutMs,
          }),
        )
    })
    const timer = clock.after(startTimeoutMs, expire)
    try {
      return await Promise.race([work, late])
    } finally {
      timer.cancel()
    }
  }

  /** Signal, then the stream, then what was deferred, last one first. */
  async #release(): Promise<void> {
    const { clock, log, stopTimeoutMs } = this.#options
    this.#end.abort()
    try {
      this.#subscription?.unsubscribe()
    } catch (thrown) {
      log.error('its stream threw while it was being stopped', { reason: reasonOf(thrown) })
    }
    this.#subscription = undefined
    for (let undo = this.#undo.pop(); undo; undo = this.#undo.pop()) {
      let timer: { cancel(): void } | undefined
      const late = new Promise<'late'>((resolve) => {
        timer = clock.after(stopTimeoutMs, () => resolve('late'))
      })
      try {
        const done = Promise.resolve(undo()).then(() => 'done')
        if ((await Promise.race([done, late])) === 'late') {
          log.warn(`a deferred clean-up did not end within ${stopTimeoutMs} ms`)
        }
      } catch (thrown) {
        log.error('a deferred clean-up threw', { reason: reasonOf(thrown) })
      }
      timer?.cancel()
    }
    this.services.clear()
  }
}

/** The same system, where whatever this plugin registers later carries its name, and its types are. */
function actorsOf(
  owner: string,
  system: ActorSystem,
  log: Log,
  defs: NonNullable<Plugin['actors']>,
): ActorSystem {
  const handles = new Map(
    Object.entries(defs).map(([key, def]) => [key, handlesOf(def, system, log)]),
  )
  return new Proxy(system, {
    get(target, key) {
      if (key === 'register') {
        return (...[def, options]: Parameters<ActorSystem['register']>) =>
          target.register(def, { owner, ...options })
      }
      const own = typeof key === 'string' ? handles.get(key) : undefined
      if (own) return own
      const value: unknown = Reflect.get(target, key)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
