import { cpSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Address } from '../../core/actor/address.ts'
import { defineActor } from '../../core/actor/define.ts'
import type { Durability } from '../../core/actor/define.ts'
import { startActors } from '../../core/actor/start.ts'
import type { ActorRef } from '../../core/actor/system.ts'
import { simulatedClock } from '../../core/clock.ts'
import { openJournal } from '../../core/journal/file.ts'
import type { Snapshot } from '../../core/journal/journal.ts'
import { memoryJournal } from '../../core/journal/memory.ts'
import { readJournal } from '../../core/journal/reader.ts'
import { journalFormat } from '../../core/journal/segment.ts'
import { repoRoot } from '../support/root.ts'
import type { Charge } from './counter.ts'
import { zeroMachine } from './kernel-0.ts'
import { expected, lives, look, quietened } from './kernel-1.ts'
import * as second from './kernel-2.ts'

const folder = join(repoRoot, 'test/fixtures/kernel-1')

/** The fixture of what is written today: whoever adds one raises the mark that older Provs refuse. */
const newest = `kernel-${journalFormat}`

for (const life of lives) {
  t.test(`what the first kernel left behind (${life}) is read as it read it itself`, async (t) => {
    t.same(await look(join(folder, life)), expected(folder, life))
  })
}

for (const [fixture, life] of ['kernel-2', 'kernel-3', newest].flatMap((one) =>
  second.lives.map((life) => [one, life] as const),
)) {
  t.test(
    `what the kernel of groups and letters left behind (${fixture}, ${life}) is read as it was`,
    async (t) => {
      const place = join(repoRoot, 'test/fixtures', fixture)
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

/** Names that hold whatever users put there, or have names of their own for keys. */
const theirs = new Set(['context', 'set', 'params', 'body', 'event', 'input', 'detail', 'value'])
const maps = new Set(['types', 'tries', 'history'])

/** Which fields there are, by kind of record: what a reader of another version has to know. */
async function shapes(dir: string): Promise<readonly string[]> {
  const found = new Set<string>()
  const walk = (at: string, value: unknown): void => {
    if (Array.isArray(value)) return value.forEach((one) => walk(`${at}[]`, one))
    if (typeof value !== 'object' || value === null) return void found.add(at)
    for (const [key, one] of Object.entries(value)) {
      if (theirs.has(key)) found.add(`${at}.${key}`)
      else walk(`${at}.${maps.has(at.split('.').at(-1) as string) ? '*' : key}`, one)
    }
  }
  const journal = await readJournal({ dir })
  for await (const { type, body } of journal.read({ partition: 'kernel' })) walk(type, body)
  walk('snapshot', (await journal.snapshot('kernel'))?.body)
  await journal.close()
  return [...found].sort()
}

t.test('whoever changes what is written writes a fixture of it', async (t) => {
  const dir = t.testdir()
  await second.write(dir)
  t.same(
    await shapes(join(dir, 'closed')),
    await shapes(join(repoRoot, 'test/fixtures', newest, 'closed')),
    'keep the older fixtures, write test/fixtures/kernel-<next> (kernel-2.ts says how), raise `journalFormat`',
  )
})

t.test('a record of a kind that a later Prov writes is refused by name', async (t) => {
  const journal = memoryJournal()
  t.teardown(() => journal.close())
  const body = { address: 'test.any/a', sequence: 2 }
  await journal.append([{ partition: 'kernel', type: 'actor.rested', body }])
  await t.rejects(startActors({ journal }), {
    code: 'PROV_ACTOR_RECORD_UNKNOWN',
    message: /actor\.rested/,
  })
})

t.test('what was written before there were fixtures goes on', async (t) => {
  const dir = t.testdir()
  cpSync(join(repoRoot, 'test/fixtures/kernel-0/records'), join(dir, 'journal'), {
    recursive: true,
  })
  const clock = simulatedClock()
  const charges: Charge[] = []
  const def = (type: string, durability: Durability) =>
    defineActor({
      type,
      version: 1,
      durability,
      machine: zeroMachine,
      effects: {
        charge: ({ amount }: { amount: number }, { id }) => void charges.push({ id, amount }),
      },
    })
  const [kept, shot] = [def('zero.kept', 'journal'), def('zero.shot', 'snapshot')]
  const open = async () => {
    const journal = await openJournal({ dir: join(dir, 'journal'), clock })
    const system = await startActors({ journal, clock })
    for (const one of [kept, shot]) system.register(one)
    await quietened(system, journal)
    return { system, journal }
  }
  const first = await open()
  t.same(
    charges.toSorted((a, b) => a.id.localeCompare(b.id)),
    [
      { id: 'zero.kept/a:3:0', amount: 3 },
      { id: 'zero.shot/s:3:0', amount: 3 },
    ],
    'what was owed is done, under its ids',
  )
  t.equal(first.system.deadLetters().count, 2)
  const states = ({ system }: Awaited<ReturnType<typeof open>>) =>
    ['zero.kept/a', 'zero.kept/b', 'zero.shot/s'].map((address) => {
      const { value, context } = (system.ref(address as Address) as ActorRef).snapshot()
      return [value, context]
    })
  const heard = ['effect.done.charge']
  const before = [
    ['awake', { n: 2, heard }],
    ['asleep', { n: 0, heard: [] }],
    ['awake', { n: 2, heard }],
  ]
  t.same(states(first), before)
  await clock.advance(60_000)
  await first.system.ref('zero.kept/a')?.apply({ type: 'add' })
  await quietened(first.system, first.journal)
  await first.system.close()
  await first.journal.close()
  const second = await open()
  const after = 'xstate.after.60000.zero.asleep'
  t.same(states(second), [
    ['awake', { n: 3, heard }],
    ['awake', { n: 0, heard: [after] }],
    ['awake', { n: 2, heard }],
  ])
  t.equal(charges.length, 2)
  await second.system.close()
  await second.journal.close()
})
