/**
 * Measures: durable appends through 128 journaled actors against the same number of raw appends of a
 * record as large, on the same disk in the same rounds. Not: readers, snapshots, effects.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineActor } from '../core/actor/define.ts'
import { startActors } from '../core/actor/start.ts'
import type { ActorRef, ActorSystem } from '../core/actor/system.ts'
import { openJournal } from '../core/journal/file.ts'
import type { Journal } from '../core/journal/journal.ts'
import { bench } from './harness.ts'
import { flipMachine } from './kernel/machines.ts'

const dir = mkdtempSync(join(tmpdir(), 'prov-bench-'))
const writers = 128
/** As long as the record of a step of the counting machine. */
const body = { filler: 'x'.repeat(110) }
let raw: Journal
let journal: Journal
let system: ActorSystem
let refs: readonly ActorRef[] = []

async function together(times: number, one: (writer: number) => Promise<unknown>): Promise<void> {
  let left = times
  const work = async (writer: number) => {
    while (left-- > 0) await one(writer)
  }
  await Promise.all(Array.from({ length: Math.min(writers, times) }, (_, at) => work(at)))
}

export default bench(
  'durable',
  [
    {
      name: 'floor: raw appends, 128 at once',
      before: async () => void (raw = await openJournal({ dir: join(dir, 'raw') })),
      run: (times) =>
        together(times, () => raw.append([{ partition: 'bench', type: 'filler', body }])),
      after: () => raw.close(),
    },
    {
      name: 'events applied to 128 actors',
      before: async () => {
        journal = await openJournal({ dir: join(dir, 'actors') })
        system = await startActors({ journal })
        const def = defineActor({ type: 'bench', version: 1, machine: flipMachine() })
        system.register(def)
        refs = await Promise.all(
          Array.from({ length: writers }, (_, at) =>
            system.spawn(def, `w${at}`, undefined as never),
          ),
        )
      },
      run: (times) =>
        together(times, (writer) => (refs[writer] as ActorRef).apply({ type: 'flip' })),
      after: async () => {
        await system.close()
        await journal.close()
        rmSync(dir, { recursive: true, force: true })
      },
    },
  ],
  { sampleMs: 150 },
)
