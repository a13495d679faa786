import t from 'tap'
import { cp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { adoptJournal, adoptedRecord } from '../../core/journal/adopt.ts'
import { openJournal } from '../../core/journal/file.ts'
import { readJournal } from '../../core/journal/reader.ts'
import { segmentHeaderBytes, segmentName } from '../../core/journal/segment.ts'
import { journalStats } from '../../core/journal/stats.ts'
import { verifyJournal } from '../../core/journal/verify.ts'
import { codeOf } from '../../core/kit.ts'
import { tempDir } from '../support/place.ts'

type Tap = { teardown(undo: () => unknown): unknown }

const entry = (body: string) => ({ partition: 'p', type: 'x', body })

async function place(t: Tap) {
  const root = await tempDir(t)
  const anchors = `${root}/anchors`
  const at = (name: string) => ({ dir: `${root}/${name}`, anchors })
  return {
    root,
    anchors,
    at,
    async write(name: string, ...bodies: string[]) {
      const journal = await openJournal(at(name))
      for (const body of bodies) await journal.append([entry(body)])
      await journal.close()
      return journal.id
    },
    adopt: (name: string) =>
      adoptJournal({ ...at(name), sign: async (adopted) => ({ ...adopted, by: 'alice' }) }),
    copy: (from: string, to: string) => cp(`${root}/${from}`, `${root}/${to}`, { recursive: true }),
  }
}

t.test(
  'an adopted backup goes on under a new id, with its history readable and whole',
  async (t) => {
    const { at, write, adopt, copy, root } = await place(t)
    const old = await write('a', 'one')
    await copy('a', 'backup')
    await write('a', 'two')
    await rm(`${root}/a`, { recursive: true })
    await copy('backup', 'a')
    t.equal(await codeOf(openJournal(at('a'))), 'PROV_JOURNAL_BEHIND')
    const { from, to, position } = await adopt('a')
    t.same([from, position], [old, 1])
    t.not(to, old)
    t.equal(await write('a', 'three'), to)
    t.equal(await write('a', 'four'), to, 'and stays open to its new id')
    const reader = await readJournal(at('a'))
    t.same(reader.lineage, [old, to])
    const found: unknown[] = []
    for await (const record of reader.read()) {
      found.push(record.type === adoptedRecord.type ? record.type : record.body)
    }
    t.same(found, ['one', 'journal.adopted', 'three', 'four'])
    t.same((await verifyJournal(at('a'))).problems, [])
    t.match(await journalStats(at('a')), {
      lineage: [old, to],
      records: 4,
      partitions: { p: { x: 3 }, journal: { 'journal.adopted': 1 } },
      writer: null,
      anchor: { head: { position: 4 } },
    })
  },
)

t.test('the state before an adoption cannot come back', async (t) => {
  const { at, write, adopt, copy, root } = await place(t)
  await write('a', 'one')
  await copy('a', 'before')
  await adopt('a')
  await rm(`${root}/a`, { recursive: true })
  await copy('before', 'a')
  t.equal(await codeOf(openJournal(at('a'))), 'PROV_JOURNAL_REPLACED')
  t.equal(await codeOf(openJournal(at('before'))), 'PROV_JOURNAL_REPLACED', 'nor elsewhere')
})

t.test('a copy that is adopted leaves the original as it was', async (t) => {
  const { write, adopt, copy } = await place(t)
  const old = await write('a', 'one')
  await copy('a', 'b')
  const { to } = await adopt('b')
  t.equal(await write('b', 'of b'), to)
  t.equal(await write('a', 'of a'), old)
})

t.test('a journal that is lost is given up by adopting the empty place', async (t) => {
  const { at, write, adopt, root } = await place(t)
  const old = await write('a', 'one')
  await rm(`${root}/a`, { recursive: true })
  t.equal(await codeOf(openJournal(at('a'))), 'PROV_JOURNAL_GONE')
  const { from, to, position } = await adopt('a')
  t.same([from, position], [old, 0])
  t.equal(await write('a', 'new'), to)
  t.equal(await codeOf(adopt('never')), 'PROV_JOURNAL_ABSENT')
})

t.test('several adoptions are told in order', async (t) => {
  const { at, write, adopt } = await place(t)
  const ids = [await write('a', 'one')]
  for (let n = 0; n < 3; n++) {
    ids.push((await adopt('a')).to)
    for (let opening = 0; opening < n; opening++) await write('a', `${n} ${opening}`)
  }
  t.same((await readJournal(at('a'))).lineage, ids)
  const journal = await openJournal(at('a'))
  t.teardown(() => journal.close())
  t.same(journal.lineage, ids)
})

t.test('what is damaged, and what somebody writes, is not adopted', async (t) => {
  const { at, write, adopt, root } = await place(t)
  await write('a', 'one')
  const journal = await openJournal(at('a'))
  t.equal(await codeOf(adopt('a')), 'PROV_JOURNAL_LOCKED')
  await journal.close()
  const path = `${root}/a/${segmentName(1)}`
  const bytes = await readFile(path)
  bytes[segmentHeaderBytes + 90] = 0
  await writeFile(path, bytes)
  const before = await readdir(`${root}/a`)
  t.equal(await codeOf(adopt('a')), 'PROV_JOURNAL_CORRUPT')
  t.same(await readdir(`${root}/a`), before)
})

t.test('an id that changes without an adoption is damage', async (t) => {
  const { at, write, root } = await place(t)
  await write('a', 'one')
  await write('b', 'one')
  await write('b', 'two')
  await cp(`${root}/b/${segmentName(2)}`, `${root}/a/${segmentName(2)}`)
  t.equal(await codeOf(openJournal(at('a'))), 'PROV_JOURNAL_CORRUPT')
})
