/**
 * Makes a damaged journal one that opens again, and loses nothing unseen: what can be proven harmless
 * goes, for anything else it says first which positions would be lost, and only a person's yes takes
 * them away, into a copy beside the journal. Nothing in the middle can be mended: each record is
 * bound to those before it, so what comes behind a damaged place goes with it.
 *
 *     look ─▶ harmless only ─▶ done
 *       └───▶ loses positions ─ yes ─▶ copy ─▶ cut ─▶ look again
 *
 * @module
 */
import { copyFile, readdir, readFile, realpath } from 'node:fs/promises'
import { basename } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { ProvError } from '../errors.ts'
import type { Bytes, Count } from '../units.ts'
import { anchorOfDir } from './anchor.ts'
import { SegmentCursor } from './cursor.ts'
import { journalErrors } from './errors.ts'
import { onFiles } from './file.ts'
import type { OpenJournalOptions } from './file.ts'
import { placeFile } from './files.ts'
import type { JournalFiles } from './files.ts'
import type { Position } from './journal.ts'
import { headerOf, walk } from './recover.ts'
import type { Recovered } from './recover.ts'
import { archiveName, segmentName, segmentNumbers } from './segment.ts'
import { verifyJournal } from './verify.ts'
import type { JournalProblem } from './verify.ts'

export interface JournalRepair {
  /** Leftovers that nobody can miss: an unfinished write at the end, files not put in place. */
  readonly harmless: readonly string[]
  readonly problem?: JournalProblem | undefined
  /**
   * Positions that go with the damaged place. `to` is the last one that is known of, from what still
   * can be read behind it and from the anchor; there may have been more.
   */
  readonly lost?: { readonly from: Position; readonly to: Position } | undefined
  /** Folder with the files as they were; present once something was cut. */
  readonly copy?: string | undefined
  readonly done: boolean
}

interface Damage {
  readonly problem: JournalProblem
  readonly segment: Count
  /** Where the good part of that segment ends; 0 when none of it is good. */
  readonly cutBytes: Bytes
  readonly lost: { readonly from: Position; readonly to: Position }
}

/**
 * Looks, and with `apply` repairs what loses nothing; with `lose` also what does; then
 * it takes the writer lock. Throws PROV_JOURNAL_LOCKED, PROV_JOURNAL_ABSENT, PROV_JOURNAL_UNUSABLE.
 */
export function repairJournal(
  options: OpenJournalOptions & { readonly apply: boolean; readonly lose: boolean },
): Promise<JournalRepair> {
  const { dir, apply, lose } = options
  return readdir(dir)
    .catch(() => [] as string[])
    .then((names) => {
      if (segmentNumbers(names).length === 0) throw journalErrors.PROV_JOURNAL_ABSENT({ dir })
      return onFiles(options, !apply, async ({ files, clock, anchors }) => {
        const names = await files.list(dir)
        const harmless = names.filter((name) => name.endsWith('.tmp'))
        const damage = await damageIn(dir, names, anchors)
        if (damage === undefined) {
          const { torn } = await verifyJournal({ dir })
          const found = torn ? await walk(dir, names) : undefined
          if (found) harmless.push(`${segmentName(found.segment)} behind byte ${found.endBytes}`)
          if (apply) await clear(files, dir, names, found)
          return { harmless, done: apply }
        }
        const { problem, lost } = damage
        if (!apply || !lose) return { harmless, problem, lost, done: false }
        const copy = `${dir}-before-repair-${new Date(clock.now()).toISOString().replaceAll(':', '-')}`
        await files.makeFolder(copy)
        for (const name of names) {
          if (name !== 'lock') await copyFile(`${dir}/${name}`, `${copy}/${name}`)
        }
        await files.syncFolder(copy)
        await cut(files, dir, names, damage)
        await clear(files, dir, await files.list(dir), undefined)
        return { harmless, problem, lost, copy, done: true }
      })
    })
}

