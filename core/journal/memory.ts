/**
 * A journal without a disk: the same promises for as long as its `MemoryDisk` lives. For tests, for
 * simulations and for runtimes that keep nothing. Records are kept as the text that a file would
 * hold, so nobody shares an object with what was written.
 *
 * @module
 */
import { createHash, randomUUID } from 'node:crypto'
import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import type { Count } from '../units.ts'
import { GroupCommit } from './commit.ts'
import type { Frame } from './commit.ts'
import { journalErrors } from './errors.ts'
import { decodeLines } from './line.ts'
import type {
  Journal,
  JournalHead,
  JournalReader,
  JournalRecord,
  Position,
  ReadOptions,
  Snapshot,
} from './journal.ts'

interface MemoryBatch {
  readonly first: Position
  readonly last: Position
  readonly epoch: Count
  readonly text: string
}

/** What outlives a memory journal: hand the same one to the next `memoryJournal` to reopen it. */
export class MemoryDisk {
  readonly id: string = randomUUID()
  readonly batches: MemoryBatch[] = []
  readonly snapshots = new Map<string, string>()
  epoch: Count = 0
  hash: string = '0'.repeat(64)
  /** True while a journal holds it. Set to false to play a writer that is thought to be dead. */
  held = false
  /** Test hook: awaited before frames become durable; a throw poisons the journal. */
  beforeSync: (() => Promise<void> | void) | undefined = undefined

  get last(): Position {
    return this.batches.at(-1)?.last ?? 0
  }
}

export interface MemoryJournalOptions {
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined
  /** Default: a new, empty one. */
  readonly disk?: MemoryDisk | undefined
}

/** Opens a memory journal for writing. Throws PROV_JOURNAL_LOCKED when its disk has a writer. */
export function memoryJournal(options: MemoryJournalOptions = {}): Journal {
  const disk = options.disk ?? new MemoryDisk()
  const clock = options.clock ?? systemClock
  if (disk.held) {
    throw journalErrors.PROV_JOURNAL_LOCKED({
      dir: 'memory',
      pid: process.pid,
      since: 'this process started',
      where: '',
      file: 'memory',
    })
  }
  disk.held = true
  const epoch = ++disk.epoch
  const log = new GroupCommit({
    journal: disk.id,
    epoch,
    clock,
    last: disk.last,
    async commit(frames) {
      await disk.beforeSync?.()
      if (disk.epoch !== epoch) {
        throw journalErrors.PROV_JOURNAL_FENCED({ journal: disk.id, epoch })
      }
      keep(disk, epoch, frames)
    },
  })
  return {
    ...readMemory(disk),
    epoch,
    append: (entries) => log.append(entries),
    follow: (listener) => log.follow(listener),
    anchor: async () => {},
    assertRoom: () => {},
    putSnapshot: async (name, snapshot) => {
      disk.snapshots.set(name, JSON.stringify(snapshot))
    },
    over: log.over,
    async close() {
      await log.close()
      if (disk.epoch === epoch) disk.held = false
    },
  }
}

/** Reads a memory disk without holding it. */
export function readMemory(disk: MemoryDisk): JournalReader {
  return {
    id: disk.id,
    lineage: [disk.id],
    read: (options) => readBatches(disk, options),
    head: async (): Promise<JournalHead> => ({
      journal: disk.id,
      epoch: disk.batches.at(-1)?.epoch ?? disk.epoch,
      position: disk.last,
      hash: disk.hash,
    }),
    snapshot: async (name) => {
      const text = disk.snapshots.get(name)
      return text === undefined ? undefined : (JSON.parse(text) as Snapshot)
    },
    close: async () => {},
  }
}

async function* readBatches(disk: MemoryDisk, options: ReadOptions = {}) {
  const from = options.from ?? 1
  for (let at = batchOf(disk, from); at < disk.batches.length; at++) {
    const { text, first, epoch } = disk.batches[at] as MemoryBatch
    for (const record of decodeLines(text, first, epoch, options.partition)) {
      if (record.position >= from) yield record satisfies JournalRecord
    }
  }
}

/** Index of the first batch that reaches `from`. */
function batchOf(disk: MemoryDisk, from: Position): number {
  let low = 0
  let high = disk.batches.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((disk.batches[middle] as MemoryBatch).last < from) low = middle + 1
    else high = middle
  }
  return low
}

function keep(disk: MemoryDisk, epoch: Count, frames: readonly Frame[]): void {
  const text = frames.map((frame) => frame.text).join('')
  const first = (frames[0] as Frame).first
  const count = frames.reduce((sum, frame) => sum + frame.count, 0)
  disk.batches.push({ first, last: first + count - 1, epoch, text })
  disk.hash = createHash('sha256').update(disk.hash).update(text).digest('hex')
}
