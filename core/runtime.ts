/**
 * The runtime: journal, bus, kernel and plugins of one workspace under one roof, embeddable in a
 * script with no daemon and no server.
 *
 * @module
 */
import type { Observable } from 'rxjs'
import type { Inspector } from './actor/inspect.ts'
import type { MemoryOptions } from './actor/passivate.ts'
import type { ActorSystem } from './actor/system.ts'
import type { Tracing } from './actor/telemetry.ts'
import type { Bus } from './bus/bus.ts'
import type { Clock } from './clock.ts'
import type { WorkspaceFiles } from './config/workspace.ts'
import type { Journal } from './journal/journal.ts'
import type { LogSink } from './log.ts'
import type { Plugin } from './plugin/define.ts'
import type { PluginRow } from './plugin/host.ts'
import type { IsolationLimits } from './plugin/isolation/tier.ts'
import type { ServiceRef } from './plugin/service.ts'
import type { Span } from './plugin/tree.ts'
import type { OpEnd, PhaseChange, Proposal } from './protocol/services.ts'
import type { Count, Millis } from './units.ts'

export interface RuntimeOptions {
  /** Folder of the workspace or any folder below it. */
  readonly workspace: string
  /**
   * Default: the embedded bus over the journal, or the NATS server that the settings name where other
   * planes live elsewhere. A bus handed in as an object stays the caller's to close. */
  readonly bus?:
    | Bus
    | ((parts: { readonly journal: Journal; readonly clock: Clock }) => Promise<Bus>)
    | undefined
  /**
   * Default: the append journal in `<workspace>/.prov/journal`, opened under the writer lock. One
   * that is handed in stays the caller's to close.
   */
  readonly journal?: Journal | undefined
  /**
   * Folder of journal, sockets and caches, for a plane that has one of its own beside others. Default:
   * PROV_STATE, else `.prov` in the workspace.
   */
  readonly state?: string | undefined
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined
  /** More plugins, already imported and therefore trusted by the caller. */
  readonly plugins?: readonly Plugin[] | undefined
  /** False: only the given plugins, nothing of Prov's own and nothing of the workspace. Default true. */
  readonly discover?: boolean | undefined
  /** Config by plugin name; overrides the workspace's. */
  readonly config?: Readonly<Record<string, unknown>> | undefined
  /** Folder of keys and trust, outside the workspace. Default: PROV_HOME, else the user's config folder. */
  readonly home?: string | undefined
  /** Default: the process's environment. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /**
   * Asked once per sealed key, unless PROV_PASSPHRASE_FILE names a file. Default: nobody can be
   * asked, sealed keys are refused.
   */
  readonly passphrase?: ((actor: string) => Promise<string | undefined>) | undefined
  /** Hears everything the kernel does. Default: off, and free. */
  readonly inspect?: Inspector | readonly Inspector[] | undefined
  /** Where traces are kept: the other half of `openTelemetry`. Default: nowhere. */
  readonly tracing?: Tracing | undefined
  /** From 0 to below 1: what back-offs of actors take their jitter from. Default: chance. */
  readonly random?: (() => number) | undefined
  /**
   * How many actors stay ready in memory before idle ones rest. Default 100,000; those that rest and do
   * not fit go to a file of this process in the workspace's state folder.
   */
  readonly memory?: MemoryOptions | undefined
  /** Where lines for people go. Default: warnings and errors to stderr. */
  readonly log?: LogSink | undefined
  /**
   * Bounds of plugins that run in a thread or process of their own. False: everything runs in this
   * thread. Default: what comes with a workspace runs elsewhere.
   */
  readonly isolation?: Partial<IsolationLimits> | false | undefined
  /**
   * True: other processes of this user may hand signed tokens in and ask for what stands, through a
   * socket in the workspace's state folder. Default false: they meet PROV_JOURNAL_LOCKED. Nothing is
   * served where a journal is handed in.
   */
  readonly serve?: boolean | undefined
  /**
   * Where planes share a server and another process runs the plane of this journal: true waits until
   * that one is gone and takes over, also from one that hangs. Default false: PROV_JOURNAL_LOCKED,
   * PROV_PLANE_LED.
   */
  readonly standby?: boolean | undefined
  /** Ends a start that waits for another process. */
  readonly signal?: AbortSignal | undefined
  /** The first plugin that is refused or fails undoes the start and is thrown. Default false. */
  readonly strict?: boolean | undefined
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
  /**
   * A service of the core or of a running plugin. Throws PROV_PLUGIN_SERVICE_MISSING, or what kept
   * the provider from running when that is not a plugin's business: a broken file of the workspace.
   */
  service<T>(ref: ServiceRef<T>): T
  readonly files: WorkspaceFiles
  readonly actors: ActorSystem
  /** Found, running, refused, ended: one row each. */
  plugins(): readonly PluginRow[]
  /**
   * Brings in the code of a plugin as it lies there now, while everything goes on. Throws
   * PROV_PLUGIN_RELOAD_FAILED, PROV_PLUGIN_UNTRUSTED, PROV_PLUGIN_UNKNOWN; then the old one goes on.
   */
  reload(plugin: string): Promise<{ readonly generation: Count; readonly checked: Count }>
  /**
   * Aborts when another process took over what runs here, or the journal takes nothing more because its
   * disk failed; the reason says so. Nothing more is claimed or asked for from then on: close it.
   */
  readonly over: AbortSignal
  /** How the start went and what took how long. */
  readonly boot: Span
  /** Stops plugins right to left, then kernel, bus and journal; releases the lock. Idempotent. */
  close(): Promise<void>
}

/**
 * Opens a workspace for writing and starts everything it needs; about a tenth of a second. Throws
 * PROV_CONFIG_*, PROV_JOURNAL_LOCKED (somebody else writes), PROV_JOURNAL_CORRUPT; then nothing is
 * left open. One plugin's failure is a row of `plugins()`, not a throw.
 */
export async function createRuntime(options: RuntimeOptions): Promise<Runtime> {
  // Behind a lazy edge: whoever imports the face to define a command must not pay for the kernel.
  const { bootRuntime } = await import('./boot.ts')
  return bootRuntime(options)
}
