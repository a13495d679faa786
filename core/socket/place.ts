/**
 * Where the socket lies: `.prov/run/socket`, in a folder that only its user may enter. A path longer
 * than systems take moves to a folder of its own under the user's runtime folder. Either way
 * `.prov/run/holder.json` says where it is.
 *
 * @module
 */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { replaceFile } from '../small-file.ts'
import { socketErrors } from './errors.ts'
import { parsedLine } from './wire.ts'

/** Linux takes 107 bytes, macOS 103. */
const longestPathBytes = 103
const shortFolder = 'prov-socket-'

const runFolder = (stateDir: string): string => join(stateDir, 'run')
const holderFile = (stateDir: string): string => join(runFolder(stateDir), 'holder.json')

/**
 * Where a socket is bound before it gets its name. Whoever closes it takes the name away that it was
 * bound under, and by then another process may have the workspace, and a socket of its own there.
 */
export const boundAt = (path: string): string => join(dirname(path), 'listen')

/**
 * Makes room for a new socket and answers its path. Only who holds the writer lock may call it: what
 * an earlier holder left is removed. Throws PROV_SOCKET_UNUSABLE.
 */
export function makePlace(stateDir: string, env: Readonly<Record<string, string | undefined>>) {
  const folder = runFolder(stateDir)
  let path = join(folder, 'socket')
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    if (!isOwn(folder, 'folder')) throw new Error('its folder belongs to somebody else')
    chmodSync(folder, 0o700)
    clearPlace(stateDir)
    if (Buffer.byteLength(path) > longestPathBytes) {
      const runtime = env['XDG_RUNTIME_DIR']
      path = join(mkdtempSync(join(runtime || tmpdir(), shortFolder)), 'socket')
    }
    rmSync(boundAt(path), { force: true })
    return path
  } catch (thrown) {
    const reason = (thrown as Error).message
    throw socketErrors.PROV_SOCKET_UNUSABLE({ path, reason }, { cause: thrown })
  }
}

/**
 * Tells others where it is; after it listens, so that nobody comes too early. Answers whether it is still
 * there: a process that was replaced has nothing to clear.
 */
export function announce(stateDir: string, path: string): () => boolean {
  chmodSync(boundAt(path), 0o600)
  renameSync(boundAt(path), path)
  const { ino } = lstatSync(path)
  replaceFile(holderFile(stateDir), `${JSON.stringify({ socket: path })}\n`)
  return () => lstatSync(path, { throwIfNoEntry: false })?.ino === ino
}

/** Removes what this or an earlier holder left; only under the writer lock. */
export function clearPlace(stateDir: string): void {
  const path = announced(stateDir)
  rmSync(holderFile(stateDir), { force: true })
  rmSync(join(runFolder(stateDir), 'socket'), { force: true })
  // The file could name anything; only a folder that looks like one of ours is touched.
  if (path === undefined || !basename(dirname(path)).startsWith(shortFolder)) return
  if (!isOwn(dirname(path), 'folder')) return
  rmSync(path, { force: true })
  rmSync(dirname(path), { recursive: true, force: true })
}

/**
 * The socket that a holder announced, where it and its folder are this user's alone; undefined when
 * there is none. A folder that others may enter is as good as none.
 */
export function placeOf(stateDir: string): string | undefined {
  const path = announced(stateDir)
  if (path === undefined || !isOwn(path, 'socket') || !isOwn(dirname(path), 'folder')) {
    return undefined
  }
  return (lstatSync(dirname(path)).mode & 0o077) === 0 ? path : undefined
}

function announced(stateDir: string): string | undefined {
  try {
    const path = parsedLine(readFileSync(holderFile(stateDir), 'utf8'))?.['socket']
    return typeof path === 'string' && basename(path) === 'socket' ? path : undefined
  } catch {
    return undefined
  }
}

function isOwn(path: string, kind: 'folder' | 'socket'): boolean {
  try {
    const found = lstatSync(path)
    const right = kind === 'folder' ? found.isDirectory() : found.isSocket()
    return right && (process.getuid === undefined || found.uid === process.getuid())
  } catch {
    return false
  }
}
