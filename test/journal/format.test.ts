/** What a later Prov wrote is not read by an earlier one: not a record of it, and nothing is changed. */
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openJournal } from '../../core/journal/file.ts'
import { readJournal } from '../../core/journal/reader.ts'
import { repairJournal } from '../../core/journal/repair.ts'
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  journalFormat,
} from '../../core/journal/segment.ts'
import type { SegmentHeader } from '../../core/journal/segment.ts'
import { verifyJournal } from '../../core/journal/verify.ts'
import { codeOf } from '../../core/kit.ts'
import { provHere } from '../support/cli.ts'
import { repoRoot } from '../support/root.ts'

const segments = (dir: string): string[] =>
  readdirSync(dir)
    .filter((name) => name.startsWith('segment-'))
    .sort()
    .map((name) => join(dir, name))

const headerAt = (file: string): SegmentHeader =>
  decodeSegmentHeader(readFileSync(file)) as SegmentHeader

t.test('a journal whose newest segment looks newer is refused by everybody', async (t) => {
  const ws = t.testdir({ '.ontology': {} })
  const dir = join(ws, '.prov/journal')
  const journal = await openJournal({ dir })
  await journal.append([{ partition: 'kernel', type: 'x', body: 1 }])
  await journal.close()
  const file = segments(dir).at(-1) as string
  t.equal(headerAt(file).format, journalFormat, 'each segment says how it looks')

  const bytes = readFileSync(file)
  const next = journalFormat + 1
  encodeSegmentHeader({ ...headerAt(file), format: next }).copy(bytes)
  writeFileSync(file, bytes)
  const tries = {
    open: () => openJournal({ dir }),
    read: () => readJournal({ dir }),
    verify: () => verifyJournal({ dir }),
    repair: () => repairJournal({ dir, apply: true, lose: true }),
  }
  for (const [name, attempt] of Object.entries(tries)) {
    t.equal(await codeOf(attempt()), 'PROV_JOURNAL_NEWER', name)
  }
  t.same(readFileSync(file), bytes, 'nothing was changed')
  t.equal(segments(dir).length, 1)
  const said = await provHere(['actors'], { cwd: ws, env: { PROV_HOME: join(ws, 'home') } })
  t.equal(said.code, 64)
  t.match(said.err, new RegExp(`format ${next}.*up to ${journalFormat}`))
})

t.test('one from before the mark opens, and bears it from then on', async (t) => {
  const dir = join(t.testdir(), 'journal')
  cpSync(join(repoRoot, 'test/fixtures/kernel-4/closed'), dir, { recursive: true })
  const before = segments(dir)
  t.equal(headerAt(before.at(-1) as string).format, undefined)
  const journal = await openJournal({ dir })
  await journal.close()
  t.equal(headerAt(segments(dir).at(-1) as string).format, journalFormat)
})
