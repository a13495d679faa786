/**
 * The first checks of `prov doctor`. A check never throws: what it cannot find out is a finding.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { ensureHome, homeOutside } from '../config/home.ts'
import { stateDirIn } from '../config/workspace.ts'
import type { WorkspaceFiles } from '../config/workspace.ts'
import { asProvError, ProvError } from '../errors.ts'
import { spokenApis } from '../plugin/check.ts'
import type { CommandContext } from './command.ts'

export interface Finding {
  readonly check: string
  /** `note` is worth knowing and stops nothing. */
  readonly level: 'good' | 'note' | 'bad'
  readonly found: string
  /** Code of the error table, where the finding is one. */
  readonly code?: string
  readonly fix?: string
}

interface Tool {
  readonly name: string
  readonly args: readonly string[]
  readonly version: RegExp
  readonly without: string
  readonly fix: string
  /** Without it something promised does not work at all. */
  readonly needed?: boolean
}

const tools: readonly Tool[] = [
  {
    name: 'git',
    args: ['--version'],
    version: /(\d+\.\d+[\w.]*)/,
    needed: true,
    without: 'the ledger cannot be verified by plain git',
    fix: 'install git 2.34 or newer',
  },
  {
    name: 'ssh',
    args: ['-V'],
    version: /OpenSSH_([\w.]+)/,
    without: 'you cannot log in to a machine by hand, and git cannot check signatures',
    fix: 'install the OpenSSH client (apt: openssh-client)',
  },
  {
    name: 'bwrap',
    args: ['--version'],
    version: /(\d+\.\d+[\w.]*)/,
    without: 'local machines run as plain child processes, contained by nothing',
    fix: 'install bubblewrap (apt: bubblewrap)',
  },
  {
    name: 'rsync',
    args: ['--version'],
    version: /version (\S+)/,
    without: 'folders cannot be copied to machines',
    fix: 'install rsync (apt: rsync)',
  },
  {
    name: 'nats-server',
    args: ['--version'],
    version: /v?(\d+\.\d+\.\d+)/,
    without: 'only the embedded bus can be used on this machine',
    fix: 'install nats-server 2.10 or newer, or leave it: the embedded bus needs none',
  },
]

/** What the machine has, whatever workspace it is asked for. */
export async function checkMachine(context: CommandContext): Promise<readonly Finding[]> {
  const found = await Promise.all(tools.map((tool) => checkTool(tool, context)))
  return [
    checkNode(),
    ...found,
    await checkHome(context),
    checkClock(context),
    ...certificates(context),
  ]
}

/** What the workspace holds; one note when there is none. */
export async function checkWorkspace(context: CommandContext): Promise<readonly Finding[]> {
  let root: string
  try {
    root = context.root()
  } catch (thrown) {
    // Where one was named, it should be there.
    const { code, detail } = asProvError(thrown)
    if (code === 'PROV_DESK_ELSEWHERE') return [await checkDesk(context)]
    const absent =
      code === 'PROV_CONFIG_NO_WORKSPACE' && Object(detail).from === resolve(context.cwd)
    return [unusable(thrown, absent ? 'note' : 'bad')]
  }
  const stateDir = stateDirIn(root, context)
  return [
    ...(await checkNameAndFiles(context)),
    ...(await checkJournal(stateDir, context)),
    await checkLock(stateDir),
    ...(await checkPlugins(root, context)),
  ]
}

/** A project whose planes are elsewhere: do they answer? */
async function checkDesk(context: CommandContext): Promise<Finding> {
  try {
    await context.read('keeper')
    return { check: 'desk', level: 'good', found: 'the planes of the project answer' }
  } catch (thrown) {
    const { message: found, remedy: fix, code } = asProvError(thrown)
    return { check: 'desk', level: 'bad', code, found, fix }
  }
}

/** A broken manifest is one finding; whatever does not need it is looked at all the same. */
async function checkNameAndFiles(context: CommandContext): Promise<readonly Finding[]> {
  try {
    const files = await context.files()
    return [
      { check: 'workspace', level: 'good', found: `${files.name} in ${files.root}` },
      ...(await checkFiles(files)),
    ]
  } catch (thrown) {
    return [unusable(thrown, 'bad')]
  }
}

