/**
 * A connection to one machine under its pinned host key. Commands in, bytes and exit codes out;
 * what was lost on the way is said, never guessed.
 *
 * @module
 */
import { connect } from 'node:net'
import type { Client } from 'ssh2'
import type { Bytes, Machine, Millis } from 'prov'
import { runErrors } from './errors.ts'

export interface Ran {
  /** What came over stdout, at most `limit` bytes. */
  readonly said: Buffer
  /** False when the connection was lost before the command ended. */
  readonly ended: boolean
}

export interface SshConnection {
  /** Runs a command, sends it the input. `onData` hears all of stdout so far after each piece. */
  run(
    command: string,
    options: {
      readonly input: Buffer
      readonly limit: Bytes
      readonly onData?: (said: Buffer) => void
    },
  ): Promise<Ran>
  readonly open: boolean
  close(): void
}

export interface SshOptions {
  /** Aborting closes the connection; commands that run go on over there. */
  readonly signal: AbortSignal
  /** Until the machine let us in. Default 20 s. */
  readonly readyTimeoutMs?: Millis | undefined
}

/** Throws PROV_RUN_SSH_UNREACHABLE (again later), PROV_RUN_SSH_REFUSED, PROV_RUN_HOST_KEY. */
export async function sshConnection(machine: Machine, options: SshOptions): Promise<SshConnection> {
  const { signal, readyTimeoutMs = 20_000 } = options
  const { host, port, user, hostKey, privateKey } = machine
  const { default: ssh2 } = await import('ssh2')
  const pinned = Buffer.from(hostKey.split(' ')[1] ?? '', 'base64')
  const client = new ssh2.Client()
  let open = false
  let wrongKey = false

  const abort = (): void => void client.destroy()
  signal.addEventListener('abort', abort, { once: true })
  client.once('close', () => {
    open = false
    signal.removeEventListener('abort', abort)
  })

  await new Promise<void>((resolve, reject) => {
    const fail = (error: Error & { level?: string }): void => {
      client.destroy()
      if (wrongKey) return reject(runErrors.PROV_RUN_HOST_KEY({ host }))
      const why = error.message
      if (error.level === 'client-authentication') {
        return reject(runErrors.PROV_RUN_SSH_REFUSED({ host, why }, { cause: error }))
      }
      reject(runErrors.PROV_RUN_SSH_UNREACHABLE({ host, why }, { cause: error }))
    }
    if (signal.aborted) return fail(new Error('nobody waits for it any more'))
    client.on('error', fail)
    client.once('close', () => fail(new Error('the connection was closed')))
    client.once('ready', () => {
      open = true
      resolve()
    })
    // A socket of our own, because small packets must not wait for each other: ten times faster.
    const sock = connect({ host, port, noDelay: true })
    sock.once('error', fail)
    client.connect({
      sock,
      username: user,
      privateKey,
      readyTimeout: readyTimeoutMs,
      keepaliveInterval: 5_000,
      keepaliveCountMax: 3,
      hostVerifier: (key: Buffer) => {
        wrongKey = !key.equals(pinned)
        return !wrongKey
      },
    })
  })

  return {
    get open() {
      return open
    },
    close: () => client.end(),
    run: (command, { input, limit, onData }) => run(client, command, input, limit, onData),
  }
}

function run(
  client: Client,
  command: string,
  input: Buffer,
  limit: Bytes,
  onData: ((said: Buffer) => void) | undefined,
): Promise<Ran> {
  return new Promise((resolve) => {
    let said = Buffer.alloc(0)
    let ended = false
    const finish = (): void => {
      client.removeListener('close', finish)
      resolve({ said, ended })
    }
    client.once('close', finish)
    try {
      client.exec(command, (error, channel) => {
        if (error) return finish()
        channel.on('data', (bytes: Buffer) => {
          if (said.length < limit) said = Buffer.concat([said, bytes]).subarray(0, limit)
          onData?.(said)
        })
        channel.stderr.resume()
        // A signal comes with no code, and is an end as well.
        channel.on('exit', () => (ended = true))
        channel.on('error', () => {})
        channel.on('close', finish)
        channel.end(input)
      })
    } catch {
      // Not connected any more: nothing was sent.
      finish()
    }
  })
}
