/**
 * What a process has of its own is held still, so that nothing but the seed decides what comes first:
 * files, signatures, digests and archives answer in the turn in which they are asked, randomness comes from the
 * seed, and whoever uses `setImmediate` is counted. Files that belong to a simulated machine are asked
 * through it, so that they are silent when it is dead.
 *
 *     code ─▶ node:fs/promises ─▶ gate of the machine that owns the path ─▶ node:fs, in this turn
 *     code ─▶ node:crypto      ─▶ in this turn, random bytes out of the seed
 *
 * For processes that do nothing else: what was replaced is not put back.
 *
 * @module
 */
import { createRequire, syncBuiltinESMExports } from 'node:module'
import type * as CryptoModule from 'node:crypto'
import type * as FsModule from 'node:fs'
import type * as ZlibModule from 'node:zlib'
import { fetchAnew } from '../../core/ids.ts'
import { seeded } from '../../core/seed.ts'
import type { Count } from '../../core/units.ts'
import type { FileCall } from './ledger-disk.ts'

type Act = (...args: never[]) => unknown
/** Whoever owns a path decides when, whether and where an act on it happens. */
export type Gate = (call: FileCall, act: () => unknown) => Promise<unknown>

const load = createRequire(import.meta.url)
const fs = load('node:fs') as typeof FsModule
const crypto = load('node:crypto') as typeof CryptoModule
const zlib = load('node:zlib') as typeof ZlibModule

const soon = globalThis.setImmediate
let waiting: Count = 0
let random = seeded(1)
let gate: Gate = async (_, act) => act()

/** Names of `node:fs/promises` that have a twin which answers at once. */
const twins =
  'access appendFile chmod copyFile cp link lstat mkdir readdir readFile readlink realpath rename rm rmdir stat statfs symlink truncate unlink utimes writeFile'.split(
    ' ',
  )

const pathOf = (path: unknown): string => (typeof path === 'string' ? path : '')

function stillFiles(): void {
  const promises = fs.promises as unknown as Record<string, unknown>
  for (const name of twins) {
    const act = (fs as unknown as Record<string, Act>)[`${name}Sync`]
    if (!act) throw new Error(`node:fs has no ${name}Sync`)
    promises[name] = async (...args: never[]) =>
      gate({ path: pathOf(args[0]), name, args }, () => act(...args))
  }
  promises['open'] = async (path: string, flags?: string, mode?: number) => {
    const call = { path, name: 'open', args: [path, flags] }
    const fd = (await gate(call, () => fs.openSync(path, flags ?? 'r', mode))) as number
    return handleOf(path, fd)
  }
}

/** As much of a FileHandle as anybody here asks for. */
function handleOf(path: string, fd: number): object {
  const through = (name: string, args: readonly unknown[], act: () => unknown) =>
    gate({ path, name: `handle.${name}`, args }, act)
  let open = true
  return {
    fd,
    read: (into: Buffer, at: number, bytes: number, offset: number) =>
      through('read', [], () => ({
        bytesRead: fs.readSync(fd, into, at, bytes, offset),
        buffer: into,
      })),
    readFile: (encoding?: BufferEncoding) =>
      through('readFile', [], () => fs.readFileSync(fd, encoding)),
    write: (bytes: Uint8Array, at?: number, length?: number, offset?: number) =>
      through('write', [bytes, at, length, offset], () => ({
        bytesWritten: fs.writeSync(fd, bytes, at, length, offset),
      })),
    writeFile: (content: string | Uint8Array) =>
      through('writeFile', [content], () => fs.writeFileSync(fd, content)),
    stat: () => through('stat', [], () => fs.fstatSync(fd)),
    truncate: (length: number) => through('truncate', [length], () => fs.ftruncateSync(fd, length)),
    chmod: (mode: number) => through('chmod', [mode], () => fs.fchmodSync(fd, mode)),
    sync: () => through('sync', [], () => {}),
    datasync: () => through('sync', [], () => {}),
    close: async () => {
      if (open) fs.closeSync(fd)
      open = false
    },
  }
}

