import t from 'tap'
import { openJournal } from '../../core/journal/file.ts'
import type { JournalRecord } from '../../core/journal/journal.ts'
import { readJournal } from '../../core/journal/reader.ts'
import { simulatedDisk } from '../../core/journal/simulated-disk.ts'
import { verifyJournal } from '../../core/journal/verify.ts'
import { codeOf } from '../../core/kit.ts'
import { runChild } from '../support/child.ts'
import { seeded } from '../support/power.ts'
import { diskPlace, tempDir } from '../support/place.ts'

const entry = (body: string) => ({ partition: 'p', type: 'x', body })

t.test('kill -9 at any moment loses nothing that was acknowledged', async (t) => {
  const dir = await tempDir(t)
  const acked = new Map<number, string>()
  const cycles = 6
  for (let cycle = 0; cycle < cycles; cycle++) {
    const child = runChild('appender', [dir, '4'])
    const opened = await child.line('open')
    const [, epoch, position] = opened.split(' ').map(Number)
    t.equal(epoch, cycle + 1, 'the lock of a killed process does not stay')
    t.ok((position as number) >= Math.max(0, ...acked.keys()), 'the log goes on behind every ack')
    await child.atLeast(2 + cycle * 97)
    await child.kill()
    for (const line of child.lines) {
      const [word, first, n] = line.split(' ')
      if (word === 'acked') acked.set(Number(first), `${n}`)
    }
  }
  const journal = await openJournal({ dir })
  const records: JournalRecord[] = []
  for await (const record of journal.read()) records.push(record)
  records.forEach((record, at) => record.position === at + 1 || t.fail('a gap'))
  t.equal(records.length % 2, 0, 'no frame is there by half')
  for (let at = 0; at < records.length; at += 2) {
    const [a, b] = [records[at], records[at + 1]].map((record) => record?.body as { n: number })
    if (a?.n !== b?.n) t.fail(`frame at ${at + 1} is torn`)
  }
  const lost = [...acked].filter(
    ([first, n]) => String((records[first - 1]?.body as { n: number } | undefined)?.n) !== n,
  )
  t.same(lost, [])
  t.ok(acked.size > 200, 'something was at stake')
  await journal.close()
  t.same((await verifyJournal({ dir })).problems, [], 'and the chain holds over all of it')
})

t.test(
  'a crash between write and sync: the batch was not acknowledged and may be there',
  async (t) => {
    const place = await diskPlace(t)
    const journal = await place.open()
    await journal.append([entry('safe')])
    place.holdSyncs()
    const pending = journal.append([entry('unsynced')])
    pending.catch(() => {})
    await turns(20)
    place.trouble.sync = undefined
    place.presumeDead()
    const next = await place.open()
    t.teardown(() => next.close())
    const position = await next.append([entry('after')])
    const bodies: unknown[] = []
    for await (const record of next.read()) bodies.push(record.body)
    t.same(bodies, ['safe', 'unsynced', 'after'].slice(0, 2).concat('after'))
    t.equal(position, bodies.length)
  },
)

t.test('a power cut among many writers loses nothing that was acknowledged', async (t) => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = seeded(seed)
    const folder = await tempDir(t)
    const dir = `${folder}/journal`
    const acked = new Map<number, string>()
    for (let cycle = 0; cycle < 3; cycle++) {
      const cutAt = 15 + Math.floor(random() * 60)
      const { files } = simulatedDisk({ folder, random, cutAt })
      const processes = { self: () => owner(cycle), look: () => 'dead' as const }
      try {
        const journal = await openJournal({ dir, files, processes, segmentBytes: 20_000 })
        const found: unknown[] = []
        for await (const record of journal.read()) found.push(record.body)
        for (const [position, body] of acked) {
          if (found[position - 1] !== body) t.fail(`seed ${seed} lost position ${position}`)
        }
        await Promise.allSettled(
          Array.from({ length: 3 }, async (_, writer) => {
            for (let n = 0; n < 40; n++) {
              const body = `${cycle} ${writer} ${n} ${'x'.repeat(Math.floor(random() * 3_000))}`
              acked.set(await journal.append([entry(body)]), body)
            }
          }),
        )
        await journal.close()
      } catch (thrown) {
        // A cut while opening is fine, damage is not.
        const code = await codeOf(Promise.reject(thrown as Error))
        if (code === 'PROV_JOURNAL_CORRUPT') t.fail(`seed ${seed}: ${String(thrown)}`)
      }
    }
    t.same((await verifyJournal({ dir })).problems, [], `seed ${seed}, ${acked.size} acknowledged`)
  }
})

const owner = (pid: number) => ({
  bootId: 'b',
  pidNamespace: 'n',
  pid,
  startTime: '1',
  host: 'h',
})

t.test('a disk that takes less than asked is asked again', async (t) => {
  const place = await diskPlace(t)
  const journal = await place.open()
  t.teardown(() => journal.close())
  let calls = 0
  place.trouble.write = (bytes) => {
    calls++
    return Math.min(bytes.byteLength, 7)
  }
  await journal.append([entry('in small pieces')])
  place.trouble.write = undefined
  t.ok(calls > 10)
  for await (const record of journal.read()) t.equal(record.body, 'in small pieces')
})

t.test(
  'a full disk in the middle of a write poisons, and reopening finds no half record',
  async (t) => {
    const place = await diskPlace(t)
    const journal = await place.open()
    await journal.append([entry('safe')])
    let calls = 0
    place.trouble.write = () => {
      if (++calls === 1) return 20
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
    }
    t.equal(await codeOf(journal.append([entry('torn')])), 'PROV_JOURNAL_NO_SPACE')
    place.trouble.write = undefined
    t.equal(
      await codeOf(journal.append([entry('later')])),
      'PROV_JOURNAL_NO_SPACE',
      'never retried',
    )
    await journal.close()
    t.equal((await verifyJournal({ dir: place.dir })).torn, true)
    const next = await place.open()
    t.teardown(() => next.close())
    t.equal(await next.append([entry('after')]), 2)
    const report = await verifyJournal({ dir: place.dir })
    t.same([report.records, report.torn, report.problems], [2, false, []])
  },
)

t.test('an append on a healthy disk after one on a sick one is still refused', async (t) => {
  const place = await diskPlace(t)
  const journal = await place.open()
  place.failNextSync()
  t.equal(await codeOf(journal.append([entry('a')])), 'PROV_JOURNAL_POISONED')
  for (let n = 0; n < 3; n++) {
    t.equal(await codeOf(journal.append([entry('b')])), 'PROV_JOURNAL_POISONED')
  }
  const synced: string[] = []
  place.trouble.sync = (path) => void synced.push(path)
  await journal.close()
  t.same(
    synced.filter((path) => path.includes('segment')),
    [],
    'closing does not sync the log again either',
  )
})

t.test('a reader beside a writer in another process sees whole frames without gaps', async (t) => {
  const dir = await tempDir(t)
  const child = runChild('appender', [dir, '3'])
  await child.line('open')
  const reader = await readJournal({ dir })
  let before = 0
  while (child.lines.length < 1_500) {
    let last = 0
    for await (const record of reader.read()) {
      if (record.position !== last + 1) t.fail(`position ${record.position} after ${last}`)
      last = record.position
    }
    if (last % 2 !== 0) t.fail('half a frame was seen')
    if (last < before) t.fail('the log became shorter')
    before = last
    const head = await reader.head()
    t.ok(head.position >= last)
  }
  await child.kill()
  t.ok(before > 1_000)
})

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}
