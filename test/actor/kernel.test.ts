import t from 'tap'
import { createMachine } from 'xstate'
import type { Address } from '../../core/actor/address.ts'
import { defineActor } from '../../core/actor/define.ts'
import type { InspectRecord } from '../../core/actor/inspect.ts'
import type { ActorRef, ActorSnapshot, WatchEvent } from '../../core/actor/system.ts'
import { codeOf } from '../../core/kit.ts'
import { counter, House, settle } from './counter.ts'
import type { Charge, CounterContext, CounterEvent } from './counter.ts'

type CounterRef = ActorRef<CounterContext, CounterEvent>

t.test('a row says how the type behaves, and why it is not compiled', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const strange = Object.assign(() => true, { check: () => true })
  const machine = createMachine({ on: { go: { guard: strange } } })
  const [plain, odd] = [counter(), defineActor({ type: 'test.strange', version: 1, machine })]
  system.register(plain)
  system.register(odd)
  await system.spawn(plain, 'a', { count: 5 })
  await system.spawn(odd, 'b')
  t.match(system.list(), [
    { address: 'test.counter/a', mode: 'compiled', why: undefined },
    { address: 'test.strange/b', mode: 'interpreted', why: /guard in .* nobody knows/ },
  ])
})

t.test('an event is applied, durable, and seen by whoever follows', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const def = counter()
  system.register(def)
  const ref: CounterRef = await system.spawn(def, 'a', { count: 5 })
  const seen: number[] = []
  const stop = ref.changes((snapshot) => seen.push(snapshot.context.count))
  const applied = await ref.apply({ type: 'add', by: 2 })
  t.equal(applied.context.count, 7)
  t.equal(applied.sequence, 2)
  t.same(ref.send({ type: 'add' }), { accepted: true })
  t.equal(ref.snapshot().context.count, 7, 'send queues, it runs nothing')
  await settle()
  t.equal(ref.snapshot().context.count, 8)
  t.same(seen, [7, 8])
  stop()
  await ref.apply({ type: 'sleep' })
  t.same(seen, [7, 8])
  t.ok(ref.snapshot().tags.has('resting'))
  t.equal(await system.spawn(def, 'a', { count: 99 }).then((again) => again.snapshot().sequence), 4)
  const twice = await Promise.all([system.spawn(def, 'b'), system.spawn(def, 'b')])
  t.same(
    twice.map((one) => one.snapshot().sequence),
    [1, 1],
    'two at once make one actor',
  )
})

t.test('nothing outside happens, and nobody is answered, before the step is on disk', async (t) => {
  const house = new House()
  const charges: Charge[] = []
  const system = await house.start()
  t.teardown(() => system.close())
  const def = counter(charges)
  system.register(def)
  const ref = await system.spawn(def, 'a')
  let release = (): void => {}
  house.disk.beforeSync = () => new Promise((resolve) => (release = resolve))
  let answered = false
  const applied = ref.apply({ type: 'pay', amount: 3 }).then(() => (answered = true))
  await settle()
  t.equal(ref.snapshot().context.count, 0, 'the state is the committed one')
  t.same([charges, answered], [[], false])
  house.disk.beforeSync = undefined
  release()
  await applied
  await settle()
  t.same(charges, [{ id: 'test.counter/a:2:0', amount: 3 }])
  t.same(ref.snapshot().context.log, ['effect.done.charge'], 'its result came back as an event')
  t.same(
    (await house.records('audit')).map((record) => record.body),
    [{ self: 'test.counter/a', sequence: 2, what: 'paid' }],
    'what must be written with the step was',
  )
})

t.test('while one actor waits for the disk, others go on', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const kept = counter()
  const loose = counter([], { type: 'test.loose', durability: 'volatile' })
  system.register(kept)
  system.register(loose)
  const slow = await system.spawn(kept, 'slow')
  const quick = await system.spawn(loose, 'quick')
  let release = (): void => {}
  house.disk.beforeSync = () => new Promise((resolve) => (release = resolve))
  const waiting = slow.apply({ type: 'add' })
  await settle()
  t.equal((await quick.apply({ type: 'add' })).context.count, 1)
  t.equal(slow.snapshot().context.count, 0)
  house.disk.beforeSync = undefined
  release()
  t.equal((await waiting).context.count, 1)
})

