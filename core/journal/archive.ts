/**
 * Packs sealed segments that nobody needs for a start any more: history is kept, in a tenth of the
 * room. An archive holds the same bytes, so checksums, seals and the hash chain go on over it, and
 * readers take it for the segment. A file goes only after its archive was read back and found equal.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import type { Bytes, Count } from '../units.ts'
import { crashPoint } from '../protocol/crash.ts'
import { onFiles } from './file.ts'
import type { OpenJournalOptions } from './file.ts'
import { placeFile } from './files.ts'
import type { Position } from './journal.ts'
import { headerOf } from './recover.ts'
import { archiveName, segmentName, segmentNumbers } from './segment.ts'
import { snapshotNames } from './snapshot.ts'

export interface JournalArchiving {
  /** Records below this position are what no snapshot needs for a start. */
  readonly below: Position
  /** Segments packed now. */
  readonly segments: Count
  readonly bytesBefore: Bytes
  readonly bytesAfter: Bytes
}

/** Looked up at each call: a simulated world has its own. */
const pack = (bytes: Buffer) => promisify(gzip)(bytes)
const unpack = (packed: Buffer) => promisify(gunzip)(packed)

/**
 * Packs what lies wholly below the oldest snapshot, counted by the newest one of each name; without
 * snapshots nothing. The last two segments stay. Takes the writer lock, unless it is a dry run. Throws PROV_JOURNAL_LOCKED,
 * PROV_JOURNAL_CORRUPT, PROV_JOURNAL_UNUSABLE.
 */
export function archiveJournal(
  options: OpenJournalOptions & { readonly dryRun?: boolean | undefined },
): Promise<JournalArchiving> {
  const { dir, dryRun = false } = options
  return onFiles(options, dryRun, async ({ files }) => {
    const names = await files.list(dir)
    const newest = [...snapshotNames(names).values()].map(([position = 0]) => position)
    const below = newest.length === 0 ? 1 : Math.min(...newest) + 1
    const numbers = segmentNumbers(names)
    let [segments, bytesBefore, bytesAfter] = [0, 0, 0]
    for (const number of numbers.slice(0, -2)) {
      const name = segmentName(number)
      if (!names.includes(name)) continue
      const next = await headerOf(dir, number + 1)
      if (next.firstPosition > below) break
      // Behind the seal nothing counts: a fenced writer may have left bytes there.
      const content = (await readFile(`${dir}/${name}`)).subarray(0, next.sealedBytes)
      const packed = await pack(content)
      segments++
      bytesBefore += content.length
      bytesAfter += packed.length
      if (dryRun) continue
      await placeFile(files, dir, archiveName(number), packed)
      const back = await unpack(await readFile(`${dir}/${archiveName(number)}`))
      if (!back.equals(content)) throw new Error(`${archiveName(number)} reads back otherwise`)
      crashPoint('archived')
      await files.remove(`${dir}/${name}`)
    }
    if (segments > 0 && !dryRun) await files.syncFolder(dir)
    return { below, segments, bytesBefore, bytesAfter }
  })
}
