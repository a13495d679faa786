/**
 * graphile-worker on PostgreSQL as it comes. It tells of a job's success just before that is stored,
 * so a round is over when its table is empty.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Arm } from '../harness.ts'
import { loadPeer } from '../peers.ts'
import { atOnce, together, Waiting } from './lanes.ts'
import { findProgram, postgres } from './servers.ts'
import type { Store } from './servers.ts'

interface Job {
  readonly text: string
  readonly id: string
}
interface Pool {
  query(text: string): Promise<{ readonly rows: readonly { readonly left: string }[] }>
  end(): Promise<void>
  on(event: 'error' | 'connect', listener: (client?: Pick<Pool, 'on'>) => void): unknown
}
interface Runner {
  stop(): Promise<void>
  addJob(task: string, payload: Job): Promise<unknown>
}
interface Graphile {
  run(options: object): Promise<Runner>
  readonly Logger: new (factory: () => () => void) => object
}

export function graphileArm(body: string): Arm | string {
  const program = findProgram('postgres')
  if (program === undefined) return 'graphile-worker: needs PostgreSQL (apt-get install postgresql)'
  const waiting = new Waiting()
  let store: Store
  let pool: Pool
  let runner: Runner
  let counted = 0
  const empty = async (): Promise<void> => {
    const count = 'select count(*) as left from graphile_worker._private_jobs'
    while (Number((await pool.query(count)).rows[0]?.left) > 0) await sleep(1)
  }
  return {
    name: 'graphile-worker, PostgreSQL, 128 at once',
    atLeast: 4 * atOnce,
    async before() {
      store = await postgres(program)
      const { run, Logger } = (await loadPeer('graphile-worker')) as Graphile
      const { default: pg } = (await loadPeer('pg')) as {
        default: { Pool: new (options: object) => Pool }
      }
      pool = new pg.Pool({ host: store.dir, user: 'prov', database: 'postgres', max: 20 })
      // It asks for both: an idle connection may end with its server.
      pool.on('error', () => {})
      pool.on('connect', (client) => client?.on('error', () => {}))
      runner = await run({
        pgPool: pool,
        concurrency: atOnce,
        noHandleSignals: true,
        logger: new Logger(() => () => {}),
        // What its own performance test turns on.
        preset: { worker: { localQueue: { size: 500 }, completeJobBatchDelay: 0 } },
        taskList: { job: async ({ id }: Job) => waiting.done(id) },
      })
    },
    async run(times) {
      await together(times, async () => {
        const id = `j${++counted}`
        const ended = waiting.for(id)
        await runner.addJob('job', { id, text: body })
        await ended
      })
      await empty()
    },
    async after() {
      await runner.stop()
      await pool.end()
      await store.stop()
    },
  }
}
