/**
 * A plugin in a process of its own, for what a thread does not bound: Buffers and other memory
 * outside the heap, native code, the environment. Three pipes carry the frames:
 *
 *     3  plugin ─▶ host   written by the plugin at once; a full pipe makes it wait
 *     4  host ─▶ plugin
 *     5  host ─▶ plugin   answers to who stands still for them
 *     6  host ─▶ plugin   nothing: its end says that the host is gone, to a thread that always listens
 *
 * It leads a group of its own, and that group ends with it and with the host, whatever each is at;
 * so does who left the group (`marked.ts`).
 *
 * In a sandbox the same runs inside bubblewrap: no network, no home, no `.prov`, no other process.
 * It can be had whole or not at all.
 *
 * @module
 */
import { execFile, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, sep } from 'node:path'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { deserialize, serialize } from 'node:v8'
import { systemClock } from '../../clock.ts'
import type { Bytes, Millis } from '../../units.ts'
import { findPackage, provRoot } from '../discover.ts'
import { pluginErrors } from '../errors.ts'
import { admission } from './admission.ts'
import type { Inlet } from './admission.ts'
import { giveWay, giveWayAsSession } from './give-way.ts'
import { doings, longestFrame, longestSteps, rawFrame, type Turn, turnOf } from './cage.ts'
import type { Cage, CageOptions, Doing } from './cage.ts'
import { endMarked, markName } from './marked.ts'
import { isRecord } from './parcel.ts'
import type { Frame } from './wire.ts'
import { conditions } from './thread.ts'

/** How long the pipes of a process that ended are read on, when somebody it started holds them. */
const lingerMs: Millis = 1_000
/** What waits to be read by a plugin that does not read. */
const longestBacklog: Bytes = 64 * 1024 * 1024
/** What a pipe gives at once when more waits behind it. */
const fullChunk: Bytes = 65_536
const pageBytes: Bytes = 4_096

/** Throws PROV_PLUGIN_SANDBOX_MISSING. */
export async function openProcess(options: CageOptions): Promise<Cage> {
  const { found, tier, limits, env, onFrame, onOversize, onEnd, onText } = options
  const twin = import.meta.url.endsWith('.ts') ? './guest-process.ts' : './guest-process.js'
  const { id, entry, source } = found
  const heapMb = Math.max(16, Math.round(limits.memoryBytes / 1024 / 1024))
  const args = [
    ...conditions(),
    `--max-old-space-size=${heapMb}`,
    fileURLToPath(new URL(twin, import.meta.url)),
    JSON.stringify({ id, entry, source }),
  ]
  const inside = tier === 'sandbox' ? await sandbox(options) : undefined
  const mark = randomUUID()
  const child = spawn(
    inside ? 'bwrap' : process.execPath,
    inside ? [...inside, process.execPath, ...args] : args,
    {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
      // Never by arguments: those of a process can be read by everybody on the machine.
      env: inside ? { ...env, HOME: '/tmp' } : { ...env, [markName]: mark },
      cwd: inside ? '/' : dirname(entry),
      detached: true,
    },
  )
  const [, , , heard, said, answers, lifeline] = child.stdio as unknown as readonly Duplex[]
  let asked = false
  let over = false
  let crash = ''
  /** It gave what is no frame: where the next one begins is not known any more. */
  let deaf = false
  /** The last chunk was as large as they get: more waits behind it. */
  let full = false
  let held: Buffer[] = []
  let bytes = 0

  /** What it says that it is at; nothing else depends on it. */
  let at: Doing | undefined
  const told = (frame: unknown): boolean => {
    if (!isRecord(frame) || frame['t'] !== 'at') return false
    const kind = doings.find((one) => one === frame['kind'])
    at =
      kind === undefined || kind === 'nothing'
        ? undefined
        : { kind, a: Number(frame['a']), b: 0, c: 0 }
    return true
  }

  /** What the next frame begins with, when all of it is there. */
  const whole = (): number | undefined => {
    if (bytes < 4 || over || deaf) return undefined
    if ((held[0] as Buffer).length < 4) held = [Buffer.concat(held)]
    const head = (held[0] as Buffer).readUInt32LE(0)
    const length = lengthOf(head)
    deaf = length > (isRaw(head) ? longestSteps : longestFrame)
    if (!deaf) return bytes < length + 4 ? undefined : head
    held = []
    onOversize(length)
    return undefined
  }
  const inlet: Inlet = {
    at: 0,
    heardMs: 0,
    take() {
      const head = whole()
      if (head !== undefined) {
        const end = lengthOf(head) + 4
        const all = held.length === 1 ? (held[0] as Buffer) : Buffer.concat(held)
        held = [all.subarray(end)]
        bytes -= end
        const body = all.subarray(4, end)
        const frame = isRaw(head) ? steppedOf(body) : frameOf(body)
        if (!told(frame)) onFrame(frame)
      }
      if (whole() !== undefined) return true
      // One chunk per turn of the event loop at the most, and none before the last one was taken.
      setImmediate(() => heard?.resume())
      return false
    },
  }
  heard?.on('data', (chunk: Buffer) => {
    heard.pause()
    full = chunk.length >= fullChunk
    if (!deaf) {
      held.push(chunk)
      bytes += chunk.length
    }
    admission.ready(inlet)
  })
  for (const pipe of [heard, said, answers, lifeline]) pipe?.on('error', () => {})
  // Nothing is said there, but only who listens hears of their end.
  for (const pipe of [said, answers, lifeline]) pipe?.resume()
  const write = (pipe: Duplex | undefined, frame: Frame): void => {
    if (over || !pipe) return
    const body = serialize(frame)
    const head = Buffer.alloc(4)
    head.writeUInt32LE(body.length)
    pipe.write(Buffer.concat([head, body]))
    if (pipe.writableLength > longestBacklog) end()
  }
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8')
    stream?.on('data', (text: string) => {
      crash = (crash + text).slice(-4_000)
      onText(text)
    })
  }
  child.on('error', (thrown) => (crash = thrown.message))
  /** It and whatever it started. */
  const end = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // There is no group any more, or not yet.
    }
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
  }
  let ended = (): void => {}
  const gone = new Promise<void>((resolve) => (ended = resolve))
  const finish = (code: number | null, signal: NodeJS.Signals | null): void => {
    if (over) return
    // What it said before its end counts.
    while (whole() !== undefined) inlet.take()
    over = true
    admission.drop(inlet)
    for (const stream of child.stdio) stream?.destroy()
    const memory = /heap out of memory/.test(crash)
    const how = asked ? 'it was ended' : (signal ?? `exit ${code}${lastLine(crash)}`)
    onEnd({ memory, how })
    ended()
  }
  child.on('exit', (code, signal) => {
    end()
    // Of a sandbox everything ends with its first process.
    if (!inside) endMarked(mark)
    systemClock.after(lingerMs, () => finish(code, signal), { background: true })
  })
  child.on('close', finish)
  const hold = (held: boolean): void => {
    if (asked) return
    const pipes = [heard, said, answers, lifeline, child.stdout, child.stderr] as unknown as {
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
    doing: () => at,
    behind: () => full || admission.waits(inlet),
    memory: () => (child.pid === undefined ? undefined : residentOf(child.pid)),
    turn: () => (child.pid === undefined ? undefined : turnBy(child.pid)),
    heardMs: () => inlet.heardMs,
    giveWay() {
      if (child.pid === undefined) return
      giveWay(threadsOf(child.pid))
      giveWayAsSession(child.pid)
    },
    hold,
    async kill() {
      if (over || child.pid === undefined) return
      // Who ends it waits for its end.
      hold(true)
      asked = true
      end()
      await gone
    },
  }
}

