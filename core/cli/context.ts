/**
 * What a command gets: everything lazy, so that it pays for what it uses. Reading opens no lock;
 * the first call of `runtime` opens the workspace for writing, and the end of the command closes it.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { sleep } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { configErrors } from '../config/errors.ts'
import { anchorsDir, realPath } from '../config/home.ts'
import { deskErrors } from '../desk/errors.ts'
import type { Project } from '../desk/project.ts'
import { findWorkspace, openWorkspaceFiles } from '../config/workspace.ts'
import type { WorkspaceFiles } from '../config/workspace.ts'
import type { JournalReader } from '../journal/journal.ts'
import { ProvError } from '../errors.ts'
import { discoverPlugins } from '../plugin/discover.ts'
import type { Discovery } from '../plugin/discover.ts'
import type { Read } from '../plugin/reads.ts'
import type { Runtime } from '../runtime.ts'
import type { Millis } from '../units.ts'
import type { CommandContext } from './command.ts'
import { askPerson } from './ask.ts'
import type { Streams } from './output.ts'
import { printable } from './printable.ts'

export interface ContextOptions {
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly home: string
  readonly clock: Clock
  readonly streams: Streams
  readonly signal: AbortSignal
  readonly workspace: string | undefined
  /** Name of a project whose planes are elsewhere: then nothing of a workspace is read here. */
  readonly project: string | undefined
  readonly actor: string | undefined
  readonly dryRun: boolean
  /** False: no code of strangers, trusted or not. Default true. */
  readonly guests?: boolean
}

/** How long a holder may take to say that it is there. */
const patienceMs: Millis = 2_000
/** How long a holder may take from its lock to its socket. */
const beginMs: Millis = 1_000

/** The context, and how to end what it opened. */
export interface OpenContext {
  readonly context: CommandContext
  close(): Promise<void>
}