t.test('a throw in an assign leaves the state untouched, and nothing has run', async (t) => {
  const house = new House()
  const charges: Charge[] = []
  const system = await house.start()
  t.teardown(() => system.close())
  const def = counter(charges, { supervision: { onFailure: 'resume' } })
  system.register(def)
  const ref = await system.spawn(def, 'a')
  const before = (await house.records()).length
  t.equal(await codeOf(ref.apply({ type: 'break' })), 'PROV_ACTOR_STEP_FAILED')
  t.equal(await codeOf(ref.apply({ type: 'scribble' })), 'PROV_ACTOR_STEP_FAILED')
  await settle()
  t.equal(ref.snapshot().context.count, 0, 'not even an assign that writes in place leaves a trace')
  t.equal(ref.snapshot().sequence, 1)
  t.same(charges, [])
  t.equal((await house.records()).length, before)
  const results = await Promise.allSettled([
    ref.apply({ type: 'add' }),
    ref.apply({ type: 'break' }),
    ref.apply({ type: 'add' }),
  ])
  t.same(
    results.map((result) => result.status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  t.equal(ref.snapshot().context.count, 2, 'its neighbours in the mailbox are not harmed')
})

t.test('what a plugin writes beside its steps goes to its own partitions only', async (t) => {
  for (const [owner, code] of [
    ['audit', 'none'],
    ['other', 'PROV_ACTOR_STEP_FAILED'],
    [undefined, 'none'],
  ] as const) {
    const house = new House()
    const system = await house.start()
    const def = counter([], { supervision: { onFailure: 'resume' } })
    system.register(def, { ...(owner && { owner }) })
    const ref = await system.spawn(def, 'a')
    t.equal(await codeOf(ref.apply({ type: 'pay', amount: 1 })), code, String(owner))
    t.equal((await house.records('audit')).length, code === 'none' ? 1 : 0)
    await system.close()
  }
})

t.test('an effect that throws, or is missing, comes back as a failed event', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const def = counter([], {
    effects: {
      charge: () => {
        throw new Error('no money')
      },
    },
  })
  system.register(def)
  const ref = await system.spawn(def, 'a')
  await ref.apply({ type: 'pay', amount: 1 })
  await settle()
  t.same(ref.snapshot().context.log, ['effect.failed.charge'])
  const last = (await house.records()).at(-1)?.body as { cause: string; event: { error: unknown } }
  t.equal(last.cause, 'test.counter/a:2:0')
  t.match(last.event.error, {
    code: 'PROV_ACTOR_EFFECT_FAILED',
    message: 'no money',
    detail: { address: 'test.counter/a', effect: 'charge', what: 'no money' },
  })
})

t.test('a full mailbox refuses, says so, and keeps a dead letter', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const def = counter([], { mailbox: { capacity: 3 } })
  system.register(def)
  const ref = await system.spawn(def, 'a')
  const sent = Array.from({ length: 5 }, () => ref.send({ type: 'add' }))
  t.same(
    sent.map((one) => one.accepted),
    [true, true, true, false, false],
  )
  t.same(sent[4], { accepted: false, reason: 'full' })
  const full = codeOf(ref.apply({ type: 'add' }))
  house.clock.jump(40)
  t.match(system.list(), [{ address: 'test.counter/a', depth: 3, oldestMs: 40, status: 'active' }])
  t.equal(await full, 'PROV_ACTOR_MAILBOX_FULL')
  await settle()
  t.equal(ref.snapshot().context.count, 3, 'what was accepted was done')
  t.equal((await ref.apply({ type: 'add' })).context.count, 4)
  t.match(system.deadLetters(), {
    count: 2,
    rows: [{ address: 'test.counter/a', event: 'add', reason: 'full' }, { reason: 'full' }],
  })
})

