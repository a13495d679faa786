import t from 'tap'
import { readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { openJournal } from '../../core/journal/file.ts'
import { readJournal } from '../../core/journal/reader.ts'
import { repairJournal } from '../../core/journal/repair.ts'
import { segmentHeaderBytes, segmentName } from '../../core/journal/segment.ts'
import { verifyJournal } from '../../core/journal/verify.ts'
import { codeOf } from '../../core/kit.ts'
import { tempDir } from '../support/place.ts'

type Tap = { teardown(undo: () => unknown): unknown }

const entry = (body: string) => ({ partition: 'p', type: 'x', body })

/** Four openings of three records each, so five segments or more; the last one closed cleanly. */
async function written(t: Tap) {
  const root = await tempDir(t)
  const at = { dir: `${root}/journal`, anchors: `${root}/anchors` }
  for (let opening = 0; opening < 4; opening++) {
    const journal = await openJournal(at)
    for (let n = 0; n < 3; n++) await journal.append([entry(`${opening} ${n}`)])
    await journal.close()
  }
  return {
    ...at,
    root,
    look: () => repairJournal({ ...at, apply: false, lose: false }),
    safe: () => repairJournal({ ...at, apply: true, lose: false }),
    lose: () => repairJournal({ ...at, apply: true, lose: true }),
    flip: async (segment: number, offset: number) => {
      const path = `${at.dir}/${segmentName(segment)}`
      const bytes = await readFile(path)
      bytes[offset] = (bytes[offset] as number) ^ 1
      await writeFile(path, bytes)
    },
    async bodies() {
      const found: unknown[] = []
      for await (const record of (await readJournal(at)).read()) found.push(record.body)
      return found
    },
  }
}

t.test('a whole journal needs no repair and loses nothing', async (t) => {
  const { lose, bodies } = await written(t)
  t.same(await lose(), { harmless: [], done: true })
  t.equal((await bodies()).length, 12)
})

t.test('an unfinished write and files not put in place go without a question', async (t) => {
  const { dir, look, safe, bodies } = await written(t)
  const path = `${dir}/${segmentName(4)}`
  await writeFile(path, Buffer.concat([await readFile(path), Buffer.from('PRVB half of a batch')]))
  await writeFile(`${dir}/${segmentName(5)}.77.tmp`, 'half')
  const seen = await look()
  t.equal(seen.harmless.length, 2)
  t.notOk(seen.done)
  t.ok((await readdir(dir)).includes(`${segmentName(5)}.77.tmp`), 'looking changes nothing')
  t.ok((await safe()).done)
  t.same((await verifyJournal({ dir })).torn, false)
  t.equal((await bodies()).length, 12)
})

t.test('damage is told with the positions it costs, and nothing goes without a yes', async (t) => {
  const { dir, anchors, root, flip, safe, lose, bodies } = await written(t)
  await flip(2, segmentHeaderBytes + 90)
  const before = await readdir(dir)
  const told = await safe()
  t.match(told, { done: false, lost: { from: 4, to: 12 } })
  t.match(told.problem, { file: `${dir}/${segmentName(2)}`, offset: segmentHeaderBytes })
  t.same((await readdir(dir)).sort(), before.sort())
  const done = await lose()
  t.match(done, { done: true, lost: { from: 4, to: 12 } })
  t.same(await bodies(), ['0 0', '0 1', '0 2'])
  t.same((await verifyJournal({ dir })).problems, [])
  const kept = await readdir(done.copy ?? '')
  t.ok(before.filter((name) => name.endsWith('.log')).every((name) => kept.includes(name)))
  t.match(done.copy, `${root}/journal-before-repair-`)
  t.equal(await codeOf(openJournal({ dir, anchors })), 'PROV_JOURNAL_BEHIND', 'ends may be missing')
})

t.test('damage in the middle of a segment keeps what stands before it', async (t) => {
  const { dir, lose, bodies } = await written(t)
  const path = `${dir}/${segmentName(3)}`
  const bytes = await readFile(path)
  const second = bytes.indexOf('PRVB', segmentHeaderBytes + 1)
  bytes[second + 85] = 0
  await writeFile(path, bytes)
  t.match(await lose(), { done: true, lost: { from: 8, to: 12 } })
  t.equal((await bodies()).at(-1), '2 0')
})

t.test(
  'a lost segment costs what comes behind it; the anchor knows how much that was',
  async (t) => {
    const { dir, lose, bodies } = await written(t)
    await rm(`${dir}/${segmentName(3)}`)
    t.match(await lose(), { done: true, lost: { from: 7, to: 12 } })
    t.equal((await bodies()).length, 6)
  },
)

t.test('a spoilt first header costs everything, and says so first', async (t) => {
  const { dir, flip, safe, lose } = await written(t)
  await flip(1, 20)
  t.match(await safe(), { done: false, lost: { from: 1, to: 12 } })
  t.ok((await lose()).done)
  t.equal(await codeOf(verifyJournal({ dir })), 'PROV_JOURNAL_ABSENT')
})

t.test('nobody repairs what somebody writes', async (t) => {
  const { dir, anchors, safe } = await written(t)
  const journal = await openJournal({ dir, anchors })
  t.teardown(() => journal.close())
  t.equal(await codeOf(safe()), 'PROV_JOURNAL_LOCKED')
})
