/**
 * Something of a plugin elsewhere that outlives the thread it came from: the same data, and functions
 * that reach whatever stands in its place in the thread that runs now.
 *
 * @module
 */
import { isRecord } from './parcel.ts'
import { answerOf } from './streams.ts'

/** `current` resolves with the newest one, or rejects with why there is none. */
export function relayOf(value: unknown, current: () => Promise<unknown>): unknown {
  if (typeof value === 'function') {
    return (...args: readonly unknown[]): unknown =>
      answerOf(
        current().then((now) => {
          if (typeof now !== 'function') throw new TypeError('what was called is gone')
          return (now as (...args: readonly unknown[]) => unknown)(...args)
        }),
      )
  }
  if (Array.isArray(value)) {
    return value.map((item, index) =>
      relayOf(item, async () => ((await current()) as readonly unknown[])[index]),
    )
  }
  if (!isRecord(value)) return value
  const out: Record<string, unknown> = {}
  for (const [key, item] of Object.entries(value)) {
    out[key] = relayOf(item, async () => {
      const now = (await current()) as Readonly<Record<string, unknown>>
      return now[key]
    })
  }
  return out
}
