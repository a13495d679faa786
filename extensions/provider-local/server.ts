/**
 * An SSH server that opens to exactly one key and runs commands in an enclosure. It serves `exec`
 * only: no terminals, no forwarding, no file subsystem; a tool that needs files pipes them through a
 * command. As with any sshd, a command goes on when its connection is lost: who comes back finds
 * its traces, and what is left ends with the machine.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { timingSafeEqual } from 'node:crypto'
import ssh2 from 'ssh2'
import type { AuthContext, Connection, ServerChannel } from 'ssh2'
import type { Enclosure } from './isolation.ts'

const { Server, utils } = ssh2

export interface SshServer {
  readonly port: number
  /** Kills every command and its descendants in its process group. */
  killAll(): void
}

export interface SshServerOptions {
  readonly host: string
  readonly user: string
  /** OpenSSH private key of the host. */
  readonly hostKey: string
  /** OpenSSH public key line of the one user. */
  readonly userKey: string
  readonly enclosure: Enclosure
  /** How many connections there are, after each change. */
  readonly onConnections: (count: number) => void
}

export async function sshServer(options: SshServerOptions): Promise<SshServer> {
  const parsed = utils.parseKey(options.userKey)
  if (parsed instanceof Error) throw parsed
  const allowed = Array.isArray(parsed) ? parsed[0] : parsed
  const wanted = allowed.getPublicSSH()
  const running = new Set<ChildProcess>()
  let connections = 0

  const admit = (context: AuthContext): void => {
    if (context.method !== 'publickey' || context.username !== options.user) {
      return context.reject(['publickey'])
    }
    const { key, signature, blob } = context
    const same = key.data.length === wanted.length && timingSafeEqual(key.data, wanted)
    if (!same || key.algo !== allowed.type) return context.reject(['publickey'])
    // Without a signature the client only asks whether the key would do.
    if (signature && blob && allowed.verify(blob, signature) !== true) {
      return context.reject(['publickey'])
    }
    context.accept()
  }

  const serve = (connection: Connection): void => {
    options.onConnections(++connections)
    connection.on('close', () => options.onConnections(--connections))
    // Protocol errors and resets end the connection, which `close` tells.
    connection.on('error', () => {})
    connection.on('authentication', admit)
    connection.on('session', (accept) => {
      const session = accept()
      const started: ChildProcess[] = []
      session.on('exec', (acceptExec, _reject, info) => {
        const child = run(options.enclosure, info.command, acceptExec())
        running.add(child)
        child.once('close', () => running.delete(child))
        started.push(child)
      })
      session.on('signal', (_accept, _reject, info) => {
        for (const child of started) kill(child, `SIG${info.name}` as NodeJS.Signals)
      })
    })
  }

  const server = new Server({ hostKeys: [options.hostKey], ident: 'prov-local' }, serve)
  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, options.host, () => resolve((server.address() as { port: number }).port))
  })
  return {
    port,
    killAll() {
      for (const child of running) kill(child, 'SIGKILL')
    },
  }
}

function run(enclosure: Enclosure, command: string, channel: ServerChannel): ChildProcess {
  const { program, args, cwd, env } = enclosure
  const child = spawn(program, [...args, command], { cwd, env, detached: true })
  let open = true
  channel.on('close', () => {
    open = false
    // A command whose listener went away must not block on a full pipe, nor wait for more input.
    child.stdout.unpipe(channel)
    child.stdout.resume()
    child.stderr.unpipe(channel.stderr)
    child.stderr.resume()
    child.stdin.end()
  })
  channel.on('error', () => {})
  // A command may end without reading all that it was sent.
  child.stdin.on('error', () => {})
  channel.pipe(child.stdin)
  child.stdout.pipe(channel, { end: false })
  child.stderr.pipe(channel.stderr, { end: false })
  const finish = (code: number | null, signal: NodeJS.Signals | null): void => {
    if (!open) return
    if (code === null) channel.exit((signal ?? 'SIGKILL').slice(3))
    else channel.exit(code)
    channel.end()
  }
  child.once('error', () => finish(127, null))
  child.once('close', (code, signal) => finish(code, signal))
  return child
}

function kill(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // Gone already, which is what was wanted.
  }
}
