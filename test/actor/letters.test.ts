import t from 'tap'
import { codeOf } from '../../core/kit.ts'
import {
  largestBody,
  letterCap,
  Letters,
  lettersBytes,
  longestName,
  replayCap,
  replayMark,
} from '../../core/actor/letters.ts'
import type { DeadLetter, Draft } from '../../core/actor/letters.ts'
import { startActors } from '../../core/actor/start.ts'
import type { ActorSystem } from '../../core/actor/system.ts'
import { counter, House, settle } from './counter.ts'

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
    for (const record of JSON.parse(JSON.stringify([...records, last]))) {
      back.enter(record)
      back.enter(record)
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
  letters.enter({ first: 8, letters: [old('c')] })
  letters.enter({ first: 7, letters: [old('b'), old('c'), old('d')] })
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
  const records = letters.unwritten()
  t.equal(records.flatMap((record) => record.letters).length, letterCap)
  const read = new Letters()
  for (const record of records) read.enter(record)
  t.same(read.left, { failed: 99_000 }, 'also those that were never written')
  for (const record of records) read.enter({ ...record, left: { failed: 1 } })
  t.same(read.left, { failed: 99_000 }, 'what is known already says nothing new')
})

t.test('letters take bounded room whatever they said, and say what made room', async (t) => {
  const letters = new Letters()
  const name = 'n'.repeat(longestName)
  const fill = { type: name, text: 'x'.repeat(largestBody - longestName - 40) }
  const each = 2 * (2 * longestName + largestBody)
  const most = Math.floor(lettersBytes / each)
  for (let n = 0; n < most; n++) letters.add(draft(fill, { address: `x/${name.slice(2)}` }))
  t.equal(letters.rows.length, most, 'so many have room')
  t.same(letters.left, {})
  const more = (reason: Draft['reason'], times: number): void => {
    for (let n = 0; n < times; n++) letters.add(draft(fill, { reason, from: `x/${name.slice(2)}` }))
  }
  more('full', most)
  more('poison', 2 * most)
  const { rows, left } = letters
  const text = JSON.stringify(rows).length
  t.ok(2 * text < lettersBytes + 400 * rows.length, `${text} characters`)
  t.ok(rows.every(({ reason }) => reason === 'poison'))
  const gone = Object.values(left).reduce((sum, count) => sum + count, 0)
  t.equal(gone + rows.length, letters.count, 'each is kept or counted')
  t.match(left, { failed: most, full: Number })
  const read = new Letters()
  read.load(JSON.parse(JSON.stringify(letters.kept)), letters.count, letters.left)
  t.same(read.rows, rows)
  t.same(read.left, left)
  for (let n = 0; n < 3 * most; n++) {
    const first = read.count + 1
    read.enter({ first, letters: [{ ...rows[0], id: first } as DeadLetter] })
  }
  t.ok(read.rows.length <= rows.length, 'read back or added, the room is the same')
})

