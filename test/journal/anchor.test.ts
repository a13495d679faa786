import t from 'tap'
import { cp, mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { ProvError } from '../../core/errors.ts'
import { openJournal } from '../../core/journal/file.ts'
import { verifyJournal } from '../../core/journal/verify.ts'
import { codeOf } from '../../core/kit.ts'
import { tempDir } from '../support/place.ts'

type Tap = { teardown(undo: () => unknown): unknown }

const entry = (body: string) => ({ partition: 'p', type: 'x', body })

/** A user's folder of anchors, and journals that are opened, written and closed beside it. */
async function user(t: Tap) {
  const root = await tempDir(t)
  const anchors = `${root}/state/anchors`
  return {
    root,
    anchors,
    open: (name: string) => openJournal({ dir: `${root}/${name}`, anchors }),
    async write(name: string, ...bodies: string[]): Promise<string> {
      const journal = await openJournal({ dir: `${root}/${name}`, anchors })
      for (const body of bodies) await journal.append([entry(body)])
      await journal.close()
      return journal.id
    },
    copy: (from: string, to: string) => cp(`${root}/${from}`, `${root}/${to}`, { recursive: true }),
  }
}

async function refusal(opening: Promise<unknown>): Promise<ProvError> {
  const thrown = await opening.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!ProvError.is(thrown)) throw new Error('it was opened')
  return thrown
}

t.test('a journal goes on where its anchor saw it last', async (t) => {
  const { write, anchors } = await user(t)
  const id = await write('a', 'one')
  t.equal(await write('a', 'two', 'three'), id)
  const [name] = await readdir(anchors)
  t.equal(name, `${id}.anchor`)
  if (process.platform !== 'win32') {
    t.equal((await stat(`${anchors}/${name}`)).mode & 0o077, 0, 'only its owner reads it')
    t.equal((await stat(anchors)).mode & 0o077, 0)
  }
})

t.test('an older state of a journal is refused, and told where it ends', async (t) => {
  const { root, write, copy, open, anchors } = await user(t)
  const id = await write('a', 'one')
  await copy('a', 'backup')
  await write('a', 'two', 'three')
  await rm(`${root}/a`, { recursive: true })
  await copy('backup', 'a')
  const before = await readdir(`${root}/a`)
  const refused = await refusal(open('a'))
  t.equal(refused.code, 'PROV_JOURNAL_BEHIND')
  t.match(refused.detail, { journal: id, position: 1, anchored: 3 })
  t.match(refused.message, /ends at position 1.* up to 3/)
  t.match(refused.remedy, /`prov journal adopt`/)
  t.match(refused.remedy, anchors)
  t.equal(refused.exitCode, 4)
  t.same(await readdir(`${root}/a`), before, 'nothing was changed')
  t.equal(await codeOf(open('a')), 'PROV_JOURNAL_BEHIND', 'and the lock is free again')
})

t.test('a writer that was killed leaves a log ahead of its anchor, which is fine', async (t) => {
  const { root, write, copy, open } = await user(t)
  await write('a', 'one')
  const journal = await open('a')
  await journal.append([entry('two')])
  await journal.anchor()
  await journal.append([entry('three')])
  await copy('a', 'killed')
  await journal.close()
  await rm(`${root}/a`, { recursive: true })
  // As the disk was before the close: the anchor of the close is ahead of it.
  await copy('killed', 'a')
  await rm(`${root}/a/lock`, { recursive: true })
  t.equal((await refusal(open('a'))).detail['anchored'], 3)
})

t.test('what was anchored before an effect is known however the process ends', async (t) => {
  const { root, write, copy, open } = await user(t)
  await write('a', 'one')
  await copy('a', 'backup')
  const journal = await open('a')
  t.teardown(() => journal.close())
  await journal.append([entry('claim')])
  await Promise.all(Array.from({ length: 20 }, () => journal.anchor()))
  // The process is gone from here on: only files are left.
  await rename(`${root}/a`, `${root}/killed`)
  await copy('backup', 'a')
  const refused = await refusal(open('a'))
  t.equal(refused.code, 'PROV_JOURNAL_BEHIND')
  t.equal(refused.detail['anchored'], 2)
})