t.test('a chain of 100,000 forwards loses nothing and needs no stack', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const def = counter([], { durability: 'volatile' })
  system.register(def)
  const a = await system.spawn(def, 'a')
  const hops = 100_000
  a.send({ type: 'forward', to: a.address, hops })
  while (a.snapshot().context.count < hops + 1) await settle(1)
  t.equal(a.snapshot().context.count, hops + 1)
})

t.test('messages are taken in the order they were sent, across many commits', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const def = counter()
  system.register(def)
  const ref = await system.spawn(def, 'a')
  const results = await Promise.all(Array.from({ length: 500 }, () => ref.apply({ type: 'add' })))
  t.same(
    results.map((result) => result.context.count),
    Array.from({ length: 500 }, (_, at) => at + 1),
    'each caller sees the state of its own step',
  )
  const batches = house.disk.batches.length
  t.ok(batches < 30, `500 steps shared ${batches} syncs`)
})

t.test('a question is answered, or its deadline says so', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const def = counter()
  system.register(def)
  const ref = await system.spawn(def, 'a', { count: 42 })
  const answer = await system.ask(
    ref.address,
    (replyTo) => ({ type: 'question', replyTo }) as never,
  )
  t.same(answer, { type: 'answer', count: 42 })
  const silent = codeOf(
    system.ask(ref.address, () => ({ type: 'nobody.knows' }), { timeoutMs: 50 }),
  )
  await house.clock.advance(50)
  t.equal(await silent, 'PROV_ACTOR_TIMEOUT')
  t.equal(
    await codeOf(system.ask('test.counter/none', () => ({ type: 'add' }))),
    'PROV_ACTOR_UNKNOWN',
  )
  t.equal(house.clock.nextDue(), undefined, 'no deadline is left behind')
})

t.test('a timer fires when it is due, a cancelled one never', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const def = counter()
  system.register(def)
  const ref = await system.spawn(def, 'a')
  await ref.apply({ type: 'sleep' })
  await house.clock.advance(999)
  t.equal(ref.snapshot().value, 'asleep')
  await house.clock.advance(1)
  t.equal(ref.snapshot().value, 'awake')
  t.match(ref.snapshot().context.log, [/^xstate\.after/])
  await ref.apply({ type: 'sleep' })
  await ref.apply({ type: 'wake' })
  await house.clock.advance(400)
  await ref.apply({ type: 'sleep' })
  await house.clock.advance(999)
  t.equal(ref.snapshot().value, 'asleep', 'the first timer is not taken for the second')
  await house.clock.advance(1)
  t.equal(ref.snapshot().context.log.length, 2)
})

t.test(
  'messages that no actor took are listed with their reason, also after a restart',
  async (t) => {
    const house = new House()
    const system = await house.start()
    const def = counter()
    system.register(def)
    const ref = await system.spawn(def, 'a')
    t.same(system.send('test.counter/none' as Address, { type: 'add' }), {
      accepted: false,
      reason: 'unknown',
    })
    t.same(ref.send({ type: 'xstate.stop' } as never), { accepted: false, reason: 'invalid' })
    ref.send({ type: 'forward', to: 'nowhere', hops: 1 })
    await settle()
    await system.stop(ref.address)
    t.same(ref.send({ type: 'add' }), { accepted: false, reason: 'stopped' })
    t.equal(await codeOf(ref.apply({ type: 'add' })), 'PROV_ACTOR_STOPPED')
    await settle()
    house.crash()
    const again = await house.start()
    t.teardown(() => again.close())
    t.same(
      again.deadLetters().rows.map(({ address, event, reason }) => [address, event, reason]),
      [
        ['test.counter/a', 'add', 'stopped'],
        ['nowhere', 'forward', 'unknown'],
        ['test.counter/a', 'xstate.stop', 'invalid'],
        ['test.counter/none', 'add', 'unknown'],
      ],
    )
  },
)

