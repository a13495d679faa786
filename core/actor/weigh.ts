/**
 * How long the JSON text of something is at least, without writing it: looks at no more than that takes,
 * so a large one costs as much as a small one. For who must decide what to keep hold of.
 *
 * @module
 */
import type { Count } from '../units.ts'

/** Nested more deeply than this is not looked at. */
const deepest = 32

/**
 * Characters of text, `most` + 1 or more when it is longer than `most`. Undefined when only writing it
 * can tell: it says itself what it is as JSON, cannot be read, or is nested too deeply. Never throws.
 */
export function weigh(value: unknown, most: Count): Count | undefined {
  try {
    return most - rest(value, most, deepest)
  } catch {
    return undefined
  }
}

class Unsure extends Error {}

/** What is left of the room after this. */
function rest(value: unknown, room: Count, depth: Count): Count {
  if (typeof value === 'string') return room - value.length - 2
  if (typeof value !== 'object' || value === null) return room - 1
  if (ArrayBuffer.isView(value)) return room - value.byteLength
  if (depth === 0 || typeof (value as { readonly toJSON?: unknown }).toJSON === 'function') {
    throw new Unsure()
  }
  let left = room - 2
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length && left >= 0; at++) left = rest(value[at], left, depth - 1)
    return left
  }
  for (const key in value) {
    if (left < 0) break
    if (!Object.hasOwn(value, key)) continue
    const one = (value as Readonly<Record<string, unknown>>)[key]
    if (one !== undefined && typeof one !== 'function') {
      left = rest(one, left - key.length - 3, depth - 1)
    }
  }
  return left
}
