import t from 'tap'
import { largestBody, letterCap, Letters, replayMark } from '../../core/actor/letters.ts'
import type { DeadLetter, Draft } from '../../core/actor/letters.ts'

const draft = (event: unknown, more: Partial<Draft> = {}): Draft => ({
  address: 'x/a',
  event,
  reason: 'failed',
  timeMs: 5,
  ...more,
})

t.test('a letter holds what was said, to whom, by whom and why', async (t) => {
  const letters = new Letters()
  const event = { type: 'pay', amount: 3 }
  t.equal(letters.add(draft(event, { from: 'x/b', version: 2 })), true, 'the first unwritten one')
  t.equal(letters.add(draft({ type: 'add' }, { address: 'y/a', reason: 'full' })), false)
  t.same(letters.find(1), {
    id: 1,
    address: 'x/a',
    event: 'pay',
    reason: 'failed',
    timeMs: 5,
    body: { type: 'pay', amount: 3 },
    from: 'x/b',
    version: 2,
  })
  event.amount = 99
  t.match(letters.find(1), { body: { amount: 3 } }, 'whoever sent it cannot change it any more')
  const ids = (rows: readonly DeadLetter[]) => rows.map(({ id }) => id)
  t.same(ids(letters.matching({ type: 'x' })), [1])
  t.same(ids(letters.matching({ reason: 'full' })), [2])
  t.same(ids(letters.matching({ address: 'x/a', event: 'add' })), [])
  t.same(ids(letters.matching({})), [1, 2])
})

t.test(
  'what is too large, no data, or only in memory is kept as its type and says so',
  async (t) => {
    const letters = new Letters()
    letters.add(draft({ type: 'large', filler: 'ü'.repeat(largestBody / 2) }))
    const round: { type: string; self?: unknown } = { type: 'round' }
    round.self = round
    letters.add(draft(round))
    letters.add(draft('no event', { reason: 'invalid' }))
    letters.add(draft({ type: 'quick', n: 1 }, { volatile: true }))
    t.match(letters.rows, [
      { event: 'large', body: undefined, bodiless: 'large' },
      { event: 'round', body: undefined, bodiless: 'not-json' },
      { event: 'undefined', body: undefined, bodiless: 'not-json' },
      { event: 'quick', body: { n: 1 }, bodiless: undefined },
    ])
    const [record] = letters.unwritten()
    t.match(record?.letters[3], { event: 'quick', body: undefined, bodiless: 'volatile' })
    t.match(letters.kept[3], { event: 'quick', body: undefined, bodiless: 'volatile' })
    t.match(letters.find(4), { body: { n: 1 } }, 'the process still knows it')
    t.notOk(JSON.stringify([record, letters.kept, letters.rows]).includes('"volatile":'))
  },
)

t.test(
  'records say each letter once, in bearable sizes, and are read back as they were',
  async (t) => {
    const letters = new Letters()
    const filler = 'x'.repeat(4_000)
    for (let n = 1; n <= 150; n++) letters.add(draft({ type: 'add', n, filler }))
    const records = letters.unwritten()
    t.equal(records.length, 3)
    t.ok(records.every((record) => JSON.stringify(record).length < 300_000))
    t.same(letters.unwritten(), [])
    letters.add(draft({ type: 'add', n: 151 }))
    const [last] = letters.unwritten()
    t.match(last, { first: 151, letters: [{ id: 151 }] })
    const back = new Letters()
    for (const { first, letters } of JSON.parse(JSON.stringify([...records, last]))) {
      back.enter(first, letters)
      back.enter(first, letters)
    }
    t.equal(back.count, 151)
    t.same(back.rows, letters.rows)
    const loaded = new Letters()
    loaded.load(JSON.parse(JSON.stringify(letters.kept)), letters.count)
    t.same(loaded.rows, letters.rows)
    t.same(loaded.unwritten(), [], 'what was read is not written again')
  },
)

t.test('letters of the first kernel get the ids that follow from their places', async (t) => {
  const old = (event: string) =>
    ({ address: 'x/a', event, reason: 'full', timeMs: 1 }) as DeadLetter
  const letters = new Letters()
  letters.load([old('a'), old('b')], 7)
  letters.enter(8, [old('c')])
  letters.enter(7, [old('b'), old('c'), old('d')])
  t.same(
    letters.rows.map(({ id, event }) => [id, event]),
    [
      [6, 'a'],
      [7, 'b'],
      [8, 'c'],
      [9, 'd'],
    ],
  )
})

t.test('a flood keeps the newest and counts the rest', async (t) => {
  const letters = new Letters()
  for (let n = 0; n < 100_000; n++) letters.add(draft({ type: 'add', n }))
  t.equal(letters.count, 100_000)
  t.equal(letters.rows.length, letterCap)
  t.match(letters.rows[0], { id: 99_001, body: { n: 99_000 } })
  const written = letters.unwritten().flatMap((record) => record.letters)
  t.equal(written.length, letterCap)
})

t.test('a replayed message that fails again says which letter it was and how often', async (t) => {
  const letters = new Letters()
  letters.add(draft({ type: 'add' }))
  const first = letters.find(1) as DeadLetter
  t.same(replayMark(first), { address: 'letter/1', sequence: 1 })
  t.equal(letters.take(1), true)
  t.equal(letters.take(1), false, 'nobody replays it twice')
  letters.add(draft({ type: 'add' }, { cause: 'letter/1:1:0' }))
  const second = letters.find(2) as DeadLetter
  t.match(second, { id: 2, of: 1, replays: 1 })
  t.same(replayMark(second), { address: 'letter/1', sequence: 2 })
  letters.add(draft({ type: 'add' }, { cause: 'x/a:3:0' }))
  t.match(letters.find(3), { of: undefined, replays: undefined }, 'other promises are no replays')
})
