import t from 'tap'
import type { Bus, Delivery } from '../../core/bus/bus.ts'
import { embeddedBus } from '../../core/bus/embedded.ts'
import { busKit } from '../../core/bus/kit.ts'
import { simulatedClock } from '../../core/clock.ts'
import type { SimulatedClock } from '../../core/clock.ts'
import type { Journal, JournalRecord } from '../../core/journal/journal.ts'
import { MemoryDisk, memoryJournal } from '../../core/journal/memory.ts'
import { codeOf } from '../../core/kit.ts'
import { diskPlace } from '../support/place.ts'

type Tap = { teardown(undo: () => unknown): unknown }

/** A bus on a journal that `open` opens; `crash` leaves everything as a killed process would. */
async function place(
  t: Tap,
  clock: SimulatedClock,
  open: () => Promise<Journal>,
  options: { snapshotEvery?: number; presumeDead?: () => void } = {},
) {
  let journal = await open()
  const start = () => embeddedBus({ journal, clock, ...options })
  const harness = {
    bus: await start(),
    journal: () => journal,
    advance: (ms: number) => clock.advance(ms),
    async reopen(): Promise<Bus> {
      await harness.bus.close()
      await journal.close()
      journal = await open()
      return (harness.bus = await start())
    },
    async crash(): Promise<Bus> {
      options.presumeDead?.()
      journal = await open()
      return (harness.bus = await start())
    },
  }
  t.teardown(async () => {
    await harness.bus.close()
    await journal.close()
  })
  return harness
}

function inMemory(t: Tap, snapshotEvery?: number) {
  const clock = simulatedClock()
  const disk = new MemoryDisk()
  const presumeDead = (): void => void (disk.held = false)
  const open = async (): Promise<Journal> => memoryJournal({ clock, disk })
  const options = snapshotEvery === undefined ? { presumeDead } : { snapshotEvery, presumeDead }
  return place(t, clock, open, options)
}

async function onDisk(t: Tap) {
  const disk = await diskPlace(t)
  return place(t, disk.clock, () => disk.open(), {
    presumeDead: disk.presumeDead,
    snapshotEvery: 5,
  })
}

t.test('the embedded bus over a journal in memory', (t) => busKit(t, (t) => inMemory(t)))

t.test('the embedded bus over a journal on disk, with a snapshot every few records', (t) =>
  busKit(t, (t) => onDisk(t)),
)

const work = { name: 'WORK', subjects: ['work.>'], retention: 'workqueue' } as const

/** Takes so many deliveries and leaves them unanswered, still held. */
async function taken(bus: Bus, stream: string, count: number, credits = 100): Promise<Delivery[]> {
  const { signal } = new AbortController()
  // No for-await: leaving that would give everything back.
  const iterator = bus.pull(stream, 'c', { credits, signal })[Symbol.asyncIterator]()
  const got: Delivery[] = []
  while (got.length < count) got.push((await iterator.next()).value as Delivery)
  return got
}

t.test('B3 after a crash exactly the unacked messages come back, bodies and all', async (t) => {
  const harness = await onDisk(t)
  await harness.bus.ensureStream(work)
  await harness.bus.ensureConsumer({ stream: 'WORK', name: 'c' })
  for (let n = 0; n < 40; n++) {
    await harness.bus.publish('work.a', { id: `${n}`, body: { n }, headers: { n: `${n}` } })
  }
  const first = await taken(harness.bus, 'WORK', 30)
  for (const delivery of first.filter((_, at) => at % 3 !== 0)) await delivery.ack()
  await first[0]?.nak()
  const bus = await harness.crash()
  t.equal((await bus.streamInfo('WORK'))?.messages, 20)
  const again = await taken(bus, 'WORK', 20)
  t.same(
    again.map(({ body, headers, id }) => [body, headers, id]),
    Array.from({ length: 40 }, (_, n) => n)
      .filter((n) => n >= 30 || n % 3 === 0)
      .map((n) => [{ n }, { n: `${n}` }, `${n}`]),
  )
})