t.test('observers and inspectors that throw harm no send', async (t) => {
  const house = new House()
  let inspected = 0
  const system = await house.start({
    inspect: () => {
      inspected++
      throw new Error('a broken inspector')
    },
  })
  t.teardown(() => system.close())
  const def = counter()
  system.register(def)
  const ref = await system.spawn(def, 'a')
  let heard = 0
  ref.changes(() => {
    heard++
    throw new Error('a broken observer')
  })
  system.watch(ref.address, () => {
    throw new Error('a broken watcher')
  })
  for (let n = 0; n < 10; n++) await ref.apply({ type: 'add' })
  await ref.apply({ type: 'finish' })
  t.equal(ref.snapshot().context.count, 10)
  t.same([heard, inspected], [3, 3], 'and are let go after three throws')
})

t.test('an inspector sees events, transitions, effects and actors come and go', async (t) => {
  const house = new House()
  const records: InspectRecord[] = []
  const system = await house.start({ inspect: (record) => records.push(record) })
  t.teardown(() => system.close())
  const def = counter()
  system.register(def)
  const ref = await system.spawn(def, 'a')
  await ref.apply({ type: 'pay', amount: 1 })
  await settle()
  await ref.apply({ type: 'sleep' })
  await system.stop(ref.address)
  t.same(
    records.map((record) => record.kind),
    [
      'program',
      'actor.up',
      'event',
      'effect',
      'transition',
      'effect',
      'event',
      'transition',
      'event',
      'transition',
      'actor.down',
    ],
  )
  t.match(records.at(-2), { from: 'awake', to: 'asleep', event: 'sleep', sequence: 4 })
})

t.test('a caller that gives up takes its message back while it still waits', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const def = counter()
  system.register(def)
  const ref = await system.spawn(def, 'a')
  const stop = new AbortController()
  const given = codeOf(ref.apply({ type: 'add' }, { signal: stop.signal }))
  stop.abort()
  t.equal(await given, 'PROV_ACTOR_ABORTED')
  await settle()
  t.equal(ref.snapshot().context.count, 0)
})

t.test('a machine that is done takes nothing more and stays to be looked at', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const def = counter()
  system.register(def)
  const ref = await system.spawn(def, 'a')
  const heard: WatchEvent[] = []
  system.watch(ref.address, (event) => heard.push(event))
  ref.send({ type: 'finish' })
  ref.send({ type: 'add' })
  const late = codeOf(ref.apply({ type: 'add' }))
  t.equal(await late, 'PROV_ACTOR_STOPPED')
  t.match(ref.snapshot() as ActorSnapshot, { value: 'finished', status: 'done' })
  t.equal(heard[0]?.kind, 'done')
  t.same(ref.send({ type: 'add' }), { accepted: false, reason: 'stopped' })
})

t.test('close lets what was accepted commit and takes nothing new', async (t) => {
  const house = new House()
  const system = await house.start()
  const aborted: string[] = []
  const def = counter([], {
    effects: {
      charge: (params: { amount: number }, { signal, id }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            aborted.push(id)
            if (params.amount > 0) reject(new Error('aborted'))
          })
        }),
    },
  })
  system.register(def)
  const ref = await system.spawn(def, 'a')
  await ref.apply({ type: 'pay', amount: 1 })
  await ref.apply({ type: 'pay', amount: 1 })
  await settle()
  ref.send({ type: 'add' })
  const applied = ref.apply({ type: 'add' })
  const closing = system.close()
  t.same(ref.send({ type: 'add' }), { accepted: false, reason: 'stopped' })
  t.equal((await applied).context.count, 4)
  await closing
  t.same(aborted, ['test.counter/a:3:0', 'test.counter/a:2:0'], 'newest first')
  t.equal(house.clock.nextDue(), undefined, 'nothing is left running')
  house.crash()
  const charges: Charge[] = []
  const again = await house.start()
  t.teardown(() => again.close())
  again.register(counter(charges))
  t.match(again.ref(ref.address)?.snapshot(), { context: { count: 4 } })
  await settle()
  t.same(
    charges.map((charge) => charge.id),
    ['test.counter/a:2:0', 'test.counter/a:3:0'],
    'an aborted effect is not taken for done: it runs again under its id',
  )
})

