import t from 'tap'
import { connect, nkeys } from 'nats'
import type { Delivery } from '../../core/bus/bus.ts'
import { busKit } from '../../core/bus/kit.ts'
import { natsBus } from '../../core/bus/nats.ts'
import { codeOf } from '../../core/kit.ts'
import { findNatsServer, howToInstall, natsServer } from '../support/nats-server.ts'

const path = findNatsServer()
const skip = path === undefined && howToInstall
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Removes all streams: an empty server is faster had that way than by a new one. */
async function wipe(url: string): Promise<void> {
  const connection = await connect({ servers: url })
  const jsm = await connection.jetstreamManager()
  for await (const name of jsm.streams.names()) await jsm.streams.delete(name)
  await connection.close()
}

t.test('the bus over a real JetStream server', { skip }, async (t) => {
  const server = await natsServer(path ?? '', t)
  await busKit(
    t,
    async (t) => {
      await wipe(server.url)
      const harness = {
        bus: await natsBus({ servers: server.url }),
        advance: wait,
        async reopen() {
          await harness.bus.close()
          harness.bus = await natsBus({ servers: server.url })
          return harness.bus
        },
      }
      t.teardown(() => harness.bus.close())
      return harness
    },
    // A server has its own clock: here time really passes, and a busy machine is late by some of it.
    { ackWaitMs: 1_500, quiet: () => wait(30) },
  )
})

t.test('consumers go on by themselves when a server was killed', { skip }, async (t) => {
  const server = await natsServer(path ?? '', t)
  const bus = await natsBus({ servers: server.url, timeoutMs: 3_000 })
  t.teardown(() => bus.close())
  await bus.ensureStream({ name: 'WORK', subjects: ['work.>'], retention: 'workqueue' })
  await bus.ensureConsumer({ stream: 'WORK', name: 'w' })
  const end = new AbortController()
  t.teardown(() => end.abort())
  const got: string[] = []
  let heard = (): void => {}
  const consuming = (async () => {
    for await (const delivery of bus.pull('WORK', 'w', { credits: 4, signal: end.signal })) {
      got.push(delivery.id)
      // Unknown when the server dies right now; then the message comes again.
      await delivery.ack().catch(() => {})
      heard()
    }
  })()
  const until = async (id: string): Promise<void> => {
    while (!got.includes(id)) await new Promise<void>((resolve) => (heard = resolve))
  }
  const publishUntilTaken = async (id: string): Promise<void> => {
    // A failed publish says unknown; the same id again is the way on.
    while ((await codeOf(bus.publish('work.a', { id, body: id }))) !== 'none') await wait(100)
  }
  await publishUntilTaken('before')
  await until('before')

  await server.stop()
  t.equal(
    await codeOf(bus.publish('work.a', { id: 'during', body: 1 })),
    'PROV_BUS_UNAVAILABLE',
    'without a server the outcome is unknown',
  )
  await server.start()
  await publishUntilTaken('during')
  await until('during')

  await server.stop()
  await server.start({ empty: true })
  await publishUntilTaken('after')
  await until('after')
  t.pass('also when the server lost everything: stream and consumer are made again')
  end.abort()
  await consuming
})

t.test(
  'a consumer that its server lost just before the pull is made again',
  { skip },
  async (t) => {
    const server = await natsServer(path ?? '', t)
    const bus = await natsBus({ servers: server.url, timeoutMs: 3_000 })
    t.teardown(() => bus.close())
    const end = new AbortController()
    t.teardown(() => end.abort())
    await bus.ensureStream({ name: 'WORK', subjects: ['work.>'], retention: 'workqueue' })
    await bus.ensureConsumer({ stream: 'WORK', name: 'w' })
    await wipe(server.url)
    const pull = bus.pull('WORK', 'w', { signal: end.signal })[Symbol.asyncIterator]()
    const first = pull.next()
    while ((await codeOf(bus.publish('work.a', { id: 'one', body: 1 }))) !== 'none') await wait(50)
    t.equal((await first).value?.id, 'one')
    const strange = bus.pull('WORK', 'nobody', { signal: end.signal })[Symbol.asyncIterator]()
    t.equal(await codeOf(strange.next()), 'PROV_BUS_NO_CONSUMER', 'one that nobody made is refused')
  },
)