t.test('ids stay taken across a restart for as long as their window', async (t) => {
  const harness = await inMemory(t)
  await harness.bus.ensureStream({ ...work, duplicateWindowMs: 10_000 })
  await harness.bus.ensureConsumer({ stream: 'WORK', name: 'c' })
  await harness.bus.publish('work.a', { id: 'once', body: 1 })
  for (const delivery of await taken(harness.bus, 'WORK', 1)) await delivery.ack()
  const bus = await harness.reopen()
  const again = await bus.publish('work.a', { id: 'once', body: 1 })
  t.same(again, { stream: 'WORK', sequence: 1, duplicate: true }, 'though it was acked and is gone')
  await harness.advance(10_001)
  t.equal((await bus.publish('work.a', { id: 'once', body: 1 })).duplicate, false)
})

t.test('a limits stream forgets by age and keeps for every consumer until then', async (t) => {
  const harness = await inMemory(t)
  const { bus } = harness
  await bus.ensureStream({ name: 'LOG', subjects: ['log.>'], retention: 'limits', maxAgeMs: 1_000 })
  await bus.ensureConsumer({ stream: 'LOG', name: 'c' })
  await bus.publish('log.a', { id: '1', body: 1 })
  await harness.advance(600)
  await bus.publish('log.a', { id: '2', body: 2 })
  await harness.advance(600)
  t.equal((await bus.streamInfo('LOG'))?.messages, 1)
  t.same(
    (await taken(bus, 'LOG', 1)).map((delivery) => delivery.body),
    [2],
  )
  t.equal((await (await harness.reopen()).streamInfo('LOG'))?.messages, 1)
})

t.test('a long limits stream is read back from the journal', async (t) => {
  const harness = await onDisk(t)
  await harness.bus.ensureStream({ name: 'LOG', subjects: ['log.>'], retention: 'limits' })
  await harness.bus.ensureConsumer({ stream: 'LOG', name: 'c' })
  const count = 700
  await Promise.all(
    Array.from({ length: count }, (_, n) =>
      harness.bus.publish('log.a', { id: `${n}`, body: { n, filler: 'x'.repeat(500) } }),
    ),
  )
  const got = await taken(harness.bus, 'LOG', count, count)
  t.same(
    got.map((delivery) => (delivery.body as { n: number }).n),
    Array.from({ length: count }, (_, n) => n),
  )
})

t.test('booting from a snapshot reads only what came after it', async (t) => {
  const harness = await inMemory(t, 50)
  await harness.bus.ensureStream(work)
  await harness.bus.ensureConsumer({ stream: 'WORK', name: 'c' })
  for (let n = 0; n < 200; n++) await harness.bus.publish('work.a', { id: `${n}`, body: n })
  for (const delivery of await taken(harness.bus, 'WORK', 190, 190)) await delivery.ack()
  const journal = harness.journal()
  const snapshot = await journal.snapshot('bus')
  const { position } = await journal.head()
  t.ok(snapshot && position - snapshot.position <= 60, 'a crash replays the last few records')
  const bus = await harness.crash()
  t.equal((await bus.streamInfo('WORK'))?.messages, 10)
  t.equal((await bus.publish('work.a', { id: 'x', body: 1 })).sequence, 201)
})

t.test(
  'when the journal is poisoned nothing is acknowledged and nobody is told otherwise',
  async (t) => {
    const disk = await diskPlace(t)
    const harness = await place(t, disk.clock, () => disk.open(), { presumeDead: disk.presumeDead })
    const { bus } = harness
    await bus.ensureStream(work)
    await bus.ensureConsumer({ stream: 'WORK', name: 'c' })
    await bus.publish('work.a', { id: '1', body: 1 })
    const [delivery] = await taken(bus, 'WORK', 1)
    disk.failNextSync()
    t.equal(await codeOf(delivery?.ack()), 'PROV_JOURNAL_POISONED')
    t.equal(await codeOf(bus.publish('work.a', { id: '2', body: 2 })), 'PROV_JOURNAL_POISONED')
    t.equal((await bus.streamInfo('WORK'))?.messages, 1)
  },
)

