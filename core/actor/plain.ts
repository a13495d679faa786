/**
 * The door between foreign code and the journal: what a child hands over is copied while it is
 * checked, so nobody can change it afterwards, and what JSON cannot say is refused by its path and
 * kind instead of arriving as something else.
 *
 * @module
 */
import { ProvError } from '../errors.ts'
import type { JsonObject, JsonValue } from '../json.ts'

/** What JSON cannot say, with the path to it, for example `output.when is a Date`. */
export class NotPlain extends TypeError {}

/** Nested deeper than this is a structure that no journal should hold. */
const deepest = 200

/**
 * A copy of `value` as plain JSON. Keys that hold undefined are left out; anywhere else undefined is
 * refused. Throws NotPlain, whose message starts with the path to what was refused.
 */
export function plain(value: unknown, path: string, depth = 0): JsonValue {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      if (Number.isFinite(value)) return value
      throw new NotPlain(`${path} is ${String(value)}`)
    case 'object':
      if (value === null) return value
      break
    default:
      throw new NotPlain(`${path} is ${value === undefined ? '' : 'a '}${typeof value}`)
  }
  if (depth >= deepest) {
    throw new NotPlain(`${path.slice(0, 60)}… is nested too deep, or holds itself`)
  }
  if (Array.isArray(value)) {
    return Array.from(value, (item: unknown, at) => plain(item, `${path}[${at}]`, depth + 1))
  }
  const proto: unknown = Object.getPrototypeOf(value)
  if (proto !== null && Object.getPrototypeOf(proto) !== null) {
    throw new NotPlain(`${path} is a ${nameOf(value)}`)
  }
  const copy: Record<string, JsonValue> = {}
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined) continue
    const kept = plain(item, `${path}.${key}`, depth + 1)
    // Assigning this key would set the prototype instead.
    if (key === '__proto__') Object.defineProperty(copy, key, { value: kept, enumerable: true })
    else copy[key] = kept
  }
  return copy
}

/**
 * What was thrown, as data that still reads like an error: `name`, `message` and, where there is one,
 * `code`. Other keys of an error stay behind: clients like to hang whole requests on them, with their
 * secrets. A thrown value that is plain JSON arrives as it is. Never throws.
 */
export function plainError(thrown: unknown): JsonValue {
  try {
    if (ProvError.is(thrown)) {
      const { name, code, message, detail } = thrown
      return { name, code, message, detail }
    }
    if (thrown instanceof Error || Object.prototype.toString.call(thrown) === '[object Error]') {
      const { name, message, code } = thrown as Error & { readonly code?: unknown }
      const known = typeof code === 'string' || typeof code === 'number'
      return { name: String(name), message: String(message), ...(known && { code }) }
    }
    return thrown === undefined ? null : plain(thrown, 'error')
  } catch (trouble) {
    const message = trouble instanceof NotPlain ? trouble.message : 'an error that cannot be read'
    return { name: 'Error', message }
  }
}

/** What a parent may see of a child's snapshot: what it is, without what it is made of. */
export function plainSnapshot(snapshot: object): JsonObject {
  const { status, value, context, output, tags } = snapshot as Readonly<Record<string, unknown>>
  const seen = {
    status,
    value,
    context,
    output,
    tags: tags instanceof Set ? [...(tags as ReadonlySet<unknown>)] : undefined,
  }
  return plain(seen, 'snapshot') as JsonObject
}

function nameOf(value: object): string {
  const made = (value as { readonly constructor?: { readonly name?: unknown } }).constructor
  return typeof made?.name === 'string' && made.name !== '' ? made.name : 'thing of its own kind'
}
