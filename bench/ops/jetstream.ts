/** JetStream with nothing on top: published, taken, acknowledged with the server's own answer. */
import { AckPolicy, connect, RetentionPolicy, StorageType } from 'nats'
import type { ConsumerMessages, JetStreamClient, NatsConnection } from 'nats'
import { findNatsServer, howToInstall, natsServer } from '../../test/support/nats-server.ts'
import type { NatsServer } from '../../test/support/nats-server.ts'
import type { Arm } from '../harness.ts'
import { atOnce, together, Waiting } from './lanes.ts'

export function jetstreamArm(body: string, sync: 'always' | 'default'): Arm | string {
  const path = findNatsServer()
  if (path === undefined) return `JetStream: ${howToInstall}`
  const waiting = new Waiting()
  const undo: (() => unknown)[] = []
  let connection: NatsConnection
  let js: JetStreamClient
  let reader: ConsumerMessages
  let counted = 0
  const synced = sync === 'always' ? 'every write on disk' : 'syncs every two minutes'
  return {
    name: `raw JetStream, ${synced}, 128 at once`,
    atLeast: 4 * atOnce,
    async before() {
      const config = sync === 'always' ? 'jetstream { sync_interval: always }' : ''
      const end = { teardown: (step: () => unknown) => undo.push(step) }
      const server: NatsServer = await natsServer(path, end, config)
      connection = await connect({ servers: server.url })
      js = connection.jetstream()
      const jsm = await connection.jetstreamManager()
      const how = { retention: RetentionPolicy.Workqueue, storage: StorageType.File }
      await jsm.streams.add({ name: 'RAW', subjects: ['raw.>'], ...how })
      const acks = { ack_policy: AckPolicy.Explicit, max_ack_pending: -1 }
      await jsm.consumers.add('RAW', { durable_name: 'reader', ...acks })
      reader = await (await js.consumers.get('RAW', 'reader')).consume({ max_messages: atOnce })
      void (async () => {
        for await (const message of reader) {
          const { id } = message.json<{ readonly id: string }>()
          void message.ackAck().then(() => waiting.done(id))
        }
      })()
    },
    run: (times) =>
      together(times, async () => {
        const id = `m${++counted}`
        const ended = waiting.for(id)
        await js.publish('raw.a', JSON.stringify({ id, text: body }), { msgID: id })
        await ended
      }),
    async after() {
      await reader.close()
      await connection.close()
      for (const step of undo.reverse()) await step()
    },
  }
}