export function openContext(options: ContextOptions): OpenContext {
  const { cwd, env, home, clock, streams, signal } = options
  const from = resolve(cwd, options.workspace ?? '.')
  let discovery: Discovery | undefined
  let files: Promise<WorkspaceFiles> | undefined
  let runtime: Promise<Runtime> | undefined
  let reading: Promise<Read> | undefined
  let journal: JournalReader | undefined
  let distant: Promise<Project> | undefined

  /** Undefined where the workspace is here. */
  const openDistant = () => {
    const { project, workspace } = options
    if (project === undefined) return undefined
    return (distant ??= (async () => {
      const [{ openProject }, { passphraseFrom }] = await Promise.all([
        import('../desk/project.ts'),
        import('../config/passphrase.ts'),
      ])
      return openProject({
        ...options,
        project,
        workspace,
        passphrase: passphraseFrom(env, passphrase),
        progress: context.progress,
      })
    })())
  }

  const discovered = async (root: string) => (discovery ??= discoverPlugins({ workspace: root }))
  const openFiles = () =>
    (files ??= (async () => {
      if (options.project !== undefined) throw elsewhere(options.project, 'the folder')
      const root = findWorkspace(from)
      const nickel = root === undefined ? [] : (await discovered(root)).nickel
      return openWorkspaceFiles(from, { nickel, env })
    })())
  /** Files are read anew at each look, the journal goes on from where the last look ended. */
  const newLook = async (): Promise<Read> => {
    const far = await openDistant()
    if (far) return far.look()
    const opened = await openFiles()
    const { foundContributions, knownReads, readOnce, withGuestReads } =
      await import('../plugin/reads.ts')
    journal ??= await journalIn(opened.stateDir, anchorsDir(env, home))
    const discovery = await discovered(opened.root)
    const known = await knownReads(discovery)
    const shared = { files: opened, journal, clock }
    if (options.guests === false) return readOnce({ ...shared, table: known })
    const place = { home, workspace: opened.root }
    const table = await withGuestReads(known, discovery, place)
    const contributions = foundContributions(discovery, place)
    return readOnce({ ...shared, table, contributions })
  }
  const openReading = () => (reading ??= newLook())

  const root = () => {
    if (options.project !== undefined) throw elsewhere(options.project, 'the folder')
    const found = findWorkspace(from)
    if (found === undefined) throw configErrors.PROV_CONFIG_NO_WORKSPACE({ from })
    return found
  }

  const passphrase = (actor: string) => context.ask(`passphrase of ${actor}: `, { secret: true })
  /** The runtime of whoever holds the workspace and listens. */
  const heldRuntime = async (stateDir: string): Promise<Runtime | undefined> => {
    if (!existsSync(join(stateDir, 'run'))) return undefined
    const [{ findHolder }, { provVersion }] = await Promise.all([
      import('../socket/client.ts'),
      import('../plugin/discover.ts'),
    ])
    const holder = await findHolder({ stateDir, build: provVersion(), clock, patienceMs })
    if (!holder) return undefined
    const [{ remoteRuntime }, { openKeyStore }, { passphraseFrom }] = await Promise.all([
      import('../socket/runtime.ts'),
      import('../protocol/keys.ts'),
      import('../config/passphrase.ts'),
    ])
    const keys = openKeyStore({ home, clock, passphrase: passphraseFrom(env, passphrase) })
    const files = await openFiles()
    return remoteRuntime({ holder, files, keys, clock, signal, look: newLook })
  }

  const context: CommandContext = {
    actor: options.actor,
    clock,
    signal,
    dryRun: options.dryRun,
    cwd,
    home,
    env,
    root,
    files: openFiles,
    read: async (name, args) => {
      if (runtime) return (await runtime).read(name, args)
      return (await openReading())(name, args)
    },
    async look() {
      if (!runtime) {
        files = undefined
        return newLook()
      }
      const opened = await runtime
      return (name, args) => opened.read(name, args)
    },
    beside: async () => (await openDistant())?.runtime ?? heldRuntime((await openFiles()).stateDir),
    release: () => closeRuntime(),
    runtime: ({ serve = false } = {}) =>
      (runtime ??= (async () => {
        const far = serve ? undefined : await openDistant()
        if (far) return far.runtime
        const { root, stateDir } = await openFiles()
        // A command that can be done by whoever writes already need not open anything.
        const held = serve ? undefined : await heldRuntime(stateDir)
        if (held) return held
        const { createRuntime } = await import('../runtime.ts')
        try {
          return await createRuntime({
            workspace: root,
            clock,
            home,
            env,
            serve,
            log: ({ level, from, text }) => {
              if (level === 'warn' || level === 'error') {
                streams.err.write(`${printable(`${level}: ${from}: ${text}`)}\n`)
              }
            },
            passphrase,
          })
        } catch (thrown) {
          if (serve || !ProvError.is(thrown) || thrown.code !== 'PROV_JOURNAL_LOCKED') throw thrown
          // It may have taken the lock a moment ago and begin to listen now.
          const until = clock.now() + beginMs
          for (;;) {
            const begun = await heldRuntime(stateDir)
            if (begun) return begun
            if (clock.now() >= until) throw thrown
            await sleep(clock, 50, signal)
          }
        }
      })().catch((thrown: unknown) => {
        // It has closed itself; the next call tries again.
        runtime = undefined
        throw thrown
      })),
    line: (data) => void streams.out.write(`${printable(JSON.stringify(data))}\n`),
    progress: (line) => void streams.err.write(`${printable(line)}\n`),
    ask: (question, choice) => askPerson(question, { ...choice, streams, signal }),
  }
  async function closeRuntime(): Promise<void> {
    const closing = runtime
    runtime = undefined
    // A runtime that failed to open has closed itself and said so already.
    const opened = await closing?.catch(() => undefined)
    await opened?.close()
  }
  return {
    context,
    async close() {
      await closeRuntime()
      await journal?.close()
      // One that failed to open has closed itself and said so already.
      await (await distant?.catch(() => undefined))?.close()
    },
  }
}

const elsewhere = (project: string, what: string) =>
  deskErrors.PROV_DESK_ELSEWHERE({ project, what })

/**
 * Undefined while the workspace has no journal yet: reading must work before the first write. Throws
 * PROV_JOURNAL_GONE where `anchors` remember one, PROV_JOURNAL_UNUSABLE for one that may not be read.
 */
export async function journalIn(
  stateDir: string,
  anchors?: string,
): Promise<JournalReader | undefined> {
  const dir = join(stateDir, 'journal')
  const trouble = await readdir(dir).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error,
  )
  if (trouble?.code === 'EACCES' || trouble?.code === 'EPERM') {
    const { journalErrors } = await import('../journal/errors.ts')
    throw journalErrors.PROV_JOURNAL_UNUSABLE({ dir, reason: trouble.message, errno: trouble.code })
  }
  if (!trouble) {
    const { readJournal } = await import('../journal/reader.ts')
    try {
      return await readJournal({ dir })
    } catch (thrown) {
      if (!ProvError.is(thrown) || thrown.code !== 'PROV_JOURNAL_ABSENT') throw thrown
    }
  }
  if (anchors === undefined) return undefined
  const { checkAnchor } = await import('../journal/anchor-check.ts')
  await checkAnchor(anchors, realPath(dir), undefined)
  return undefined
}
