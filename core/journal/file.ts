/**
 * The journal on disk: pure Node, no server, no native addon. Opening takes the lock, walks the log
 * (recover.ts), seals what it found by opening a new segment (writer.ts) and appends from there
 * through the group commit (commit.ts).
 *
 *     <dir>/segment-00000001.log …   the log
 *     <dir>/snapshot-<name>-<n>.json newest two of each name
 *     <dir>/lock/epoch-<n>           who writes
 *     <dir>/reserve                  room for the ends of what was begun (reserve.ts)
 *     <anchors>/<id>.anchor          how far it came, outside the workspace (anchor.ts)
 *
 * @module
 */
import { randomUUID } from 'node:crypto'
import { realpath } from 'node:fs/promises'
import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { ProvError } from '../errors.ts'
import { crashPoint } from '../protocol/crash.ts'
import type { Bytes, Count } from '../units.ts'
import { GroupCommit } from './commit.ts'
import { Anchor, anchorOfDir, retireAnchor } from './anchor.ts'
import type { Anchored, AnchoredHead } from './anchor.ts'
import { checkAnchor, foundLog } from './anchor-check.ts'
import { Anchoring } from './anchoring.ts'
import { journalErrors } from './errors.ts'
import { diskFiles } from './files.ts'
import type { JournalFiles } from './files.ts'
import type { Journal, JournalEntry, Position } from './journal.ts'
import { encodeLine, notePartitions } from './line.ts'
import { lockHolder, systemProcesses, takeLock } from './lock.ts'
import type { Lock, Processes } from './lock.ts'
import { refuseRemote } from './place.ts'
import { readLog } from './reader.ts'
import type { Mark } from './reader.ts'
import { headerOf, lineageOf, walk } from './recover.ts'
import {
  batchHeaderBytes,
  noHash,
  segmentHeaderBytes,
  segmentName,
  segmentNumbers,
} from './segment.ts'
import { dropSnapshotsBeyond, readSnapshot, writeSnapshot } from './snapshot.ts'
import { isFull, reserveName } from './reserve.ts'
import { LogWriter } from './writer.ts'
import type { Adoption, LogEnd } from './writer.ts'

export interface OpenJournalOptions {
  /** Made when absent, with its parents. By custom `<workspace>/.prov/journal`. */
  readonly dir: string
  /**
   * Folder of the user's anchors, outside every workspace; made when absent. Default: none, then an
   * older or copied state of the journal is not told from the newest one.
   */
  readonly anchors?: string | undefined
  /** False while it is open whether this journal is the newest: its anchor stays as it is. Default: true. */
  readonly speaks?: (() => boolean) | undefined
  /**
   * How much is checked before writing: `tail` the last two segments, `whole` all of them. Default
   * `tail`; what lies before is checked when it is read.
   */
  readonly check?: 'tail' | 'whole' | undefined
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined
  /** Most bytes of one segment file. Default 16 MiB; at least 16 KiB. An append must fit in one. */
  readonly segmentBytes?: Bytes | undefined
  /** The disk. Replaced in tests that break it. */
  readonly files?: JournalFiles | undefined
  /** Who is alive. Replaced in tests that need two processes in one. */
  readonly processes?: Processes | undefined
  /**
   * True while somebody outside decided that this process writes: a living owner of the lock is then
   * replaced and can add nothing more. Default: never, it is refused with PROV_JOURNAL_LOCKED.
   */
  readonly supersede?: (() => boolean) | undefined
  /** Called after each sync with what it made durable: for measurements. */
  readonly onSync?: ((sync: { readonly frames: number; readonly bytes: Bytes }) => void) | undefined
}

const defaultSegmentBytes: Bytes = 16_777_216
const smallestSegmentBytes: Bytes = 16_384
const largestBatchBytes: Bytes = 1_048_576
const largestFrameBytes: Bytes = 8_388_608
/** One mark per so many bytes: how far a reader that starts in the middle has to skip. */
const markEveryBytes: Bytes = 131_072

/**
 * Opens the journal for writing. Throws PROV_JOURNAL_LOCKED, PROV_JOURNAL_CORRUPT,
 * PROV_JOURNAL_NEWER, PROV_JOURNAL_REMOTE, PROV_JOURNAL_UNUSABLE and, with anchors, PROV_JOURNAL_BEHIND, _FORKED,
 * _GONE, _COPIED, _REPLACED, _ANCHOR; then nothing was changed.
 */
export function openJournal(options: OpenJournalOptions): Promise<Journal> {
  return underLock(options, (lock, given) => openLocked(lock, given))
}

/**
 * Takes the lock of a folder that can hold a journal and runs `act`, which keeps the lock when it
 * succeeds. Throws PROV_JOURNAL_LOCKED, _REMOTE, _UNUSABLE and what `act` throws.
 */
