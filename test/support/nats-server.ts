/**
 * A real NATS server of our own, on a free port with its own store. Found on the PATH or where
 * `go install` puts programs.
 *
 * @module
 */
import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

/** What a skipped test says. */
export const howToInstall =
  'needs nats-server 2.10 or newer: go install github.com/nats-io/nats-server/v2@latest'

/** Path of a server that is new enough, or undefined. */
export function findNatsServer(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  for (const folder of [...folders, goFolder()]) {
    const path = join(folder, 'nats-server')
    if (folder === '' || !existsSync(path)) continue
    const version = /v(\d+)\.(\d+)/.exec(execFileSync(path, ['--version'], { encoding: 'utf8' }))
    if (version && Number(version[1]) * 100 + Number(version[2]) >= 210) return path
  }
  return undefined
}

/** A server older than 2.10, where one is at hand: its path stands in PROV_NATS_OLD. */
export function findOldNatsServer(): string | undefined {
  const path = process.env['PROV_NATS_OLD']
  return path !== undefined && existsSync(path) ? path : undefined
}

function goFolder(): string {
  try {
    return join(execFileSync('go', ['env', 'GOPATH'], { encoding: 'utf8' }).trim(), 'bin')
  } catch {
    return join(homedir(), 'go', 'bin')
  }
}

export interface NatsServer {
  readonly url: string
  /** Where it tells about itself. */
  readonly monitor: string
  /** A path within its store. */
  file(path: string): string
  /** Its process, as long as it runs. */
  pid(): number
  /** Stops it, by default without warning; its store stays. */
  stop(): Promise<void>
  /** Starts it again on the same port and store; `empty` loses the store first. */
  start(options?: { empty?: boolean }): Promise<void>
  /** Gives it another configuration: at once while it runs, or by a kill and a new start. */
  configure(text: string, options?: { restart?: boolean }): Promise<void>
}

/** Starts a server that ends with its test. `config` is text of a server configuration, or makes it. */
export async function natsServer(
  path: string,
  t: { teardown(undo: () => unknown): unknown },
  config: string | ((place: { port: number; monitor: number }) => string) = '',
  { jetstream = true }: { jetstream?: boolean } = {},
): Promise<NatsServer> {
  const store = await mkdtemp(join(tmpdir(), 'prov-nats-'))
  const port = await freePort()
  const monitor = await freePort()
  const text = typeof config === 'string' ? config : config({ port, monitor })
  await writeFile(join(store, 'server.conf'), text)
  let stop = async (): Promise<void> => {}
  let child: ChildProcess | undefined
  let reloaded = (): void => {}
  const server: NatsServer = {
    url: `127.0.0.1:${port}`,
    monitor: `http://127.0.0.1:${monitor}`,
    file: (path) => join(store, path),
    pid: () => child?.pid ?? 0,
    stop: () => stop(),
    async configure(next, { restart = false } = {}) {
      await writeFile(join(store, 'server.conf'), next)
      if (restart) {
        await server.stop()
        return server.start()
      }
      const done = new Promise<void>((resolve) => (reloaded = resolve))
      child?.kill('SIGHUP')
      await done
    },
    async start({ empty = false } = {}) {
      if (empty) await rm(join(store, 'jetstream'), { recursive: true, force: true })
      const file = join(store, 'server.conf')
      const args = ['-c', file, '-a', '127.0.0.1', '-p', `${port}`, '-m', `${monitor}`]
      if (jetstream) args.push('-js', '-sd', store)
      const started = spawn(path, args, { stdio: ['ignore', 'ignore', 'pipe'] })
      child = started
      const ended = new Promise<void>((resolve) => started.once('exit', () => resolve()))
      stop = async () => {
        started.kill('SIGKILL')
        await ended
      }
      await new Promise<void>((resolve, reject) => {
        let said = ''
        started.stderr.on('data', (chunk: Buffer) => {
          said += chunk.toString()
          if (said.includes('Server is ready')) resolve()
          if (chunk.toString().includes('Reloaded server configuration')) reloaded()
        })
        started.once('exit', () => reject(new Error(`nats-server ended: ${said}`)))
      })
    },
  }
  t.teardown(async () => {
    await server.stop()
    await rm(store, { recursive: true, force: true })
  })
  await server.start()
  return server
}

/**
 * A free port below those that the kernel gives to outgoing connections: a client that tries again and
 * again while its server is down would otherwise meet itself on the server's port, and keep it.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000)
    const probe = createServer()
    const free = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false))
      probe.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!free) continue
    await new Promise((resolve) => probe.close(resolve))
    return port
  }
}