function unusable(thrown: unknown, level: Finding['level']): Finding {
  const { message, remedy } = asProvError(thrown)
  return { check: 'workspace', level, found: message, fix: remedy }
}

/** Nickel files that do not evaluate keep every command from working that reads them. */
async function checkFiles(files: WorkspaceFiles): Promise<readonly Finding[]> {
  const paths = await files.glob(['*.ncl', '.ontology/*.ncl', 'reflection/*.ncl'])
  const broken: Finding[] = []
  for (const path of paths) {
    try {
      await files.evaluate(path)
    } catch (thrown) {
      const { code, message, remedy, place } = asProvError(thrown)
      // A file of functions for other files is whole; it only cannot be printed.
      if (code === 'PROV_NCL_EXPORT') continue
      const at = [path, place?.line, place?.column].filter((part) => part !== undefined).join(':')
      broken.push({ check: 'files', level: 'bad', found: `${at}: ${message}`, fix: remedy })
    }
  }
  if (broken.length > 0) return broken
  return [{ check: 'files', level: 'good', found: `${paths.length} Nickel files evaluate` }]
}

function checkNode(): Finding {
  const version = process.versions.node
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const fits = major > 20 || (major === 20 && minor >= 19)
  const found = `Node ${version}, plugin api ${spokenApis.to}`
  return fits
    ? { check: 'node', level: 'good', found }
    : { check: 'node', level: 'bad', found, fix: 'install Node 20.19 or newer' }
}

