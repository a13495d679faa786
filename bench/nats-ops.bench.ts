/**
 * Measures: a signed operation whose planes meet on a server, 128 at once, beside the same one whose planes
 * meet in the journal, and beside its messages alone: published, taken and acknowledged by the client.
 * What the server mode itself costs is what the last arm has more than the two others together. Not: the
 * ledger; a server that syncs each message.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AckPolicy, connect, RetentionPolicy, StorageType } from 'nats'
import type { ConsumerMessages, JetStreamClient, NatsConnection } from 'nats'
import type { Runtime } from 'prov'
import { natsBus } from '../core/bus/nats.ts'
import { findNatsServer, howToInstall, natsServer } from '../test/support/nats-server.ts'
import type { NatsServer } from '../test/support/nats-server.ts'
import { bench } from './harness.ts'
import type { Arm } from './harness.ts'
import { together, Waiting } from './ops/lanes.ts'
import { openSigned, runSigned } from './ops/signed.ts'

const path = findNatsServer()
if (path === undefined) process.stderr.write(`nats-ops: no arms; ${howToInstall}\n`)

/** Intent, command, and what three planes say; the latter is heard by two followers. */
const said = 5
const [queued, followers] = [2, ['one', 'two']]
const body = 'x'.repeat(200)
const filler = 'x'.repeat(1_400)
const undo: (() => unknown)[] = []
const folders = ['journal', 'server'].map(() => mkdtempSync(join(tmpdir(), 'prov-bench-')))
const [inJournal = '', onServer = ''] = folders
let server: NatsServer
let connection: NatsConnection
let js: JetStreamClient
const readers: ConsumerMessages[] = []
const waiting = new Waiting()
let counted = 0
let embedded: Runtime
let served: Runtime

/** The messages of one operation; resolves when all of them were acknowledged by all who take them. */
async function messages(): Promise<void> {
  const acks: Promise<unknown>[] = []
  const one = async (subject: string, takers: readonly string[]): Promise<void> => {
    const id = `m${++counted}`
    acks.push(...takers.map((taker) => waiting.for(`${taker} ${id}`)))
    await js.publish(subject, JSON.stringify({ id, filler }), { msgID: id })
  }
  for (let n = 0; n < queued; n++) await one('queue.a', ['queue'])
  await Promise.all(Array.from({ length: said }, () => one('said.a', followers)))
  await Promise.all(acks)
}

const arms: readonly Arm[] = [
  {
    name: 'floor: its messages, by the client alone',
    async before() {
      server = await natsServer(path ?? '', { teardown: (step) => undo.push(step) })
      connection = await connect({ servers: server.url })
      js = connection.jetstream()
      const jsm = await connection.jetstreamManager()
      const storage = StorageType.File
      const queue = { name: 'QUEUE', subjects: ['queue.>'], retention: RetentionPolicy.Workqueue }
      await jsm.streams.add({ ...queue, storage })
      await jsm.streams.add({ name: 'SAID', subjects: ['said.>'], storage })
      const acks = { ack_policy: AckPolicy.Explicit, max_ack_pending: -1 }
      for (const name of ['queue', ...followers]) {
        const stream = name === 'queue' ? 'QUEUE' : 'SAID'
        await jsm.consumers.add(stream, { durable_name: name, ...acks })
        const reader = await (await js.consumers.get(stream, name)).consume({ max_messages: 256 })
        readers.push(reader)
        void (async () => {
          for await (const message of reader) {
            const { id } = message.json<{ readonly id: string }>()
            void message.ackAck().then(() => waiting.done(`${name} ${id}`))
          }
        })()
      }
    },
    run: (times) => together(times, messages),
  },
  {
    name: 'the operation, its planes in the journal',
    before: async () => void (embedded = await openSigned(inJournal)),
    run: (times) => together(times, () => runSigned(embedded, body)),
    after: () => embedded.close(),
  },
  {
    name: 'the operation, its planes on the server',
    async before() {
      served = await openSigned(onServer, () => natsBus({ servers: server.url }))
    },
    run: (times) => together(times, () => runSigned(served, body)),
    async after() {
      await served.close()
      for (const reader of readers) await reader.close()
      await connection.close()
      for (const step of undo.reverse()) await step()
      for (const folder of folders) rmSync(folder, { recursive: true, force: true })
    },
  },
]

export default bench('nats-ops', path === undefined ? [] : arms, { sampleMs: 500 })
