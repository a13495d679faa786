/**
 * Four reads of pipes that nobody writes to hold all threads that Node has for files. The journal goes
 * on without them: it keeps, begins new segments and closes.
 */
import { execFileSync } from 'node:child_process'
import { closeSync, constants, open, openSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openJournal } from '../../core/journal/file.ts'
import { readJournal } from '../../core/journal/reader.ts'
import { tempDir } from '../support/place.ts'

/** Holds every thread that Node has for files; returns what lets them go. */
async function holdThreads(dir: string): Promise<() => Promise<void>> {
  const pipe = join(dir, 'pipe')
  execFileSync('mkfifo', [pipe])
  const held = Array.from({ length: 8 }, () => {
    return new Promise<void>((over) => {
      open(pipe, 'r', (error, fd) => {
        if (!error) closeSync(fd)
        over()
      })
    })
  })
  return async () => {
    let over = false
    const all = Promise.all(held).then(() => (over = true))
    // Opening waits for a writer that opens after it: there must be one as long as anybody waits.
    while (!over) {
      try {
        closeSync(openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK))
      } catch {
        // Nobody waits there at this moment.
      }
      await new Promise((turn) => setImmediate(turn))
    }
    await all
  }
}

t.test('whoever holds all threads for files does not hold the journal', async (t) => {
  const dir = await tempDir(t)
  const told: string[] = []
  const hear = ({ code }: Error & { code?: string }) => told.push(String(code))
  process.on('warning', hear)
  t.teardown(() => process.off('warning', hear))

  const journal = await openJournal({ dir: join(dir, 'journal'), segmentBytes: 16_384 })
  const append = (n: number) =>
    journal.append([{ partition: 'p', type: 'kept', body: { n, text: 'x'.repeat(1_000) } }])
  await append(0)
  const letGo = await holdThreads(dir)
  for (let n = 1; n < 40; n++) await append(n)
  t.same(told, ['PROV_JOURNAL_HELD_UP'], 'said once')
  await journal.close()
  await letGo()

  const found: unknown[] = []
  const reader = await readJournal({ dir: join(dir, 'journal') })
  for await (const { body } of reader.read()) {
    found.push((body as { n: number }).n)
  }
  t.same(found, [...Array(40).keys()], 'all of it is there, over several segments')
})