async function checkTool(tool: Tool, { env, signal }: CommandContext): Promise<Finding> {
  const { name, args, needed, without, fix } = tool
  const text = await new Promise<string | undefined>((resolve) => {
    execFile(name, [...args], { env, signal, timeout: 5_000 }, (error, out, err) =>
      resolve(error && (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : out + err),
    )
  })
  if (text === undefined) {
    const level = needed ? 'bad' : 'note'
    return { check: name, level, found: `not found: ${without}`, fix }
  }
  return { check: name, level: 'good', found: tool.version.exec(text)?.[1] ?? 'found' }
}

/** Whoever can read a key can sign with it; one that lies in a repository is lost for ever. */
async function checkHome(context: CommandContext): Promise<Finding> {
  const { home } = context
  const root = (await context.files().catch(() => undefined))?.root
  try {
    if (root !== undefined) homeOutside(home, root)
    if (existsSync(home)) ensureHome(home)
  } catch (thrown) {
    const { code, message, remedy } = asProvError(thrown)
    // Which of its files are open is said below, all at once.
    if (code !== 'PROV_CONFIG_HOME_OPEN') {
      return { check: 'keys', level: 'bad', found: message, fix: remedy }
    }
  }
  if (!existsSync(home)) {
    return {
      check: 'keys',
      level: 'note',
      found: `${home} does not exist yet`,
      fix: 'prov actor create <name>',
    }
  }
  const open = [home, ...filesIn(join(home, 'keys'))].filter(
    (path) => (statSync(path).mode & 0o077) !== 0,
  )
  if (open.length === 0) return { check: 'keys', level: 'good', found: `${home} is yours alone` }
  return {
    check: 'keys',
    level: 'bad',
    found: `other users can read ${open.join(', ')}`,
    fix: `chmod -R go-rwx ${home}`,
  }
}

function filesIn(dir: string): readonly string[] {
  if (!statSync(dir, { throwIfNoEntry: false })) return []
  return [
    dir,
    ...readdirSync(dir, { recursive: true, encoding: 'utf8' }).map((name) => join(dir, name)),
  ]
}

/** Tokens carry times: a clock that is years off signs what nobody accepts. */
function checkClock({ clock }: CommandContext): Finding {
  const now = new Date(clock.now())
  const year = now.getUTCFullYear()
  const found = now.toISOString()
  if (year >= 2024 && year < 2100) return { check: 'clock', level: 'good', found }
  return { check: 'clock', level: 'bad', found, fix: 'set the clock: timedatectl set-ntp true' }
}

function certificates({ env }: CommandContext): readonly Finding[] {
  const file = env['NODE_EXTRA_CA_CERTS']
  if (!file) return []
  const there = statSync(file, { throwIfNoEntry: false }) !== undefined
  return [
    {
      check: 'certificates',
      level: 'note',
      found: there
        ? 'NODE_EXTRA_CA_CERTS is set: Node reads that file at every start, which slows each command'
        : `NODE_EXTRA_CA_CERTS names ${file}, which does not exist`,
      fix: 'unset NODE_EXTRA_CA_CERTS for prov where no such certificate is needed',
    },
  ]
}

async function checkJournal(
  stateDir: string,
  { env, home }: CommandContext,
): Promise<readonly Finding[]> {
  const { verifyJournal } = await import('../journal/verify.ts')
  const { anchorsDir } = await import('../config/home.ts')
  try {
    const at = { dir: join(stateDir, 'journal'), anchors: anchorsDir(env, home) }
    const { records, problems } = await verifyJournal(at)
    const [problem] = problems
    if (!problem) return [{ check: 'journal', level: 'good', found: `whole, ${records} records` }]
    return [
      {
        check: 'journal',
        level: 'bad',
        found: `${problem.file}, byte ${problem.offset}: ${problem.what}`,
        fix: 'put the file back from a copy; else `prov journal repair` and `prov journal adopt` go on without; the ledger repository has every event',
      },
    ]
  } catch (thrown) {
    if (ProvError.is(thrown) && thrown.code === 'PROV_JOURNAL_ABSENT') {
      return [{ check: 'journal', level: 'good', found: 'none yet: nothing was written here' }]
    }
    const { message, remedy } = asProvError(thrown)
    return [{ check: 'journal', level: 'bad', found: message, fix: remedy }]
  }
}

async function checkLock(stateDir: string): Promise<Finding> {
  const { lockHolder } = await import('../journal/lock.ts')
  const holder = await lockHolder(join(stateDir, 'journal/lock'))
  if (!holder) return { check: 'lock', level: 'good', found: 'free: nobody writes this workspace' }
  const { pid, where, sinceMs } = holder
  return {
    check: 'lock',
    level: 'note',
    found: `process ${pid}${where} has been writing this workspace since ${new Date(sinceMs).toISOString()}`,
    fix: `let it work, or stop it: kill ${pid}`,
  }
}

async function checkPlugins(root: string, context: CommandContext): Promise<readonly Finding[]> {
  const [{ discoverPlugins }, { standing }, { isPast, readRemembered }] = await Promise.all([
    import('../plugin/discover.ts'),
    import('../plugin/trust.ts'),
    import('../plugin/remembered.ts'),
  ])
  const { found, refused } = discoverPlugins({ workspace: root })
  const place = { home: context.home, workspace: root }
  const waiting = found.filter(
    (plugin) => !['own', 'trusted'].includes(standing(plugin, place).standing),
  )
  const known = readRemembered(stateDirIn(root, context)).plugins
  const down = found.flatMap(({ id, source }) => {
    const one = known[id]
    return one?.fault && !isPast(one) ? [{ id, source, fault: one.fault }] : []
  })
  return [
    { check: 'plugins', level: 'good', found: `${found.length} found` },
    ...down.map(({ id, source, fault }): Finding => ({
      check: 'plugins',
      level: source === 'first-party' ? 'bad' : 'note',
      found: `${id} does not run since ${new Date(fault.timeMs).toISOString()}: ${fault.message}`,
      fix: 'mend what it says; the next start takes it up again, `prov plugins --tree` is one',
    })),
    ...waiting.map(({ id }): Finding => ({
      check: 'plugins',
      level: 'note',
      found: `${id} is not trusted and does not run`,
      fix: `prov plugins trust ${id}`,
    })),
    ...refused.map(({ id, error }): Finding => ({
      check: 'plugins',
      level: 'bad',
      found: `${id}: ${error.message}`,
      fix: error.remedy,
    })),
  ]
}
