/** A rule on one line: what it asks of an operation, in the words of the file. @module */
import type { JsonObject, JsonValue } from 'prov'

const words: Readonly<Record<string, string>> = {
  op_type: 'type',
  target_patterns: 'target',
  image_patterns: 'image',
  scope_patterns: 'scope',
}

/** "type scale, target staging-* or monitoring"; "anything" for a rule that asks nothing. */
export function conditionsOfRule(rule: JsonObject): string {
  const parts = Object.entries(rule).flatMap(([field, value]) => {
    if (value === undefined || field === 'id' || field === 'matches_everything') return []
    const text = textOf(value)
    return text === '*' ? [] : [`${words[field] ?? field} ${text}`]
  })
  return parts.length === 0 ? 'anything' : parts.join(', ')
}

function textOf(value: JsonValue): string {
  if (Array.isArray(value)) return value.map((item) => textOf(item as JsonValue)).join(' or ')
  if (typeof value !== 'object' || value === null) return String(value)
  return Object.entries(value)
    .map(([key, inner]) => `${key} ${textOf(inner as JsonValue)}`)
    .join(' ')
}