const isRaw = (head: number): boolean => head >= rawFrame
const lengthOf = (head: number): Bytes => (isRaw(head) ? head - rawFrame : head)

/** What is no frame is told like one that says nothing. */
function frameOf(body: Buffer): unknown {
  try {
    return deserialize(body)
  } catch {
    return undefined
  }
}

/** Steps are one long text, and cross as that: nothing is made of it before its length is judged. */
function steppedOf(body: Buffer): unknown {
  if (body.length < 4) return undefined
  return { t: 'stepped', id: body.readUInt32LE(0), text: body.toString('utf8', 4) }
}

/** Resident memory of a process and, in a sandbox, of what it wraps. */
function residentOf(pid: number): Bytes | undefined {
  try {
    const own = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * pageBytes
    return childrenOf(pid).reduce((sum, child) => sum + (residentOf(child) ?? 0), own)
  } catch {
    return undefined
  }
}

/** Of its main thread and, in a sandbox, of what it wraps: a wrapper sleeps and adds nothing. */
function turnBy(pid: number): Turn | undefined {
  const own = turnOf(`/proc/${pid}`)
  if (own === undefined) return undefined
  return childrenOf(pid).reduce((sum, child) => {
    const { waitedMs, usedMs, ready } = turnBy(child) ?? { waitedMs: 0, usedMs: 0, ready: false }
    return {
      waitedMs: sum.waitedMs + waitedMs,
      usedMs: sum.usedMs + usedMs,
      ready: sum.ready || ready,
    }
  }, own)
}

/** Of a process and, in a sandbox, of what it wraps. */
function threadsOf(pid: number): readonly number[] {
  try {
    const own = readdirSync(`/proc/${pid}/task`).map(Number)
    return [...own, ...childrenOf(pid).flatMap(threadsOf)]
  } catch {
    return [pid]
  }
}

function childrenOf(pid: number): readonly number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    return text === '' ? [] : text.split(' ').map(Number)
  } catch {
    return []
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

/** Of the folders that nobody may see, those that lie in one that is seen. */
function covered(hidden: readonly string[], visible: readonly string[]): readonly string[] {
  return hidden.flatMap((path) => {
    if (!existsSync(path)) return []
    const real = realpathSync(path)
    return visible.some((folder) => isWithin(folder, path) || isWithin(folder, real)) ? [real] : []
  })
}

const isWithin = (folder: string, path: string): boolean =>
  path === folder || path.startsWith(folder + sep)

async function sandbox({ found, hidden }: CageOptions): Promise<readonly string[]> {
  // Not the folder that Node is in: that may be somebody's home.
  const visible = new Set([provRoot(), process.execPath, found.root])
  for (const name of ['xstate', 'rxjs']) {
    const at = findPackage(provRoot(), name)
    if (at !== undefined) visible.add(at)
  }
  const args = [
    '--unshare-all',
    '--die-with-parent',
    '--new-session',
    '--cap-drop',
    'ALL',
    ...systemFolders.flatMap((path) => ['--ro-bind-try', path, path]),
    '--proc',
    '/proc',
    '--dev',
    '/dev',
    '--tmpfs',
    '/tmp',
    ...[...visible].flatMap((path) => ['--ro-bind-try', path, path]),
    ...covered(hidden, [...visible, ...systemFolders]).flatMap((path) => ['--tmpfs', path]),
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
