/**
 * The runtime: journal, bus, kernel and plugins of one workspace under one roof, embeddable in a
 * script with no daemon and no server.
 *
 * @module
 */
import type { Observable } from 'rxjs'
import type { Bus } from './bus/bus.ts'
import type { Clock } from './clock.ts'
import type { Journal } from './journal/journal.ts'
import type { Plugin } from './plugin/define.ts'
import type { ServiceRef } from './plugin/service.ts'
import type { OpEnd, PhaseChange, Proposal } from './protocol/services.ts'
import type { Millis } from './units.ts'

export interface RuntimeOptions {
  /** Folder of the workspace or any folder below it. */
  readonly workspace: string
  /** Default: the embedded bus over the journal. */
  readonly bus?:
    | Bus
    | ((parts: { readonly journal: Journal; readonly clock: Clock }) => Promise<Bus>)
    | undefined
  /** Default: the append journal in `<workspace>/.prov/journal`, opened under the writer lock. */
  readonly journal?: Journal | undefined
  readonly clock?: Clock | undefined
  /** More plugins, already imported and therefore trusted by the caller. */
  readonly plugins?: readonly Plugin[] | undefined
  /** Config by plugin name; overrides the workspace's. */
  readonly config?: Readonly<Record<string, unknown>> | undefined
  /** Folder of keys and trust, outside the workspace. Default: PROV_HOME, else the user's config folder. */
  readonly home?: string | undefined
}

/** An operation in flight. */
export interface OpHandle {
  readonly id: string
  /** Phases from now on, the newest first one at once; completes at a terminal phase. */
  readonly phases$: Observable<PhaseChange>
  /** Resolves when the operation ended or stands still for a person (held, unknown). Throws PROV_OP_TIMEOUT. */
  settled(options?: { readonly timeoutMs?: Millis; readonly signal?: AbortSignal }): Promise<OpEnd>
}

export interface Runtime extends AsyncDisposable {
  /** A read model of the command table, computed from journal and files. */
  read(name: string, args?: Readonly<Record<string, unknown>>): Promise<unknown>
  /** Proposes an operation. Resolves once the intent is durable. */
  submit(proposal: Proposal): Promise<OpHandle>
  /** Follows an operation that exists. */
  op(id: string): OpHandle
  /** A service of a running plugin. Throws PROV_PLUGIN_SERVICE_MISSING. */
  service<T>(ref: ServiceRef<T>): T
  /** Stops plugins right to left, then kernel, bus and journal; releases the lock. Idempotent. */
  close(): Promise<void>
}
