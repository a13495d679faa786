/** Measures: durable appends of one 600-byte record, 128 writers at once. Not: readers, snapshots. */
import { closeSync, fdatasync, mkdtempSync, openSync, rmSync, write } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openJournal } from '../core/journal/file.ts'
import type { Journal } from '../core/journal/journal.ts'
import { bench } from './harness.ts'

const dir = mkdtempSync(join(tmpdir(), 'prov-bench-'))
const writers = 128
const body = { filler: 'x'.repeat(560) }
const line = Buffer.from(`${JSON.stringify(body)}\n`)
const sync = promisify(fdatasync)
const put = promisify(write) as (fd: number, data: Buffer) => Promise<unknown>
let file = -1
let journal: Journal | undefined

/** `times` durable writes, at most `writers` under way at once. */
async function together(times: number, one: () => Promise<unknown>): Promise<void> {
  let left = times
  const writer = async () => {
    while (left-- > 0) await one()
  }
  await Promise.all(Array.from({ length: Math.min(writers, times) }, writer))
}

export default bench(
  'journal',
  [
    {
      name: 'floor: write + fdatasync of the same bytes, grouped',
      before: () => void (file = openSync(join(dir, 'floor'), 'a')),
      run: async (times) => {
        for (let done = 0; done < times; done += writers) {
          const group = Math.min(writers, times - done)
          await put(file, Buffer.concat(Array.from({ length: group }, () => line)))
          await sync(file)
        }
      },
      after: () => closeSync(file),
    },
    {
      name: 'journal: append, group commit',
      before: async () => void (journal = await openJournal({ dir: join(dir, 'journal') })),
      run: (times) =>
        together(times, () =>
          (journal as Journal).append([{ partition: 'bench', type: 'filler', body }]),
        ),
      after: async () => {
        await journal?.close()
        rmSync(dir, { recursive: true, force: true })
      },
    },
  ],
  { sampleMs: 120 },
)
