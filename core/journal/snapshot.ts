/**
 * Snapshots on disk: state plus the position that it stands for. A snapshot only shortens a replay,
 * the log holds everything; so one that is damaged, of another journal or ahead of the log is passed
 * over and an older one is taken.
 *
 *     {"journal":"…","position":1200,"sha256":"…"}\n
 *     body\n
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { JsonValue } from '../json.ts'
import type { Count } from '../units.ts'
import { placeFile } from './files.ts'
import type { JournalFiles } from './files.ts'
import type { Position, Snapshot } from './journal.ts'

/** Newest ones of a name that stay: the second is there in case the first is damaged. */
const kept: Count = 2

/** Keeps a snapshot by temporary file and rename; drops all but the newest two of that name. */
export async function writeSnapshot(
  files: JournalFiles,
  dir: string,
  journal: string,
  name: string,
  snapshot: Snapshot,
): Promise<void> {
  const body = JSON.stringify(snapshot.body)
  const head = JSON.stringify({ journal, position: snapshot.position, sha256: sha256(body) })
  const file = `${stem(name)}-${snapshot.position}.json`
  await placeFile(files, dir, file, Buffer.from(`${head}\n${body}\n`))
  const positions = snapshotPositions(await files.list(dir), name)
  for (const old of positions.slice(kept)) {
    await files.remove(`${dir}/${stem(name)}-${old}.json`).catch(() => {})
  }
}

/** Newest good snapshot of that name at or before `head`. */
export async function readSnapshot(
  dir: string,
  names: readonly string[],
  journal: string,
  name: string,
  head: Position,
): Promise<Snapshot | undefined> {
  for (const position of snapshotPositions(names, name)) {
    if (position > head) continue
    const text = await readFile(`${dir}/${stem(name)}-${position}.json`, 'utf8').catch(() => '')
    const body = bodyOf(text, journal, position)
    if (body !== undefined) return { position, body }
  }
  return undefined
}

/**
 * Removes snapshots of any name beyond `head`: they speak of a log that was longer once (it was set
 * back), and would be taken for this one's as soon as it has grown past them.
 */
export async function dropSnapshotsBeyond(
  files: JournalFiles,
  dir: string,
  head: Position,
): Promise<void> {
  for (const file of await files.list(dir)) {
    const position = /^snapshot-.*-(\d+)\.json$/.exec(file)?.[1]
    if (position !== undefined && Number(position) > head) await files.remove(`${dir}/${file}`)
  }
}

/** Names of snapshots among file names, each with the positions that are there, newest first. */
export function snapshotNames(names: readonly string[]): ReadonlyMap<string, readonly Position[]> {
  const found = new Map<string, Position[]>()
  for (const file of names) {
    const [, safe, position] = /^snapshot-(.*)-(\d+)\.json$/.exec(file) ?? []
    if (safe === undefined) continue
    const name = safe.replaceAll(/%([0-9a-f]+)_/g, (_, code: string) =>
      String.fromCodePoint(parseInt(code, 16)),
    )
    found.set(
      name,
      [...(found.get(name) ?? []), Number(position)].sort((a, b) => b - a),
    )
  }
  return found
}

function bodyOf(text: string, journal: string, position: Position): JsonValue | undefined {
  const [first = '', body = ''] = text.split('\n')
  try {
    const head = JSON.parse(first) as { journal: string; position: Position; sha256: string }
    if (head.journal !== journal || head.position !== position) return undefined
    return head.sha256 === sha256(body) ? (JSON.parse(body) as JsonValue) : undefined
  } catch {
    return undefined
  }
}

/** Positions of a name's snapshots, the newest first. */
export function snapshotPositions(names: readonly string[], name: string): Position[] {
  const start = `${stem(name)}-`
  const positions: Position[] = []
  for (const file of names) {
    const match = file.startsWith(start) && /^(\d+)\.json$/.exec(file.slice(start.length))
    if (match) positions.push(Number(match[1]))
  }
  return positions.sort((a, b) => b - a)
}

/** Names become file names; no two names share one, also where case does not count. */
function stem(name: string): string {
  const safe = name.replaceAll(/[^a-z0-9.]/g, (c) => `%${c.codePointAt(0)?.toString(16)}_`)
  return `snapshot-${safe}`
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
