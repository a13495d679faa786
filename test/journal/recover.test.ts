import t from 'tap'
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { ProvError } from '../../core/errors.ts'
import { openJournal } from '../../core/journal/file.ts'
import { readJournal } from '../../core/journal/reader.ts'
import { walk } from '../../core/journal/recover.ts'
import { decodeBatchHead, sealBatch, segmentName } from '../../core/journal/segment.ts'
import { verifyJournal } from '../../core/journal/verify.ts'
import { codeOf } from '../../core/kit.ts'
import { diskPlace, tempDir } from '../support/place.ts'

const header = 4_096

/** A log of three batches whose writer was killed, as bytes, and where its batches start. */
async function killedLog(t: Tap): Promise<{ bytes: Buffer; starts: number[]; end: number }> {
  const place = await diskPlace(t, { segmentBytes: 16_384 })
  const journal = await place.open()
  for (const n of [1, 2, 3]) {
    await journal.append([
      { partition: 'p', type: 'first', body: { n } },
      { partition: 'p', type: 'second', body: [n, 'ü'] },
    ])
  }
  const starts: number[] = []
  const found = await walk(place.dir, await readdir(place.dir), {
    onBatch: (_, batch) => starts.push(batch.offset),
  })
  place.presumeDead()
  const bytes = await readFile(`${place.dir}/${segmentName(1)}`)
  return { bytes, starts, end: found?.endBytes ?? 0 }
}

type Tap = { teardown(undo: () => unknown): unknown }

/** Position at which the log with these bytes ends, or the code and offset of its refusal. */
async function judge(dir: string, bytes: Buffer): Promise<string> {
  await writeFile(`${dir}/${segmentName(1)}`, bytes)
  try {
    const found = await walk(dir, [segmentName(1)])
    return `ends at ${found?.position}`
  } catch (thrown) {
    if (!ProvError.is(thrown)) throw thrown
    return `${thrown.code} ${String(thrown.detail['offset'])}`
  }
}

t.test('J2 a write torn at any byte leaves what was acknowledged before, whole', async (t) => {
  const { bytes, starts, end } = await killedLog(t)
  const dir = await tempDir(t)
  const last = starts[2] as number
  const wrong: string[] = []
  for (let at = last; at < end; at++) {
    const short = bytes.subarray(0, at)
    const zeroed = Buffer.from(bytes)
    zeroed.fill(0, at)
    const noise = Buffer.from(bytes)
    for (let n = at; n < end; n++) noise[n] = (n * 167 + 13) & 255
    for (const [name, torn] of Object.entries({ short, zeroed, noise })) {
      // Cutting or zeroing the padding of the last batch takes nothing away.
      const verdict = await judge(dir, torn)
      const whole = verdict === 'ends at 6' && lastBatchIntact(bytes, torn, end)
      if (verdict !== 'ends at 4' && !whole) wrong.push(`${name} at ${at}: ${verdict}`)
    }
  }
  t.same(wrong, [])
})

/** One bit of each byte, another one each time; on demand all of them. */
const bitsAt = (at: number): readonly number[] =>
  process.env['PROV_SOAK'] ? [0, 1, 2, 3, 4, 5, 6, 7] : [at % 8]

/** Only padding (at most seven bytes behind the lines) may differ. */
function lastBatchIntact(bytes: Buffer, torn: Buffer, end: number): boolean {
  const lines = bytes.lastIndexOf('\n', end) + 1
  return end - lines < 8 && torn.subarray(0, lines).equals(bytes.subarray(0, lines))
}

t.test('J5 a flipped bit before the last batch is refused by name and place', async (t) => {
  const { bytes, starts } = await killedLog(t)
  const dir = await tempDir(t)
  const wrong: string[] = []
  const last = starts[2] as number
  let cases = 0
  for (let at = 0; at < last; at++) {
    if (at >= 128 && at < header) continue // Zeros that mean nothing.
    for (const bit of bitsAt(at)) {
      cases++
      const flipped = Buffer.from(bytes)
      flipped[at] = (flipped[at] as number) ^ (1 << bit)
      const verdict = await judge(dir, flipped)
      const start = [...starts].reverse().find((offset) => offset <= at) ?? 0
      const padding = verdict === 'ends at 6' && bytes[at] === 0 && at >= header
      if (verdict !== `PROV_JOURNAL_CORRUPT ${start}` && !padding) wrong.push(`${at}: ${verdict}`)
    }
  }
  t.same(wrong, [], `${cases} bits`)
})

t.test('a flipped bit in the last batch never shows a wrong record', async (t) => {
  const { bytes, starts, end } = await killedLog(t)
  const dir = await tempDir(t)
  const wrong: string[] = []
  let cases = 0
  for (let at = starts[2] as number; at < end; at++) {
    for (const bit of bitsAt(at)) {
      cases++
      const flipped = Buffer.from(bytes)
      flipped[at] = (flipped[at] as number) ^ (1 << bit)
      const verdict = await judge(dir, flipped)
      const padding = verdict === 'ends at 6' && at >= bytes.lastIndexOf('\n', end)
      if (verdict !== 'ends at 4' && !padding) wrong.push(`${at}: ${verdict}`)
    }
  }
  t.same(wrong, [], `${cases} bits`)
})

