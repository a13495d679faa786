/**
 * One writer per workspace, without anything that a kill -9 could leave stuck. The lock is a row of
 * files `epoch-<n>`; whoever gives the next one its name by a hard link holds the workspace in that
 * epoch.
 *
 *     epoch-6 (owner dead) ── link ──▶ epoch-7 (mine), then epoch-6 goes
 *
 * L1  An epoch is won once: a hard link refuses a name that is taken.
 * L2  Only a dead or finished owner is replaced. Dead means: another boot, no such process, a
 *     zombie, or a process of that number that started at another time. A living one goes only when
 *     somebody outside decided who writes (`supersede`); it is remembered until it is dead.
 * L3  The newest file is never deleted, older ones are deleted oldest first: a holder that lost
 *     sees either its successor's file or that its own is gone.
 *
 * @module
 */
import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Clock } from '../clock.ts'
import type { Count, Millis } from '../units.ts'
import { journalErrors } from './errors.ts'
import { writeAll } from './files.ts'
import type { JournalFiles } from './files.ts'
import { isFull } from './reserve.ts'

/** Names one process for good, as far as the system can. */
export interface Owner {
  /** Changes with each boot of the kernel; empty where the system does not say. */
  readonly bootId: string
  /** Process numbers mean something only inside one of these; empty where there are none. */
  readonly pidNamespace: string
  readonly pid: number
  /** In the system's own units; empty where it does not say. */
  readonly startTime: string
  readonly host: string
}

/** Who we are and who lives. Replaced in tests that need two processes in one. */
export interface Processes {
  self(): Owner
  /** `elsewhere`: it cannot be seen from here, so it must be taken for alive. */
  look(owner: Owner): 'alive' | 'dead' | 'elsewhere'
}

export interface Lock {
  readonly epoch: Count
  /** Epochs whose owners were replaced alive and may live still. */
  readonly undead: readonly Count[]
  /** False from the moment a newer epoch exists. Cheap: asked after every sync. */
  isHeld(): boolean
  /** Marks the lock as finished, so that the next opening is instant. Idempotent. */
  release(): Promise<void>
}

interface LockFile {
  readonly owner: Owner
  readonly sinceMs: Millis
  readonly released: boolean
  /** Owners before that were alive when they were replaced. */
  readonly undead?: readonly Undead[] | undefined
}

interface Undead {
  readonly epoch: Count
  readonly owner: Owner
}

/** Reads processes from the kernel: Linux in full, elsewhere by signal 0 alone. */
export const systemProcesses: Processes = {
  self: () => ({
    bootId: bootId(),
    pidNamespace: pidNamespace(),
    pid: process.pid,
    startTime: startOf(process.pid) ?? '',
    host: hostname(),
  }),
  look(owner) {
    if (owner.bootId !== bootId()) return 'dead'
    if (owner.bootId === '' && owner.host !== hostname()) return 'elsewhere'
    if (owner.pidNamespace !== pidNamespace()) return 'elsewhere'
    if (owner.startTime !== '') return startOf(owner.pid) === owner.startTime ? 'alive' : 'dead'
    try {
      process.kill(owner.pid, 0)
      return 'alive'
    } catch (thrown) {
      return (thrown as NodeJS.ErrnoException).code === 'ESRCH' ? 'dead' : 'alive'
    }
  },
}

export interface LockHolder {
  readonly pid: number
  readonly sinceMs: Millis
  /** Empty, or ` on <host>` where it cannot be seen from here. */
  readonly where: string
  readonly file: string
}

/** Who holds the lock in `dir` now, by looking only; undefined when nobody alive does. */
export async function lockHolder(
  dir: string,
  processes: Processes = systemProcesses,
): Promise<LockHolder | undefined> {
  const numbers = await readdir(dir).then(
    (names) => names.flatMap((name) => /^epoch-(\d+)$/.exec(name)?.[1] ?? []).map(Number),
    () => [],
  )
  const newest = Math.max(0, ...numbers)
  const held = numbers.length === 0 ? undefined : await readLock(dir, newest)
  if (!held || held.released) return undefined
  const state = processes.look(held.owner)
  if (state === 'dead') return undefined
  const { pid, host } = held.owner
  const where = state === 'elsewhere' ? ` on ${host}` : ''
  return { pid, sinceMs: held.sinceMs, where, file: `${dir}/epoch-${newest}` }
}

/**
 * Takes the lock in `dir`, which must exist, with an epoch above `floor`. Throws
 * PROV_JOURNAL_LOCKED naming the live owner, PROV_JOURNAL_UNUSABLE where links are not possible.
 */
