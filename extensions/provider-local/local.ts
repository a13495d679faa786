/**
 * The acts of the local backend over the folders of its machines. Nothing is kept in memory but who
 * is being started right now, so a new process of Prov knows as much as the old one did.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { open, readFile, readdir, rm } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { providerErrors, sleep } from 'prov'
import type { Clock, Machine, MachineRequest, Millis, ProviderActs, Tier } from 'prov'
import { localErrors } from './errors.ts'
import { Fences } from './fence.ts'
import {
  claimWithinMs,
  isMachineId,
  jsonText,
  machineFolder,
  machineId,
  machineMark,
  makeFolder,
  readState,
  removeFolder,
  replaceFile,
} from './folder.ts'
import type { Intent, Listening, MachineFolder } from './folder.ts'
import type { Isolation, Network } from './isolation.ts'
import { isAlive, markVariable, processesOf } from './liveness.ts'
import type { ProcessMark } from './liveness.ts'

export interface LocalOptions {
  /** Folder of the machines' folders; made with mode 0700 when first needed. */
  readonly dir: string
  readonly clock: Clock
  /** Default `auto`. */
  readonly isolation?: Isolation | undefined
  /** Default `none`. */
  readonly network?: Network | undefined
}

/** What a folder says about its machine right now. */
type Sight =
  | { readonly kind: 'up'; readonly machine: Machine }
  /** `claimed`: a process is at work; otherwise one may still turn up. */
  | { readonly kind: 'starting'; readonly claimed: boolean }
  /** It listened once, so it may have run something, and its process is proven dead. */
  | { readonly kind: 'dead' }
  /** Nothing ever listened, and nothing will. */
  | { readonly kind: 'absent' }

const pollMs: Millis = 15
const startWithinMs: Millis = 20_000
const endWithinMs: Millis = 2_000

const ladder: Readonly<Record<Tier, { cores: number; memoryMb: number }>> = {
  s: { cores: 2, memoryMb: 4_096 },
  m: { cores: 4, memoryMb: 8_192 },
  l: { cores: 8, memoryMb: 16_384 },
  xl: { cores: 16, memoryMb: 32_768 },
}

export function localActs(options: LocalOptions): ProviderActs {
  const { dir, clock } = options
  const starting = new Map<string, Promise<Machine>>()
  const fences = new Fences(dir)
  /** Throws PROV_PROVIDER_FENCED when a newer controller asked for the machine. */
  const mayAsk = async (id: string, epoch: number | undefined): Promise<void> => {
    const highest = epoch === undefined ? undefined : await fences.above(id, epoch)
    if (epoch === undefined || highest === undefined) return
    throw providerErrors.PROV_PROVIDER_FENCED({ provider: 'local', epoch, highest })
  }
  const folderOf = (id: string): MachineFolder => machineFolder(join(dir, id))

  /** Looks until a claimed process has either come up or ended. */
  async function settled(folder: MachineFolder): Promise<Sight> {
    const deadline = clock.monotonic() + startWithinMs
    for (;;) {
      const sight = await look(folder, clock)
      if (sight.kind !== 'starting' || !sight.claimed || clock.monotonic() > deadline) return sight
      await sleep(clock, pollMs)
    }
  }

  async function start(id: string, request: MachineRequest): Promise<Machine> {
    const folder = folderOf(id)
    const before = await settled(folder)
    if (before.kind === 'up') return before.machine
    if (before.kind === 'dead') {
      throw providerErrors.PROV_PROVIDER_MACHINE_LOST({ provider: 'local', machine: id })
    }
    request.signal.throwIfAborted()
    await makeFolder(folder.path)
    const intent: Intent = {
      id,
      mark: randomBytes(12).toString('hex'),
      token: request.token,
      tier: request.tier,
      labels: request.labels,
      ttlMs: request.ttlMs,
      isolation: options.isolation ?? 'auto',
      network: options.network ?? 'none',
      askedMs: clock.now(),
    }
    // A claim without a living process that never listened: nothing ran, so it may be tried again.
    // Only the holder of the workspace's writer lock comes here, so nobody else claims meanwhile.
    if (before.kind === 'absent') await rm(folder.process, { force: true })
    await replaceFile(folder.intent, jsonText(intent))
    const ended = await launch(folder, intent)
    return up(folder, id, request.signal, ended)
  }

  /** Waits for the machine's own word that it listens; it must not be taken from anybody else. */
  async function up(
    folder: MachineFolder,
    id: string,
    signal: AbortSignal,
    ended: { code: number | null | undefined },
  ): Promise<Machine> {
    const unknown = (cause?: unknown) =>
      providerErrors.PROV_PROVIDER_UNKNOWN({ provider: 'local', what: `create ${id}` }, { cause })
    const deadline = clock.monotonic() + startWithinMs
    for (;;) {
      const over = ended.code
      const sight = await look(folder, clock)
      if (sight.kind === 'up') return sight.machine
      // Code 0 came second to another process; that one is waited for.
      if (over !== undefined && over !== 0 && sight.kind !== 'dead') {
        const why = (await readFile(folder.log, 'utf8').catch(() => '')).trim().slice(-500)
        // Proven dead before it listened, so nothing is there; the log stays for people.
        await rm(folder.process, { force: true })
        await rm(folder.intent, { force: true })
        if (options.isolation === 'bubblewrap' && why !== '') {
          throw localErrors.PROV_PROVIDER_LOCAL_NO_ISOLATION({ why })
        }
        throw localErrors.PROV_PROVIDER_LOCAL_START_FAILED({
          machine: id,
          why: why || `exit ${over}`,
        })
      }
      if (clock.monotonic() > deadline) throw unknown()
      await sleep(clock, pollMs, signal).catch((reason: unknown) => {
        // It goes on starting: abort never means "not created".
        throw unknown(reason)
      })
    }
  }

  return {
    fences: true,
    tiers: (tier) => ({
      cores: Math.min(ladder[tier].cores, cpus().length || 1),
      memoryMb: Math.min(ladder[tier].memoryMb, Math.floor(totalmem() / 1_048_576)),
    }),

    async create(request) {
      const id = machineId(request.token)
      await mayAsk(id, request.epoch)
      const under = starting.get(id)
      if (under) return under
      const work = start(id, request).finally(() => starting.delete(id))
      starting.set(id, work)
      return work
    },

    async find({ token }) {
      const sight = await settled(folderOf(machineId(token)))
      if (sight.kind === 'up') return { machine: sight.machine, authoritative: true }
      return { machine: undefined, authoritative: sight.kind !== 'starting' }
    },

    async destroy({ id, epoch }) {
      if (!isMachineId(id)) return
      await mayAsk(id, epoch)
      // Asked for while it is being created: first it must be known what came of that.
      await starting.get(id)?.catch(() => undefined)
      const folder = folderOf(id)
      const own = await readState<ProcessMark>(folder.process)
      if (own && (await isAlive(own))) await endProcess(own, clock)
      // Unreadable: then its own end must do, which takes its commands along.
      const mark = await machineMark(folder.path).catch(() => undefined)
      const left = mark === undefined ? 0 : await killAll(mark, clock)
      if (left > 0) {
        throw localErrors.PROV_PROVIDER_LOCAL_STUCK({ machine: id, left: `${left} processes live` })
      }
      await removeFolder(folder.path).catch((cause: Error) => {
        throw localErrors.PROV_PROVIDER_LOCAL_STUCK({ machine: id, left: cause.message }, { cause })
      })
    },

    async *list({ labels = {} }) {
      const names = await readdir(dir).catch((cause: NodeJS.ErrnoException) => {
        if (cause.code === 'ENOENT') return []
        throw localErrors.PROV_PROVIDER_LOCAL_STATE({ file: dir, why: cause.message }, { cause })
      })
      for (const id of names.filter(isMachineId).sort()) {
        const sight = await settled(folderOf(id))
        if (sight.kind !== 'up') continue
        const { machine } = sight
        const wanted = Object.entries(labels)
        if (wanted.every(([name, value]) => machine.labels[name] === value)) yield machine
      }
    },
  }
}

