import t from 'tap'
import { readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { journalKit } from '../../core/journal/kit.ts'
import { diskPlace } from '../support/place.ts'

t.test('a journal on disk', (t) => journalKit(t, (t) => diskPlace(t)))

t.test('a journal on disk in many small segments', (t) =>
  journalKit(t, (t) => diskPlace(t, { segmentBytes: 1_060_000 })),
)

t.test('appends that come while a sync runs share the next one', async (t) => {
  const syncs: number[] = []
  const place = await diskPlace(t, { onSync: ({ frames }) => void syncs.push(frames) })
  const journal = await place.open()
  t.teardown(() => journal.close())
  const release = place.holdSyncs()
  const first = journal.append([{ partition: 'p', type: 'x', body: 0 }])
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
  const rest = Array.from({ length: 99 }, (_, n) =>
    journal.append([{ partition: 'p', type: 'x', body: n + 1 }]),
  )
  release()
  await Promise.all([first, ...rest])
  t.same(syncs, [1, 99])
})

t.test('a batch stays below its cap, and a large frame goes alone', async (t) => {
  const syncs: number[] = []
  const place = await diskPlace(t, { onSync: ({ frames }) => void syncs.push(frames) })
  const journal = await place.open()
  t.teardown(() => journal.close())
  const half = { partition: 'p', type: 'x', body: 'x'.repeat(500_000) }
  const large = Array.from({ length: 5 }, () => half)
  await Promise.all([[half], [half], [half], large, [half]].map((frame) => journal.append(frame)))
  t.same(syncs, [2, 1, 1, 1])
})

t.test('a damaged newest snapshot is passed over for the one before', async (t) => {
  const place = await diskPlace(t)
  const journal = await place.open()
  t.teardown(() => journal.close())
  for (let n = 0; n < 4; n++) await journal.append([{ partition: 'p', type: 'x', body: n }])
  for (const position of [1, 2, 3]) {
    await journal.putSnapshot('s', { position, body: `at ${position}` })
  }
  const files = (await readdir(place.dir)).filter((name) => name.startsWith('snapshot-'))
  t.same(files.sort(), ['snapshot-s-2.json', 'snapshot-s-3.json'], 'two stay')
  const newest = `${place.dir}/snapshot-s-3.json`
  await writeFile(newest, (await readFile(newest, 'utf8')).replace('at 3', 'at 9'))
  t.same(await journal.snapshot('s'), { position: 2, body: 'at 2' })
  await journal.putSnapshot('ahead', { position: 99, body: 'of the log' })
  t.equal(await journal.snapshot('ahead'), undefined)
})

t.test(
  'a snapshot of a log that was set back is never taken for the one that grew since',
  async (t) => {
    const place = await diskPlace(t)
    const first = await place.open()
    for (let n = 0; n < 4; n++) await first.append([{ partition: 'p', type: 'x', body: n }])
    await first.putSnapshot('s', { position: 2, body: 'at 2' })
    await first.close()
    const second = await place.open()
    for (let n = 0; n < 4; n++) await second.append([{ partition: 'p', type: 'x', body: n }])
    await second.putSnapshot('s', { position: 6, body: 'of what is gone' })
    await second.close()
    await rm(`${place.dir}/segment-00000002.log`)
    const third = await place.open()
    t.teardown(() => third.close())
    t.same(await third.snapshot('s'), { position: 2, body: 'at 2' })
    for (let n = 0; n < 4; n++) await third.append([{ partition: 'p', type: 'x', body: n }])
    t.same(await third.snapshot('s'), { position: 2, body: 'at 2' }, 'also past where it stood')
  },
)

t.test('only the owner can read the journal', async (t) => {
  if (process.platform === 'win32') return
  const place = await diskPlace(t)
  const journal = await place.open()
  t.teardown(() => journal.close())
  await journal.putSnapshot('s', { position: 0, body: 1 })
  for (const name of await readdir(place.dir)) {
    const { mode } = await stat(`${place.dir}/${name}`)
    t.equal(mode & 0o077, 0, name)
  }
})

t.test('space ahead is given back on a clean close', async (t) => {
  const place = await diskPlace(t)
  const journal = await place.open()
  await journal.append([{ partition: 'p', type: 'x', body: 1 }])
  const path = `${place.dir}/segment-00000001.log`
  t.ok((await stat(path)).size >= 1_048_576)
  await journal.close()
  t.ok((await stat(path)).size < 8_192)
})
