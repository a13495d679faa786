/**
 * The promises J1 to J6 as a test that every journal runs, ours and a stranger's. *
 * @module
 */
import type { Clock } from '../clock.ts'
import { codeOf } from '../kit.ts'
import type { KitTest } from '../kit.ts'
import type { JsonValue } from '../json.ts'
import type { Journal, JournalEntry, JournalReader, JournalRecord, ReadOptions } from './journal.ts'

/** One place for a journal, which outlives the journals opened on it. */
export interface JournalHarness {
  /** The clock that journals opened here use. */
  readonly clock: Clock
  /** Opens for writing. */
  open(): Promise<Journal>
  /** Opens for reading, beside whoever writes. */
  reader(): Promise<JournalReader>
  /** From now on nobody believes that the present writer lives, though its object goes on. */
  presumeDead(): void
  /** The next sync fails as a broken disk would. */
  failNextSync(): void
  /** Holds syncs back until the returned function is called. */
  holdSyncs(): () => void
}

/** Runs every promise of the journal port. `makeHarness` gives an empty place each time. */
export async function journalKit(
  t: KitTest,
  makeHarness: (t: KitTest) => Promise<JournalHarness> | JournalHarness,
): Promise<void> {
  await t.test('J1 what was appended is there after reopening', async (t) => {
    const place = await makeHarness(t)
    const first = await place.open()
    t.equal(await first.append([entry('kernel', { n: 1, text: 'ünï\n"quoted"' })]), 1)
    t.equal(await first.append([entry('keeper', [null, true, 0.5])]), 2)
    const id = first.id
    await first.close()
    const second = await place.open()
    t.teardown(() => second.close())
    const records = await all(second)
    t.same(
      records.map(({ position, partition, type, body }) => ({ position, partition, type, body })),
      [
        { position: 1, ...entry('kernel', { n: 1, text: 'ünï\n"quoted"' }) },
        { position: 2, ...entry('keeper', [null, true, 0.5]) },
      ],
    )
    t.equal(records[0]?.timeMs, place.clock.now(), 'a record carries the wall time of its append')
    t.equal(second.id, id, 'the id of a journal stays')
    t.equal(await second.append([entry('kernel', 3)]), 3, 'positions go on')
  })

  await t.test('J1 append does not resolve before the sync', async (t) => {
    const place = await makeHarness(t)
    const journal = await place.open()
    t.teardown(() => journal.close())
    const release = place.holdSyncs()
    let resolved = false
    const append = journal.append([entry('kernel', 1)]).then(() => (resolved = true))
    for (let turn = 0; turn < 20; turn++) await turnOfLoop()
    t.equal(resolved, false)
    t.same(await all(journal), [], 'nor can anyone read it through the writer')
    release()
    await append
    t.equal((await all(journal)).length, 1)
  })

  await t.test('J2 an append too large is refused whole and harms nothing', async (t) => {
    const place = await makeHarness(t)
    const journal = await place.open()
    t.teardown(() => journal.close())
    const large = entry('kernel', 'x'.repeat(1_048_577))
    t.equal(
      await codeOf(journal.append([entry('kernel', 1), large])),
      'PROV_JOURNAL_TOO_LARGE',
      'one body over 1 MiB',
    )
    const cyclic: Record<string, unknown> = {}
    cyclic['self'] = cyclic
    t.equal(
      await codeOf(journal.append([entry('kernel', cyclic as JsonValue)])),
      'PROV_JOURNAL_NOT_JSON',
    )
    t.equal(await journal.append([entry('kernel', 'x'.repeat(1_048_574))]), 1, 'exactly 1 MiB')
    t.equal((await all(journal)).length, 1)
  })

  await t.test('J3 positions are gapless in order of calls, also across openings', async (t) => {
    const place = await makeHarness(t)
    let expected = 1
    for (let opening = 0; opening < 3; opening++) {
      const journal = await place.open()
      const appends: Promise<number>[] = []
      const wanted: number[] = []
      for (let call = 0; call < 50; call++) {
        const size = 1 + (call % 3)
        appends.push(
          journal.append(Array.from({ length: size }, (_, at) => entry('p', [call, at]))),
        )
        wanted.push(expected)
        expected += size
      }
      t.same(await Promise.all(appends), wanted)
      t.equal(journal.epoch, opening + 1, 'each opening is a new epoch')
      await journal.close()
    }
    const reader = await place.reader()
    t.teardown(() => reader.close())
    const records = await all(reader)
    t.same(
      records.map((record) => record.position),
      Array.from({ length: expected - 1 }, (_, at) => at + 1),
    )
    t.same([...new Set(records.map((record) => record.epoch))], [1, 2, 3])
    t.equal((await reader.head()).position, expected - 1)
  })

  await t.test('readers start anywhere and choose a partition', async (t) => {
    const place = await makeHarness(t)
    const journal = await place.open()
    t.teardown(() => journal.close())
    for (let n = 1; n <= 30; n++) await journal.append([entry(n % 3 === 0 ? 'three' : 'other', n)])
    const numbers = async (options: ReadOptions) =>
      (await all(journal, options)).map((record) => record.body)
    t.same(await numbers({ from: 28 }), [28, 29, 30])
    t.same(await numbers({ from: 20, partition: 'three' }), [21, 24, 27, 30])
    t.same(await numbers({ from: 31 }), [])
    t.same(await numbers({ partition: 'nobody' }), [])
  })

  await t.test('a reader sees what the writer appends later', async (t) => {
    const place = await makeHarness(t)
    const journal = await place.open()
    t.teardown(() => journal.close())
    await journal.append([entry('p', 1)])
    const reader = await place.reader()
    t.teardown(() => reader.close())
    t.equal((await all(reader)).length, 1)
    await journal.append([entry('p', 2)])
    t.same(
      (await all(reader)).map((record) => record.body),
      [1, 2],
    )
    t.same(await reader.head(), await journal.head(), 'both name the same head')
    t.equal((await journal.head()).hash.length, 64)
  })

  await t.test('followers hear of records in order, before append resolves', async (t) => {
    const place = await makeHarness(t)
    const journal = await place.open()
    t.teardown(() => journal.close())
    const heard: string[] = []
    const stop = journal.follow((records) => {
      for (const record of records) heard.push(`heard ${record.position}`)
    })
    await Promise.all([
      journal.append([entry('p', 1), entry('p', 2)]).then(() => heard.push('resolved 1')),
      journal.append([entry('p', 3)]).then(() => heard.push('resolved 3')),
    ])
    t.same(
      heard.filter((line) => line.startsWith('heard')),
      ['heard 1', 'heard 2', 'heard 3'],
    )
    t.ok(heard.indexOf('heard 2') < heard.indexOf('resolved 1'))
    t.ok(heard.indexOf('heard 3') < heard.indexOf('resolved 3'))
    stop()
    await journal.append([entry('p', 4)])
    t.ok(!heard.includes('heard 4'), 'a stopped follower hears nothing')
  })

  await t.test('J4 a second writer is refused while the first lives', async (t) => {
    const place = await makeHarness(t)
    const first = await place.open()
    await first.append([entry('p', 1)])
    t.equal(await codeOf(place.open()), 'PROV_JOURNAL_LOCKED')
    t.equal(await first.append([entry('p', 2)]), 2, 'and does not disturb it')
    await first.close()
    await first.close()
    const second = await place.open()
    t.equal(await second.append([entry('p', 3)]), 3)
    await second.close()
  })

  await t.test('J4 a writer thought dead can add nothing after its successor opened', async (t) => {
    const place = await makeHarness(t)
    const old = await place.open()
    await old.append([entry('p', 'old')])
    place.presumeDead()
    const fresh = await place.open()
    t.teardown(() => fresh.close())
    t.ok(fresh.epoch > old.epoch)
    t.equal(await codeOf(old.append([entry('p', 'late')])), 'PROV_JOURNAL_FENCED')
    t.equal(await codeOf(old.append([entry('p', 'later')])), 'PROV_JOURNAL_FENCED')
    t.equal(await fresh.append([entry('p', 'new')]), 2)
    await old.close()
    t.equal(
      await fresh.append([entry('p', 'newer')]),
      3,
      'the closing of the old one harms nothing',
    )
    const reader = await place.reader()
    t.teardown(() => reader.close())
    t.same(
      (await all(reader)).map((record) => record.body),
      ['old', 'new', 'newer'],
    )
  })

  await t.test('J6 after a failed sync nothing is acknowledged, nothing retried', async (t) => {
    const place = await makeHarness(t)
    const journal = await place.open()
    await journal.append([entry('p', 'safe')])
    place.failNextSync()
    const both = [journal.append([entry('p', 'a')]), journal.append([entry('p', 'b')])]
    t.equal(await codeOf(both[0]), 'PROV_JOURNAL_POISONED')
    t.equal(await codeOf(both[1]), 'PROV_JOURNAL_POISONED')
    t.equal(await codeOf(journal.append([entry('p', 'c')])), 'PROV_JOURNAL_POISONED')
    t.same(
      (await all(journal)).map((record) => record.body),
      ['safe'],
    )
    await journal.close()
    const again = await place.open()
    t.teardown(() => again.close())
    t.equal((await all(again))[0]?.body, 'safe')
    const next = await again.append([entry('p', 'd')])
    t.same((await all(again)).at(-1)?.position, next, 'positions stay gapless')
  })

  await t.test('snapshots are kept by name, newest first, across openings', async (t) => {
    const place = await makeHarness(t)
    const first = await place.open()
    for (let n = 0; n < 5; n++) await first.append([entry('p', n)])
    t.equal(await first.snapshot('actors'), undefined)
    await first.putSnapshot('actors', { position: 3, body: { state: 'three' } })
    await first.putSnapshot('bus/odd name', { position: 4, body: 'four' })
    await first.putSnapshot('actors', { position: 5, body: { state: 'five' } })
    await first.close()
    const reader = await place.reader()
    t.teardown(() => reader.close())
    t.same(await reader.snapshot('actors'), { position: 5, body: { state: 'five' } })
    t.same(await reader.snapshot('bus/odd name'), { position: 4, body: 'four' })
    t.equal(await reader.snapshot('act'), undefined)
  })

  await t.test('close waits for what is under way and refuses what comes later', async (t) => {
    const place = await makeHarness(t)
    const journal = await place.open()
    const append = journal.append([entry('p', 1)])
    const closing = journal.close()
    t.equal(await codeOf(journal.append([entry('p', 2)])), 'PROV_JOURNAL_CLOSED')
    t.equal(await append, 1)
    await closing
    t.equal(await codeOf(journal.append([entry('p', 3)])), 'PROV_JOURNAL_CLOSED')
  })

  await t.test('an empty append writes nothing', async (t) => {
    const place = await makeHarness(t)
    const journal = await place.open()
    t.teardown(() => journal.close())
    await journal.append([])
    t.equal(await journal.append([entry('p', 1)]), 1)
    t.equal((await all(journal)).length, 1)
  })
}

function entry(partition: string, body: JsonValue): JournalEntry {
  return { partition, type: 'thing.happened', body }
}

async function all(reader: JournalReader, options?: ReadOptions): Promise<JournalRecord[]> {
  const records: JournalRecord[] = []
  for await (const record of reader.read(options)) records.push(record)
  return records
}

const turnOfLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
