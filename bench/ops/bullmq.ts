/** BullMQ on a Redis that writes every command to disk before it answers. */
import { join } from 'node:path'
import type { Arm } from '../harness.ts'
import { loadPeer } from '../peers.ts'
import { atOnce, together, Waiting } from './lanes.ts'
import { findProgram, redis } from './servers.ts'
import type { Store } from './servers.ts'

interface Queue {
  add(name: string, data: object, options: object): Promise<unknown>
  close(): Promise<void>
}
interface Worker {
  on(event: 'completed' | 'failed', listener: (job: { id: string }, why: unknown) => void): this
  waitUntilReady(): Promise<unknown>
  close(): Promise<void>
}
interface BullMq {
  readonly Queue: new (name: string, options: object) => Queue
  readonly Worker: new (
    name: string,
    work: (job: { data: { text: string } }) => Promise<number>,
    options: object,
  ) => Worker
}

export function bullmqArm(body: string): Arm | string {
  const program = findProgram('redis-server')
  if (program === undefined) return 'bullmq: needs redis-server (apt-get install redis-server)'
  const waiting = new Waiting()
  let store: Store
  let queue: Queue
  let worker: Worker
  let counted = 0
  return {
    name: 'BullMQ, Redis with every write on disk, 128 at once',
    atLeast: 4 * atOnce,
    async before() {
      store = await redis(program)
      const { Queue, Worker } = (await loadPeer('bullmq')) as BullMq
      const connection = { path: join(store.dir, 'redis.sock'), maxRetriesPerRequest: null }
      queue = new Queue('bench', { connection })
      const how = { connection, concurrency: atOnce }
      worker = new Worker('bench', async ({ data }) => data.text.length, how)
      // Told when the end of the job is stored.
      worker.on('completed', ({ id }) => waiting.done(id))
      worker.on('failed', ({ id }, why) => waiting.failed(id, why))
      await worker.waitUntilReady()
    },
    run: (times) =>
      together(times, async () => {
        const jobId = `j-${++counted}`
        const ended = waiting.for(jobId)
        await queue.add('job', { text: body }, { jobId, removeOnComplete: true })
        await ended
      }),
    async after() {
      await worker.close()
      await queue.close()
      await store.stop()
    },
  }
}
