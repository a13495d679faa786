/**
 * The stores that the peers need, each with its data in a folder of its own and a socket in it: no port,
 * nobody else's data. They end with their arm.
 *
 * @module
 */
import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess, SpawnOptions } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Store {
  /** The folder of its data, which holds its socket too. */
  readonly dir: string
  stop(): Promise<void>
}

/** Path of a program, or undefined. */
export function findProgram(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
}

async function started(
  dir: string,
  socket: string,
  [program, ...args]: readonly [string, ...string[]],
  how: SpawnOptions,
): Promise<Store> {
  const child: ChildProcess = spawn(program, args, { ...how, cwd: dir, stdio: 'ignore' })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  // Bounded: half a minute, then the arm says that its store did not come up.
  for (let tries = 0; !existsSync(join(dir, socket)); tries++) {
    if (child.exitCode !== null || tries > 300) throw new Error(`${program} did not start`)
    await sleep(100)
  }
  const stop = async (): Promise<void> => {
    child.kill('SIGINT')
    await ended
    rmSync(dir, { recursive: true, force: true })
  }
  return { dir, stop }
}

/** Every write is on disk before it is answered. */
export function redis(program: string): Promise<Store> {
  const dir = mkdtempSync('/tmp/prov-redis-')
  const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', '']
  const args = ['--port', '0', '--unixsocket', join(dir, 'redis.sock'), '--dir', dir, ...durable]
  return started(dir, 'redis.sock', [program, ...args], {})
}

/** With its defaults: every commit is on disk. It refuses to run as root, so root lends it a user. */
export function postgres(program: string): Promise<Store> {
  const dir = mkdtempSync('/tmp/prov-postgres-')
  const who = process.getuid?.() === 0 ? userOf('postgres') : undefined
  if (who) chownSync(dir, who.uid, who.gid)
  const data = join(dir, 'data')
  const initdb = findProgram('initdb') ?? join(program, '../initdb')
  const how = { ...who, cwd: dir, stdio: 'ignore' } as const
  execFileSync(initdb, ['-D', data, '-U', 'prov', '-A', 'trust', '-E', 'UTF8'], how)
  const args = ['-D', data, '-c', 'listen_addresses=', '-k', dir]
  return started(dir, '.s.PGSQL.5432', [program, ...args], who ?? {})
}

function userOf(name: string): { readonly uid: number; readonly gid: number } {
  const id = (flag: string) => Number(execFileSync('id', [flag, name], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}
