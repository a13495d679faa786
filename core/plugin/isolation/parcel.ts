/**
 * What crosses between Prov and a plugin that runs elsewhere. Data is copied; whatever acts stays
 * where it is and is reached by a number: functions, objects with methods, promises, Observables,
 * async iterables, abort signals. A ProvError keeps its code.
 *
 *     pack: value ─▶ parcel (plain, may be cloned) ─▶ unpack: value again, with stand-ins
 *
 * P1  Unpacking trusts nothing: whatever has another shape is refused, nothing of it is kept.
 * P2  Both are bounded in depth and size, so neither a circle nor a flood ends them.
 *
 * @module
 */
import { ProvError } from '../../errors.ts'
import type { Disposition } from '../../errors.ts'
import { exitCodes } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { Count } from '../../units.ts'
import { longestFrame } from './cage.ts'

/** What is handed over by number. */
export type Kind = 'function' | 'object' | 'observable' | 'iterable' | 'signal' | 'promise'

/** The side that sends. */
export interface Sender {
  /** The number under which the other side reaches it from now on. */
  keep(value: object, kind: Kind): Count
  /** Methods of it that answer at once, on the side that may wait for them. */
  atOnce(value: object): readonly string[] | 'all' | undefined
  /** True for the kernel and for what stands in for it: the other side has its own. */
  isKernel(value: object): boolean
  isSystemClock(value: object): boolean
}

/** The side that receives. */
export interface Receiver {
  /** What stands for it here. Throws when there are too many. */
  standIn(kind: Kind, id: Count, methods: readonly string[], atOnce: unknown): object
  kernel(): unknown
  clock(): unknown
  /** Said of a parcel that is none. */
  garbage(what: string): Error
}

/** Deeper or larger is refused. */
const deepest: Count = 64
const largest: Count = 200_000
/** Of all texts and bytes together, in characters and bytes. */
const longest: Count = longestFrame

/** Marks a record of ours; data that has such a key is wrapped, so that it cannot pass for one. */
const tag = '$'

/** Throws TypeError with the path to what cannot cross. */
export function pack(value: unknown, sender: Sender): unknown {
  let left = largest
  let room = longest
  const take = (size: Count, what: string): void => {
    if ((room -= size) < 0) throw new TypeError(what)
  }
  const walk = (at: unknown, path: string, depth: Count): unknown => {
    if (--left < 0) throw new TypeError(`so much data at once (over ${largest} parts)`)
    switch (typeof at) {
      case 'string':
        take(at.length, `so long a text (${path})`)
        return at
      case 'symbol':
        throw new TypeError(`a symbol (${path})`)
      case 'function':
        return { [tag]: 'function', id: sender.keep(at, 'function') }
      case 'object':
        return at === null ? null : object(at, path, depth)
      default:
        return at
    }
  }
  const fields = (at: object, path: string, depth: Count, omit?: ReadonlySet<string>) => {
    const out: Record<string, unknown> = {}
    for (const key of Object.keys(at)) {
      if (key === '__proto__' || omit?.has(key)) continue
      out[key] = walk((at as Record<string, unknown>)[key], `${path}.${key}`, depth + 1)
    }
    return out
  }
  const object = (at: object, path: string, depth: Count): unknown => {
    if (depth > deepest) throw new TypeError(`a circle, or something ${deepest} deep (${path})`)
    if (Array.isArray(at)) {
      if (at.length > left) throw new TypeError(`so much data at once (over ${largest} parts)`)
      return at.map((item, index) => walk(item, `${path}[${index}]`, depth + 1))
    }
    if (at instanceof Date) return at
    if (ArrayBuffer.isView(at) || at instanceof ArrayBuffer) {
      take(at.byteLength, `so many bytes (${path})`)
      return ArrayBuffer.isView(at) ? exact(at) : at
    }
    if (at instanceof Map || at instanceof Set) {
      const items = [...at] as readonly unknown[]
      const kind = at instanceof Map ? 'map' : 'set'
      return { [tag]: kind, items: walk(items, path, depth + 1) }
    }
    if (ProvError.is(at)) return { [tag]: 'error', report: at.toJSON() }
    if (at instanceof Error) {
      return { [tag]: 'error', name: String(at.name), message: String(at.message).slice(0, 4_000) }
    }
    if (at instanceof AbortSignal) {
      // One that has aborted does nothing any more: it is data.
      if (at.aborted) return { [tag]: 'signal', why: walk(reasonOf(at), path, depth + 1) }
      return { [tag]: 'signal', id: sender.keep(at, 'signal') }
    }
    if (sender.isKernel(at)) return { [tag]: 'kernel' }
    if (sender.isSystemClock(at)) return { [tag]: 'clock' }
    if (has(at, 'then')) return { [tag]: 'promise', id: sender.keep(at, 'promise') }
    if (has(at, 'subscribe') && (has(at, Symbol.observable) || has(at, '@@observable'))) {
      return { [tag]: 'observable', id: sender.keep(at, 'observable') }
    }
    if (has(at, Symbol.asyncIterator)) {
      return { [tag]: 'iterable', id: sender.keep(at, 'iterable') }
    }
    const methods = methodsOf(at)
    if (methods.length > 0) {
      const data = {
        ...fields(at, path, depth, new Set(methods)),
        ...fields(gettersOf(at), path, depth),
      }
      const atOnce = sender.atOnce(at)
      const id = sender.keep(at, 'object')
      return { [tag]: 'object', id, methods, data, atOnce }
    }
    if (!isPlain(at)) {
      throw new TypeError(`an instance of ${at.constructor?.name ?? 'a class'} (${path})`)
    }
    const out = fields(at, path, depth)
    return Object.hasOwn(at, tag) ? { [tag]: 'data', data: out } : out
  }
  return walk(value, 'it', 0)
}

