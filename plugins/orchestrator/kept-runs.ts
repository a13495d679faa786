/**
 * Pages of the book as plain data and back: what a snapshot of the journal holds, so that a start reads
 * what came after it and no operation of years ago.
 *
 * @module
 */
import type { JsonObject, JsonValue } from 'prov'
import type { RunPage } from './book.ts'

const version = 1
const maps = ['attempts', 'done', 'undone'] as const
const sets = ['started', 'undoing'] as const

export function keptRuns(pages: Iterable<RunPage>): JsonObject {
  const runs = Array.from(pages, (page) => ({
    ...page,
    ...Object.fromEntries(maps.map((name) => [name, [...page[name]]])),
    ...Object.fromEntries(sets.map((name) => [name, [...page[name]]])),
  }))
  return { version, runs } as unknown as JsonObject
}

/** Undefined for what another version kept: then the log is read whole. */
export function runsKept(body: JsonValue): readonly RunPage[] | undefined {
  const kept = body as { readonly version?: number; readonly runs?: readonly JsonObject[] } | null
  if (kept?.version !== version || !Array.isArray(kept.runs)) return undefined
  return (kept.runs as readonly Record<string, readonly never[]>[]).map(
    (run) =>
      ({
        ...run,
        ...Object.fromEntries(maps.map((name) => [name, new Map(run[name])])),
        ...Object.fromEntries(sets.map((name) => [name, new Set(run[name])])),
      }) as unknown as RunPage,
  )
}