t.test('what is no JSON is a body of nothing, and the next one comes', { skip }, async (t) => {
  const server = await natsServer(path ?? '', t)
  const bus = await natsBus({ servers: server.url })
  t.teardown(() => bus.close())
  await bus.ensureStream({ name: 'WORK', subjects: ['work.>'], retention: 'workqueue' })
  await bus.ensureConsumer({ stream: 'WORK', name: 'w' })
  const raw = await connect({ servers: server.url })
  t.teardown(() => raw.close())
  const deep = '['.repeat(100_000) + ']'.repeat(100_000)
  for (const text of ['{"a":', '', '\u0000', deep, `{"a":${deep}}`]) {
    await raw.jetstream().publish('work.a', text)
  }
  await bus.publish('work.a', { id: 'good', body: { text: '[{"\\"[[[[' } })
  const end = new AbortController()
  const bodies: unknown[] = []
  for await (const delivery of bus.pull('WORK', 'w', { credits: 2, signal: end.signal })) {
    bodies.push(delivery.body)
    await delivery.ack()
    if (bodies.length === 6) end.abort()
  }
  t.same(bodies, [null, null, null, null, null, { text: '[{"\\"[[[[' }])
})

t.test('a role works with the least permissions, no more', { skip }, async (t) => {
  const owner = nkeys.createUser()
  const keeper = nkeys.createUser()
  const config = `
    jetstream: {}
    authorization: { users: [
      { nkey: ${owner.getPublicKey()} }
      { nkey: ${keeper.getPublicKey()}, permissions: {
        publish: ["cmd.>",
          "$JS.API.STREAM.INFO.PENDING",
          "$JS.API.CONSUMER.INFO.PENDING.keeper", "$JS.API.CONSUMER.MSG.NEXT.PENDING.keeper",
          "$JS.ACK.PENDING.keeper.>"],
        subscribe: ["_INBOX_keeper.>"] } } ] }`
  const server = await natsServer(path ?? '', t, config)
  const open = async (user: typeof owner, inboxPrefix: string) => {
    const nkeySeed = user.getSeed()
    const bus = await natsBus({ servers: server.url, nkeySeed, inboxPrefix, timeoutMs: 3_000 })
    t.teardown(() => bus.close())
    return bus
  }
  const pending = { name: 'PENDING', subjects: ['pending.>'], retention: 'workqueue' } as const
  const all = await open(owner, '_INBOX_owner')
  await all.ensureStream(pending)
  await all.ensureStream({ name: 'CMD', subjects: ['cmd.>'], retention: 'workqueue' })
  await all.ensureConsumer({ stream: 'PENDING', name: 'keeper' })
  await all.publish('pending.a', { id: '1', body: 1 })

  const bus = await open(keeper, '_INBOX_keeper')
  await bus.ensureStream(pending)
  await bus.ensureConsumer({ stream: 'PENDING', name: 'keeper' })
  const { signal } = new AbortController()
  const pull = bus.pull('PENDING', 'keeper', { signal })[Symbol.asyncIterator]()
  const { value: delivery } = (await pull.next()) as { value: Delivery }
  t.equal(delivery.id, '1')
  t.equal((await bus.publish('cmd.a', { id: '2', body: 1 })).sequence, 1)
  await delivery.ack()
  t.equal((await all.streamInfo('PENDING'))?.messages, 0)
  t.equal(await codeOf(bus.publish('pending.a', { id: '3', body: 1 })), 'PROV_BUS_DENIED')
  t.equal(await codeOf(bus.streamInfo('CMD')), 'PROV_BUS_DENIED')
  t.equal(
    await codeOf(natsBus({ servers: server.url, timeoutMs: 1_000 })),
    'PROV_BUS_DENIED',
    'nobody enters without a key',
  )
})

t.test('two journals whose ids look alike do not swallow each other', { skip }, async (t) => {
  // Seen: a workspace made anew numbered its messages as the one before it had, and within two minutes
  // the server took its commands for repetitions.
  const server = await natsServer(path ?? '', t)
  const open = async (idScope?: string) => {
    const bus = await natsBus({ servers: server.url, idScope })
    t.teardown(() => bus.close())
    await bus.ensureStream({ name: 'WORK', subjects: ['work.>'], retention: 'workqueue' })
    return bus
  }
  const [one, other] = [await open(), await open()]
  await one.ensureConsumer({ stream: 'WORK', name: 'w' })
  const message = { id: 'command:1:1', body: 1 }
  t.equal((await one.publish('work.a', message)).duplicate, false)
  t.equal((await one.publish('work.a', message)).duplicate, true)
  t.equal((await other.publish('work.a', message)).duplicate, false)
  const pull = one.pull('WORK', 'w', { signal: new AbortController().signal })
  const got = (await pull[Symbol.asyncIterator]().next()).value as Delivery
  t.same([got.id, got.headers], ['command:1:1', {}], 'who receives sees the id alone')
  const named = [await open('same'), await open('same')]
  const both = named.map((bus) => bus.publish('work.b', { id: 'm', body: 1 }))
  t.same((await Promise.all(both)).map(({ duplicate }) => duplicate).sort(), [false, true])
})

t.test('where no server listens the bus says so', async (t) => {
  const refused = natsBus({ servers: '127.0.0.1:1', timeoutMs: 1_000 })
  await t.rejects(refused, { code: 'PROV_BUS_UNREACHABLE', exitCode: 7 }, 'and not in doubt')
})
