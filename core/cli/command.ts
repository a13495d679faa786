/**
 * A command: flags in, data out, lines last. It does not print and does not exit; one object feeds
 * the command line, HTTP and MCP.
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import type { Runtime } from '../runtime.ts'
import type { WorkspaceFiles } from '../config/workspace.ts'

export interface Flag {
  readonly type: 'string' | 'boolean' | 'number'
  readonly describe: string
  readonly default?: string | boolean | number
  readonly choices?: readonly string[]
  readonly alias?: string
  readonly required?: boolean
  /** Of a number: whole, and 0 or more. */
  readonly count?: boolean
  /** May be given several times; the value is then an array. */
  readonly many?: boolean
  /** What a shell offers for it while it is typed; default: its choices, else nothing. */
  readonly complete?: Completion | readonly Completion[]
}

/**
 * Where values come from that exist now: files, plugins, addresses of actors (`type/id`), names of
 * the user's own keys, or the rows of a read model.
 */
export type Completion = 'files' | 'plugins' | 'addresses' | 'keys' | RowsOf

export interface RowsOf {
  /** Name of the read model; it takes no lock. */
  readonly read: string
  readonly args?: Readonly<Record<string, unknown>>
  /** Field with the rows, of the answer or of each row in it; default: the answer is the rows. */
  readonly rows?: string
  /** Only rows with these values; undefined: without that field. */
  readonly where?: Readonly<Record<string, unknown>>
  /** Field whose text is offered. */
  readonly value: string
  /** Fields that say what it is, where the shell shows that. */
  readonly says?: readonly string[]
}

type FlagValue<F extends Flag> = F extends { many: true }
  ? readonly ScalarOf<F>[]
  : F extends { default: string | boolean | number } | { required: true }
    ? ScalarOf<F>
    : ScalarOf<F> | undefined
type ScalarOf<F extends Flag> = F['type'] extends 'boolean'
  ? boolean
  : F['type'] extends 'number'
    ? number
    : F extends { choices: readonly (infer C)[] }
      ? C
      : string

export type FlagValues<F extends Readonly<Record<string, Flag>>> = {
  readonly [K in keyof F]: FlagValue<F[K]>
}

/** What a command gets besides its flags. Everything is lazy: a read command never opens the runtime. */
export interface CommandContext {
  /** Who acts: `--actor`, PROV_ACTOR, or the only key there is. Undefined when nothing says. */
  readonly actor: string | undefined
  readonly clock: Clock
  readonly signal: AbortSignal
  /** `--dry-run`: say what would happen, change nothing. */
  readonly dryRun: boolean
  /** Folder where the command was started. */
  readonly cwd: string
  /** The user's folder of keys and trust (PROV_HOME); not made, not checked. */
  readonly home: string
  readonly env: Readonly<Record<string, string | undefined>>
  /**
   * Absolute root of the workspace around `cwd` or `--workspace`. Reads none of its files, so it also
   * answers where they are broken. Throws PROV_CONFIG_NO_WORKSPACE.
   */
  readonly root: () => string
  /** The same with its name and files. Throws what reading its manifests throws, too. */
  readonly files: () => Promise<WorkspaceFiles>
  /** A read model by name; takes no lock. */
  readonly read: (name: string, args?: Readonly<Record<string, unknown>>) => Promise<unknown>
  /**
   * A new consistent look at what is now: `read` answers the same within one command. For commands
   * that wait for something.
   */
  readonly look: () => Promise<CommandContext['read']>
  /**
   * The runtime, opened under the writer lock on first use and closed by the caller of the command.
   * Where another process holds the workspace and serves it, the services of that one: tokens are
   * signed here and handed in there. `serve`: be that process.
   */
  readonly runtime: (options?: { readonly serve?: boolean }) => Promise<Runtime>
  /**
   * The runtime of another process that holds the workspace, or of planes elsewhere; undefined where
   * nobody can be asked. It opens nothing here.
   */
  readonly beside: () => Promise<Runtime | undefined>
  /** Closes the runtime before the end of the command, so that others may write meanwhile. */
  readonly release: () => Promise<void>
  /** The next one of a stream, for a command that goes on: a line of JSON on stdout. */
  readonly line: (data: unknown) => void
  /** Talk for people while it runs; goes to stderr, never to stdout. */
  readonly progress: (line: string) => void
  /** Asks a person on the terminal; undefined when there is none. `secret` does not echo. */
  readonly ask: (question: string, options?: { secret?: boolean }) => Promise<string | undefined>
}

/** How lines may be decorated; plain in a pipe. */
export interface Paint {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly good: (text: string) => string
  readonly bad: (text: string) => string
  readonly warn: (text: string) => string
  /** Width of the terminal in columns; 100 in a pipe. */
  readonly columns: number
}

export type CommandGroup = 'State' | 'Topology' | 'Operations' | 'Runtime' | 'Workspace' | 'Tools'

export interface Command<F extends Readonly<Record<string, Flag>>, T> {
  /** Words and positionals as yargs reads them: `backlog show <id>`. Positionals are flags too. */
  readonly pattern: string
  readonly describe: string
  /** What `--help` of this command says beyond that, a paragraph each. */
  readonly notes?: readonly string[]
  readonly group: CommandGroup
  /** At least one: [command line, what it does]. */
  readonly examples: readonly (readonly [string, string])[]
  readonly flags: F
  /** True when it may change something: it then takes `--dry-run`. */
  readonly writes?: boolean
  /** True for one that runs until it is told to end: a signal aborts `context.signal`, no more. */
  readonly foreground?: boolean
  readonly run: (flags: FlagValues<F>, context: CommandContext) => Promise<T>
  /** Lines for people. Default: the data as indented JSON. `md` is asked for by `--fmt md`. */
  readonly render?: (data: T, paint: Paint, format: 'text' | 'md') => readonly string[]
  /** Exit code of a normal end. Default 0; see D-1 in core/README.md. */
  readonly exitCode?: (data: T) => number
}

/** A command whose types are its owner's business: the command line only passes them on. */
export interface AnyCommand {
  readonly pattern: string
  readonly describe: string
  readonly notes?: readonly string[]
  readonly group: CommandGroup
  readonly examples: readonly (readonly [string, string])[]
  readonly flags: Readonly<Record<string, Flag>>
  readonly writes?: boolean
  readonly foreground?: boolean
  readonly run: (flags: never, context: CommandContext) => Promise<unknown>
  readonly render?: (data: never, paint: Paint, format: 'text' | 'md') => readonly string[]
  readonly exitCode?: (data: never) => number
}

/** Freezes a command and gives `run` the types of its flags. */
export function defineCommand<const F extends Readonly<Record<string, Flag>>, T>(
  command: Command<F, T>,
): Command<F, T> {
  return Object.freeze(command)
}
