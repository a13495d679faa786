/**
 * The promises B1 to B5 as a test that every bus runs: the embedded one, NATS JetStream, a
 * stranger's. One long file on purpose: the list of what a bus must do, read from top to bottom.
 *
 * @module
 */
import type { JsonValue } from '../json.ts'
import { codeOf } from '../kit.ts'
import type { KitTest } from '../kit.ts'
import type { Millis } from '../units.ts'
import type { Bus, Delivery, StreamConfig } from './bus.ts'

export interface BusHarness {
  readonly bus: Bus
  /** Closes the bus and opens it again on what it kept. */
  reopen(): Promise<Bus>
  /** Lets time pass: drives a clock, or waits where a server has its own. */
  advance(ms: Millis): Promise<void>
}

export interface BusKitOptions {
  /** An ackWait that this bus can keep and a test can afford. Default 500 ms. */
  readonly ackWaitMs?: Millis | undefined
  /**
   * Resolves when a delivery that must not come would have come. Default: some turns of the event
   * loop, enough for a bus in this process.
   */
  readonly quiet?: (() => Promise<void>) | undefined
}

/** Runs every promise of the bus port. `makeBus` gives an empty bus each time. */
export async function busKit(
  t: KitTest,
  makeBus: (t: KitTest) => Promise<BusHarness> | BusHarness,
  options: BusKitOptions = {},
): Promise<void> {
  const ackWaitMs = options.ackWaitMs ?? 500
  const quiet = async (): Promise<string> => {
    await (options.quiet ?? turnsOfLoop)()
    return 'quiet'
  }
  const queue: StreamConfig = { name: 'WORK', subjects: ['work.>'], retention: 'workqueue' }
  const log: StreamConfig = { name: 'LOG', subjects: ['log.>'], retention: 'limits' }
  const place = async (t: KitTest, ...streams: StreamConfig[]): Promise<BusHarness> => {
    const harness = await makeBus(t)
    for (const stream of streams) await harness.bus.ensureStream(stream)
    return harness
  }

  await t.test('B1 a published message comes back whole', async (t) => {
    const { bus } = await place(t, queue)
    await bus.ensureConsumer({ stream: 'WORK', name: 'w' })
    const body = { text: 'ünï "quoted"\n', list: [1, null, true, { deep: 0.5 }] }
    const published = await bus.publish('work.a.b', { id: 'm1', body, headers: { Kind: 'first' } })
    t.same(published, { stream: 'WORK', sequence: 1, duplicate: false })
    const pull = puller(t, bus, 'WORK', 'w')
    const got = await pull.next()
    t.same(
      {
        subject: got.subject,
        stream: got.stream,
        sequence: got.sequence,
        id: got.id,
        attempt: got.attempt,
        body: got.body,
        kind: got.headers['Kind'],
      },
      {
        subject: 'work.a.b',
        stream: 'WORK',
        sequence: 1,
        id: 'm1',
        attempt: 1,
        body,
        kind: 'first',
      },
    )
    await got.ack()
  })

  await t.test('B1 one id is stored once, also when it is published twice at a time', async (t) => {
    const { bus } = await place(t, queue)
    await bus.ensureConsumer({ stream: 'WORK', name: 'w' })
    const both = await Promise.all([
      bus.publish('work.a', { id: 'same', body: 1 }),
      bus.publish('work.a', { id: 'same', body: 1 }),
    ])
    t.same(both.map((published) => published.duplicate).sort(), [false, true])
    t.same(
      both.map((published) => published.sequence),
      [1, 1],
    )
    t.equal((await bus.publish('work.a', { id: 'same', body: 1 })).duplicate, true)
    t.equal((await bus.publish('work.a', { id: 'other', body: 2 })).duplicate, false)
    t.equal((await bus.streamInfo('WORK'))?.messages, 2)
  })

  await t.test('B1 a subject that no stream takes is refused', async (t) => {
    const { bus } = await place(t, queue)
    t.equal(await codeOf(bus.publish('nobody.home', { id: 'm', body: 1 })), 'PROV_BUS_NO_STREAM')
    t.equal(await codeOf(bus.publish('work.*', { id: 'm', body: 1 })), 'PROV_BUS_NAME_INVALID')
    t.equal(await codeOf(bus.publish('work..a', { id: 'm', body: 1 })), 'PROV_BUS_NAME_INVALID')
  })

  await t.test('a message that is too large is refused and harms nothing', async (t) => {
    const { bus } = await place(t, queue)
    const large = { id: '1', body: 'x'.repeat(2_097_152) }
    t.equal(await codeOf(bus.publish('work.a', large)), 'PROV_BUS_TOO_LARGE')
    t.equal((await bus.publish('work.a', { id: '1', body: 'small' })).duplicate, false)
  })

  await t.test('a full stream refuses and takes again once there is room', async (t) => {
    const { bus } = await place(t, { ...queue, maxMessages: 2 })
    await bus.ensureConsumer({ stream: 'WORK', name: 'w' })
    await bus.publish('work.a', { id: '1', body: 1 })
    await bus.publish('work.a', { id: '2', body: 2 })
    t.equal(await codeOf(bus.publish('work.a', { id: '3', body: 3 })), 'PROV_BUS_FULL')
    await (await puller(t, bus, 'WORK', 'w').next()).ack()
    t.equal((await bus.publish('work.a', { id: '3', body: 3 })).duplicate, false)
  })

  await t.test('what can change safely is changed when asked for, the rest is named', async (t) => {
    const { bus } = await place(t, queue)
    t.equal(await bus.ensureStream(queue, { change: true }), 'same')
    const wider = { ...queue, subjects: ['work.>', 'more.>'] }
    t.equal(await codeOf(bus.ensureStream(wider)), 'PROV_BUS_DIFFERS', 'not by the way')
    t.equal(await bus.ensureStream(wider, { change: true }), 'changed')
    t.equal((await bus.publish('more.a', { id: 'more', body: 1 })).stream, 'WORK')
    t.equal(
      await codeOf(bus.ensureStream(queue, { change: true })),
      'PROV_BUS_DIFFERS',
      'subjects are not taken away from what lies there',
    )
    const consumer = { stream: 'WORK', name: 'w', filter: 'work.a' }
    t.equal(await bus.ensureConsumer(consumer), 'created')
    const slower = { ...consumer, ackWaitMs: 60_000 }
    t.equal(await bus.ensureConsumer(slower, { change: true }), 'changed')
    t.equal(await bus.ensureConsumer(slower), 'same')
    t.equal(
      await codeOf(bus.ensureConsumer({ ...slower, filter: 'work.b' }, { change: true })),
      'PROV_BUS_DIFFERS',
    )
  })

  await t.test('a consumer may listen to several subjects', async (t) => {
    const { bus } = await place(t, log)
    const filter = ['log.a.>', 'log.b']
    await bus.ensureConsumer({ stream: 'LOG', name: 'two', filter })
    t.equal(await bus.ensureConsumer({ stream: 'LOG', name: 'two', filter }), 'same')
    for (const [n, subject] of ['log.c', 'log.a.x', 'log.b.x', 'log.b'].entries()) {
      await bus.publish(subject, { id: `${n}`, body: n })
    }
    const pull = puller(t, bus, 'LOG', 'two')
    const got = [await pull.next(), await pull.next()]
    t.same(
      got.map(({ subject }) => subject),
      ['log.a.x', 'log.b'],
    )
    for (const delivery of got) await delivery.ack()
    t.equal(
      await codeOf(bus.ensureConsumer({ stream: 'LOG', name: 'x', filter: ['log.*', 'log.b'] })),
      'PROV_BUS_OVERLAP',
      'subjects of one consumer do not overlap',
    )
  })

  await t.test('a consumer with one in flight keeps the order over all pulls', async (t) => {
    const { bus } = await place(t, log)
    await bus.ensureConsumer({ stream: 'LOG', name: 'one', maxInFlight: 1 })
    for (const n of [1, 2, 3]) await bus.publish('log.a', { id: `${n}`, body: n })
    const pulls = [puller(t, bus, 'LOG', 'one'), puller(t, bus, 'LOG', 'one')]
    const coming = pulls.map(({ next }) => next())
    const order: unknown[] = []
    for (let step = 0; step < 3; step++) {
      const at = await Promise.race(coming.map((one, at) => one.then(() => at)))
      const delivery = await (coming[at] as Promise<Delivery>)
      coming[at] = (pulls[at] as { next(): Promise<Delivery> }).next()
      coming[at].catch(() => {})
      const other = coming[1 - at] as Promise<Delivery>
      t.equal(
        await Promise.race([
          other.then(
            () => 'came',
            () => 'ended',
          ),
          quiet(),
        ]),
        'quiet',
      )
      order.push(delivery.body)
      await delivery.ack()
    }
    t.same(order, [1, 2, 3])
  })

  await t.test('streams and consumers are configured once', async (t) => {
    const { bus } = await place(t, queue)
    await bus.ensureStream(queue)
    t.equal(
      await codeOf(bus.ensureStream({ ...queue, retention: 'limits' })),
      'PROV_BUS_DIFFERS',
      'the same name with other settings',
    )
    t.equal(
      await codeOf(bus.ensureStream({ name: 'B', subjects: ['work.*.x'], retention: 'limits' })),
      'PROV_BUS_OVERLAP',
      'subjects of another stream',
    )
    await bus.ensureConsumer({ stream: 'WORK', name: 'a', filter: 'work.a.*' })
    await bus.ensureConsumer({ stream: 'WORK', name: 'a', filter: 'work.a.*' })
    await bus.ensureConsumer({ stream: 'WORK', name: 'b', filter: 'work.b.*' })
    for (const filter of ['work.a.*', 'work.*.x', 'work.>', undefined]) {
      t.equal(
        await codeOf(bus.ensureConsumer({ stream: 'WORK', name: 'c', filter })),
        'PROV_BUS_OVERLAP',
        `a second consumer for ${filter ?? 'everything'}`,
      )
    }
    t.equal(
      await codeOf(bus.ensureConsumer({ stream: 'WORK', name: 'a', filter: 'work.c.*' })),
      'PROV_BUS_DIFFERS',
    )
    t.equal(await codeOf(bus.ensureConsumer({ stream: 'NONE', name: 'a' })), 'PROV_BUS_NO_STREAM')
    t.equal(await bus.streamInfo('NONE'), undefined)
    t.equal(
      await codeOf(bus.ensureStream({ name: 'no.dots', subjects: ['x'], retention: 'limits' })),
      'PROV_BUS_NAME_INVALID',
    )
  })

  await t.test('B2 a nak brings a message back, at once or later', async (t) => {
    const { bus, advance } = await place(t, queue)
    await bus.ensureConsumer({ stream: 'WORK', name: 'w' })
    await bus.publish('work.a', { id: '1', body: 1 })
    const pull = puller(t, bus, 'WORK', 'w')
    const first = await pull.next()
    await first.nak()
    await first.ack()
    const second = await pull.next()
    t.same([second.id, second.attempt], ['1', 2], 'the late ack of a returned message did nothing')
    await second.nak({ delayMs: ackWaitMs })
    const third = pull.next()
    t.equal(await Promise.race([third.then(() => 'came'), quiet()]), 'quiet')
    t.same(
      (await bus.streamInfo('WORK'))?.consumers,
      [{ name: 'w', pending: 0, inFlight: 1 }],
      'until then it counts as in flight',
    )
    await advance(ackWaitMs)
    t.same([(await third).id, (await third).attempt], ['1', 3])
    await (await third).ack()
  })

  await t.test('B2 a message nobody answers for is delivered again', async (t) => {
    const { bus, advance } = await place(t, queue)
    await bus.ensureConsumer({ stream: 'WORK', name: 'w', ackWaitMs })
    await bus.publish('work.a', { id: '1', body: 1 })
    const pull = puller(t, bus, 'WORK', 'w')
    const first = await pull.next()
    await advance(ackWaitMs * 0.6)
    await first.working()
    await advance(ackWaitMs * 0.6)
    t.equal((await bus.streamInfo('WORK'))?.consumers[0]?.inFlight, 1, 'working asks for time')
    await advance(ackWaitMs * 1.2)
    const second = await pull.next()
    t.same([second.id, second.attempt], ['1', 2])
    await first.ack()
    await second.ack()
    t.equal((await bus.streamInfo('WORK'))?.messages, 0, 'the ack of either ends it')
  })

  await t.test(
    'B2 what was not acked comes back after a restart, what was acked does not',
    async (t) => {
      const harness = await place(t, queue)
      await harness.bus.ensureConsumer({ stream: 'WORK', name: 'w', ackWaitMs })
      for (const id of ['1', '2', '3']) await harness.bus.publish('work.a', { id, body: id })
      const pull = puller(t, harness.bus, 'WORK', 'w')
      await (await pull.next()).ack()
      await pull.next()
      const bus = await harness.reopen()
      await bus.ensureStream(queue)
      await bus.ensureConsumer({ stream: 'WORK', name: 'w', ackWaitMs })
      await harness.advance(ackWaitMs * 1.5)
      t.equal((await bus.streamInfo('WORK'))?.messages, 2)
      const again = puller(t, bus, 'WORK', 'w')
      const rest = [await again.next(), await again.next()]
      t.same(rest.map((delivery) => delivery.id).sort(), ['2', '3'])
      t.same(rest.map((delivery) => delivery.body).sort(), ['2', '3'])
      for (const delivery of rest) await delivery.ack()
      t.equal((await bus.publish('work.a', { id: '4', body: 4 })).sequence, 4, 'sequences go on')
    },
  )

  await t.test('B2 term ends a message for good', async (t) => {
    const { bus, advance } = await place(t, queue)
    await bus.ensureConsumer({ stream: 'WORK', name: 'w', ackWaitMs })
    await bus.publish('work.a', { id: '1', body: 1 })
    const pull = puller(t, bus, 'WORK', 'w')
    await (await pull.next()).term('not understood')
    await advance(ackWaitMs * 1.5)
    t.equal(await Promise.race([pull.next().then(() => 'came'), quiet()]), 'quiet')
    t.equal((await bus.streamInfo('WORK'))?.messages, 0)
  })

  await t.test('B4 a work queue splits by filter and forgets what is acked', async (t) => {
    const { bus } = await place(t, queue)
    await bus.publish('work.a', { id: 'early', body: 0 })
    await bus.ensureConsumer({ stream: 'WORK', name: 'a', filter: 'work.a' })
    await bus.ensureConsumer({ stream: 'WORK', name: 'b', filter: 'work.b' })
    await bus.publish('work.b', { id: 'b1', body: 1 })
    await bus.publish('work.a', { id: 'a1', body: 1 })
    const a = puller(t, bus, 'WORK', 'a')
    const b = puller(t, bus, 'WORK', 'b')
    t.equal((await b.next()).id, 'b1')
    const taken = [await a.next(), await a.next()]
    t.same(
      taken.map((delivery) => delivery.id),
      ['early', 'a1'],
      'also what came before the consumer, in order',
    )
    for (const delivery of taken) await delivery.ack()
    t.equal((await bus.streamInfo('WORK'))?.messages, 1)
  })

  await t.test(
    'B4 a limits stream gives every consumer everything, also across a restart',
    async (t) => {
      const harness = await place(t, log)
      let { bus } = harness
      for (let n = 1; n <= 5; n++) await bus.publish(`log.${n % 2}`, { id: `${n}`, body: n })
      for (const name of ['one', 'two']) await bus.ensureConsumer({ stream: 'LOG', name })
      await bus.ensureConsumer({ stream: 'LOG', name: 'odd', filter: 'log.1' })
      const one = puller(t, bus, 'LOG', 'one')
      for (let n = 1; n <= 3; n++) {
        const delivery = await one.next()
        t.equal(delivery.body, n)
        if (n !== 2) await delivery.ack()
      }
      t.equal((await bus.streamInfo('LOG'))?.messages, 5, 'an ack removes nothing')
      await one.stop()
      bus = await harness.reopen()
      const resumed = puller(t, bus, 'LOG', 'one')
      const rest: JsonValue[] = []
      for (let n = 0; n < 3; n++) {
        const delivery = await resumed.next()
        rest.push(delivery.body)
        await delivery.ack()
      }
      t.same(rest.sort(), [2, 4, 5])
      const two = puller(t, bus, 'LOG', 'two')
      for (let n = 1; n <= 5; n++) {
        const delivery = await two.next()
        t.equal(delivery.body, n)
        await delivery.ack()
      }
      const odd = puller(t, bus, 'LOG', 'odd')
      for (const n of [1, 3, 5]) {
        const delivery = await odd.next()
        t.equal(delivery.body, n)
        await delivery.ack()
      }
    },
  )

  await t.test('B5 never more in flight than credits', async (t) => {
    const { bus } = await place(t, queue)
    await bus.ensureConsumer({ stream: 'WORK', name: 'w' })
    for (let n = 1; n <= 6; n++) await bus.publish('work.a', { id: `${n}`, body: n })
    const pull = puller(t, bus, 'WORK', 'w', 2)
    const held = [await pull.next(), await pull.next()]
    const third = pull.next()
    t.equal(await Promise.race([third.then(() => 'came'), quiet()]), 'quiet')
    t.equal((await bus.streamInfo('WORK'))?.consumers[0]?.inFlight, 2)
    await held[0]?.ack()
    t.equal((await third).body, 3, 'an ack frees one credit')
    await held[1]?.ack()
    await (await third).ack()
    for (let n = 4; n <= 6; n++) await (await pull.next()).ack()
    t.equal((await bus.streamInfo('WORK'))?.messages, 0)
  })

  await t.test('B5 many messages pass through few credits, each once', async (t) => {
    const { bus } = await place(t, queue)
    await bus.ensureConsumer({ stream: 'WORK', name: 'w' })
    const count = 300
    const pull = puller(t, bus, 'WORK', 'w', 7)
    const publishing = Promise.all(
      Array.from({ length: count }, (_, n) => bus.publish('work.a', { id: `${n}`, body: n })),
    )
    const seen: JsonValue[] = []
    let open = 0
    let most = 0
    const acks: Promise<void>[] = []
    while (seen.length < count) {
      const delivery = await pull.next()
      most = Math.max(most, ++open)
      seen.push(delivery.body)
      acks.push(delivery.ack().finally(() => open--))
    }
    await Promise.all([publishing, ...acks])
    t.same(
      seen.map(Number).sort((a, b) => a - b),
      Array.from({ length: count }, (_, n) => n),
    )
    t.ok(most <= 7, `${most} at most`)
    t.equal((await bus.streamInfo('WORK'))?.messages, 0)
  })

  await t.test('B5 an aborted pull ends and gives back what it held', async (t) => {
    const { bus } = await place(t, queue)
    await bus.ensureConsumer({ stream: 'WORK', name: 'w' })
    for (let n = 1; n <= 3; n++) await bus.publish('work.a', { id: `${n}`, body: n })
    const first = puller(t, bus, 'WORK', 'w', 3)
    await (await first.next()).ack()
    await first.next()
    await first.stop()
    const second = puller(t, bus, 'WORK', 'w', 3)
    const rest = [await second.next(), await second.next()]
    t.same(rest.map((delivery) => delivery.body).sort(), [2, 3])
    for (const delivery of rest) await delivery.ack()
  })

  await t.test('a consumer waits for messages to come', async (t) => {
    const { bus } = await place(t, queue)
    await bus.ensureConsumer({ stream: 'WORK', name: 'w' })
    const pull = puller(t, bus, 'WORK', 'w')
    const coming = pull.next()
    await quiet()
    await bus.publish('work.a', { id: '1', body: 'here' })
    t.equal((await coming).body, 'here')
    await (await coming).ack()
  })

  await t.test('an unknown consumer cannot be pulled from', async (t) => {
    const { bus } = await place(t, queue)
    const { signal } = new AbortController()
    const pull = bus.pull('WORK', 'nobody', { signal })[Symbol.asyncIterator]()
    t.equal(await codeOf(pull.next()), 'PROV_BUS_NO_CONSUMER')
  })

  await t.test('of many who create one key, one wins', async (t) => {
    const harness = await place(t)
    const store = await harness.bus.keyValue('claims')
    t.equal(await store.get('a key: odd/é'), undefined)
    const rivals = Array.from({ length: 10 }, (_, n) => store.create('a key: odd/é', { holder: n }))
    const won = (await Promise.all(rivals)).filter((revision) => revision !== undefined)
    t.equal(won.length, 1)
    const held = await store.get('a key: odd/é')
    t.equal(held?.revision, won[0])
    const renewed = await store.update('a key: odd/é', { holder: 'me' }, held?.revision as number)
    t.ok((renewed ?? 0) > (held?.revision as number), 'revisions grow')
    t.equal(
      await store.update('a key: odd/é', { holder: 'late' }, held?.revision as number),
      undefined,
      'a stale revision changes nothing',
    )
    await store.create('other', 1)
    const again = await (await harness.reopen()).keyValue('claims')
    t.same(await again.get('a key: odd/é'), { value: { holder: 'me' }, revision: renewed })
    await again.delete('a key: odd/é')
    t.equal(await again.get('a key: odd/é'), undefined)
    t.ok(
      ((await again.create('a key: odd/é', 1)) ?? 0) > (renewed as number),
      'also after a delete',
    )
  })

  await t.test('a closed bus takes nothing', async (t) => {
    const { bus } = await place(t, queue)
    await bus.ensureConsumer({ stream: 'WORK', name: 'w' })
    const { signal } = new AbortController()
    const pull = bus.pull('WORK', 'w', { signal })[Symbol.asyncIterator]()
    const ended = pull.next()
    await quiet()
    await bus.close()
    t.equal((await ended).done, true, 'open pulls end')
    t.equal(await codeOf(bus.publish('work.a', { id: '1', body: 1 })), 'PROV_BUS_CLOSED')
    await bus.close()
  })
}

/** One pull with its own end; ends with its test at the latest. */
function puller(t: KitTest, bus: Bus, stream: string, consumer: string, credits?: number) {
  const end = new AbortController()
  const iterator = bus
    .pull(stream, consumer, { credits, signal: end.signal })
    [Symbol.asyncIterator]()
  t.teardown(() => end.abort())
  return {
    async next(): Promise<Delivery> {
      const result = await iterator.next()
      if (result.done) throw new Error('the pull ended')
      return result.value
    },
    async stop(): Promise<void> {
      end.abort()
      await iterator.return?.()
    },
  }
}

async function turnsOfLoop(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
}
