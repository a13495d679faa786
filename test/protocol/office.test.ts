/** Who may be the controller, over a store that two offices share, with a clock that a test drives. */
import t from 'tap'
import type { Test } from 'tap'
import { embeddedBus } from '../../core/bus/embedded.ts'
import { lookAtLeader } from '../../core/bus/leadership.ts'
import type { Bus, KeyValue } from '../../core/bus/bus.ts'
import { busErrors } from '../../core/bus/errors.ts'
import { simulatedClock } from '../../core/clock.ts'
import { openJournal } from '../../core/journal/file.ts'
import type { Journal } from '../../core/journal/journal.ts'
import { memoryJournal, MemoryDisk } from '../../core/journal/memory.ts'
import { codeOf } from '../../core/kit.ts'
import { Office } from '../../core/protocol/office.ts'
import { leaseBucket } from '../../core/protocol/subjects.ts'
import { tempDir } from '../support/place.ts'

const log = { debug() {}, info() {}, warn() {}, error() {} }
const workspace = 'my-infra'
const entry = { partition: 'p', type: 't', body: {} }

async function world(t: Test) {
  const clock = simulatedClock()
  const bus = await embeddedBus({
    journal: memoryJournal({ clock, disk: new MemoryDisk() }),
    clock,
  })
  t.teardown(() => bus.close())
  const store = await bus.keyValue(leaseBucket(workspace))
  const ends = new AbortController()
  t.teardown(() => ends.abort())
  /** A way to the store of its own, that can be cut. */
  const wire = () => {
    let cut = false
    const through = <T>(act: () => Promise<T>): Promise<T> => {
      if (!cut) return act()
      const detail = { what: 'reach the store', reason: 'cut off' }
      return Promise.reject(busErrors.PROV_BUS_UNAVAILABLE(detail))
    }
    const own: KeyValue = {
      get: (key) => through(() => store.get(key)),
      create: (key, value) => through(() => store.create(key, value)),
      update: (key, value, revision) => through(() => store.update(key, value, revision)),
      delete: (key) => through(() => store.delete(key)),
    }
    return { bus: { ...bus, keyValue: async () => own } as Bus, cut: (is: boolean) => (cut = is) }
  }
  /** Lets time pass until the promise has ended. */
  const during = async <T>(work: Promise<T>): Promise<T> => {
    let over = false
    void work.catch(() => {}).finally(() => (over = true))
    while (!over) await clock.advance(250)
    return work
  }
  const open = (stateDir: string, bus: Bus, journal?: Journal) => {
    const { signal } = ends
    const waitMs = journal && 60_000
    return Office.open({
      plane: 'controller',
      workspace,
      bus,
      stateDir,
      journal,
      waitMs,
      clock,
      log,
      signal,
    })
  }
  const journalIn = (stateDir: string, office?: Office) =>
    openJournal({ dir: `${stateDir}/journal`, clock, supersede: () => office?.leads() === true })
  return { clock, store, wire, during, open, journalIn }
}

t.test(
  'cut off from the server it decides nothing, asks nothing, and goes on when it is back',
  async (t) => {
    const { clock, wire, during, open, journalIn } = await world(t)
    const stateDir = await tempDir(t)
    const journal = await journalIn(stateDir)
    const { bus, cut } = wire()
    const office = await during(open(stateDir, bus, journal))
    const epoch = office.epoch()
    t.equal(await office.confirm(), epoch)
    cut(true)
    let asked = false
    const effect = office.confirm().then((under) => {
      asked = true
      return under
    })
    await clock.advance(20_000)
    t.equal(await codeOf((async () => office.epoch())()), 'PROV_PLANE_NOT_LEADING')
    t.notOk(asked, 'what was claimed waits with its effect')
    cut(false)
    const under = await during(effect)
    t.ok(under > epoch, `under a new epoch: ${under} after ${epoch}`)
    t.equal(office.epoch(), under)
    t.notOk(office.over.aborted)
    await office.close()
    await journal.close()
  },
)

