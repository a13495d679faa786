/**
 * Read models: pure projections of workspace files and journal that the CLI, HTTP, MCP and scripts
 * share. A read model needs no running plugin and no lock: the same function serves `prov state`
 * with nothing running and `runtime.read('state')` inside a script.
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import type { JournalReader } from '../journal/journal.ts'
import type { WorkspaceFiles } from '../config/workspace.ts'
import type { ExtensionPoint } from './service.ts'

/** What a read model may look at. */
export interface ReadContext {
  readonly files: WorkspaceFiles
  /** Absent while the workspace has no journal yet. */
  readonly journal: JournalReader | undefined
  readonly clock: Clock
  /** Another read model, computed once per context. */
  readonly read: (name: string, args?: Readonly<Record<string, unknown>>) => Promise<unknown>
  /**
   * Additions of plugins to a point. Without a runtime the plugins are imported for it, as far as
   * they are trusted, and none of them is started: ask only when there is no other way to answer.
   */
  readonly contributions: Contributions
}

/** What plugins added to an extension point, in order. */
export type Contributions = <T>(point: ExtensionPoint<T>) => Promise<readonly Contribution<T>[]>

export interface Contribution<T> {
  readonly name: string
  readonly plugin: string
  readonly value: T
  /** What the workspace says to a plugin that does not run here, as it stands there. */
  readonly config?: unknown
}

export interface ReadModel<A, T> {
  readonly name: string
  readonly describe: string
  /** Parses arguments at the edge; throws a ProvError for what it refuses. Default: takes none. */
  readonly args?: (raw: Readonly<Record<string, unknown>>) => A
  readonly run: (args: A, context: ReadContext) => Promise<T>
}

/** A read model whose types are its owner's business: what `args` made goes to `run` as it is. */
export interface AnyReadModel {
  readonly name: string
  readonly describe: string
  readonly args?: (raw: Readonly<Record<string, unknown>>) => unknown
  readonly run: (args: never, context: ReadContext) => Promise<unknown>
}

/** Freezes a read model and gives `run` the type that `args` parses. */
export function defineRead<A, T>(model: ReadModel<A, T>): ReadModel<A, T> {
  return Object.freeze(model)
}
