/**
 * The power goes at every single step of a journal's life: opening, locking, appending, rolling over,
 * snapshots, anchors, closing, adopting. What was acknowledged is there, and nothing else is.
 */
import { mkdirSync, rmSync } from 'node:fs'
import t from 'tap'
import { simulatedClock } from '../../core/clock.ts'
import { ProvError } from '../../core/errors.ts'
import { adoptJournal, adoptedRecord } from '../../core/journal/adopt.ts'
import { openJournal } from '../../core/journal/file.ts'
import type { OpenJournalOptions } from '../../core/journal/file.ts'
import type { JournalFiles } from '../../core/journal/files.ts'
import { journalKit } from '../../core/journal/kit.ts'
import type { Journal } from '../../core/journal/journal.ts'
import { simulatedDisk } from '../../core/journal/simulated-disk.ts'
import { verifyJournal } from '../../core/journal/verify.ts'
import { seeded } from '../support/power.ts'
import { diskPlace, tempDir } from '../support/place.ts'

// A slow machine, and more rounds on demand, take as long as they take.
t.setTimeout(1_800_000)

t.test('a journal on a simulated disk', (t) =>
  journalKit(t, async (t) => {
    const folder = await tempDir(t)
    const { files } = simulatedDisk({ folder, random: seeded(1) })
    return diskPlace(t, { dir: `${folder}/journal`, files, segmentBytes: 1_060_000 })
  }),
)

t.test('two writers killed at the name of their segment, then the power: it opens', async (t) => {
  for (let seed = 1; seed <= 12; seed++) {
    const folder = await tempDir(t)
    const disk = simulatedDisk({ folder, random: seeded(seed) })
    const processes = {
      self: () => ({ bootId: 'b', pidNamespace: 'n', pid: 1, startTime: '1', host: 'h' }),
      look: () => 'dead' as const,
    }
    const place = {
      dir: `${folder}/journal`,
      clock: simulatedClock(),
      processes,
      segmentBytes: 65_536,
    }
    const first = await openJournal({ ...place, files: disk.files })
    await first.append([{ partition: 'p', type: 'x', body: 'kept' }])
    await first.close()
    for (const segment of [2, 3]) {
      let dead = false
      const alive = <T>(act: () => Promise<T>): Promise<T> =>
        dead ? Promise.reject(new Error('killed')) : act()
      const files: JournalFiles = {
        ...disk.files,
        async link(from, to) {
          await alive(() => disk.files.link(from, to))
          dead = to.endsWith(`segment-0000000${segment}.log`)
        },
        rename: (from, to) => alive(() => disk.files.rename(from, to)),
        syncFolder: (path) => alive(() => disk.files.syncFolder(path)),
        remove: (path) => alive(() => disk.files.remove(path)),
      }
      await t.rejects(openJournal({ ...place, files }), { code: 'PROV_JOURNAL_UNUSABLE' })
      t.ok(dead, `seed ${seed}: killed at the name of segment ${segment}`)
    }
    disk.cut()
    const { files } = simulatedDisk({ folder, random: seeded(seed) })
    const last = await openJournal({ ...place, files })
    const bodies: unknown[] = []
    for await (const { body } of last.read()) bodies.push(body)
    t.same(bodies, ['kept'], `seed ${seed}`)
    await last.close()
  }
})

/** What a test knows of a journal that dies: what it asked for and what it was told. */
interface Story {
  readonly asked: string[]
  /** How many of those were acknowledged; they are acknowledged in order. */
  acked: number
  readonly snapshots: string[]
  /** Ids that the journal may have now. */
  readonly ids: Set<string>
}

type Place = OpenJournalOptions & { readonly dir: string }

async function append(journal: Journal, story: Story, ...bodies: string[]): Promise<void> {
  story.asked.push(...bodies)
  const upTo = story.asked.length
  await journal.append(bodies.map((body) => ({ partition: 'p', type: 'x', body })))
  story.acked = Math.max(story.acked, upTo)
}

async function opened(place: Place, story: Story): Promise<Journal> {
  const journal = await openJournal(place)
  story.ids.add(journal.id)
  return journal
}

/** Everything that a journal does, in the order of a life. */
async function live(place: Place, story: Story): Promise<void> {
  const first = await opened(place, story)
  await append(first, story, 'a1', 'a2')
  await Promise.all([append(first, story, 'b1'), append(first, story, 'b2', 'b3'), first.anchor()])
  const { position } = await first.head()
  story.snapshots.push('one')
  await first.putSnapshot('s', { position, body: 'one' })
  // Two of these fill a segment.
  for (let n = 0; n < 3; n++) await append(first, story, `c${n} ${'x'.repeat(7_000)}`)
  await first.anchor()
  story.snapshots.push('two')
  await first.putSnapshot('s', { position: (await first.head()).position, body: 'two' })
  await first.close()
  const second = await opened(place, story)
  await append(second, story, 'd1')
  await second.anchor()
  await second.close()
  const adopted = await adoptJournal({
    ...place,
    async sign(adopting) {
      story.ids.add(adopting.to)
      return { ...adopting, by: 'alice' }
    },
  })
  story.ids.clear()
  story.ids.add(adopted.to)
  const third = await opened(place, story)
  await append(third, story, 'e1', 'e2')
  await third.close()
}

