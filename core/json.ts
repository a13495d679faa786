/**
 * JSON as a type, and the one canonical text of a JSON value. Digests and signatures are made over
 * the canonical text, so two processes that hold the same value hold the same digest.
 *
 * Canonical form follows RFC 8785 (JCS): no white space, object keys sorted by UTF-16 code units,
 * numbers as ECMAScript prints them.
 *
 * @module
 */
import { hash } from 'node:crypto'

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject
export interface JsonObject {
  readonly [key: string]: JsonValue | undefined
}

/**
 * The canonical text of a value. Keys whose value is undefined are left out, as JSON does.
 * Throws TypeError for anything JSON cannot say: NaN, infinities, functions, bigint, cycles.
 */
export function canonicalJson(value: JsonValue): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') {
    return JSON.stringify(value)
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError('a number that JSON cannot say')
    return JSON.stringify(value)
  }
  if (Array.isArray(value)) {
    let text = '['
    for (let at = 0; at < value.length; at++) {
      text += `${at === 0 ? '' : ','}${canonicalJson(value[at] as JsonValue)}`
    }
    return `${text}]`
  }
  if (typeof value === 'object') {
    const object = value as JsonObject
    let text = ''
    for (const key of Object.keys(object).sort()) {
      const item = object[key]
      if (item === undefined) continue
      text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(item)}`
    }
    return `{${text}}`
  }
  throw new TypeError(`JSON cannot say a ${typeof value}`)
}

/** SHA-256 over the canonical text, as `sha256:<64 hex digits>`. */
export function digestOf(value: JsonValue): string {
  return digestOfText(canonicalJson(value))
}

/** SHA-256 over UTF-8 text or bytes, as `sha256:<64 hex digits>`. */
export function digestOfText(text: string | Uint8Array): string {
  return `sha256:${hash('sha256', text, 'hex')}`
}

/**
 * The JSON text of a value that its maker froze to the last leaf and spelled already: whoever writes it
 * down need not spell it again. Nothing else may be put here.
 */
const texts = new WeakMap<object, string>()

/** Remembers the JSON text of a value for as long as the value lives; freezes it. Answers with the value. */
export function withText<T extends object>(value: T, text: string): T {
  texts.set(deepFreeze(value), text)
  return value
}

/** The JSON text of a value; undefined when JSON has none for it. Throws TypeError for cycles. */
export function jsonText(value: unknown): string | undefined {
  const known = typeof value === 'object' && value !== null ? texts.get(value) : undefined
  return known ?? (JSON.stringify(value) as string | undefined)
}

/** The same value, frozen to its last leaf: for what several hold at once. Must have no cycle. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  for (const item of Object.values(value)) deepFreeze(item)
  return Object.freeze(value)
}