t.test('J5 after a clean close damage to the last batch is no torn tail', async (t) => {
  const place = await diskPlace(t)
  const journal = await place.open()
  await journal.append([{ partition: 'p', type: 'x', body: 'the last words' }])
  await journal.close()
  const path = `${place.dir}/${segmentName(1)}`
  const bytes = await readFile(path)
  const at = bytes.indexOf('last words')
  bytes[at] = 0x4c
  await writeFile(path, bytes)
  const refused = await place.open().catch((thrown: unknown) => thrown)
  t.ok(ProvError.is(refused))
  if (!ProvError.is(refused)) return
  t.equal(refused.code, 'PROV_JOURNAL_CORRUPT')
  t.equal(refused.detail['file'], path)
  t.equal(refused.detail['offset'], header)
  t.ok((await readFile(path)).equals(bytes), 'nothing was changed')
  t.equal(await codeOf(place.open()), 'PROV_JOURNAL_CORRUPT', 'and the lock is free again')
})

t.test('J5 damage in a sealed segment, a lost one and a foreign one are refused', async (t) => {
  const place = await diskPlace(t, { segmentBytes: 16_384, check: 'whole' })
  for (let opening = 0; opening < 3; opening++) {
    const journal = await place.open()
    for (let n = 0; n < 4; n++) {
      await journal.append([{ partition: 'p', type: 'x', body: 'y'.repeat(4_000) }])
    }
    await journal.close()
  }
  const names = (await readdir(place.dir)).filter((name) => name.endsWith('.log')).sort()
  t.ok(names.length >= 6, 'a full segment is followed by the next')
  const second = `${place.dir}/${names[1] as string}`
  const intact = await readFile(second)

  const damaged = Buffer.from(intact)
  damaged[header + 200] = 0
  await writeFile(second, damaged)
  t.equal(await codeOf(place.open()), 'PROV_JOURNAL_CORRUPT', 'a damaged byte')
  const reader = await readJournal({ dir: place.dir })
  const reading = async () => {
    for await (const _ of reader.read()) void _
  }
  t.equal(await codeOf(reading()), 'PROV_JOURNAL_CORRUPT', 'readers refuse it too')

  await writeFile(second, intact.subarray(0, header))
  t.equal(await codeOf(place.open()), 'PROV_JOURNAL_CORRUPT', 'a shortened one')

  await writeFile(second, await readFile(`${place.dir}/${names[2] as string}`))
  t.equal(await codeOf(place.open()), 'PROV_JOURNAL_CORRUPT', 'another one in its place')

  const foreign = await diskPlace(t, { segmentBytes: 16_384 })
  for (let opening = 0; opening < 2; opening++) await (await foreign.open()).close()
  await writeFile(second, await readFile(`${foreign.dir}/${segmentName(2)}`))
  t.equal(await codeOf(place.open()), 'PROV_JOURNAL_CORRUPT', 'one of another journal')

  await writeFile(second, intact)
  const healed = await place.open()
  t.equal((await healed.head()).position, 12, 'put back, it opens')
  await healed.close()
})

t.test(
  'J5 an opening looks at the end of the log only; readers refuse what is damaged',
  async (t) => {
    const place = await diskPlace(t, { segmentBytes: 16_384 })
    for (let opening = 0; opening < 4; opening++) {
      const journal = await place.open()
      await journal.append([{ partition: 'p', type: 'x', body: opening }])
      await journal.close()
    }
    const first = `${place.dir}/${segmentName(1)}`
    const bytes = await readFile(first)
    bytes[header + 90] = (bytes[header + 90] as number) ^ 1
    await writeFile(first, bytes)
    const journal = await place.open()
    t.teardown(() => journal.close())
    const bodies: unknown[] = []
    for await (const record of journal.read({ from: 2 })) bodies.push(record.body)
    t.same(bodies, [1, 2, 3], 'what is whole can be read')
    const whole = async () => {
      for await (const _ of journal.read()) void _
    }
    t.equal(await codeOf(whole()), 'PROV_JOURNAL_CORRUPT')
    t.equal((await verifyJournal({ dir: place.dir })).problems[0]?.file, first)
  },
)

t.test('J5 a sealed batch rewritten with a fitting CRC is refused on opening', async (t) => {
  const place = await diskPlace(t)
  const journal = await place.open()
  await journal.append([{ partition: 'p', type: 'x', body: 'approved: no' }])
  place.presumeDead()
  await (await place.open()).close()
  const path = `${place.dir}/${segmentName(1)}`
  const bytes = await readFile(path)
  bytes.write('approved: ye', bytes.indexOf('approved: no'))
  const head = decodeBatchHead(bytes, header)
  if (!head) return t.fail('the batch stands behind the header')
  sealBatch(bytes.subarray(header), head)
  await writeFile(path, bytes)
  place.presumeDead()
  t.equal(await codeOf(place.open()), 'PROV_JOURNAL_CORRUPT')
})

t.test('a file that is not a segment is left alone', async (t) => {
  const dir = await tempDir(t)
  await mkdir(`${dir}/notes`)
  await writeFile(`${dir}/segment-1.txt`, 'mine')
  const journal = await openJournal({ dir })
  await journal.append([{ partition: 'p', type: 'x', body: 1 }])
  await journal.close()
  t.equal(await readFile(`${dir}/segment-1.txt`, 'utf8'), 'mine')
})
