/** Taps, the recorder and crash reports, in a running system. */
import t from 'tap'
import type { Address } from '../../core/actor/address.ts'
import { messageIn } from '../../core/actor/inspect.ts'
import type { Carried, InspectRecord } from '../../core/actor/inspect.ts'
import type { WatchEvent } from '../../core/actor/system.ts'
import { counter, House, settle } from './counter.ts'

const kindsOf = (records: readonly InspectRecord[]) => records.map(({ kind }) => kind)

t.test('a tap sees everything of one actor, and nothing of others', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const def = counter()
  system.register(def)
  const [a, b] = [await system.spawn(def, 'a'), await system.spawn(def, 'b')]
  const heard: InspectRecord[] = []
  const events: unknown[] = []
  const stop = system.tap(a.address, (record, actor, about) => {
    heard.push(record)
    if (record.kind === 'event') events.push(messageIn(about as Carried).event)
    t.equal(actor?.address, a.address)
  })
  await a.apply({ type: 'pay', amount: 5 })
  await b.apply({ type: 'pay', amount: 7 })
  await settle()
  t.same(kindsOf(heard), [
    'event',
    'mailbox',
    'effect',
    'transition',
    'effect',
    'event',
    'mailbox',
    'transition',
  ])
  t.match(heard[1], { depth: 1, full: false })
  t.match(events, [{ type: 'pay', amount: 5 }, { type: 'effect.done.charge' }])
  stop()
  await a.apply({ type: 'add' })
  t.equal(heard.length, 8, 'and nothing once it is taken away')
})

t.test('a tap may be set before its actor exists, and sees it come, crash and go', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const def = counter([], { supervision: { onFailure: 'resume' } })
  system.register(def)
  const heard: InspectRecord[] = []
  system.tap('test.counter/late', (record) => heard.push(record))
  const ref = await system.spawn(def, 'late')
  await t.rejects(ref.apply({ type: 'break' }))
  await system.stop(ref.address)
  t.same(kindsOf(heard), ['actor.up', 'event', 'mailbox', 'crash', 'actor.down'])
})

t.test('a tap of a volatile actor sees its steps as well', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const def = counter([], { type: 'test.light', durability: 'volatile' })
  system.register(def)
  const ref = await system.spawn(def, 'a')
  const heard: InspectRecord[] = []
  system.tap(ref.address, (record) => heard.push(record))
  ref.send({ type: 'sleep' })
  await settle()
  t.same(kindsOf(heard), ['event', 'mailbox', 'transition'])
  t.match(heard.at(-1), { from: 'awake', to: 'asleep', sequence: 2 })
})

t.test('a tap that throws harms no step and is let go', async (t) => {
  const house = new House()
  const failures: InspectRecord[] = []
  const system = await house.start({
    inspect: { 'observer.failed': (record) => failures.push(record) },
  })
  t.teardown(() => system.close())
  const def = counter()
  system.register(def)
  const ref = await system.spawn(def, 'a')
  let heard = 0
  system.tap(ref.address, () => {
    heard++
    throw new Error('a broken tap')
  })
  for (let n = 0; n < 5; n++) await ref.apply({ type: 'add' })
  t.equal(ref.snapshot().context.count, 5)
  t.equal(heard, 3)
  t.equal(failures.length, 3)
})

t.test('the recorder has the last steps of everybody, whoever watched', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const def = counter()
  const light = counter([], { type: 'test.light', durability: 'volatile' })
  system.register(def)
  system.register(light)
  const [a, b] = [await system.spawn(def, 'a'), await system.spawn(light, 'b')]
  await a.apply({ type: 'add' })
  await b.apply({ type: 'sleep' })
  await house.clock.advance(1_000)
  await a.apply({ type: 'add' })
  t.match(system.recorder.read(), [
    { address: a.address, event: 'add', state: 'awake', sequence: 2 },
    { address: b.address, event: 'sleep', state: 'asleep', sequence: 2 },
    { address: b.address, event: /^xstate\.after/, state: 'awake', sequence: 3 },
    { address: a.address, event: 'add', sequence: 3 },
  ])
  const [first, , third] = system.recorder.read()
  t.equal((third?.timeMs ?? 0) - (first?.timeMs ?? 0), 1_000)
  t.match(system.recorder.read({ address: a.address, last: 1 }), [{ sequence: 3 }])
})

t.test('an inspector hears what a start read back', async (t) => {
  const house = new House()
  const def = counter()
  const first = await house.start()
  first.register(def)
  await (await first.spawn(def, 'a')).apply({ type: 'add' })
  house.crash()
  const heard: InspectRecord[] = []
  const second = await house.start({ inspect: { replayed: (record) => heard.push(record) } })
  t.teardown(() => second.close())
  t.match(heard, [{ kind: 'replayed', actors: 1, tookMs: 0 }])
  t.ok((heard[0] as { records: number }).records >= 2)
})

t.test('a crash report carries the last steps of its actor, and the one that failed', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const def = counter([], { supervision: { onFailure: 'resume' } })
  const parks = counter([], { type: 'test.parks', supervision: { onFailure: 'park' } })
  system.register(def)
  system.register(parks)
  const other = await system.spawn(def, 'other')
  const ref = await system.spawn(parks, 'a')
  const seen: WatchEvent[] = []
  system.watch('test.parks/a' as Address, (event) => seen.push(event))
  await ref.apply({ type: 'add' })
  await other.apply({ type: 'add' })
  await t.rejects(ref.apply({ type: 'break' }))
  t.same(
    seen[0]?.crash?.recent.map(({ event, sequence, failed }) => [event, sequence, failed]),
    [
      ['add', 2, undefined],
      ['break', 2, true],
    ],
  )
})
