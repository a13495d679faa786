/**
 * JSON text of small plain objects: the same text as `JSON.stringify`, about three times as fast for
 * what events and changes look like (few keys, mostly numbers and short strings). Everything else is
 * handed to `JSON.stringify`; a test holds the two together.
 *
 * @module
 */

/** Keys come back all the time: their quoted form is made once. */
const quotedKeys = new Map<string, string>()
const mostKeys = 4_096

/** What JSON escapes, or may: a quote, a backslash, control characters, lone surrogates. */
const special = /[^ !#-[\]-\ud7ff\ue000-\uffff]/

function keyText(key: string): string {
  const known = quotedKeys.get(key)
  if (known !== undefined) return known
  const text = `${JSON.stringify(key)}:`
  if (quotedKeys.size < mostKeys) quotedKeys.set(key, text)
  return text
}

/** Undefined for what JSON leaves out. Throws as `JSON.stringify` does. */
export function valueText(value: unknown): string | undefined {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? `${value}` : 'null'
    case 'string':
      return special.test(value) ? JSON.stringify(value) : `"${value}"`
    case 'boolean':
      return value ? 'true' : 'false'
    case 'undefined':
      return undefined
    default:
      return value === null ? 'null' : (JSON.stringify(value) as string | undefined)
  }
}

/** Members so far and one more, if JSON writes it at all. */
export function withMember(members: string, key: string, value: unknown): string {
  const text = valueText(value)
  if (text === undefined) return members
  return members === '' ? keyText(key) + text : `${members},${keyText(key)}${text}`
}

/** Text of a plain object; undefined where its `toJSON` gives none. */
export function objectText(object: object): string | undefined {
  const { constructor, toJSON } = object as { constructor?: unknown; toJSON?: unknown }
  if (constructor !== Object || toJSON !== undefined) return JSON.stringify(object)
  let members = ''
  // Of an object whose constructor is `Object`; nothing enumerable is inherited.
  for (const key in object) {
    members = withMember(members, key, (object as Readonly<Record<string, unknown>>)[key])
  }
  return `{${members}}`
}
