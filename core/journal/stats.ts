/**
 * What a journal is made of, counted in one reading beside whoever writes it: what
 * `prov journal stats` shows.
 *
 * @module
 */
import { readdir, realpath, stat } from 'node:fs/promises'
import type { Bytes, Count, Millis } from '../units.ts'
import { anchorOfDir, readAnchor } from './anchor.ts'
import type { AnchoredHead } from './anchor.ts'
import { journalErrors } from './errors.ts'
import type { JournalHead, Position } from './journal.ts'
import { lineHeads } from './line.ts'
import { lockHolder } from './lock.ts'
import { lineageOf, walk } from './recover.ts'
import { archiveName, segmentName, segmentNumbers } from './segment.ts'
import { snapshotNames } from './snapshot.ts'

export interface JournalStats {
  /** Ids that this history had, oldest first; the last one is its own. */
  readonly lineage: readonly string[]
  readonly head: JournalHead
  readonly segments: Count
  /** Of all segment files, space written ahead included. */
  readonly bytes: Bytes
  readonly batches: Count
  readonly records: Count
  /** Records by partition and, in it, by type. */
  readonly partitions: Readonly<Record<string, Readonly<Record<string, Count>>>>
  readonly snapshots: readonly { readonly name: string; readonly positions: readonly Position[] }[]
  /** Who writes now; null when nobody does. */
  readonly writer: { readonly pid: number; readonly sinceMs: Millis; readonly where: string } | null
  /** What this user remembers of it outside the workspace; null when nothing. */
  readonly anchor: {
    readonly file: string
    readonly dir: string
    readonly head?: AnchoredHead
  } | null
}

/** Throws PROV_JOURNAL_ABSENT, PROV_JOURNAL_CORRUPT, PROV_JOURNAL_ANCHOR. Needs no lock. */
export async function journalStats(options: {
  readonly dir: string
  readonly anchors?: string | undefined
}): Promise<JournalStats> {
  const { dir, anchors } = options
  const names = await readdir(dir).catch(() => [] as string[])
  const numbers = segmentNumbers(names)
  const counts = new Map<string, Map<string, Count>>()
  let records = 0
  let batches = 0
  const found = await walk(dir, names, {
    onBatch(_, batch) {
      batches++
      for (const [partition, type] of lineHeads(batch.text())) {
        let types = counts.get(partition)
        if (!types) counts.set(partition, (types = new Map()))
        types.set(type, (types.get(type) ?? 0) + 1)
        records++
      }
    },
  })
  if (!found) throw journalErrors.PROV_JOURNAL_ABSENT({ dir })
  const { journal, epoch, position, batch } = found
  const sizes = await Promise.all(
    numbers.map((n) =>
      stat(`${dir}/${names.includes(segmentName(n)) ? segmentName(n) : archiveName(n)}`),
    ),
  )
  const partitions = [...counts].sort(byName).map(([partition, types]) => {
    const sorted = [...types].sort(byName).map(([type, n]) => [JSON.parse(type) as string, n])
    return [JSON.parse(partition) as string, Object.fromEntries(sorted)] as const
  })
  const known =
    anchors === undefined
      ? undefined
      : ((await readAnchor(anchors, journal)) ?? (await anchorOfDir(anchors, await realpath(dir))))
  const holder = await lockHolder(`${dir}/lock`)
  return {
    lineage: await lineageOf(dir, numbers),
    head: { journal, epoch, position, batch, hash: found.hash.toString('hex') },
    segments: numbers.length,
    bytes: sizes.reduce((sum, { size }) => sum + size, 0),
    batches,
    records,
    partitions: Object.fromEntries(partitions) as JournalStats['partitions'],
    snapshots: [...snapshotNames(names)]
      .sort(byName)
      .map(([name, positions]) => ({ name, positions })),
    writer: holder ? { pid: holder.pid, sinceMs: holder.sinceMs, where: holder.where } : null,
    anchor: known
      ? { file: known.file, dir: known.dir, ...(known.head && { head: headOf(known.head) }) }
      : null,
  }
}

/** Without what its slot in the file says beside it. */
const headOf = ({ epoch, batch, position, hash }: AnchoredHead): AnchoredHead => ({
  epoch,
  batch,
  position,
  hash,
})

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
  a < b ? -1 : 1
