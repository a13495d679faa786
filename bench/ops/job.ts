/**
 * A durable job of ours that nobody signs: an actor of its own whose effect does the work. Its start
 * and its end are in the journal before anybody hears of them.
 *
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setup } from 'xstate'
import { defineActor } from '../../core/actor/define.ts'
import { startActors } from '../../core/actor/start.ts'
import type { ActorSystem } from '../../core/actor/system.ts'
import { openJournal } from '../../core/journal/file.ts'
import type { Journal } from '../../core/journal/journal.ts'
import type { Arm } from '../harness.ts'
import { atOnce, together, Waiting } from './lanes.ts'

interface Job {
  readonly id: string
  readonly text: string
}

const machine = setup({
  types: { context: {} as Job, input: {} as Job, events: {} as { type: 'effect.done.work' } },
  actions: { work: (_, _params: Job) => {} },
}).createMachine({
  context: ({ input }) => input,
  initial: 'running',
  states: {
    running: {
      entry: { type: 'work', params: ({ context }) => context },
      on: { 'effect.done.work': 'done' },
    },
    done: { type: 'final' },
  },
})

export function jobArm(body: string): Arm {
  const dir = mkdtempSync(join(tmpdir(), 'prov-bench-'))
  let journal: Journal
  let system: ActorSystem
  let counted = 0
  let worked = 0
  const def = defineActor({
    type: 'bench.job',
    version: 1,
    machine,
    effects: { work: () => void worked++ },
  })
  const waiting = new Waiting()
  return {
    name: 'ours: a durable job, unsigned, 128 at once',
    atLeast: 4 * atOnce,
    async before() {
      journal = await openJournal({ dir })
      system = await startActors({ journal })
      system.register(def)
    },
    async run(times) {
      const goal = worked + times
      const addresses: string[] = []
      await together(times, async () => {
        const id = `j${++counted}`
        const address = `bench.job/${id}` as const
        addresses.push(address)
        const ended = waiting.for(address)
        const leave = system.watch(address, ({ kind }) => {
          if (kind === 'done') waiting.done(address)
          else waiting.failed(address, new Error(`the job's actor ${kind}`))
        })
        await system.spawn(def, id, { id, text: body })
        await ended
        leave()
      })
      if (worked !== goal) throw new Error(`${worked} of ${goal} jobs were done`)
      await system.retire(addresses as never)
    },
    async after() {
      await system.close()
      await journal.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
