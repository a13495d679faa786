/**
 * Freezes what is new in a context; what it shares with the one before is frozen already.
 *
 * @module
 */
import type { JsonObject } from '../../json.ts'

export function freezeNew(value: unknown, before?: JsonObject): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return
  const plain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype
  if (!plain) return
  Object.freeze(value)
  const fields = value as Readonly<Record<string, unknown>>
  for (const key in fields) {
    const item = fields[key]
    if (typeof item !== 'object' || item === null) continue
    if (before === undefined || item !== before[key]) freezeNew(item)
  }
}
