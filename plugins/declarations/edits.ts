/**
 * What a person changed: pure, so that every case can be held by a test.
 *
 * @module
 */
import { digestOf } from 'prov'
import type { Position } from 'prov'

/** State by dimension, as files say it. */
export type Positions = Readonly<Record<string, string>>

export interface Edit {
  readonly dimension: string
  /** What the file said before. */
  readonly was: string
  readonly to: string
  /** Version of the dimension when the edit was found. */
  readonly version: number
  /** Operation that holds the dimension: the edit waits for its end. */
  readonly waitsFor?: string
}

/**
 * Dimensions whose file says something else than it did when it was last seen, and something else
 * than where they stand. Nothing seen yet: nothing changed. A dimension that is new in the file was
 * not edited either: where it starts is where it stands.
 */
export function editsOf(request: {
  readonly files: Positions
  readonly seen: Positions | undefined
  readonly now: Readonly<Record<string, { readonly state: string; readonly version: number }>>
  /** Operations that were claimed and have no result yet, by the dimension they write. */
  readonly holds?: ReadonlyMap<string, string>
}): readonly Edit[] {
  const { files, seen, now, holds } = request
  if (!seen) return []
  return Object.entries(files).flatMap(([dimension, to]) => {
    const was = seen[dimension]
    const stands = now[dimension]
    if (was === undefined || was === to || !stands || stands.state === to) return []
    const waitsFor = holds?.get(dimension)
    const edit = { dimension, was, to, version: stands.version }
    return [waitsFor === undefined ? edit : { ...edit, waitsFor }]
  })
}

/**
 * The same edit has the same id, also after a crash; the same words a move later do not, nor do they
 * after the file said something else in between: `since` is where in the journal the files were last
 * noted as seen.
 */
export function editOpId({ dimension, was, to, version }: Edit, since: Position): string {
  return `edit-${digestOf([dimension, was, to, version, since]).slice('sha256:'.length, 'sha256:'.length + 24)}`
}
