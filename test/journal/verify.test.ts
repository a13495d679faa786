import t from 'tap'
import { readFile, writeFile } from 'node:fs/promises'
import {
  segmentName,
  sealBatch,
  decodeBatchHead,
  segmentHeaderBytes,
} from '../../core/journal/segment.ts'
import { verifyJournal } from '../../core/journal/verify.ts'
import { codeOf } from '../../core/kit.ts'
import { diskPlace, tempDir } from '../support/place.ts'

const entry = (body: string) => ({ partition: 'p', type: 'x', body })

t.test('verify counts what is there and names the head', async (t) => {
  const place = await diskPlace(t, { segmentBytes: 16_384 })
  const first = await place.open()
  for (let n = 0; n < 10; n++) await first.append([entry('a'.repeat(2_000)), entry('b')])
  await first.close()
  const second = await place.open()
  await second.append([entry('c')])
  const report = await verifyJournal({ dir: place.dir })
  t.same(report.head, await second.head(), 'also while a writer is at work')
  t.same([report.records, report.torn, report.problems], [21, false, []])
  t.ok(report.segments >= 3)
  await second.close()
})

t.test('a record rewritten with a fitting CRC breaks the hash chain', async (t) => {
  const place = await diskPlace(t)
  const journal = await place.open()
  for (const body of ['approved: no', 'second', 'third']) await journal.append([entry(body)])
  await journal.close()
  const path = `${place.dir}/${segmentName(1)}`
  const bytes = await readFile(path)
  bytes.write('approved: ye', bytes.indexOf('approved: no'))
  const head = decodeBatchHead(bytes, segmentHeaderBytes)
  if (!head) return t.fail('the first batch stands behind the header')
  sealBatch(bytes.subarray(segmentHeaderBytes), head)
  await writeFile(path, bytes)
  const { problems, head: found } = await verifyJournal({ dir: place.dir })
  t.equal(problems.length, 1)
  t.equal(problems[0]?.file, path)
  t.match(problems[0]?.what, /hash chain/)
  t.equal(found, undefined, 'no head is claimed')
})

t.test('there is nothing to verify where no journal is', async (t) => {
  t.equal(await codeOf(verifyJournal({ dir: await tempDir(t) })), 'PROV_JOURNAL_ABSENT')
  t.equal(await codeOf(verifyJournal({ dir: '/nowhere/at/all' })), 'PROV_JOURNAL_ABSENT')
})
