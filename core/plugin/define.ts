/**
 * The plugin contract, version 1. First-party plugins use only this; whatever they can do, a
 * stranger's package can do. Everything a plugin adds is declared in one object, so that discovery
 * and a dry run can list it without running it.
 *
 * @module
 */
import type { Observable } from 'rxjs'
import type { ActorDef } from '../actor/define.ts'
import type { ActorSystem } from '../actor/system.ts'
import type { AnyCommand } from '../cli/command.ts'
import type { ShapeTable } from '../cli/shape.ts'
import type { Clock } from '../clock.ts'
import type { ErrorReport, ErrorRow } from '../errors.ts'
import type { Log } from '../log.ts'
import type { ActorHandles } from './handles.ts'
import type { AnyReadModel } from './read.ts'
import type { Route, RouteName } from './route.ts'
import type { Contribution, ExtensionPoint, ServiceOf, ServiceRef } from './service.ts'

/** The contract's version; it changes only when the contract breaks. */
export const pluginApi = 1

export type Needs = Readonly<Record<string, ServiceRef<unknown>>>
export type Provides = Readonly<Record<string, ServiceRef<unknown>>>
export type Actors = Readonly<Record<string, ActorDef>>
export type Services<R extends Needs | Provides> = { readonly [K in keyof R]: ServiceOf<R[K]> }

/** What `setup` receives: only what the plugin asked for, and a signal that ends its life. */
export interface PluginContext<
  N extends Needs,
  P extends Provides,
  C,
  A extends Actors = Record<never, never>,
> {
  readonly name: string
  readonly config: C
  readonly needs: Services<N>
  /**
   * The kernel; the plugin's own `actors` are registered on it before `setup` runs, and each is there
   * by its key: `actors.quota('eu').send(event)`.
   */
  readonly actors: ActorSystem & ActorHandles<A>
  /** Hands a service out. Everything in `provides` must have been handed out when `setup` returns. */
  readonly provide: { readonly [K in keyof P]: (service: ServiceOf<P[K]>) => void }
  /** All additions of loaded plugins to a point, in start order. */
  readonly contributions: <T>(
    point: ExtensionPoint<T>,
  ) => readonly { name: string; plugin: string; value: T }[]
  /**
   * Resolves once every plugin of this start had its turn, well or not. For work that needs others
   * without needing a service of theirs. Awaited inside `setup` it would wait for itself.
   */
  readonly allStarted: () => Promise<void>
  readonly clock: Clock
  readonly log: Log
  /** Aborts when the plugin must end: whatever it started ends with it. */
  readonly signal: AbortSignal
  /** Runs when the plugin ends, after the signal; the last one first, each awaited (5 s at most). */
  readonly defer: (undo: () => Promise<void> | void) => void
  /** Calls back when a plugin that provides one of the needs ended before this one. */
  readonly onLost: (listener: (lost: LostNeed) => void) => void
}

/** A need whose provider ended while this plugin goes on. */
export interface LostNeed {
  readonly plugin: string
  readonly services: readonly string[]
  /** Absent when the provider ended well. */
  readonly error?: ErrorReport
}

/** What `setup` may return: a life that the supervisor watches, or nothing. */
export type PluginLife = Observable<unknown> | undefined | void

/** Commands by their words. */
export type CommandTable = Readonly<Record<string, () => Promise<{ readonly command: AnyCommand }>>>

/** A module that says what commands print with `--json`. */
export type ShapeModule = () => Promise<{ readonly shapes: ShapeTable }>

/** Read models by name. */
export type ReadTable = Readonly<Record<string, () => Promise<{ readonly read: AnyReadModel }>>>

/** Routes by method and path. */
export type RouteTable = Readonly<Record<RouteName, () => Promise<{ readonly route: Route }>>>

export interface PluginSpec<N extends Needs, P extends Provides, C, A extends Actors = Actors> {
  /** Lower case, `-`; unique in a runtime. */
  readonly name: string
  readonly api: number
  /** One sentence for `prov plugins`. */
  readonly describe?: string
  readonly needs?: N
  readonly provides?: P
  /**
   * Unknown in (undefined when there is none), typed out; throws a ProvError for what it refuses.
   * Default: refuses any config.
   */
  readonly config?: (raw: unknown) => C
  /** By a key of your choice, not one of the kernel's own words. */
  readonly actors?: A
  /**
   * By words: `state`, `op submit`. Lazy: the module is loaded when the command runs; see
   * `defineCommand`. Keep the record in `commands/index.ts`, so that the command line finds it
   * without loading the plugin; likewise `reads/index.ts`.
   */
  readonly commands?: CommandTable
  /** Lazy: what each of them prints with `--json`, see `shape`. Beside `commands` in its light module. */
  readonly shapes?: ShapeModule
  /** Lazy: read models by name, see `defineRead`. */
  readonly reads?: ReadTable
  /** Lazy: by method and path, see `defineRoute`. Declared and listed; a daemon serves them. */
  readonly routes?: RouteTable
  readonly contributes?: readonly Contribution[]
  readonly errors?: Readonly<Record<string, ErrorRow<never>>>
  /**
   * Looks at what this plugin keeps outside of the journal, before any plugin starts; a throw refuses
   * the start of everything. For a history that contradicts the journal. Of `needs` only those of the
   * core are there; a plugin that runs in a thread or process of its own is not asked.
   */
  readonly preflight?: (
    context: Pick<PluginContext<N, P, C, A>, 'name' | 'config' | 'needs' | 'log'>,
  ) => Promise<void> | void
  /** Runs once per life. A promise delays the start of those who need this plugin until it settles. */
  readonly setup?: (context: PluginContext<N, P, C, A>) => PluginLife | Promise<PluginLife>
}

const brand = Symbol.for('prov.plugin')

/** A plugin as the host sees it. Recognised by brand, never by `instanceof`. */
export interface Plugin extends PluginSpec<Needs, Provides, unknown> {
  readonly [brand]: true
}

/** Seals a plugin object. Nothing runs; mistakes in the shape are named when the host loads it. */
export function definePlugin<
  const N extends Needs,
  const P extends Provides,
  C,
  const A extends Actors = Record<never, never>,
>(spec: PluginSpec<N, P, C, A>): Plugin {
  return Object.freeze({ ...spec, [brand]: true as const }) as unknown as Plugin
}

/** True for a plugin made by any copy of this library. */
export function isPlugin(value: unknown): value is Plugin {
  return typeof value === 'object' && value !== null && brand in value
}