/** The first place that cannot be trusted, with what stands before and behind it. */
async function damageIn(
  dir: string,
  names: readonly string[],
  anchors: string | undefined,
): Promise<Damage | undefined> {
  let position: Position = 0
  let good = { segment: 0, end: 0 }
  const walkAll = (some: readonly string[]) =>
    walk(dir, some, {
      chain: true,
      onSegment: ({ segment }) => (good = { segment, end: 0 }),
      onBatch(segment, batch) {
        position = batch.first + batch.count - 1
        good = { segment, end: batch.end }
      },
    })
  try {
    await walkAll(names)
    return undefined
  } catch (thrown) {
    if (!ProvError.is(thrown) || thrown.code !== 'PROV_JOURNAL_CORRUPT') throw thrown
    const { file, offset, what } = thrown.detail as unknown as JournalProblem
    const number = segmentNumbers([basename(file)])[0] ?? good.segment + 1
    if (!names.includes(basename(file))) {
      // A gap is seen before anything is read: how far the log comes up to it is still to be told.
      const before = names.filter((name) => (segmentNumbers([name])[0] ?? number) < number)
      const nearer = await damageIn(dir, before, anchors)
      if (nearer) return nearer
      await walkAll(before)
    }
    // A header that does not fit spoils its segment, a batch what comes from there on.
    const cutBytes = number === good.segment ? good.end : 0
    const to = Math.max(position, await lastKnown(dir, names, number, anchors))
    return {
      problem: { file, offset, what },
      segment: number,
      cutBytes,
      lost: { from: position + 1, to },
    }
  }
}

/** The highest position that anything behind a damaged place speaks of. */
async function lastKnown(
  dir: string,
  names: readonly string[],
  from: Count,
  anchors: string | undefined,
): Promise<Position> {
  let last = 0
  for (const number of segmentNumbers(names)) {
    if (number < from) continue
    const header = await headerOf(dir, number).catch(() => undefined)
    if (!header) continue
    last = Math.max(last, header.firstPosition - 1)
    const cursor = await SegmentCursor.open(dir, number)
    try {
      const whole = await cursor.lastWhole()
      if (whole) last = Math.max(last, whole.first + whole.count - 1)
    } finally {
      await cursor.close()
    }
  }
  const known = anchors === undefined ? undefined : await anchorOfDir(anchors, await realpath(dir))
  return Math.max(last, known?.head?.position ?? 0)
}

async function cut(
  files: JournalFiles,
  dir: string,
  names: readonly string[],
  { segment, cutBytes }: Damage,
): Promise<void> {
  // The newest go first: whatever is left after a crash is the same damage, never a gap.
  for (const number of segmentNumbers(names).reverse()) {
    if (number > segment || (number === segment && cutBytes === 0)) {
      for (const name of [segmentName(number), archiveName(number)]) {
        if (names.includes(name)) await files.remove(`${dir}/${name}`)
      }
      await files.syncFolder(dir)
    }
  }
  if (cutBytes === 0) return
  const name = segmentName(segment)
  if (names.includes(name)) return shorten(files, `${dir}/${name}`, cutBytes)
  // Its good part was read, so it unpacks.
  const content = await promisify(gunzip)(await readFile(`${dir}/${archiveName(segment)}`))
  await placeFile(files, dir, name, content.subarray(0, cutBytes))
  await files.remove(`${dir}/${archiveName(segment)}`)
}

async function clear(
  files: JournalFiles,
  dir: string,
  names: readonly string[],
  torn: Recovered | undefined,
): Promise<void> {
  for (const name of names) if (name.endsWith('.tmp')) await files.remove(`${dir}/${name}`)
  if (torn) await shorten(files, `${dir}/${segmentName(torn.segment)}`, torn.endBytes)
  await files.syncFolder(dir)
}

async function shorten(files: JournalFiles, path: string, bytes: Bytes): Promise<void> {
  const file = files.open(path, { exists: true })
  try {
    await file.truncate(bytes)
    await file.datasync()
  } finally {
    file.close()
  }
}
