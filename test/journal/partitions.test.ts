/** The seal of a segment says which partitions it holds: who reads a rare one does not read them all. */
import { readFile, readdir, writeFile } from 'node:fs/promises'
import t from 'tap'
import { openJournal } from '../../core/journal/file.ts'
import { readJournal } from '../../core/journal/reader.ts'
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  segmentHeaderBytes,
} from '../../core/journal/segment.ts'
import type { SegmentHeader } from '../../core/journal/segment.ts'
import { verifyJournal } from '../../core/journal/verify.ts'
import { codeOf } from '../../core/kit.ts'
import { tempDir } from '../support/place.ts'

const entry = (partition: string, n: number) => ({
  partition,
  type: 'x',
  body: { n, filler: 'x'.repeat(3_000) },
})

/** Some seven segments; `rare` is in the third record and in the last but one. */
async function written(dir: string): Promise<void> {
  const journal = await openJournal({ dir, segmentBytes: 16_384 })
  for (let n = 1; n <= 30; n++) await journal.append([entry(n === 3 || n === 29 ? 'rare' : 'p', n)])
  await journal.close()
}

const headerIn = async (path: string): Promise<SegmentHeader> =>
  decodeSegmentHeader(await readFile(path)) as SegmentHeader

async function found(dir: string, partition?: string): Promise<readonly number[]> {
  const reader = await readJournal({ dir })
  const seen: number[] = []
  for await (const { position } of reader.read({ partition })) seen.push(position)
  return seen
}

async function segments(dir: string): Promise<readonly string[]> {
  const names = (await readdir(dir)).filter((name) => name.endsWith('.log')).sort()
  return names.map((name) => `${dir}/${name}`)
}

t.test(
  'segments without a partition are passed over by its readers, and only by them',
  async (t) => {
    const dir = `${await tempDir(t)}/journal`
    await written(dir)
    t.same(await found(dir, 'rare'), [3, 29])
    t.equal((await found(dir)).length, 30)
    t.equal((await found(dir, 'p')).length, 28)
    t.same(await found(dir, 'none'), [])

    // What is not read cannot be found damaged: the third segment holds no record of `rare`.
    const path = (await segments(dir))[2] as string
    const intact = await readFile(path)
    const bytes = Buffer.from(intact)
    bytes.fill(1, segmentHeaderBytes, bytes.length)
    await writeFile(path, bytes)
    t.same(await found(dir, 'rare'), [3, 29])
    t.equal(await codeOf(found(dir, 'p')), 'PROV_JOURNAL_CORRUPT')
    await writeFile(path, intact)
  },
)

t.test('the next life knows what the last segment of the one before holds', async (t) => {
  const dir = `${await tempDir(t)}/journal`
  for (const partition of ['a', 'b', 'a']) {
    const journal = await openJournal({ dir })
    await journal.append([entry(partition, 1), entry('each', 2)])
    await journal.close()
  }
  const all = await Promise.all((await segments(dir)).map(headerIn))
  t.same(
    all.map(({ sealedPartitions }) => sealedPartitions),
    [undefined, ['a', 'each'], ['b', 'each']],
  )
  t.same(await found(dir, 'b'), [3])
  t.same(await found(dir, 'a'), [1, 5])
})

t.test(
  'a seal that leaves a partition out is damage; one that says nothing hides nothing',
  async (t) => {
    const dir = `${await tempDir(t)}/journal`
    await written(dir)
    t.same((await verifyJournal({ dir })).problems, [])
    const path = (await segments(dir))[1] as string
    const intact = await readFile(path)
    const header = decodeSegmentHeader(intact) as SegmentHeader
    t.same(header.sealedPartitions, ['p', 'rare'])
    const withSeal = async (sealedPartitions: readonly string[] | undefined): Promise<void> => {
      const bytes = Buffer.from(intact)
      encodeSegmentHeader({ ...header, sealedPartitions }).copy(bytes)
      await writeFile(path, bytes)
    }
    await withSeal(['p'])
    t.match((await verifyJournal({ dir })).problems, [{ file: path, what: /leaves out rare/ }])
    await withSeal(undefined)
    t.same((await verifyJournal({ dir })).problems, [])
    t.same(await found(dir, 'rare'), [3, 29], 'as in journals of before')
    await withSeal(['p', 'rare', ...Array.from({ length: 900 }, (_, n) => `more-${n}`)])
    t.equal((await headerIn(path)).sealedPartitions, undefined, 'too many for a page are not said')
    t.same(await found(dir, 'rare'), [3, 29])
    // Damage to the list alone: it is not believed.
    const bytes = Buffer.from(intact)
    const at = bytes.indexOf('["p"')
    bytes[at + 2] = (bytes[at + 2] as number) ^ 1
    await writeFile(path, bytes)
    t.equal((await headerIn(path)).sealedPartitions, undefined)
    t.same(await found(dir, 'rare'), [3, 29])
  },
)