const processes = {
  self: () => ({ bootId: 'b', pidNamespace: 'n', pid: 1, startTime: '1', host: 'h' }),
  look: () => 'dead' as const,
}

/** Runs a life that the power cuts at a step; undefined when it never came to that step. */
async function cutLife(folder: string, seed: number, cutAt: number, lie?: Lie) {
  const disk = simulatedDisk({ folder, random: seeded(seed), cutAt })
  const story: Story = { asked: [], acked: 0, snapshots: [], ids: new Set() }
  const place = placeOn(folder, lie ? lie(disk.files) : disk.files)
  const code = await live(place, story).then(
    () => undefined,
    (thrown: unknown) => (ProvError.is(thrown) ? thrown.code : String(thrown)),
  )
  // What is still on its way in the dead life must not reach into the next one.
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
  return { story, code, isOff: disk.isOff }
}

type Lie = (files: JournalFiles) => JournalFiles

function placeOn(folder: string, files: OpenJournalOptions['files']): Place {
  const clock = simulatedClock()
  const dir = `${folder}/ws/journal`
  return { dir, anchors: `${folder}/state/anchors`, clock, files, processes, segmentBytes: 16_384 }
}

/** Opens what the cut left and says what is wrong with it. */
async function judge(folder: string, seed: number, story: Story): Promise<string[]> {
  const wrong: string[] = []
  const { files } = simulatedDisk({ folder, random: seeded(seed) })
  const place = placeOn(folder, files)
  let journal: Journal
  try {
    journal = await openJournal({ ...place, check: 'whole' })
  } catch (thrown) {
    return [`it does not open: ${ProvError.is(thrown) ? thrown.message : String(thrown)}`]
  }
  const found: string[] = []
  for await (const record of journal.read()) {
    if (record.type !== adoptedRecord.type) found.push(record.body as string)
  }
  if (found.length < story.acked) wrong.push(`${story.acked - found.length} acknowledged are lost`)
  if (found.some((body, at) => body !== story.asked[at])) wrong.push('a record is another')
  if (story.acked > 0 && !story.ids.has(journal.id)) wrong.push('it has another id')
  const snapshot = await journal.snapshot('s')
  if (snapshot && !story.snapshots.includes(snapshot.body as string))
    wrong.push('a snapshot is odd')
  await append(journal, story, 'after').catch((thrown) => wrong.push(`no append: ${thrown}`))
  await journal.close()
  const { problems } = await verifyJournal({ dir: place.dir, anchors: place.anchors })
  wrong.push(...problems.map(({ what }) => what))
  return wrong
}

t.test('a power cut at any step of a life loses nothing that was acknowledged', async (t) => {
  const root = await tempDir(t)
  const rounds = process.env['PROV_SOAK'] ? 40 : 2
  let cuts = 0
  for (let round = 0; round < rounds; round++) {
    for (let cutAt = 1; ; cutAt++) {
      const seed = 1 + round * 1_000 + cutAt
      const folder = `${root}/life`
      mkdirSync(folder)
      const { story, code, isOff } = await cutLife(folder, seed, cutAt)
      if (!isOff) {
        t.equal(code, undefined, 'without a cut a life ends well')
        t.ok(cutAt > 100, `${cutAt - 1} steps`)
        rmSync(folder, { recursive: true })
        break
      }
      cuts++
      const wrong = await judge(folder, seed, story)
      if (wrong.length > 0) t.fail(`cut at step ${cutAt}, seed ${seed}: ${wrong.join('; ')}`)
      rmSync(folder, { recursive: true })
    }
  }
  t.comment(`${cuts} cuts, seeds 1 to ${rounds * 1_000}`)
})

t.test('these cuts have teeth: what a writer leaves out is found', async (t) => {
  const root = await tempDir(t)
  const lies: Readonly<Record<string, Lie>> = {
    'a sync that does nothing': (files) => ({
      ...files,
      open: (path, options) => ({ ...files.open(path, options), datasync: async () => {} }),
    }),
    'a name that is not synced': (files) => ({ ...files, syncFolder: async () => {} }),
  }
  for (const [what, lie] of Object.entries(lies)) {
    let found: string | undefined
    for (let cutAt = 20; cutAt < 120 && !found; cutAt += 3) {
      const folder = `${root}/life`
      mkdirSync(folder)
      const { story } = await cutLife(folder, cutAt, cutAt, lie)
      const wrong = await judge(folder, cutAt, story)
      if (wrong.length > 0) found = `cut at ${cutAt}: ${wrong.join('; ')}`
      rmSync(folder, { recursive: true })
    }
    t.ok(found, `${what}: ${found}`)
  }
})
