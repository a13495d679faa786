/**
 * One command line from argv to exit code.
 *
 *     argv ─▶ first look ─▶ command table ─▶ its module ─▶ parser ─▶ run ─▶ output ─▶ exit code
 *
 * C1  Whatever happens comes out as an exit code of D-1 and, if it is an error, as a row of the
 *     table: never a stack.
 * C2  What the command opened is closed before the code is known, also after a throw or a signal.
 * C3  The first SIGINT or SIGTERM asks: abort, close, 130. The second one ends the process. A command
 *     that runs until it is told to end was told: it closes and ends as it says itself.
 *
 * @module
 */
import { resolve } from 'node:path'
import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { homeDir } from '../config/home.ts'
import { findWorkspace } from '../config/workspace.ts'
import { asProvError, coreErrors } from '../errors.ts'
import type { ProvError } from '../errors.ts'
import { discoverPlugins } from '../plugin/discover.ts'
import type { AnyCommand, CommandContext, Paint } from './command.ts'
import { knownCommands, matchCommand, withGuestCommands } from './commands.ts'
import type { Commands, Match } from './commands.ts'
import { openContext } from './context.ts'
import { cliErrors } from './errors.ts'
import { firstLook, withoutWords } from './globals.ts'
import type { FirstLook } from './globals.ts'
import { helpTopics, jsonVersion } from './topics.ts'
import { watching } from './watch.ts'
import { coloursWanted, errorText, makePaint, resultText } from './output.ts'
import type { Format, Streams } from './output.ts'

export interface CliOptions {
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly streams: Streams
  /** Default: the machine's. */
  readonly clock?: Clock
  /** Where signals come from; undefined listens to none. */
  readonly signals?: Pick<NodeJS.Process, 'on' | 'off'> | undefined
}

export const interruptedExit = 130
/** Cursor home, everything below it gone. */
const clearScreen = '\u001b[H\u001b[2J'

/** Runs a command line. Never throws; the exit code is the answer. */
export async function runCommandLine(
  argv: readonly string[],
  options: CliOptions,
): Promise<number> {
  const { env, streams } = options
  if (argv[0] === '__complete') {
    const { answerShell } = await import('./complete-shell.ts')
    return say(streams, await answerShell(argv.slice(1), options))
  }
  const look = helpAsked(firstLook(argv))
  const actor = look.actor ?? (env['PROV_ACTOR'] || env['ONTOREF_ACTOR'] || undefined)
  const home = homeDir(env)
  let format: Format = look.json || (await isAgent(actor, home)) ? 'json' : 'text'
  const painted = (stream: Streams['out'], flag?: boolean) =>
    makePaint({ colours: coloursWanted(stream, env, flag), columns: stream.columns })
  let paint = painted(streams.err)
  try {
    if (look.version) return say(streams, await versionText(format))
    const found = await find(look, options, home)
    const quick = await helpInstead(look, found, painted(streams.out), streams)
    if (quick !== undefined) return quick
    const { entry, rest, longer } = found.match as Extract<Match, { kind: 'command' }>
    const command = await entry.load()
    const { parseArguments } = await import('./parse.ts')
    const named = look.words.slice(0, look.words.length - rest.length)
    const parsed = await parseArguments(withoutWords(argv, named), entry.words, command, { longer })
    format = parsed.fmt ?? format
    paint = painted(streams.err, parsed.color)
    return await execute(command, parsed.flags, {
      ...options,
      clock: options.clock ?? systemClock,
      home,
      actor,
      workspace: look.workspace,
      project:
        look.project ??
        (look.workspace === undefined ? env['PROV_PROJECT'] || undefined : undefined),
      dryRun: parsed.dryRun,
      watch: parsed.watch,
      print: (data) => {
        const paint = painted(streams.out, parsed.color)
        const clear = parsed.watch && format !== 'json' && streams.out.isTTY === true
        const line = parsed.watch && format === 'json'
        const text = line ? `${JSON.stringify(data)}\n` : resultText(command, data, format, paint)
        streams.out.write(clear ? `${clearScreen}${text}` : text)
      },
    })
  } catch (thrown) {
    const error = asProvError(thrown)
    streams.err.write(errorText(error, format, paint))
    return error.code === 'PROV_INTERRUPTED' ? interruptedExit : error.exitCode
  }
}

interface Execution extends Omit<CliOptions, 'clock'> {
  readonly clock: Clock
  readonly home: string
  readonly actor: string | undefined
  readonly workspace: string | undefined
  readonly project: string | undefined
  readonly dryRun: boolean
  readonly watch: boolean
  readonly print: (data: unknown) => void
}