t.test('two histories under one id are told apart', async (t) => {
  const { root, write, copy, open } = await user(t)
  await write('a', 'one')
  await copy('a', 'backup')
  await write('a', 'two')
  await rm(`${root}/a`, { recursive: true })
  await copy('backup', 'a')
  // Written on elsewhere, where nobody remembers this journal.
  const elsewhere = await openJournal({ dir: `${root}/a`, anchors: `${root}/other/anchors` })
  for (let n = 0; n < 5; n++) await elsewhere.append([entry(`other ${n}`)])
  await elsewhere.close()
  const refused = await refusal(open('a'))
  t.equal(refused.code, 'PROV_JOURNAL_FORKED')
  t.match(refused.detail, { position: 6, anchored: 2 })
})

t.test('a fork is seen also when the anchored batch lies far back', async (t) => {
  const { root, write, copy } = await user(t)
  const far = (anchors: string) =>
    openJournal({ dir: `${root}/a`, anchors: `${root}/${anchors}`, segmentBytes: 16_384 })
  await write('a', 'one')
  await copy('a', 'backup')
  await (await far('one')).close()
  await rm(`${root}/a`, { recursive: true })
  await copy('backup', 'a')
  for (let opening = 0; opening < 4; opening++) {
    const other = await far('two')
    await other.append([entry('x'.repeat(9_000))])
    await other.close()
  }
  t.equal(await codeOf(far('one')), 'PROV_JOURNAL_FORKED')
})

t.test('a copy is refused while the original is there, whoever is newer', async (t) => {
  const { root, write, copy, open } = await user(t)
  const id = await write('a', 'one')
  await copy('a', 'b')
  const refused = await refusal(open('b'))
  t.equal(refused.code, 'PROV_JOURNAL_COPIED')
  t.match(refused.detail, { journal: id, other: `${root}/a` })
  t.match(refused.remedy, /`prov journal adopt`/)
  await write('a', 'two')
  t.equal(await codeOf(open('b')), 'PROV_JOURNAL_COPIED')
})

t.test('a journal that moved goes on; its old place knows that', async (t) => {
  const { root, write, copy, open } = await user(t)
  await write('a', 'one')
  await copy('a', 'backup')
  await rename(`${root}/a`, `${root}/b`)
  await write('b', 'two')
  await copy('backup', 'a')
  t.equal(await codeOf(open('a')), 'PROV_JOURNAL_COPIED')
  await rm(`${root}/b`, { recursive: true })
  t.equal(await codeOf(open('a')), 'PROV_JOURNAL_BEHIND')
})

t.test('an empty folder where a journal was is refused, a new one is not', async (t) => {
  const { root, write, open } = await user(t)
  const id = await write('a', 'one')
  await rm(`${root}/a`, { recursive: true })
  const refused = await refusal(open('a'))
  t.equal(refused.code, 'PROV_JOURNAL_GONE')
  t.match(refused.detail, { journal: id, anchored: 1 })
  const at = { dir: `${root}/a`, anchors: `${root}/state/anchors` }
  t.equal(await codeOf(verifyJournal(at)), 'PROV_JOURNAL_GONE')
  await rm(`${root}/a`, { recursive: true })
  t.equal(await codeOf(verifyJournal(at)), 'PROV_JOURNAL_GONE', 'also without its folder')
  t.not(await write('standby', 'one'), id, 'elsewhere a journal of its own begins')
})

t.test('another journal in the place of one is refused', async (t) => {
  const { root, write, copy, open } = await user(t)
  await write('a', 'one')
  const stranger = await openJournal({ dir: `${root}/b` })
  await stranger.append([entry('elsewhere')])
  await stranger.close()
  await rm(`${root}/a`, { recursive: true })
  await copy('b', 'a')
  t.equal(await codeOf(open('a')), 'PROV_JOURNAL_REPLACED')
})

t.test('a torn write of the anchor leaves the one before', async (t) => {
  const { root, write, open, anchors } = await user(t)
  const id = await write('a', 'one')
  const file = `${anchors}/${id}.anchor`
  const bytes = await readFile(file)
  const newest = bytes.lastIndexOf('"position":1')
  for (const at of [newest, newest + 11, newest + 40]) {
    const torn = Buffer.from(bytes)
    torn.fill(0, at, Math.ceil(at / 4_096) * 4_096)
    await writeFile(file, torn)
    const journal = await open('a')
    await journal.close()
  }
  await writeFile(file, 'noise')
  t.equal(await codeOf(open('a')), 'PROV_JOURNAL_ANCHOR', 'noise is not taken for nothing')
  await rm(file)
  await mkdir(file)
  t.equal(await codeOf(open('a')), 'PROV_JOURNAL_ANCHOR')
  t.ok(root)
})
