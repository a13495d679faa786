/**
 * When and how a contract is kept: ended operations go to a shelf, the rest into a snapshot, off the
 * hot path and one at a time. Failing costs nothing but a longer start.
 *
 * @module
 */
import { join } from 'node:path'
import type { JournalFiles } from '../journal/files.ts'
import type { Journal } from '../journal/journal.ts'
import type { Log } from '../log.ts'
import type { Count } from '../units.ts'
import { checkpointName, signedBody } from './checkpoint.ts'
import type { ContractFold } from './checkpoint.ts'
import { writeShelf } from './shelf.ts'

/** Ended operations in memory, and records behind the newest checkpoint, that call for one. */
export const keepEvery: { readonly ended: Count; readonly records: Count } = {
  ended: 1_024,
  records: 16_384,
}
/** What a close does not bother to keep. */
const tooFew: Count = 1_024

export interface KeeperOfContract {
  /** Looks whether it is time. Resolves when what it started is over; never rejects. */
  due(): Promise<void>
  /** For the end of a life. */
  last(): Promise<void>
}

export interface KeepingOptions {
  readonly fold: ContractFold
  readonly journal: Journal
  readonly log: Log
  /** Folder of shelves. Without one every row stays in memory and in the snapshot. */
  readonly dir: string | undefined
  readonly files: JournalFiles
  readonly every: typeof keepEvery
  readonly sign: (text: string) => string
  /** Told which operations left memory. */
  readonly shelved: (ops: readonly string[]) => void
}

export function keeping(options: KeepingOptions): KeeperOfContract {
  const { fold, journal, log, dir, files, every, sign, shelved } = options
  let running: Promise<void> | undefined
  /** After a failure, and where no shelf takes rows, it waits longer each time. */
  let patience = 1

  async function keep(): Promise<void> {
    // Rows are immutable and the body is taken in this very turn: both are of one position.
    const { position } = fold
    const rows = dir !== undefined && fold.ended >= every.ended ? fold.endedRows() : []
    const name = `rows-${position}.ops`
    const since = fold.since
    const ids = new Set(rows.map(({ id }) => id))
    const state = fold.body(ids)
    try {
      const known = state['shelves'] as readonly { name: string; sha256: string }[]
      let shelves = known
      if (dir !== undefined && rows.length > 0) {
        await files.makeFolder(dir)
        const shelf = await writeShelf(dir, name, journal.id, rows, files)
        fold.shelve(shelf, rows)
        shelves = [...known, { name, sha256: shelf.sha256 }]
        shelved([...ids])
      }
      const body = signedBody({ ...state, shelves }, sign)
      await journal.putSnapshot(checkpointName, { position, body })
      fold.since -= since
      patience = dir === undefined ? patience * 2 : 1
    } catch (thrown) {
      patience *= 2
      log.warn('the contract could not be kept; the next start reads more', {
        reason: String(thrown),
      })
    }
  }

  const start = (): Promise<void> =>
    (running ??= keep().finally(() => {
      running = undefined
    }))
  return {
    async due() {
      const many = fold.ended >= every.ended * patience || fold.since >= every.records * patience
      if (many) await start()
    },
    async last() {
      await running
      if (fold.since >= Math.min(tooFew, every.records)) await start()
    },
  }
}

/** Removes shelves that no checkpoint names: a former life did not come to naming them. */
export async function sweepShelves(
  files: JournalFiles,
  dir: string,
  names: ReadonlySet<string>,
): Promise<void> {
  for (const name of await files.list(dir).catch(() => [])) {
    if (!names.has(name) && name.startsWith('rows-')) await files.remove(join(dir, name))
  }
}