t.test('what is too large to be kept is let go at once, without being written out', async (t) => {
  const letters = new Letters()
  let written = 0
  const huge = Array.from({ length: 100_000 }, () => ({
    get n() {
      return ++written
    },
  }))
  letters.add(draft({ type: 'huge', huge }))
  letters.add(draft({ type: 'bytes', bytes: new Uint8Array(1e6) }))
  letters.add(draft({ type: `long ${'t'.repeat(1e6)}` }, { address: `x/${'a'.repeat(1e6)}` }))
  letters.add(draft({ type: 'says', toJSON: () => ({ type: 'said', n: 1 }), huge }))
  t.ok(written < 2 * largestBody, `${written} of 100,000 entries were looked at`)
  t.ok(JSON.stringify([...letters.rows]).length < 8 * longestName)
  t.match(letters.rows, [
    { event: 'huge', bodiless: 'large', body: undefined },
    { event: 'bytes', bodiless: 'large', body: undefined },
    { event: /^long t+…$/, address: /^x\/a+…$/, bodiless: 'large', body: undefined },
    { event: 'says', body: { type: 'said', n: 1 } },
  ])
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

t.test(
  'letters survive with body, sender and reason; what was for a volatile actor is not written',
  async (t) => {
    const house = new House()
    const def = counter([], { supervision: { onFailure: 'resume' } })
    const quick = counter([], {
      type: 'test.quick',
      durability: 'volatile',
      supervision: { onFailure: 'resume' },
    })
    const system = await house.start()
    system.register(def)
    system.register(quick)
    const a = await system.spawn(def, 'a')
    const q = await system.spawn(quick, 'q')
    await a.apply({ type: 'forward', to: 'test.counter/none', hops: 2 })
    a.send({ type: 'break' })
    q.send({ type: 'break' })
    await settle()
    const own = [
      { id: 3, address: 'test.counter/a', reason: 'failed', body: { type: 'break' } },
      {
        id: 1,
        address: 'test.counter/none',
        reason: 'unknown',
        from: 'test.counter/a',
        body: { type: 'forward', to: 'test.counter/none', hops: 1 },
      },
    ]
    const rows = (of: ActorSystem) => of.deadLetters().rows.filter((row) => row.event !== 'none')
    t.match(
      rows(system).filter((row) => row.address !== q.address),
      own.map((row) => ({ ...row, id: Number })),
    )
    t.match(rows(system).find((row) => row.address === q.address)?.body, { type: 'break' })
    house.crash()
    const again = await house.start()
    t.teardown(() => again.close())
    again.register(def)
    t.match(
      rows(again).filter((row) => row.address !== q.address),
      own.map((row) => ({ ...row, id: Number })),
    )
    t.match(
      rows(again).find((row) => row.address === q.address),
      {
        event: 'break',
        body: undefined,
        bodiless: 'volatile',
      },
    )
  },
)

t.test('letters are replayed all at once, and each says what came of it', async (t) => {
  const house = new House()
  const def = counter([], { supervision: { onFailure: 'resume' } })
  const system = await house.start()
  t.teardown(() => system.close())
  system.register(def)
  const to = 'test.counter/a'
  for (const by of [1, 2, 3]) system.send(to, { type: 'add', by } as never)
  system.send(to, { type: 'large', filler: 'x'.repeat(5_000) } as never)
  system.send('test.counter/b', { type: 'add' })
  const ref = await system.spawn(def, 'a')
  const done = await system.replay({ address: to })
  t.same(
    done.map(({ letter, outcome, replays }) => [letter, outcome, replays]),
    [
      [1, 'sent', 1],
      [2, 'sent', 1],
      [3, 'sent', 1],
      [4, 'bodiless', 0],
    ],
  )
  await settle()
  t.equal(ref.snapshot().context.count, 6)
  t.match(system.deadLetters(), { count: 5, rows: [{ id: 5 }, { id: 4 }] })
  t.equal(await codeOf(system.replay(1)), 'PROV_ACTOR_LETTER_UNKNOWN')
  t.equal(await codeOf(system.replay(4)), 'PROV_ACTOR_LETTER_BODILESS')
  t.same(await system.replay({ reason: 'poison' }), [])
})

t.test('a letter comes back at most so often, also when the process ends in between', async (t) => {
  const house = new House()
  const def = counter([], { supervision: { onFailure: 'resume' } })
  let id = 1
  for (let round = 0; round <= replayCap; round++) {
    const system = await house.start()
    system.register(def)
    const ref = await system.spawn(def, 'a')
    if (round === 0) ref.send({ type: 'break' })
    else await system.replay(id++)
    await settle()
    t.match(system.deadLetters().rows, [
      { id, reason: 'failed', ...(round > 0 && { of: 1, replays: round }) },
    ])
    house.crash()
  }
  const system = await house.start()
  t.teardown(() => system.close())
  system.register(def)
  t.equal(await codeOf(system.replay(id)), 'PROV_ACTOR_LETTER_SPENT')
  t.match(await system.replay({}), [{ outcome: 'spent', replays: replayCap }])
  t.equal(system.deadLetters().rows.length, 1)
})

t.test('without a journal letters are replayed as well', async (t) => {
  const house = new House()
  const system = await startActors({ clock: house.clock })
  t.teardown(() => system.close())
  const def = counter([], { durability: 'volatile' })
  system.register(def)
  system.send('test.counter/a', { type: 'add', by: 4 } as never)
  const ref = await system.spawn(def, 'a')
  t.match(await system.replay(1), [{ outcome: 'sent' }])
  await settle()
  t.equal(ref.snapshot().context.count, 4)
})
