import { join } from 'node:path'
import t from 'tap'
import type { Snapshot } from '../../core/journal/journal.ts'
import { readJournal } from '../../core/journal/reader.ts'
import { repoRoot } from '../support/root.ts'
import { expected, lives, look } from './kernel-1.ts'
import * as second from './kernel-2.ts'

const folder = join(repoRoot, 'test/fixtures/kernel-1')

for (const life of lives) {
  t.test(`what the first kernel left behind (${life}) is read as it read it itself`, async (t) => {
    t.same(await look(join(folder, life)), expected(folder, life))
  })
}

for (const life of second.lives) {
  t.test(
    `what the kernel of groups and letters left behind (${life}) is read as it was`,
    async (t) => {
      const place = join(repoRoot, 'test/fixtures/kernel-2')
      t.same(await second.look(join(place, life)), expected(place, life))
    },
  )
}

t.test('the fixtures hold every record and every snapshot of the first kernel', async (t) => {
  const kinds = new Set<string>()
  for (const life of lives) {
    for (const kind of (expected(folder, life) as { kinds: string[] }).kinds) kinds.add(kind)
  }
  t.same([...kinds].sort(), [
    'actor.letters',
    'actor.parked',
    'actor.resumed',
    'actor.settled',
    'actor.skipped',
    'actor.started',
    'actor.stepped',
    'actor.stopped',
  ])
  const journal = await readJournal({ dir: join(folder, 'tail') })
  t.teardown(() => journal.close())
  const { actors, outbox, letters } = ((await journal.snapshot('kernel')) as Snapshot)
    .body as unknown as {
    actors: { parked?: object; input?: object; state?: { timers?: object; history?: object } }[]
    outbox: { name: string }[]
    letters: object[]
  }
  t.ok(actors.some(({ parked }) => parked))
  t.ok(actors.some(({ input }) => input))
  t.ok(actors.some(({ state }) => state?.timers))
  t.ok(actors.some(({ state }) => state?.history))
  t.ok(actors.some(({ state }) => !state))
  t.same([...new Set(outbox.map(({ name }) => name))].sort(), ['charge', 'tell'])
  t.ok(letters.length > 0)
  t.ok(await journal.snapshot('kernel/fix.kept/k'))
})