export async function underLock<T>(
  options: OpenJournalOptions,
  act: (lock: Lock, options: LockedOptions) => Promise<T>,
): Promise<T> {
  const { dir, clock = systemClock, files = diskFiles, processes = systemProcesses } = options
  const { supersede } = options
  const lockDir = `${dir}/lock`
  let lock: Lock | undefined
  try {
    await files.makeFolder(lockDir)
    await refuseRemote(dir)
    const floor = await lastEpoch(dir, await files.list(dir))
    const take = () => takeLock(lockDir, { floor, files, processes, clock, supersede })
    lock = await take().catch(async (thrown: unknown) => {
      // Even a lock takes a block; nobody alive needs the reserve more than whoever opens now.
      if (!isFull(thrown) || (await lockHolder(lockDir, processes))) throw thrown
      await files.remove(`${dir}/${reserveName}`).catch(() => {})
      return take()
    })
    return await act(lock, { ...options, clock, files })
  } catch (thrown) {
    await lock?.release().catch(() => {})
    if (ProvError.is(thrown)) throw thrown
    const reason = thrown instanceof Error ? thrown.message : String(thrown)
    const { code: errno } = Object(thrown) as { code?: string }
    throw journalErrors.PROV_JOURNAL_UNUSABLE({ dir, reason, errno }, { cause: thrown })
  }
}

/**
 * Work on the files of a journal as a whole: under its lock, which is given back, or, for a dry run,
 * beside whoever writes and without a trace.
 */
export function onFiles<T>(
  options: OpenJournalOptions,
  dryRun: boolean,
  act: (options: LockedOptions) => Promise<T>,
): Promise<T> {
  const { clock = systemClock, files = diskFiles } = options
  if (dryRun) return act({ ...options, clock, files })
  return underLock(options, async (lock, given) => {
    try {
      return await act(given)
    } finally {
      await lock.release()
    }
  })
}

/** Options with what has a default filled in. */
export interface LockedOptions extends OpenJournalOptions {
  readonly clock: Clock
  readonly files: JournalFiles
}

/** What `adoptJournal` adds to an opening: the id to go on under, and its first records. */
export interface Adopting {
  readonly journal: string
  readonly from: string
  readonly entries: readonly JournalEntry[]
}