/** Throws what `receiver.garbage` makes of anything that is no parcel. */
export function unpack(parcel: unknown, receiver: Receiver): unknown {
  let left = largest
  let room = longest
  const take = (size: Count): void => {
    if ((room -= size) < 0) throw receiver.garbage('more data than may cross at once')
  }
  const walk = (at: unknown, depth: Count): unknown => {
    if (--left < 0 || depth > deepest * 2)
      throw receiver.garbage('more data than may cross at once')
    if (typeof at === 'string') take(at.length)
    if (typeof at !== 'object' || at === null) return at
    if (Array.isArray(at)) {
      // A list of nothing but holes is small on its way here and as long as it says to walk over.
      if (at.length > left) throw receiver.garbage('more data than may cross at once')
      return at.map((item) => walk(item, depth + 1))
    }
    if (at instanceof Date) return at
    if (ArrayBuffer.isView(at) || at instanceof ArrayBuffer) {
      take(at.byteLength)
      return at
    }
    if (!isPlain(at)) throw receiver.garbage('something that is no data')
    return Object.hasOwn(at, tag) ? tagged(at as Tagged, depth) : fields(at, depth)
  }
  const fields = (at: object, depth: Count) => {
    const out: Record<string, unknown> = {}
    for (const key of Object.keys(at)) {
      if (key === '__proto__') continue
      out[key] = walk((at as Record<string, unknown>)[key], depth + 1)
    }
    return out
  }
  const tagged = (at: Tagged, depth: Count): unknown => {
    switch (at[tag]) {
      case 'data':
        return isRecord(at.data) ? fields(at.data, depth) : undefined
      case 'map':
      case 'set': {
        const items = walk(at.items, depth + 1)
        if (!Array.isArray(items)) throw receiver.garbage('a collection of nothing')
        return at[tag] === 'set' ? new Set(items) : new Map(items as [unknown, unknown][])
      }
      case 'error':
        return errorOf(at, (detail) => walk(detail, depth + 1))
      case 'kernel':
        return receiver.kernel()
      case 'clock':
        return receiver.clock()
      case 'signal':
        if (at.why !== undefined) return AbortSignal.abort(walk(at.why, depth + 1))
        return receiver.standIn('signal', idOf(at, receiver), [], undefined)
      case 'object': {
        const methods = Array.isArray(at.methods)
          ? at.methods.slice(0, 200).filter((name): name is string => typeof name === 'string')
          : []
        const made = receiver.standIn('object', idOf(at, receiver), methods, at.atOnce)
        const data = isRecord(at.data) ? fields(at.data, depth) : {}
        for (const [key, value] of Object.entries(data)) {
          if (!(key in made)) Object.defineProperty(made, key, { value, enumerable: true })
        }
        return made
      }
      case 'function':
      case 'promise':
      case 'observable':
      case 'iterable':
        return receiver.standIn(at[tag], idOf(at, receiver), [], undefined)
      default:
        throw receiver.garbage('a parcel of an unknown kind')
    }
  }
  return walk(parcel, 0)
}