t.test('two pullers of one consumer share its messages', async (t) => {
  const { bus } = await inMemory(t)
  await bus.ensureStream(work)
  await bus.ensureConsumer({ stream: 'WORK', name: 'c' })
  const end = new AbortController()
  const seen: unknown[] = []
  const pull = async (): Promise<void> => {
    for await (const delivery of bus.pull('WORK', 'c', { credits: 1, signal: end.signal })) {
      seen.push(delivery.body)
      await delivery.ack()
      if (seen.length === 20) end.abort()
    }
  }
  const both = Promise.all([pull(), pull()])
  for (let n = 0; n < 20; n++) await bus.publish('work.a', { id: `${n}`, body: n })
  await both
  t.same(
    seen.map(Number).sort((a, b) => a - b),
    Array.from({ length: 20 }, (_, n) => n),
  )
})

/** Records of the type `said` are messages of the subject in their body. */
const carried = ({ type, body }: JournalRecord) => {
  if (type !== 'said') return undefined
  const { subject, id } = body as { readonly subject: string; readonly id: string }
  return { subject, id, body, unique: id.startsWith('once') }
}
const saying = (n: number, subject = 'talk.a') => {
  return { partition: 'plane', type: 'said', body: { subject, id: `m${n}` } }
}
const talk = { name: 'TALK', subjects: ['talk.>'], retention: 'limits' } as const

t.test('records that are messages themselves are delivered once, over any restart', async (t) => {
  const clock = simulatedClock()
  const disk = new MemoryDisk()
  const open = async (presumeDead = false, snapshotEvery?: number) => {
    if (presumeDead) disk.held = false
    const journal = memoryJournal({ clock, disk })
    return { journal, bus: await embeddedBus({ journal, clock, carried, snapshotEvery }) }
  }
  const first = await open()
  await first.journal.append([saying(1)])
  t.equal(first.bus.carried?.('talk.a', 2), false, 'nothing takes the subject yet')
  await first.bus.ensureStream(talk)
  await first.bus.ensureConsumer({ stream: 'TALK', name: 'c' })
  const at = await first.journal.append([saying(2), saying(3), saying(2), saying(4, 'else.a')])
  t.equal(first.bus.carried?.('talk.a', at), true)
  t.equal(first.bus.carried?.('else.a', at + 3), false)
  const published = await first.bus.publish('talk.a', { id: 'm5', body: { id: 'm5' } })
  t.match(published, { stream: 'TALK', sequence: 3, duplicate: false })
  const twice = await first.bus.publish('talk.a', { id: 'm3', body: null })
  t.match(twice, { sequence: 2, duplicate: true }, 'its id is taken')
  const [one, two] = await taken(first.bus, 'TALK', 3)
  t.same([one?.id, two?.id], ['m2', 'm3'])
  await one?.ack()
  const crashed = await open(true, 1)
  const left = await taken(crashed.bus, 'TALK', 2)
  t.same(
    left.map(({ sequence, id, body }) => [sequence, id, (body as { id: string }).id]),
    [
      [2, 'm3', 'm3'],
      [3, 'm5', 'm5'],
    ],
  )
  await crashed.journal.append([saying(6)])
  await Promise.all(left.map((delivery) => delivery.ack()))
  await crashed.bus.close()
  await crashed.journal.close()
  const again = await open()
  t.equal(again.bus.carried?.('talk.a', at), true, 'also from a snapshot')
  const [last] = await taken(again.bus, 'TALK', 1)
  t.match(last, { sequence: 4, id: 'm6', body: { id: 'm6' } })
  t.equal((await again.bus.streamInfo('TALK'))?.messages, 4)
})

t.test('an id that its writer gives once takes no place in the memory of ids', async (t) => {
  const disk = new MemoryDisk()
  const journal = memoryJournal({ clock: simulatedClock(), disk })
  const bus = await embeddedBus({ journal, clock: simulatedClock(), carried })
  await bus.ensureStream(talk)
  await bus.ensureConsumer({ stream: 'TALK', name: 'c' })
  const once = { ...saying(1), body: { subject: 'talk.a', id: 'once-1' } }
  await journal.append([once, saying(2)])
  const both = await taken(bus, 'TALK', 2)
  t.same(
    both.map(({ id }) => id),
    ['once-1', 'm2'],
  )
  await bus.close()
  const { body } = (await journal.snapshot('bus')) as unknown as {
    readonly body: { readonly streams: readonly { readonly ids: readonly unknown[] }[] }
  }
  t.match(body.streams[0]?.ids, [['m2', 2]])
  t.equal(body.streams[0]?.ids.length, 1)
})

