import t from 'tap'
import { cp, readFile, readdir, writeFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { archiveJournal } from '../../core/journal/archive.ts'
import { openJournal } from '../../core/journal/file.ts'
import { readJournal } from '../../core/journal/reader.ts'
import { repairJournal } from '../../core/journal/repair.ts'
import { simulatedDisk } from '../../core/journal/simulated-disk.ts'
import { journalStats } from '../../core/journal/stats.ts'
import { verifyJournal } from '../../core/journal/verify.ts'
import { codeOf } from '../../core/kit.ts'
import { seeded } from '../support/power.ts'
import { tempDir } from '../support/place.ts'

const entry = (n: number) => ({ partition: 'p', type: 'x', body: { n, filler: 'x'.repeat(3_000) } })

// A slow machine, and more rounds on demand, take as long as they take.
t.setTimeout(1_800_000)

/** Some seven segments of which a snapshot leaves the last three needed. */
async function written(dir: string) {
  const journal = await openJournal({ dir, segmentBytes: 16_384 })
  for (let n = 1; n <= 30; n++) await journal.append([entry(n)])
  await journal.putSnapshot('one', { position: 18, body: 1 })
  await journal.putSnapshot('two', { position: 25, body: 2 })
  await journal.close()
  return journal.head()
}

async function numbers(dir: string, from?: number): Promise<number[]> {
  const found: number[] = []
  for await (const { body } of (await readJournal({ dir })).read({ from })) {
    found.push((body as { n: number }).n)
  }
  return found
}

const upTo = (last: number, first = 1) =>
  Array.from({ length: last - first + 1 }, (_, n) => first + n)

t.test('an archived history is read, verified and written on as before', async (t) => {
  const dir = `${await tempDir(t)}/journal`
  const head = await written(dir)
  const before = (await journalStats({ dir })).bytes
  const told = await archiveJournal({ dir, dryRun: true })
  t.ok(told.segments >= 2)
  t.notOk(
    (await readdir(dir)).some((name) => name.endsWith('.gz')),
    'a dry run packs nothing',
  )
  const done = await archiveJournal({ dir })
  t.same(done, told)
  t.equal(done.below, 19, 'the oldest of the newest snapshots decides')
  const names = await readdir(dir)
  t.equal(names.filter((name) => name.endsWith('.gz')).length, done.segments)
  t.ok((await journalStats({ dir })).bytes < before)
  t.same(await numbers(dir), upTo(30))
  t.same(await numbers(dir, 7), upTo(30, 7), 'also from the middle of an archive')
  const { problems, head: found } = await verifyJournal({ dir })
  t.same(problems, [])
  t.equal(found?.hash, head.hash)
  t.equal((await archiveJournal({ dir })).segments, 0, 'once')
  const again = await openJournal({ dir, check: 'whole' })
  t.equal(await again.append([entry(31)]), 31)
  await again.close()
  t.same(await numbers(dir), upTo(31))
})

function unpacked(bytes: Buffer): Buffer | undefined {
  try {
    return gunzipSync(bytes)
  } catch {
    return undefined
  }
}

t.test('without snapshots nothing is packed', async (t) => {
  const dir = `${await tempDir(t)}/journal`
  const journal = await openJournal({ dir, segmentBytes: 16_384 })
  for (let n = 1; n <= 20; n++) await journal.append([entry(n)])
  await journal.close()
  t.equal((await archiveJournal({ dir })).segments, 0)
})

t.test(
  'a damaged archive is damage, wherever the bit is, and repair names what it costs',
  async (t) => {
    const dir = `${await tempDir(t)}/journal`
    await written(dir)
    await archiveJournal({ dir })
    const path = `${dir}/segment-00000002.log.gz`
    const intact = await readFile(path)
    const silent: number[] = []
    let noticed = 0
    // The ten bytes in front say when and by what it was packed, and nobody reads that.
    for (let at = 10; at < intact.length; at += 1 + Math.floor(intact.length / 60)) {
      const bytes = Buffer.from(intact)
      bytes[at] = (bytes[at] as number) ^ 4
      await writeFile(path, bytes)
      const clean = (await verifyJournal({ dir })).problems.length === 0
      // Now and then another text of the packing unpacks to the very same bytes: nothing is damaged.
      if (clean && unpacked(bytes)?.equals(gunzipSync(intact)) === true) continue
      if (clean) silent.push(at)
      else if ((await codeOf(numbers(dir))) !== 'PROV_JOURNAL_CORRUPT') silent.push(at)
      else noticed++
    }
    t.same(silent, [])
    t.ok(noticed > 30, `${noticed} flips noticed`)
    await writeFile(path, intact.subarray(0, intact.length - 20))
    const told = await repairJournal({ dir, apply: true, lose: false })
    t.match(told, { done: false, lost: { to: 30 } })
    t.ok((await repairJournal({ dir, apply: true, lose: true })).done)
    t.same(await numbers(dir), upTo((told.lost?.from ?? 0) - 1))
  },
)

t.test('a power cut at any step of archiving loses nothing', async (t) => {
  const template = `${await tempDir(t)}/journal`
  await written(template)
  for (let cutAt = 1; ; cutAt++) {
    const folder = await tempDir(t)
    const dir = `${folder}/journal`
    await cp(template, dir, { recursive: true })
    const { files } = simulatedDisk({ folder, random: seeded(cutAt), cutAt })
    const processes = {
      self: () => ({ bootId: 'b', pidNamespace: 'n', pid: 1, startTime: '1', host: 'h' }),
      look: () => 'dead' as const,
    }
    const code = await codeOf(archiveJournal({ dir, files, processes }))
    if (code === 'none') {
      t.ok(cutAt > 20, `${cutAt} steps`)
      break
    }
    t.same(await numbers(dir), upTo(30), `cut at step ${cutAt}`)
    const journal = await openJournal({ dir, processes, check: 'whole' })
    await journal.close()
  }
})
