/** Looking at kept actors while somebody steps them: never behind what was durable before the look. */
import { join } from 'node:path'
import t from 'tap'
import { keptActors } from '../../core/actor/kept.ts'
import { startActors } from '../../core/actor/start.ts'
import { openJournal } from '../../core/journal/file.ts'
import { readJournal } from '../../core/journal/reader.ts'
import { temporaryFolder } from '../support/folder.ts'
import { counter } from './counter.ts'

t.test(
  'a look shows whatever was durable before it, beside a writer that replaces snapshots',
  async (t) => {
    const dir = join(temporaryFolder(t).dir, 'journal')
    const journal = await openJournal({ dir, segmentBytes: 50_000 })
    const system = await startActors({ journal, snapshotEvery: 7 })
    t.teardown(async () => {
      await system.close()
      await journal.close()
    })
    const kept = counter([])
    const newest = counter([], { type: 'test.newest', durability: 'snapshot' })
    const refs = []
    for (const def of [kept, newest]) {
      system.register(def)
      for (const id of ['a', 'b']) refs.push(await system.spawn(def, id))
    }
    let over = false
    const writing = Promise.all(
      refs.map(async (ref) => {
        while (!over) await ref.apply({ type: 'add' })
      }),
    )
    const reader = await readJournal({ dir })
    for (let look = 0; look < 25; look++) {
      const durable = new Map(refs.map((ref) => [ref.address, ref.snapshot().sequence]))
      const { rows } = await keptActors(reader, { atWork: true })
      for (const { address, sequence, status, depth } of rows) {
        const least = durable.get(address) as number
        if (sequence < least) t.fail(`${address}: ${sequence} is shown, ${least} was durable`)
        if (status !== 'active' || depth !== null) t.fail(`${address} ${status} ${depth}`)
      }
      t.equal(rows.length, 4)
    }
    over = true
    await writing
  },
)

t.test(
  'what only the last start knows is said when it was written down, and not guessed',
  async (t) => {
    const dir = join(temporaryFolder(t).dir, 'journal')
    const journal = await openJournal({ dir })
    const system = await startActors({ journal })
    const def = counter([])
    system.register(def)
    await system.spawn(def, 'a')
    const gone = await system.spawn(def, 'b')
    await system.stop(gone.address)
    const types = system.types()
    t.match(types, [{ type: 'test.counter', mode: 'compiled' }])
    await system.close()
    await journal.close()
    const look = async (known: typeof types | undefined) =>
      (await keptActors(await readJournal({ dir }), { types: known, atWork: false })).rows
    t.match(await look(types), [
      { address: 'test.counter/a', status: 'active', mode: 'compiled', depth: 0, restarts: 0 },
      { address: 'test.counter/b', status: 'stopped', value: null },
    ])
    const [unknown] = await look(undefined)
    t.match(unknown, { status: 'active' })
    t.notOk('mode' in Object(unknown))
    t.match((await look([]))[0], { status: 'dormant' }, 'nobody registered its type')
  },
)
