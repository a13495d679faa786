/**
 * Freezes what is new in a context; what it shares with the one before is frozen already. Where the
 * context is kept, it looks at what it freezes as well: a value that JSON does not know would be
 * another one after a restart, so it fails its step.
 *
 * @module
 */
import type { JsonObject } from '../../json.ts'

/** What was looked at when it was frozen; what its author froze was not. */
const looked = new WeakSet<object>()

/**
 * Throws TypeError, when `kept`, for what is no JSON; a negative zero becomes 0. An undefined field is fine, it reads like absent;
 * an undefined item of a list would read as null.
 */
export function freezeNew(value: unknown, before?: JsonObject, kept = false, at = 'context'): void {
  if (typeof value !== 'object' || value === null || value === before) return
  if (Object.isFrozen(value) && (!kept || looked.has(value))) return
  const plain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype
  if (!plain) {
    if (kept) throw odd(at, `an instance of ${value.constructor?.name ?? 'no class'}`)
    return
  }
  const fields = value as Record<string, unknown>
  // What nobody keeps may go in circles.
  if (!kept) Object.freeze(value)
  if (kept && Array.isArray(value) && value.includes(undefined)) throw odd(at, 'a list with gaps')
  for (const key in fields) {
    const item = fields[key]
    // Arithmetic makes it and JSON has none: it becomes here what it would be after a restart.
    if (kept && Object.is(item, -0)) {
      if (Object.isFrozen(value)) throw odd(key, 'a negative zero that its author froze')
      fields[key] = 0
      continue
    }
    if (before !== undefined && item === before[key]) continue
    if (typeof item === 'object') freezeNew(item, undefined, kept, key)
    else if (kept && !isJson(item)) throw odd(key, `${typeof item} ${String(item)}`)
  }
  if (kept && Object.getOwnPropertySymbols(value).length > 0)
    throw odd(at, 'one with symbols as keys')
  Object.freeze(value)
  // The whole context is compared with the one before it, field by field.
  if (kept && before === undefined) looked.add(value)
}

/** A context as others may see it: steps of volatile actors are not always frozen, what is shown is. */
export function shown<C extends JsonObject>(context: C): C {
  if (!Object.isFrozen(context)) freezeNew(context)
  return context
}

function isJson(item: unknown): boolean {
  if (typeof item === 'number') return Number.isFinite(item)
  return typeof item === 'string' || typeof item === 'boolean' || item === undefined
}

const odd = (at: string, what: string): TypeError =>
  new TypeError(`${at} is ${what}, which no journal keeps: hold it as plain JSON`)
