/**
 * The folder of one machine, which is all that anybody knows about it:
 *
 *     <stateDir>/<id>/           0700
 *       intent.json              written before any process starts: who asked for what
 *       process.json             claimed by exactly one process, by hard link
 *       machine.json             written once it listens; from now on it may have run something
 *       user_key                 0600, the private key that opens it
 *       machine.log              what the process said
 *       home/  tmp/              all that commands may write to
 *
 * Files appear whole: written beside, then linked (first one wins) or renamed (newest wins).
 *
 * @module
 */
import { createHash, randomBytes } from 'node:crypto'
import { link, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { JsonObject, Millis, Tier } from 'prov'
import { localErrors } from './errors.ts'
import type { ProcessMark } from './liveness.ts'
import type { Isolation, Network } from './isolation.ts'

export interface Intent {
  readonly id: string
  /** Carried by every process of the machine; see `markVariable`. */
  readonly mark: string
  readonly token: string
  readonly tier: Tier
  readonly labels: Readonly<Record<string, string>>
  readonly ttlMs: Millis
  readonly isolation: Isolation
  readonly network: Network
  readonly askedMs: Millis
}

export interface Listening {
  readonly id: string
  readonly token: string
  readonly process: ProcessMark
  readonly host: string
  readonly port: number
  readonly user: string
  readonly hostKey: string
  readonly labels: Readonly<Record<string, string>>
  readonly isolation: string
}

/** A process that has not claimed its folder by then never will; absence is certain from here on. */
export const claimWithinMs: Millis = 30_000

/** The name of a token's machine: tokens are digests and may hold what file names may not. */
export function machineId(token: string): string {
  return `local-${createHash('sha256').update(token).digest('hex').slice(0, 32)}`
}

export const isMachineId = (text: string): boolean => /^local-[0-9a-f]{32}$/.test(text)

export interface MachineFolder {
  readonly path: string
  readonly home: string
  readonly tmp: string
  readonly userKey: string
  readonly log: string
  readonly intent: string
  readonly process: string
  readonly machine: string
}

export function machineFolder(path: string): MachineFolder {
  return {
    path,
    home: join(path, 'home'),
    tmp: join(path, 'tmp'),
    userKey: join(path, 'user_key'),
    log: join(path, 'machine.log'),
    intent: join(path, 'intent.json'),
    process: join(path, 'process.json'),
    machine: join(path, 'machine.json'),
  }
}

/** The JSON in a file; undefined when there is no such file. Throws PROV_PROVIDER_LOCAL_STATE. */
export async function readState<T>(file: string): Promise<T | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw localErrors.PROV_PROVIDER_LOCAL_STATE({ file, why: error.message }, { cause: error })
  })
  if (text === undefined) return undefined
  try {
    // Only this extension writes here, whole files only; what does not parse was damaged by others.
    return JSON.parse(text) as T
  } catch (error) {
    throw localErrors.PROV_PROVIDER_LOCAL_STATE(
      { file, why: (error as Error).message },
      { cause: error },
    )
  }
}

/** Writes the file whole; the newest one wins. */
export async function replaceFile(file: string, content: string): Promise<void> {
  const beside = await writeBeside(file, content)
  await rename(beside, file)
}

/** Writes the file whole unless it is there: true for the one who made it. */
export async function claimFile(file: string, content: string): Promise<boolean> {
  const beside = await writeBeside(file, content)
  try {
    await link(beside, file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    await rm(beside, { force: true })
  }
}

/** The mark of the machine in a folder; undefined when nothing was ever asked for there. */
export async function machineMark(path: string): Promise<string | undefined> {
  return (await readState<Intent>(machineFolder(path).intent))?.mark
}

export const jsonText = (value: object): string =>
  `${JSON.stringify(value as JsonObject, null, 2)}\n`

/** Makes the folder and its parents, closed to others. */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 })
}

/**
 * Takes the folder out of sight in one act, then removes it, and with it what an earlier call that was
 * killed in between had put aside. Nothing there is success.
 */
export async function removeFolder(path: string): Promise<void> {
  const aside = `${path}.gone-`
  await rename(path, `${aside}${randomBytes(4).toString('hex')}`).catch(unlessAbsent)
  for (const name of (await readdir(dirname(path)).catch(unlessAbsent)) ?? []) {
    const one = join(dirname(path), name)
    if (one.startsWith(aside)) await rm(one, { recursive: true, force: true, maxRetries: 3 })
  }
}

function unlessAbsent(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  return undefined
}

async function writeBeside(file: string, content: string): Promise<string> {
  const beside = `${file}.${randomBytes(6).toString('hex')}`
  await writeFile(beside, content, { mode: 0o600, flag: 'wx' })
  return beside
}
