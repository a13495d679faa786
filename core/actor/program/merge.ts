/**
 * New contexts from old ones. An assign makes one on every step, so each gets a small function of its
 * own, written for its keys: V8 then knows the shapes that pass through it. Where code may not be
 * made from text, a loop does the same, slower.
 *
 * @module
 */
import type { JsonObject } from '../../json.ts'

/** `{ ...context, key: value }` */
export function mergeKeys(
  keys: readonly [string],
): (context: JsonObject, value: unknown) => JsonObject {
  const [key] = keys
  return written(
    `return (context, value) => ({ ...context, [${JSON.stringify(key)}]: value })`,
    () => {
      return (context: JsonObject, value: unknown) => ({ ...context, [key]: value }) as JsonObject
    },
  )
}

/** `{ ...context, ...partial }` */
export function mergeInto(): (context: JsonObject, partial: JsonObject) => JsonObject {
  return written('return (context, partial) => Object.assign({ ...context }, partial)', () => {
    return (context: JsonObject, partial: JsonObject) => Object.assign({ ...context }, partial)
  })
}

function written<F>(text: string, otherwise: () => F): F {
  try {
    return new Function(text)() as F
  } catch {
    return otherwise()
  }
}
