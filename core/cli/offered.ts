/**
 * Values that exist now, for a flag that is being typed (`Flag.complete`): the rows that list
 * commands show, and what lies on this machine.
 *
 * @module
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Completion, Flag, RowsOf } from './command.ts'
import type { Candidate, Candidates } from './complete.ts'
import { openContext } from './context.ts'
import type { ContextOptions, OpenContext } from './context.ts'

export async function offered(flag: Flag, place: ContextOptions): Promise<Candidates> {
  const sources = [flag.complete ?? []].flat() as readonly Completion[]
  if (sources.includes('files')) return 'files'
  const fixed = (flag.choices ?? []).map((value): Candidate => ({ value }))
  const opened = openContext(place)
  try {
    // One that cannot be told (no workspace, a broken file) takes nothing from the others.
    const found = await Promise.all(
      sources.map((source) => valuesOf(source, place, opened).catch(() => [])),
    )
    return [...fixed, ...found.flat()]
  } finally {
    await opened.close()
  }
}

async function valuesOf(
  source: Completion,
  place: ContextOptions,
  { context }: OpenContext,
): Promise<readonly Candidate[]> {
  if (source === 'keys') {
    const names = await readdir(join(place.home, 'keys')).catch(() => [])
    return names
      .filter((name) => name.endsWith('.json'))
      .map((name) => ({ value: name.slice(0, -5) }))
  }
  // What is elsewhere takes a server and a signature: nothing that a key stroke should ask for.
  if (place.project !== undefined) return []
  if (source === 'plugins') {
    const { discoverPlugins } = await import('../plugin/discover.ts')
    const { found } = discoverPlugins({ workspace: context.root() })
    return found.map(({ id, source }) => ({ value: id, says: source }))
  }
  if (source === 'addresses') {
    const { lookAtActors } = await import('./look.ts')
    return (await lookAtActors(context)).rows.map(({ address }) => ({ value: address }))
  }
  if (source === 'files') return []
  return rowsOf(await context.read(source.read, source.args), source)
}

type Row = Readonly<Record<string, unknown>>

function rowsOf(
  answer: unknown,
  { rows, where = {}, value, says = [] }: RowsOf,
): readonly Candidate[] {
  const inside = (row: Row) => (rows === undefined ? [row] : (row[rows] as readonly Row[]))
  return [answer as Row | readonly Row[]]
    .flat()
    .flatMap((row) => inside(row as Row))
    .filter((row) => Object.entries(where).every(([name, wanted]) => row[name] === wanted))
    .map((row) => ({ value: String(row[value]), says: says.map((name) => row[name]).join(' ') }))
}
