/**
 * Measures: a message of 600 bytes published to a work queue, pulled and acknowledged with the server's
 * answer, 32 at once: the bus port over JetStream against the client alone, on the same server with the
 * same settings, in the same rounds. Not: journals, signatures, the server's own disk.
 */
import type { ConsumerMessages, JetStreamClient, JsMsg, NatsConnection } from 'nats'
import { AckPolicy, connect, headers, RetentionPolicy, StorageType } from 'nats'
import type { Bus, Delivery } from '../core/bus/bus.ts'
import { natsBus } from '../core/bus/nats.ts'
import { findNatsServer, howToInstall, natsServer } from '../test/support/nats-server.ts'
import type { NatsServer } from '../test/support/nats-server.ts'
import { bench } from './harness.ts'
import type { Arm } from './harness.ts'

const path = findNatsServer()
if (path === undefined) process.stderr.write(`nats: no arms; ${howToInstall}\n`)

const body = { filler: 'x'.repeat(580) }
const atOnce = 32
let server: NatsServer
const undo: (() => unknown)[] = []
let counted = 0

/** Publishes so many, some at a time; resolves when the reader has acknowledged them all. */
async function through(
  times: number,
  publish: (id: string) => Promise<unknown>,
  acked: { count: number; heard: () => void },
): Promise<void> {
  const goal = acked.count + times
  let left = times
  const one = async (): Promise<void> => {
    while (left-- > 0) await publish(`m${++counted}`)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, times) }, one))
  while (acked.count < goal) await new Promise<void>((resolve) => (acked.heard = resolve))
}

const raw = { count: 0, heard: () => {} }
let connection: NatsConnection
let js: JetStreamClient
let reader: ConsumerMessages
const ours = { count: 0, heard: () => {} }
let bus: Bus
const end = new AbortController()

const arms: readonly Arm[] = [
  {
    name: 'floor: the client alone',
    async before() {
      server = await natsServer(path ?? '', { teardown: (step) => undo.push(step) })
      connection = await connect({ servers: server.url })
      js = connection.jetstream()
      const jsm = await connection.jetstreamManager()
      const stream = { name: 'RAW', subjects: ['raw.>'] }
      const how = { retention: RetentionPolicy.Workqueue, storage: StorageType.File }
      await jsm.streams.add({ ...stream, ...how })
      const consumer = {
        durable_name: 'reader',
        ack_policy: AckPolicy.Explicit,
        max_ack_pending: -1,
      }
      await jsm.consumers.add('RAW', consumer)
      reader = await (await js.consumers.get('RAW', 'reader')).consume({ max_messages: atOnce })
      const take = async (message: JsMsg): Promise<void> => {
        message.json()
        await message.ackAck()
        raw.count++
        raw.heard()
      }
      void (async () => {
        for await (const message of reader) void take(message)
      })()
    },
    run: (times) =>
      through(
        times,
        (id) => js.publish('raw.a', JSON.stringify(body), { msgID: id, headers: headers() }),
        raw,
      ),
    async after() {
      await reader.close()
      await connection.close()
    },
  },
  {
    name: 'the bus port over JetStream',
    async before() {
      bus = await natsBus({ servers: server.url })
      await bus.ensureStream({ name: 'OURS', subjects: ['ours.>'], retention: 'workqueue' })
      await bus.ensureConsumer({ stream: 'OURS', name: 'reader' })
      const take = async (delivery: Delivery): Promise<void> => {
        await delivery.ack()
        ours.count++
        ours.heard()
      }
      void (async () => {
        const options = { credits: atOnce, signal: end.signal }
        for await (const delivery of bus.pull('OURS', 'reader', options)) void take(delivery)
      })()
    },
    run: (times) => through(times, (id) => bus.publish('ours.a', { id, body }), ours),
    async after() {
      end.abort()
      await bus.close()
      for (const step of undo.reverse()) await step()
    },
  },
]

export default bench('nats', path === undefined ? [] : arms, { sampleMs: 400 })
