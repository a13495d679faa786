/**
 * The journal on disk: pure Node, no server, no native addon. Opening takes the lock, walks the log
 * (recover.ts), seals what it found by opening a new segment (writer.ts) and appends from there
 * through the group commit (commit.ts).
 *
 *     <dir>/segment-00000001.log …   the log
 *     <dir>/snapshot-<name>-<n>.json newest two of each name
 *     <dir>/lock/epoch-<n>           who writes
 *
 * @module
 */
import { randomUUID } from 'node:crypto'
import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { ProvError } from '../errors.ts'
import type { Bytes } from '../units.ts'
import { GroupCommit } from './commit.ts'
import { SegmentCursor } from './cursor.ts'
import { journalErrors } from './errors.ts'
import { diskFiles } from './files.ts'
import type { JournalFiles } from './files.ts'
import type { Journal, Position } from './journal.ts'
import { systemProcesses, takeLock } from './lock.ts'
import type { Lock, Processes } from './lock.ts'
import { refuseRemote } from './place.ts'
import { readLog } from './reader.ts'
import type { Mark } from './reader.ts'
import { walk } from './recover.ts'
import {
  batchHeaderBytes,
  noHash,
  segmentHeaderBytes,
  segmentName,
  segmentNumbers,
} from './segment.ts'
import { dropSnapshotsBeyond, readSnapshot, writeSnapshot } from './snapshot.ts'
import { LogWriter } from './writer.ts'
import type { LogEnd } from './writer.ts'

export interface OpenJournalOptions {
  /** Made when absent, with its parents. By custom `<workspace>/.prov/journal`. */
  readonly dir: string
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined
  /** Most bytes of one segment file. Default 16 MiB; at least 16 KiB. An append must fit in one. */
  readonly segmentBytes?: Bytes | undefined
  /** The disk. Replaced in tests that break it. */
  readonly files?: JournalFiles | undefined
  /** Who is alive. Replaced in tests that need two processes in one. */
  readonly processes?: Processes | undefined
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
 * PROV_JOURNAL_REMOTE and PROV_JOURNAL_UNUSABLE; then nothing was changed.
 */
export async function openJournal(options: OpenJournalOptions): Promise<Journal> {
  const { dir, clock = systemClock, files = diskFiles, processes = systemProcesses } = options
  const lockDir = `${dir}/lock`
  let lock: Lock | undefined
  try {
    await files.makeFolder(lockDir)
    await refuseRemote(dir)
    const floor = await lastEpoch(dir, await files.list(dir))
    lock = await takeLock(lockDir, { floor, files, processes, clock })
    return await openLocked(lock, { ...options, clock, files })
  } catch (thrown) {
    await lock?.release().catch(() => {})
    if (ProvError.is(thrown)) throw thrown
    const reason = thrown instanceof Error ? thrown.message : String(thrown)
    throw journalErrors.PROV_JOURNAL_UNUSABLE({ dir, reason }, { cause: thrown })
  }
}

async function openLocked(
  lock: Lock,
  options: OpenJournalOptions & { clock: Clock; files: JournalFiles },
): Promise<Journal> {
  const { dir, clock, files, onSync } = options
  const { epoch } = lock
  const segmentBytes = Math.max(options.segmentBytes ?? defaultSegmentBytes, smallestSegmentBytes)
  const marks = new Marks()
  for (const name of await files.list(dir)) {
    // What a writer that was killed had not put in place yet.
    if (name.endsWith('.tmp')) await files.remove(`${dir}/${name}`)
  }
  const found = await walk(dir, await files.list(dir), {
    onBatch: (segment, batch) => marks.add({ segment, offset: batch.offset, first: batch.first }),
  })
  if (found) await settleTail(files, `${dir}/${segmentName(found.segment)}`, found.endBytes)
  const id = found?.journal ?? randomUUID()
  const end: LogEnd = found ?? { segment: 0, batch: 0, position: 0, hash: noHash, endBytes: 0 }
  await dropSnapshotsBeyond(files, dir, end.position)
  const writer = await LogWriter.open({ dir, journal: id, epoch, files, clock, segmentBytes }, end)
  const roomBytes = segmentBytes - segmentHeaderBytes - batchHeaderBytes - 8
  const log = new GroupCommit({
    journal: id,
    epoch,
    clock,
    last: end.position,
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
      }
    } finally {
      await lock.release()
    }
  }
  return {
    id,
    epoch,
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
      hash: writer.end.hash.toString('hex'),
    }),
    snapshot: async (name) => readSnapshot(dir, await files.list(dir), id, name, log.durable),
    async putSnapshot(name, snapshot) {
      if (closing) throw journalErrors.PROV_JOURNAL_CLOSED({ journal: id })
      assertHeld()
      await writeSnapshot(files, dir, id, name, snapshot)
    },
    close: () => (closing ??= close()),
  }
}

/** Epoch of the newest segment: the lock must be above it even if its files were lost. */
async function lastEpoch(dir: string, names: readonly string[]): Promise<number> {
  const last = segmentNumbers(names).at(-1)
  if (last === undefined) return 0
  const cursor = await SegmentCursor.open(dir, last)
  await cursor.close()
  return cursor.header.epoch
}

/**
 * What a dead writer wrote may still be in memory only, and a torn tail may stand behind it. Both
 * end here, before the new segment says how long this one is.
 */
async function settleTail(files: JournalFiles, path: string, endBytes: Bytes): Promise<void> {
  const file = files.open(path, { exists: true })
  try {
    await file.truncate(endBytes)
    await file.datasync()
  } finally {
    file.close()
  }
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