/** What the last argument is called with in a later moment of this turn. */
const called =
  (act: Act, length: number) =>
  (...args: unknown[]) => {
    const back = args[length] as ((error: Error | null, value?: unknown) => void) | undefined
    if (back === undefined) return act(...(args as never[]))
    queueMicrotask(() => {
      let value: unknown
      try {
        value = act(...(args.slice(0, length) as never[]))
      } catch (thrown) {
        return back(thrown as Error)
      }
      back(null, value)
    })
    return undefined
  }

function stillArchives(): void {
  const parts = zlib as unknown as Record<string, unknown>
  for (const name of ['gzip', 'gunzip'] as const) {
    const act = zlib[`${name}Sync`] as Act
    parts[name] = (...args: unknown[]) => called(act, args.length - 1)(...args)
  }
}

function stillCrypto(): void {
  const bytes = (count: number): Buffer => {
    const made = Buffer.alloc(count)
    for (let at = 0; at < count; at++) made[at] = random(256)
    return made
  }
  const parts = crypto as unknown as Record<string, unknown>
  const { sign, verify } = crypto
  parts['sign'] = called(sign as Act, 3)
  parts['verify'] = called(verify as Act, 4)
  parts['randomBytes'] = bytes
  parts['randomFillSync'] = <T extends Uint8Array>(into: T): T => {
    into.set(bytes(into.length))
    return into
  }
  parts['randomUUID'] = () => {
    const hex = bytes(16).toString('hex')
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`
  }
  parts['randomInt'] = (low: number, high?: number) =>
    high === undefined ? random(low) : low + random(high - low)
  Math.random = () => random(1_000_000) / 1_000_000
  const subtle = globalThis.crypto.subtle as unknown as Record<string, unknown>
  const { KeyObject } = crypto
  subtle['sign'] = async (_: unknown, key: CryptoModule.webcrypto.CryptoKey, data: Uint8Array) =>
    new Uint8Array(sign(null, data, KeyObject.from(key))).buffer
  subtle['verify'] = async (
    _: unknown,
    key: CryptoModule.webcrypto.CryptoKey,
    signature: Uint8Array,
    data: Uint8Array,
  ) => verify(null, data, KeyObject.from(key), signature)
  subtle['digest'] = async (name: string | { name: string }, data: Uint8Array) => {
    const hash = typeof name === 'string' ? name : name.name
    const made = crypto.createHash(hash.replace('-', '')).update(new Uint8Array(data)).digest()
    return new Uint8Array(made).buffer
  }
}

let isStill = false

/** Holds the process still. Idempotent. */
export function holdStill(): void {
  if (isStill) return
  isStill = true
  stillFiles()
  stillCrypto()
  stillArchives()
  const counted = (act: Act, ...args: never[]) => {
    waiting++
    return soon(() => {
      waiting--
      act(...args)
    })
  }
  globalThis.setImmediate = counted as unknown as typeof setImmediate
  // A stream of its own would answer in its own time; the other way to pack is as good.
  Reflect.deleteProperty(globalThis, 'CompressionStream')
  Reflect.deleteProperty(globalThis, 'DecompressionStream')
  syncBuiltinESMExports()
}

/** From here on chance and files are those of one run. */
export function holdFor(run: { readonly seed: Count; readonly gate: Gate }): void {
  random = seeded(run.seed)
  fetchAnew()
  gate = run.gate
}

const turn = () => new Promise<void>((resolve) => soon(resolve))
/** What a process always has. */
const always = new Set(['Immediate', 'TTYWrap', 'PipeWrap', 'FSEventWrap', 'Timeout', 'TCPWrap'])
const isBusy = (): boolean => process.getActiveResourcesInfo().some((kind) => !always.has(kind))

/** Resolves when nothing is under way but what waits for the simulated world. */
export async function stillness(): Promise<void> {
  do await turn()
  while (waiting > 0)
  // Modules are read from the real disk, the first time.
  while (isBusy()) {
    do await turn()
    while (waiting > 0)
  }
}