t.test('another one takes over the same journal; whoever had it before is over', async (t) => {
  const { clock, store, wire, during, open, journalIn } = await world(t)
  const stateDir = await tempDir(t)
  const first = await journalIn(stateDir)
  const one = wire()
  const frozen = await during(open(stateDir, one.bus, first))
  await first.append([entry])
  await frozen.confirm()
  one.cut(true)
  const next = await during(open(stateDir, wire().bus))
  t.notOk(frozen.leads(), 'never both')
  const second = await journalIn(stateDir, next)
  await next.bind(second)
  await second.append([entry])
  const under = await next.confirm()
  one.cut(false)
  t.equal(await codeOf(during(frozen.confirm())), 'PROV_JOURNAL_FENCED')
  t.ok(frozen.over.aborted)
  t.equal((await lookAtLeader(store, 'controller'))?.epoch, under)
  await next.close()
  await second.close()
  await clock.advance(0)
  t.match(await store.get('controller'), { value: { free: true, about: { position: 2 } } })
  await first.close()
})

t.test('an older copy, another journal and none at all are refused, whoever leads', async (t) => {
  const { cpSync, mkdirSync } = await import('node:fs')
  const { wire, during, open, journalIn } = await world(t)
  const folder = await tempDir(t)
  const dir = (name: string) => `${folder}/${name}`
  for (const name of ['own', 'other', 'none']) mkdirSync(dir(name))
  const journal = await journalIn(dir('own'))
  await journal.append([entry])
  cpSync(dir('own'), dir('copy'), { recursive: true })
  const other = await journalIn(dir('other'))
  await other.append([entry])
  await other.close()
  const office = await during(open(dir('own'), wire().bus, journal))
  await journal.append([entry])
  await office.confirm()
  for (const leads of [true, false]) {
    if (!leads) await office.close()
    const asked = async (name: string) => codeOf(during(open(dir(name), wire().bus)))
    t.equal(await asked('copy'), 'PROV_JOURNAL_BEHIND')
    t.equal(await asked('other'), 'PROV_JOURNAL_REPLACED')
    t.equal(await asked('none'), 'PROV_JOURNAL_GONE')
  }
  await journal.close()
  const again = await during(open(dir('own'), wire().bus))
  t.ok(again.leads(), 'the journal itself goes on')
  await again.close()
})

t.test(
  'a journal that lies elsewhere than in the state folder is the one that is looked at',
  async (t) => {
    const { clock, wire, during, open } = await world(t)
    const folder = await tempDir(t)
    const elsewhere = () => openJournal({ dir: `${folder}/elsewhere`, clock })
    const first = await elsewhere()
    await first.append([entry])
    const office = await during(open(`${folder}/state`, wire().bus, first))
    await office.confirm()
    await office.close()
    await first.close()
    const again = await elsewhere()
    const next = await during(open(`${folder}/state`, wire().bus, again))
    t.ok(next.leads(), 'the server remembers it and finds it')
    t.ok(next.remembered)
    await next.close()
    await again.close()
  },
)

t.test('a process that may not wait says who leads', async (t) => {
  const { wire, during, open, journalIn } = await world(t)
  const folder = await tempDir(t)
  const { cpSync, mkdirSync } = await import('node:fs')
  mkdirSync(`${folder}/own`)
  const journal = await journalIn(`${folder}/own`)
  const office = await during(open(`${folder}/own`, wire().bus, journal))
  await office.confirm()
  cpSync(`${folder}/own`, `${folder}/same`, { recursive: true })
  const same = await openJournal({ dir: `${folder}/same/journal`, supersede: () => true })
  t.equal(await codeOf(during(open(`${folder}/same`, wire().bus, same))), 'PROV_PLANE_LED')
  await office.close()
  await same.close()
  await journal.close()
})