t.test('close does not wait beyond its deadline', async (t) => {
  const house = new House()
  const system = await house.start()
  const def = counter([], { effects: { charge: () => new Promise<void>(() => {}) } })
  system.register(def)
  const ref = await system.spawn(def, 'a')
  await ref.apply({ type: 'pay', amount: 1 })
  const closing = system.close({ deadlineMs: 200 })
  await house.clock.advance(200)
  await closing
  t.equal(await codeOf(ref.apply({ type: 'add' })), 'PROV_ACTOR_STOPPED')
})

t.test('when the journal breaks, whoever waits is told and nothing is believed', async (t) => {
  const house = new House()
  const charges: Charge[] = []
  const system = await house.start()
  const def = counter(charges)
  system.register(def)
  const ref = await system.spawn(def, 'a')
  house.disk.beforeSync = () => {
    throw new Error('the disk is gone')
  }
  t.equal(await codeOf(ref.apply({ type: 'pay', amount: 1 })), 'PROV_JOURNAL_POISONED')
  t.equal(await codeOf(ref.apply({ type: 'add' })), 'PROV_JOURNAL_POISONED')
  t.equal(ref.snapshot().context.count, 0)
  t.same(charges, [])
  await system.close()
})

t.test('an event that the journal cannot hold fails alone', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const def = counter([], { supervision: { onFailure: 'resume' } })
  system.register(def)
  const ref = await system.spawn(def, 'a')
  const results = await Promise.allSettled([
    ref.apply({ type: 'add' }),
    ref.apply({ type: 'name', by: 'x'.repeat(1_100_000) }),
    ref.apply({ type: 'add' }),
  ])
  t.same(
    results.map((result) => result.status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  t.equal(ref.snapshot().context.count, 2)
  t.equal(ref.snapshot().context.by, undefined)
})

t.test(
  'an actor stays where it came to when its listener makes another one step at once',
  async (t) => {
    const house = new House()
    const system = await house.start({
      inspect: {
        // Idle and of the same type: it may step before `ask` returns.
        transition: (_record, actor) => {
          const question = (replyTo: string) => ({ type: 'question', replyTo })
          if (actor?.address === 'test.counter/a')
            asked.push(system.ask('test.counter/b', question))
        },
      },
    })
    const asked: Promise<unknown>[] = []
    t.teardown(() => system.close())
    const def = counter([], { durability: 'volatile' })
    system.register(def)
    const a = await system.spawn(def, 'a', { count: 1 })
    const b = await system.spawn(def, 'b', { count: 70 })
    for (let n = 0; n < 3; n++) {
      await a.apply({ type: 'add' })
      await b.apply({ type: 'add' })
    }
    await Promise.all(asked)
    t.equal(asked.length, 3)
    t.equal(a.snapshot().context.count, 4)
    t.equal(b.snapshot().context.count, 73)
  },
)

t.test('a stop ends also who is just starting, and whoever starts after it stands', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const def = counter([])
  system.register(def)
  const starting = system.spawn(def, 'a')
  const stopping = system.stop('test.counter/a')
  const ref = await starting
  await stopping
  t.equal(ref.snapshot().status, 'stopped')
  t.equal(system.ref(ref.address), undefined)
  const kinds = (await house.records()).map(({ type }) => type)
  t.same(kinds.slice(-2), ['actor.started', 'actor.stopped'])
  t.equal((await system.spawn(def, 'a')).snapshot().status, 'active')
})

t.test('what is retired takes nobody along who is just starting at its address', async (t) => {
  const house = new House()
  const system = await house.start()
  const def = counter([])
  system.register(def)
  const { address } = await system.spawn(def, 'a')
  await system.stop(address)
  const starting = system.spawn(def, 'a')
  t.same(await system.retire([address]), [address], 'it stays')
  const ref = await starting
  await ref.apply({ type: 'add' })
  house.crash()
  const next = await house.start()
  t.teardown(() => Promise.all([system.close(), next.close()]))
  next.register(def)
  t.match(next.ref(address)?.snapshot(), { status: 'active', context: { count: 1 } })
})
