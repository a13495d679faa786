/**
 * A plugin in a process of its own, for what a thread does not bound: Buffers and other memory
 * outside the heap, native code, the environment. Three pipes carry the frames:
 *
 *     3  plugin ─▶ host   written by the plugin at once; a full pipe makes it wait
 *     4  host ─▶ plugin
 *     5  host ─▶ plugin   answers to who stands still for them
 *
 * In a sandbox the same runs inside bubblewrap: no network, no home, no `.prov`, no other process.
 * It can be had whole or not at all.
 *
 * @module
 */
import { execFile, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { deserialize, serialize } from 'node:v8'
import type { Bytes } from '../../units.ts'
import { findPackage, provRoot } from '../discover.ts'
import { pluginErrors } from '../errors.ts'
import { floodTurns } from './cage.ts'
import type { Cage, CageOptions } from './cage.ts'
import type { Frame } from './wire.ts'
import { conditions } from './thread.ts'

/** A frame that says it is longer is none. */
const longestFrame: Bytes = 64 * 1024 * 1024
/** What waits to be read by a plugin that does not read. */
const longestBacklog: Bytes = 64 * 1024 * 1024
/** What a pipe gives at once when more waits behind it. */
const fullChunk: Bytes = 65_536
const pageBytes: Bytes = 4_096

/** Throws PROV_PLUGIN_SANDBOX_MISSING. */
export async function openProcess(options: CageOptions): Promise<Cage> {
  const { found, tier, limits, env, onFrame, onEnd, onText } = options
  const twin = import.meta.url.endsWith('.ts') ? './guest-process.ts' : './guest-process.js'
  const { id, entry, source } = found
  const heapMb = Math.max(16, Math.round(limits.memoryBytes / 1024 / 1024))
  const args = [
    ...conditions(),
    `--max-old-space-size=${heapMb}`,
    fileURLToPath(new URL(twin, import.meta.url)),
    JSON.stringify({ id, entry, source }),
  ]
  const inside = tier === 'sandbox' ? await sandbox(options, env) : undefined
  const child = spawn(
    inside ? 'bwrap' : process.execPath,
    inside ? [...inside, process.execPath, ...args] : args,
    {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
      env: inside ? { PATH: process.env['PATH'] ?? '' } : { ...env },
      cwd: dirname(entry),
    },
  )
  const [, , , heard, said, answers] = child.stdio as unknown as readonly Duplex[]
  let asked = false
  let over = false
  let crash = ''
  /** Chunks in a row that were as large as they get. */
  let full = 0
  let held: Buffer[] = []
  let bytes = 0

  const take = (chunk: Buffer): void => {
    held.push(chunk)
    bytes += chunk.length
    while (bytes >= 4 && !over) {
      if ((held[0] as Buffer).length < 4) held = [Buffer.concat(held)]
      const length = (held[0] as Buffer).readUInt32LE(0)
      if (length > longestFrame) {
        onFrame(undefined)
        return void (held = [])
      }
      if (bytes < length + 4) return
      const all = held.length === 1 ? (held[0] as Buffer) : Buffer.concat(held)
      held = [all.subarray(length + 4)]
      bytes -= length + 4
      let frame: unknown
      try {
        frame = deserialize(all.subarray(4, length + 4))
      } catch {
        // What is no frame is told like one that says nothing.
      }
      onFrame(frame)
    }
  }
  // One chunk per turn of the event loop: a flood costs the others one chunk at a time.
  heard?.on('data', (chunk: Buffer) => {
    heard.pause()
    full = chunk.length >= fullChunk ? full + 1 : 0
    if (full === floodTurns) options.onFlood()
    take(chunk)
    setImmediate(() => heard.resume())
  })
  for (const pipe of [heard, said, answers]) pipe?.on('error', () => {})
  // Nothing is said there, but only who listens hears of their end.
  for (const pipe of [said, answers]) pipe?.resume()
  const write = (pipe: Duplex | undefined, frame: Frame): void => {
    if (over || !pipe) return
    const body = serialize(frame)
    const head = Buffer.alloc(4)
    head.writeUInt32LE(body.length)
    pipe.write(Buffer.concat([head, body]))
    if (pipe.writableLength > longestBacklog) child.kill('SIGKILL')
  }
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8')
    stream?.on('data', (text: string) => {
      crash = (crash + text).slice(-4_000)
      onText(text)
    })
  }
  child.on('error', (thrown) => (crash = thrown.message))
  child.on('close', (code, signal) => {
    over = true
    const memory = /heap out of memory/.test(crash)
    const how = asked ? 'it was ended' : (signal ?? `exit ${code}${lastLine(crash)}`)
    onEnd({ memory, how })
  })
  const hold = (held: boolean): void => {
    if (asked) return
    const pipes = [heard, said, answers, child.stdout, child.stderr] as unknown as {
      ref(): void
      unref(): void
    }[]
    for (const one of [child, ...pipes]) {
      if (held) one.ref()
      else one.unref()
    }
  }
  return {
    mode: 'process',
    post: (frame) => write(said, frame),
    answer: (frame) => write(answers, frame),
    doing: () => undefined,
    memory: () => (child.pid === undefined ? undefined : residentOf(child.pid)),
    hold,
    async kill() {
      if (over || child.pid === undefined) return
      // Who ends it waits for its end.
      hold(true)
      asked = true
      const gone = new Promise<void>((resolve) => child.once('close', () => resolve()))
      child.kill('SIGKILL')
      await gone
    },
  }
}

/** Resident memory of a process and, in a sandbox, of what it wraps. */
function residentOf(pid: number): Bytes | undefined {
  try {
    let sum = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * pageBytes
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    for (const child of children === '' ? [] : children.split(' ')) {
      sum += residentOf(Number(child)) ?? 0
    }
    return sum
  } catch {
    return undefined
  }
}

const lastLine = (text: string): string => {
  const line = text
    .trim()
    .split('\n')
    .find((one) => /Error/.test(one))
  return line === undefined ? '' : `: ${line.trim().slice(0, 300)}`
}

const systemFolders = ['/usr', '/bin', '/lib', '/lib64', '/etc/ssl', '/etc/alternatives', '/opt']

async function sandbox(
  { found }: CageOptions,
  env: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const visible = new Set([provRoot(), dirname(dirname(process.execPath)), found.root])
  for (const name of ['xstate', 'rxjs']) {
    const at = findPackage(provRoot(), name)
    if (at !== undefined) visible.add(at)
  }
  const args = [
    '--unshare-all',
    '--die-with-parent',
    '--new-session',
    '--clearenv',
    ...Object.entries({ ...env, HOME: '/tmp' }).flatMap(([key, value]) => ['--setenv', key, value]),
    ...systemFolders.flatMap((path) => ['--ro-bind-try', path, path]),
    '--proc',
    '/proc',
    '--dev',
    '/dev',
    '--tmpfs',
    '/tmp',
    ...[...visible].flatMap((path) => ['--ro-bind-try', path, path]),
    '--chdir',
    '/tmp',
  ]
  try {
    await promisify(execFile)('bwrap', [...args, process.execPath, '--version'], { timeout: 5_000 })
  } catch (thrown) {
    const { code, stderr, message } = thrown as { code?: string; stderr?: string; message: string }
    const reason =
      code === 'ENOENT'
        ? 'there is no bwrap on the PATH'
        : ((stderr ?? '').trim().split('\n').at(-1) || message).slice(0, 300)
    throw pluginErrors.PROV_PLUGIN_SANDBOX_MISSING({ id: found.id, reason })
  }
  return args
}
