/**
 * The kernel of a tree: this one, or an older revision that was built somewhere else. Types are this
 * tree's; what an older tree does not have is undefined there.
 *
 * @module
 */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { address } from '../../core/actor/address.ts'
import type { defineActor } from '../../core/actor/define.ts'
import type { startActors } from '../../core/actor/start.ts'
import type { simulatedClock, systemClock } from '../../core/clock.ts'
import type { GroupCommit } from '../../core/journal/commit.ts'
import type { openJournal } from '../../core/journal/file.ts'
import type { memoryJournal, MemoryDisk } from '../../core/journal/memory.ts'

export interface Tree {
  readonly address: typeof address
  readonly defineActor: typeof defineActor
  readonly startActors: typeof startActors
  readonly systemClock: typeof systemClock
  readonly simulatedClock: typeof simulatedClock
  readonly GroupCommit: typeof GroupCommit
  readonly openJournal: typeof openJournal
  readonly memoryJournal: typeof memoryJournal
  readonly MemoryDisk: typeof MemoryDisk
}

const parts = [
  'core/actor/address',
  'core/actor/define',
  'core/actor/start',
  'core/clock',
  'core/journal/commit',
  'core/journal/file',
  'core/journal/memory',
]

/** Loads one file of a built tree. */
export async function partOf(root: string, name: string): Promise<Record<string, unknown>> {
  return (await import(pathToFileURL(join(root, 'dist', `${name}.js`)).href)) as never
}

export async function openTree(root: string): Promise<Tree> {
  const loaded: Record<string, unknown> = {}
  for (const part of parts) Object.assign(loaded, await partOf(root, part))
  return loaded as unknown as Tree
}