/** Runs a parsed command and closes what it opened, whatever happens (C2, C3). */
async function execute(
  command: AnyCommand,
  flags: Readonly<Record<string, unknown>>,
  execution: Execution,
): Promise<number> {
  const abort = new AbortController()
  const options = { ...execution, signal: abort.signal }
  const { context, close } = openContext(options)
  let interrupt: (error: ProvError) => void = () => {}
  const interrupted = new Promise<never>((_, reject) => (interrupt = reject))
  interrupted.catch(() => {})
  let asked = false
  const onSignal = (signal: NodeJS.Signals) => {
    if (asked) process.exit(interruptedExit)
    asked = true
    const error = coreErrors.PROV_INTERRUPTED({ signal })
    abort.abort(error)
    if (command.foreground !== true) interrupt(error)
  }
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const name of names) execution.signals?.on(name, onSignal)
  try {
    const run = command.run as (flags: unknown, context: CommandContext) => Promise<unknown>
    const again = async (): Promise<unknown> => {
      const one = openContext(options)
      try {
        return await run(flags, one.context)
      } finally {
        await one.close()
      }
    }
    const { clock, print, streams } = execution
    const redraw = streams.out.isTTY === true
    const working = execution.watch
      ? watching({ look: again, show: print, redraw, clock, signal: abort.signal })
      : run(flags, context)
    // When interrupted, the command's own rejection that follows is not news.
    working.catch(() => {})
    const data = await Promise.race([working, interrupted])
    print(data)
    return command.exitCode ? (command.exitCode as (data: unknown) => number)(data) : 0
  } finally {
    await close()
    for (const name of names) execution.signals?.off(name, onSignal)
  }
}

interface FoundCommand {
  readonly match: Match
  readonly commands: Commands
}

/** Strangers' commands are looked at only when ours do not answer, or when all are to be listed. */
async function find(look: FirstLook, options: CliOptions, home: string): Promise<FoundCommand> {
  const root = findWorkspace(resolve(options.cwd, look.workspace ?? '.'))
  const discovery = discoverPlugins({ workspace: root })
  let commands = await knownCommands(discovery)
  let match = matchCommand(look.words, commands)
  const listing = look.words.length === 0 || match.kind === 'group'
  if (root !== undefined && (listing || match.kind === 'none')) {
    commands = await withGuestCommands(commands, discovery, { home, workspace: root })
    match = matchCommand(look.words, commands)
  }
  return { match, commands }
}

/** Prints help where help is asked for or nothing else can be done; undefined when a command runs. */
async function helpInstead(
  look: FirstLook,
  { match, commands }: FoundCommand,
  paint: Paint,
  streams: Streams,
): Promise<number | undefined> {
  if (match.kind === 'command' && !look.help) return undefined
  const help = await import('./help.ts')
  const lines = (all: readonly string[]) => say(streams, `${all.join('\n')}\n`)
  if (look.words.length === 0) {
    if (look.stray !== undefined && !look.help) {
      throw cliErrors.PROV_CLI_COMMAND_MISSING({ flag: look.stray })
    }
    return lines(await help.overviewLines(commands, paint))
  }
  if (match.kind === 'none') throw match.error
  if (match.kind === 'command') {
    const command = await match.entry.load()
    const [extra] = match.rest
    const { positionalsOf } = await import('./pattern.ts')
    if (extra !== undefined && positionalsOf(command.pattern).length === 0) {
      const { entry, longer } = match
      throw cliErrors.PROV_CLI_ARGUMENT_EXTRA({
        argument: extra,
        command: entry.words,
        ...(longer !== undefined && { suggestion: longer }),
      })
    }
    return lines(help.commandLines(command, paint))
  }
  if (look.help) return lines(await help.groupLines(match.words, commands, paint))
  throw cliErrors.PROV_CLI_COMMAND_INCOMPLETE({ command: match.words, known: match.known })
}

/** `prov help state` is `prov state --help`; the topics of `prov help` are a command of their own. */
function helpAsked(look: FirstLook): FirstLook {
  const [first, ...words] = look.words
  const about = words[0] === 'json' || words.length === 1
  const isTopic = about && helpTopics.includes(words[0] as never)
  if (first !== 'help' || isTopic || look.help) return look
  return { ...look, words, help: true }
}

function say(streams: Streams, text: string): number {
  streams.out.write(text)
  return 0
}

/** Agents read JSON: their key record says what they are, so no flag has to (D-27). */
async function isAgent(actor: string | undefined, home: string): Promise<boolean> {
  if (actor === undefined) return false
  if (actor === 'agent') return true
  if (!/^[a-z0-9][a-z0-9._-]*$/i.test(actor)) return false
  const { readFile } = await import('node:fs/promises')
  try {
    const file = JSON.parse(await readFile(`${home}/keys/${actor}.json`, 'utf8')) as {
      record?: { kind?: unknown }
    }
    return file.record?.kind === 'agent'
  } catch {
    return false
  }
}

/** What is running, as people and scripts ask for it. */
async function versionText(format: Format): Promise<string> {
  const [{ provRoot }, { readManifest }, { spokenApis }] = await Promise.all([
    import('../plugin/discover.ts'),
    import('../plugin/manifest.ts'),
    import('../plugin/check.ts'),
  ])
  const version = readManifest(provRoot())?.version ?? 'unknown'
  const node = process.versions.node
  if (format === 'json') {
    const versions = { version, pluginApi: spokenApis.to, json: jsonVersion, node }
    return `${JSON.stringify(versions, null, 2)}\n`
  }
  return `prov ${version} (plugin api ${spokenApis.to}, node ${node})\n`
}