export async function takeLock(
  dir: string,
  options: {
    floor: Count
    files: JournalFiles
    processes: Processes
    clock: Clock
    /** True while somebody outside says that whoever holds it is over, dead or not. Default: never. */
    supersede?: (() => boolean) | undefined
  },
): Promise<Lock> {
  const { floor, files, processes, clock, supersede = () => false } = options
  const owner = processes.self()
  let content: LockFile = { owner, sinceMs: clock.now(), released: false }
  const claim = `${dir}/claim-${randomUUID()}`
  await writeFileSynced(files, claim, content)
  try {
    for (;;) {
      const newest = Math.max(0, ...(await epochs(files, dir)))
      if (newest > 0) {
        const held = await readLock(dir, newest)
        if (held === undefined) continue // It was replaced between listing and reading.
        const state = held.released ? 'dead' : processes.look(held.owner)
        if (state !== 'dead' && !supersede()) throw locked(dir, newest, held, state)
        const last = state === 'dead' ? [] : [{ epoch: newest, owner: held.owner }]
        const undead = [...(held.undead ?? []), ...last].filter(
          (one) => processes.look(one.owner) !== 'dead',
        )
        if (undead.length > 0) {
          content = { ...content, undead }
          await files.remove(claim)
          await writeFileSynced(files, claim, content)
        }
      }
      const epoch = Math.max(newest, floor) + 1
      if (!(await claimed(files, claim, dir, epoch))) continue
      await files.syncFolder(dir)
      const seen = await epochs(files, dir)
      if (Math.max(...seen) > epoch) {
        await files.remove(`${dir}/epoch-${epoch}`).catch(() => {})
        continue
      }
      for (const old of seen) {
        if (old < epoch) await files.remove(`${dir}/epoch-${old}`).catch(() => {})
      }
      return heldLock(dir, epoch, content, files)
    }
  } finally {
    await files.remove(claim).catch(() => {})
  }
}

function heldLock(dir: string, epoch: Count, content: LockFile, files: JournalFiles): Lock {
  const own = `${dir}/epoch-${epoch}`
  const successor = `${dir}/epoch-${epoch + 1}`
  let released = false
  const isHeld = (): boolean => existsSync(own) && !existsSync(successor)
  return {
    epoch,
    undead: (content.undead ?? []).map((one) => one.epoch),
    isHeld,
    async release() {
      if (released || !isHeld()) return
      released = true
      const temporary = `${dir}/release-${randomUUID()}`
      try {
        await writeFileSynced(files, temporary, { ...content, released: true })
        await files.rename(temporary, own)
      } catch (thrown) {
        await files.remove(temporary).catch(() => {})
        if (!isFull(thrown)) throw thrown
        // A full disk has no block for a new file, but this one has its own: one sector, one write.
        await overwrite(files, own, { ...content, released: true })
      }
    },
  }
}

async function claimed(files: JournalFiles, claim: string, dir: string, epoch: Count) {
  try {
    await files.link(claim, `${dir}/epoch-${epoch}`)
    return true
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'EEXIST') return false
    const reason = `this file system makes no hard links (${(thrown as Error).message})`
    throw journalErrors.PROV_JOURNAL_UNUSABLE({ dir, reason }, { cause: thrown })
  }
}

async function epochs(files: JournalFiles, dir: string): Promise<number[]> {
  const found: number[] = []
  for (const name of await files.list(dir)) {
    const match = /^epoch-(\d+)$/.exec(name)
    if (match) found.push(Number(match[1]))
  }
  return found.sort((a, b) => a - b)
}

async function readLock(dir: string, epoch: Count): Promise<LockFile | undefined> {
  const path = `${dir}/epoch-${epoch}`
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw thrown
  }
  try {
    const { owner, sinceMs, released, undead } = JSON.parse(text) as LockFile
    if (typeof owner.pid === 'number' && typeof sinceMs === 'number') {
      return { owner, sinceMs, released: released === true, undead }
    }
  } catch {
    // Told below: a lock file is written whole before it gets its name, so this is damage.
  }
  throw journalErrors.PROV_JOURNAL_UNUSABLE({ dir, reason: `${path} is not a lock file of Prov` })
}

/** `released: true` is a byte shorter than `false`, so the text fits in place of what is there. */
async function overwrite(files: JournalFiles, path: string, content: LockFile): Promise<void> {
  const file = files.open(path, { exists: true })
  try {
    await writeAll(file, Buffer.from(`${JSON.stringify(content)} \n`), 0)
    await file.datasync()
  } finally {
    file.close()
  }
}

async function writeFileSynced(files: JournalFiles, path: string, content: LockFile) {
  const file = files.open(path, { exists: false })
  try {
    await writeAll(file, Buffer.from(`${JSON.stringify(content)}\n`), 0)
    await file.datasync()
  } finally {
    file.close()
  }
}

function locked(
  dir: string,
  epoch: Count,
  { owner, sinceMs }: LockFile,
  state: 'alive' | 'elsewhere',
) {
  const where =
    state === 'alive' ? '' : ` on ${owner.host}, which cannot be seen from this container,`
  const since = new Date(sinceMs).toISOString()
  return journalErrors.PROV_JOURNAL_LOCKED({
    dir,
    pid: owner.pid,
    since,
    where,
    file: `${dir}/epoch-${epoch}`,
  })
}

let knownBootId: string | undefined

function bootId(): string {
  return (knownBootId ??= readText('/proc/sys/kernel/random/boot_id')?.trim() ?? '')
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}

/** Start time of a process in clock ticks since boot; undefined when it is gone or a zombie. */
function startOf(pid: number): string | undefined {
  const text = readText(`/proc/${pid}/stat`)
  if (text === undefined) return undefined
  // The name in parentheses may hold anything; fields count from behind the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined
  return fields[19]
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