t.test('what an earlier bus had to publish is not delivered a second time', async (t) => {
  const clock = simulatedClock()
  const disk = new MemoryDisk()
  const journal = memoryJournal({ clock, disk })
  const before = await embeddedBus({ journal, clock })
  await before.ensureStream(talk)
  await before.ensureConsumer({ stream: 'TALK', name: 'c' })
  const at = await journal.append([saying(1)])
  await before.publish('talk.a', { id: 'm1', body: null })
  await before.close()
  await clock.advance(3_600_000)
  const after = await embeddedBus({ journal, clock, carried })
  t.equal(after.carried?.('talk.a', at), false)
  await journal.append([saying(2)])
  const both = await taken(after, 'TALK', 2)
  t.same(
    both.map(({ id }) => id),
    ['m1', 'm2'],
  )
})

t.test('acks of one turn are one record', async (t) => {
  const clock = simulatedClock()
  const journal = memoryJournal({ clock })
  const bus = await embeddedBus({ journal, clock })
  await bus.ensureStream(work)
  await bus.ensureConsumer({ stream: 'WORK', name: 'c' })
  for (let n = 0; n < 20; n++) await bus.publish('work.a', { id: `${n}`, body: n })
  const all = await taken(bus, 'WORK', 20)
  const { position } = await journal.head()
  await Promise.all(all.map((delivery) => delivery.ack()))
  t.equal((await journal.head()).position, position + 1)
  t.equal((await bus.streamInfo('WORK'))?.messages, 0)
})

t.test('what every consumer is done with leaves memory, and who is new gets it', async (t) => {
  const harness = await inMemory(t)
  let { bus } = harness
  const stream = 'LOG'
  const many = 3_000
  await bus.ensureStream({ name: stream, subjects: ['log'], retention: 'limits' })
  await bus.ensureConsumer({ stream, name: 'c' })
  const publish = (from: number, to: number) =>
    Promise.all(
      Array.from({ length: to - from }, (_, at) =>
        bus.publish('log', { id: `${from + at}`, body: from + at }),
      ),
    )
  const done = async (count: number, stay: readonly number[] = []): Promise<void> => {
    for (const delivery of await taken(bus, stream, count, count)) {
      if (!stay.includes(delivery.body as number)) await delivery.ack()
    }
  }
  /** Messages that a snapshot names. */
  const held = async (): Promise<number> => {
    bus = await harness.reopen()
    const body = (await harness.journal().snapshot('bus'))?.body as unknown as {
      streams: { messages: unknown[] }[]
    }
    return body.streams[0]?.messages.length as number
  }
  await publish(0, many)
  await done(many, [2_900])
  t.equal(await held(), many, 'it leaves in portions, when something comes')
  await publish(many, many + 1_100)
  const now = many + 1_100
  t.equal(await held(), now - 2_900, 'all that is done with is gone, but nothing else')
  t.equal((await bus.streamInfo(stream))?.messages, now, 'the stream has it all the same')

  await bus.ensureConsumer({ stream, name: 'new' })
  const signal = new AbortController().signal
  const first = bus.pull(stream, 'new', { credits: 3, signal })[Symbol.asyncIterator]()
  await first.next()
  await ((await first.next()).value as Delivery).ack()
  bus = await harness.crash()
  const bodies: unknown[] = []
  for await (const delivery of bus.pull(stream, 'new', { credits: 1, signal })) {
    bodies.push(delivery.body)
    await delivery.ack()
    if (bodies.length === now - 1) break
  }
  t.same(
    bodies,
    Array.from({ length: now }, (_, n) => n).filter((n) => n !== 1),
    'each once, in order, but for what it had acknowledged before the crash',
  )
  await done(now - many + 1)
  t.equal(
    (await bus.streamInfo(stream))?.consumers[0]?.pending,
    0,
    'the other goes on where it was',
  )
})
