/**
 * Whether a log may be written on, judged by what the user remembers of it (anchor.ts): it must not
 * be older than that, not another one, not a copy of one that lies elsewhere.
 *
 * @module
 */
import { readdir, stat } from 'node:fs/promises'
import { anchorOfDir, readAnchor } from './anchor.ts'
import type { Anchored, AnchoredHead } from './anchor.ts'
import { journalErrors } from './errors.ts'
import type { Position } from './journal.ts'
import type { Count } from '../units.ts'
import { hashOfBatch, headerOf } from './recover.ts'
import type { Recovered } from './recover.ts'
import { segmentNumbers } from './segment.ts'

/** A log as it lies on disk. */
export interface FoundLog {
  /** Ids that it had; the last one is its own. */
  readonly lineage: readonly string[]
  readonly position: Position
  readonly batch: Count
  /** Hash of one of its batches, 64 hex digits; undefined when it has none of that number. */
  readonly hashAt: (batch: Count) => Promise<string | undefined>
}

/** What a walk found, as this asks about it. `numbers` are those of the segments. */
export function foundLog(
  dir: string,
  numbers: readonly Count[],
  lineage: readonly string[],
  { position, batch, hash }: Recovered,
): FoundLog {
  const hashAt = async (wanted: Count) =>
    (wanted === batch ? hash : await hashOfBatch(dir, numbers, wanted))?.toString('hex')
  return { lineage, position, batch, hashAt }
}

/**
 * Throws PROV_JOURNAL_GONE, PROV_JOURNAL_REPLACED, PROV_JOURNAL_COPIED, PROV_JOURNAL_BEHIND and
 * PROV_JOURNAL_FORKED. `dir` must be free of links. Answers with the anchor of an id that this log
 * gave up in this folder and that nobody marked as such yet.
 */
export async function checkAnchor(
  folder: string,
  dir: string,
  found: FoundLog | undefined,
): Promise<Anchored | undefined> {
  if (!found) {
    const here = await anchorOfDir(folder, dir)
    if (here?.head && here.head.position > 0) throw gone(dir, here)
    return undefined
  }
  const journal = found.lineage.at(-1) as string
  const own = await readAnchor(folder, journal)
  const here = own && own.next === undefined ? undefined : await anchorOfDir(folder, dir)
  if (here && !found.lineage.includes(here.journal)) throw replaced(dir, journal, here)
  if (!own) return here
  if (own.next !== undefined) throw replaced(dir, journal, { ...own, journal: own.next })
  if (own.dir !== dir && (await livesIn(own.dir, journal)) && !(await isSame(own.dir, dir))) {
    throw journalErrors.PROV_JOURNAL_COPIED({ dir, journal, other: own.dir })
  }
  await checkHead(dir, found, own)
  return undefined
}

/** Throws PROV_JOURNAL_BEHIND and PROV_JOURNAL_FORKED. */
export async function checkHead(
  dir: string,
  found: FoundLog,
  known: { readonly file: string; readonly head?: Omit<AnchoredHead, 'epoch'> | undefined },
): Promise<void> {
  const { file, head } = known
  if (!head || head.batch === 0) return
  const journal = found.lineage.at(-1) as string
  const detail = { dir, journal, position: found.position, anchored: head.position, file }
  if (found.batch < head.batch) throw journalErrors.PROV_JOURNAL_BEHIND(detail)
  if ((await found.hashAt(head.batch)) !== head.hash)
    throw journalErrors.PROV_JOURNAL_FORKED(detail)
}

/** True when the folder holds that journal now. */
async function livesIn(dir: string, journal: string): Promise<boolean> {
  try {
    const last = segmentNumbers(await readdir(dir)).at(-1)
    return last !== undefined && (await headerOf(dir, last)).journal === journal
  } catch {
    // It moved away, or its disk did; then only the head can tell.
    return false
  }
}

/** Two names of one folder, such as two mounts. */
async function isSame(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([one, other].map((dir) => stat(dir).catch(() => undefined)))
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino
}

function gone(dir: string, { journal, head, file }: Anchored) {
  return journalErrors.PROV_JOURNAL_GONE({ dir, journal, anchored: head?.position ?? 0, file })
}

function replaced(dir: string, journal: string, { journal: anchored, file }: Anchored) {
  return journalErrors.PROV_JOURNAL_REPLACED({ dir, journal, anchored, file })
}