const { slice } = Object.getPrototypeOf(Uint8Array.prototype) as Pick<Uint8Array, 'slice'>

/**
 * Of a view what it shows: a structured clone takes along all of the memory behind it, which others
 * share in the case of a small Buffer.
 */
function exact(view: ArrayBufferView): ArrayBufferView {
  const { buffer, byteOffset, byteLength } = view
  if (byteLength === buffer.byteLength) return view
  if (view instanceof DataView)
    return new DataView(buffer.slice(byteOffset, byteOffset + byteLength))
  return slice.call(view as Uint8Array)
}

interface Tagged {
  readonly $: unknown
  readonly id?: unknown
  readonly data?: unknown
  readonly items?: unknown
  readonly methods?: unknown
  readonly atOnce?: unknown
  readonly why?: unknown
  readonly report?: unknown
  readonly name?: unknown
  readonly message?: unknown
}

function idOf(at: Tagged, receiver: Receiver): Count {
  if (Number.isSafeInteger(at.id) && (at.id as number) > 0) return at.id as number
  throw receiver.garbage('a parcel without a number')
}

/** An error that came from elsewhere; a report that is none becomes a plain one. */
function errorOf({ report, name, message }: Tagged, walk: (detail: object) => unknown): Error {
  if (isRecord(report)) {
    const { code, disposition, message: text, remedy, detail } = report
    if (
      typeof code === 'string' &&
      /^PROV_[A-Z0-9_]{1,80}$/.test(code) &&
      typeof disposition === 'string' &&
      Object.hasOwn(exitCodes, disposition)
    ) {
      const row = {
        disposition: disposition as Disposition,
        message: String(text).slice(0, 4_000),
        remedy: String(remedy).slice(0, 1_000),
      }
      return new ProvError(code, row, (isRecord(detail) ? walk(detail) : {}) as JsonObject)
    }
  }
  const error = new Error(String(message ?? 'it failed without a word').slice(0, 4_000))
  if (typeof name === 'string' && /^[A-Za-z]{1,40}$/.test(name)) error.name = name
  return error
}

/** Whatever it was, it crosses as an error. */
const reasonOf = ({ reason }: AbortSignal): Error =>
  reason instanceof Error ? reason : new Error(String(reason))

const has = (at: object, key: PropertyKey): boolean =>
  typeof (at as Record<PropertyKey, unknown>)[key] === 'function'

export function isPlain(at: object): boolean {
  const proto: unknown = Object.getPrototypeOf(at)
  return proto === null || proto === Object.prototype
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && isPlain(value)
}

/** Own functions, and those of its class; what starts with `_` is nobody's business. */
function methodsOf(at: object): readonly string[] {
  const names = new Set<string>()
  for (const key of Object.keys(at)) {
    if (typeof (at as Record<string, unknown>)[key] === 'function') names.add(key)
  }
  for (
    let proto = Object.getPrototypeOf(at) as object | null;
    proto !== null && proto !== Object.prototype;
    proto = Object.getPrototypeOf(proto) as object | null
  ) {
    for (const key of Object.getOwnPropertyNames(proto)) {
      const found = Object.getOwnPropertyDescriptor(proto, key)
      if (key !== 'constructor' && !key.startsWith('_') && typeof found?.value === 'function') {
        names.add(key)
      }
    }
  }
  return [...names]
}

/** What getters of its class say now. */
function gettersOf(at: object): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (
    let proto = Object.getPrototypeOf(at) as object | null;
    proto !== null && proto !== Object.prototype;
    proto = Object.getPrototypeOf(proto) as object | null
  ) {
    for (const [key, { get }] of Object.entries(Object.getOwnPropertyDescriptors(proto))) {
      if (!get || key.startsWith('_') || key === '__proto__') continue
      try {
        out[key] = Reflect.get(at, key)
      } catch {
        // Not now, then.
      }
    }
  }
  return out
}

declare global {
  interface SymbolConstructor {
    readonly observable: symbol
  }
}