async function look(folder: MachineFolder, clock: Clock): Promise<Sight> {
  const listening = await readState<Listening>(folder.machine)
  if (listening) {
    if (!(await isAlive(listening.process))) return { kind: 'dead' }
    const privateKey = await readFile(folder.userKey, 'utf8').catch(() => undefined)
    // The machine removes itself at this very moment.
    if (privateKey === undefined) return { kind: 'dead' }
    const { id, token, host, port, user, hostKey, labels, isolation } = listening
    return {
      kind: 'up',
      machine: { id, token, host, port, user, hostKey, privateKey, labels, isolation },
    }
  }
  const mark = await readState<ProcessMark>(folder.process)
  if (mark) return (await isAlive(mark)) ? { kind: 'starting', claimed: true } : { kind: 'absent' }
  const intent = await readState<Intent>(folder.intent)
  if (!intent || clock.now() - intent.askedMs > claimWithinMs) return { kind: 'absent' }
  return { kind: 'starting', claimed: false }
}

/** Starts the process of a machine on its own: no pipe, no channel, no inherited environment. */
async function launch(
  folder: MachineFolder,
  { mark }: Intent,
): Promise<{ code: number | null | undefined }> {
  const log = await open(folder.log, 'a', 0o600)
  try {
    const script = fileURLToPath(new URL(`./machine${extname(import.meta.url)}`, import.meta.url))
    const child = spawn(process.execPath, [script, folder.path], {
      cwd: '/',
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', [markVariable]: mark },
    })
    const ended: { code: number | null | undefined } = { code: undefined }
    child.once('exit', (code) => (ended.code = code ?? 1))
    child.once('error', () => (ended.code = 1))
    child.unref()
    return ended
  } finally {
    await log.close()
  }
}

async function endProcess(mark: ProcessMark, clock: Clock): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    try {
      process.kill(mark.pid, signal)
    } catch {
      return
    }
    const deadline = clock.monotonic() + endWithinMs
    while (clock.monotonic() < deadline) {
      if (!(await isAlive(mark))) return
      await sleep(clock, pollMs)
    }
  }
}

/** Kills what carries the machine's mark, again until none is left or time is over. */
async function killAll(mark: string, clock: Clock): Promise<number> {
  const deadline = clock.monotonic() + endWithinMs
  for (;;) {
    const alive = await processesOf(mark)
    if (alive.length === 0 || clock.monotonic() > deadline) return alive.length
    for (const pid of alive) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // Ended in between.
      }
    }
    await sleep(clock, pollMs)
  }
}