/** Opens under a lock that is held already; see `underLock`. */
export async function openLocked(
  lock: Lock,
  options: LockedOptions,
  adopting?: Adopting,
): Promise<Journal> {
  const { dir, clock, files, onSync, anchors } = options
  const { epoch } = lock
  const segmentBytes = Math.max(options.segmentBytes ?? defaultSegmentBytes, smallestSegmentBytes)
  const marks = new Marks()
  for (const name of await files.list(dir)) {
    // What a writer that was killed had not put in place yet.
    if (name.endsWith('.tmp')) await files.remove(`${dir}/${name}`)
  }
  const names = await files.list(dir)
  const partitions = new Set<string>()
  const last = segmentNumbers(names).length
  const found = await walk(dir, names, {
    tail: options.check !== 'whole',
    onBatch(segment, batch) {
      marks.add({ segment, offset: batch.offset, first: batch.first })
      // It is sealed next, and the seal says what is in it.
      if (segment === last) notePartitions(batch.text(), partitions)
    },
  })
  const numbers = segmentNumbers(names)
  const before = await lineageOf(dir, numbers)
  const id = adopting?.journal ?? found?.journal ?? randomUUID()
  const lineage = before.at(-1) === id ? before : [...before, id]
  const place = anchors === undefined ? undefined : await realpath(dir)
  let givenUp: Anchored | undefined
  if (anchors !== undefined && place !== undefined) {
    await files.makeFolder(anchors)
    // Adopting is what a person does about these refusals; the log itself was checked above.
    givenUp = adopting
      ? await anchorOfDir(anchors, place)
      : await checkAnchor(anchors, place, found && foundLog(dir, numbers, before, found))
  }
  if (found) await settleTail(files, dir, found)
  const end: LogEnd = {
    ...(found ?? { segment: 0, batch: 0, position: 0, hash: noHash, endBytes: 0 }),
    partitions,
  }
  await dropSnapshotsBeyond(files, dir, end.position)
  const writer = await LogWriter.open(
    { dir, journal: id, epoch, files, clock, segmentBytes },
    end,
    adopting && adoptionOf(adopting, end, clock),
  )
  const headNow = (): AnchoredHead => ({
    ...writer.end,
    epoch,
    hash: writer.end.hash.toString('hex'),
  })
  let anchor: Anchor | undefined
  let remember: ((head: AnchoredHead) => Promise<void>) | undefined
  if (anchors !== undefined && place !== undefined) {
    if (givenUp) await retireAnchor(files, anchors, givenUp, id)
    remember = async (head) => {
      if (anchor) return anchor.keep(head)
      anchor = await Anchor.open(files, anchors, { journal: id, dir: place }, head)
    }
  }
  // An older copy would leave an anchor that refuses the newest one.
  const speaks = options.speaks ?? (() => true)
  if (speaks()) await remember?.(headNow())
  const anchoring = new Anchoring(remember && { keep: remember }, headNow, (thrown) => {
    const reason = thrown instanceof Error ? thrown.message : String(thrown)
    const { code: errno } = Object(thrown) as { code?: string }
    return journalErrors.PROV_JOURNAL_UNUSABLE(
      { dir: `${anchors}`, reason, errno },
      { cause: thrown },
    )
  })
  const roomBytes = segmentBytes - segmentHeaderBytes - batchHeaderBytes - 8
  const log = new GroupCommit({
    journal: id,
    epoch,
    clock,
    last: writer.end.position,
    batchBytes: Math.min(largestBatchBytes, roomBytes),
    frameBytes: Math.min(largestFrameBytes, roomBytes),
    async commit(frames) {
      // Before as well: a fenced writer should not even leave bytes behind.
      assertHeld()
      const mark = await writer.write(frames)
      assertHeld()
      marks.add(mark)
      onSync?.({ frames: frames.length, bytes: writer.end.endBytes - mark.offset })
    },
  })
  const assertHeld = (): void => {
    if (!lock.isHeld()) throw journalErrors.PROV_JOURNAL_FENCED({ journal: id, epoch })
  }
  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    await log.close()
    try {
      if (log.failure || !lock.isHeld()) {
        await writer.abandon()
      } else {
        // An empty batch behind the last one: damage to that one is then told from a torn tail.
        await writer.write([])
        await writer.close()
        // Its failure loses a memory, never a record.
        if (speaks()) await anchoring.keep().catch(() => {})
      }
    } finally {
      anchor?.close()
      crashPoint('closed')
      await lock.release()
    }
  }
  return {
    id,
    lineage,
    dir,
    epoch,
    mayLive: (before) => lock.undead.includes(before),
    isHeld: () => lock.isHeld(),
    append: (entries) => log.append(entries),
    follow: (listener) => log.follow(listener),
    read: (options = {}) =>
      readLog(dir, {
        ...options,
        limit: () => log.durable,
        mark: marks.before(options.from ?? 1),
      }),
    head: async () => ({
      journal: id,
      epoch,
      position: writer.end.position,
      batch: writer.end.batch,
      hash: writer.end.hash.toString('hex'),
    }),
    snapshot: async (name) => readSnapshot(dir, await files.list(dir), id, name, log.durable),
    async putSnapshot(name, snapshot) {
      if (closing) throw journalErrors.PROV_JOURNAL_CLOSED({ journal: id })
      assertHeld()
      await writeSnapshot(files, dir, id, name, snapshot)
    },
    async anchor() {
      assertHeld()
      if (speaks()) await anchoring.keep()
    },
    assertRoom() {
      if (!writer.hasRoom()) throw journalErrors.PROV_JOURNAL_LOW({ dir })
    },
    over: log.over,
    close: () => (closing ??= close()),
  }
}

/** A frame that is written with the segment itself: the adoption is there whole, or not at all. */
function adoptionOf({ from, entries }: Adopting, end: LogEnd, clock: Clock): Adoption {
  const timeMs = Math.round(clock.now())
  const text = entries.map((entry) => encodeLine(entry, timeMs)).join('')
  const bytes = Buffer.byteLength(text)
  return {
    from,
    frames: [{ first: end.position + 1, count: entries.length, text, bytes, entries }],
  }
}

/** Epoch of the newest segment: the lock must be above it even if its files were lost. */
async function lastEpoch(dir: string, names: readonly string[]): Promise<number> {
  const last = segmentNumbers(names).at(-1)
  return last === undefined ? 0 : (await headerOf(dir, last)).epoch
}

/**
 * What a dead writer wrote may still be in memory only, the name of its segment too, and a torn tail
 * may stand behind it. All of that ends here, before a new segment builds on this one.
 */
async function settleTail(
  files: JournalFiles,
  dir: string,
  { segment, endBytes }: { readonly segment: Count; readonly endBytes: Bytes },
): Promise<void> {
  const file = files.open(`${dir}/${segmentName(segment)}`, { exists: true })
  try {
    await file.truncate(endBytes)
    await file.datasync()
  } finally {
    file.close()
  }
  await files.syncFolder(dir)
}

/** A sparse index over the log: where to start reading for a position. */
class Marks {
  readonly #marks: Mark[] = []

  add(mark: Mark): void {
    const last = this.#marks.at(-1)
    const near = last?.segment === mark.segment && mark.offset - last.offset < markEveryBytes
    if (!near) this.#marks.push(mark)
  }

  before(position: Position): Mark | undefined {
    let low = 0
    let high = this.#marks.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#marks[middle] as Mark).first <= position) low = middle + 1
      else high = middle
    }
    return this.#marks[low - 1]
  }
}
