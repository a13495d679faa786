/** A close under load: it ends, whoever waits is told, it says what it left, and what was kept is kept. */
import t from 'tap'
import type { InspectRecordOf } from '../../core/actor/inspect.ts'
import type { ActorsOptions } from '../../core/actor/start.ts'
import type { ActorRef } from '../../core/actor/system.ts'
import type { RemoteProgram } from '../../core/actor/program/remote.ts'
import { codeOf } from '../../core/kit.ts'
import { counter, House, settle } from './counter.ts'

const never = (): Promise<never> => new Promise(() => {})
const deadlineMs = 200
const nothingLeft = { kind: 'closed', effects: 0, messages: 0, questions: 0, writes: 0 }

async function start(options: ActorsOptions = {}) {
  const house = new House()
  const left: InspectRecordOf<'closed'>[] = []
  const system = await house.start({
    inspect: { closed: (record) => left.push(record) },
    ...options,
  })
  const def = counter([], { effects: { charge: never } })
  system.register(def)
  const ref = await system.spawn(def, 'a')
  /** To its end, by the clock that the test drives. */
  const close = async (): Promise<void> => {
    const closed = system.close({ deadlineMs })
    await house.clock.advance(deadlineMs)
    await house.clock.advance(deadlineMs)
    await closed
  }
  return { house, system, def, ref, left, close }
}

/** What the next life finds. */
async function countAfter({ house, def }: Awaited<ReturnType<typeof start>>): Promise<unknown> {
  house.disk.beforeSync = undefined
  house.crash()
  const next = await house.start()
  next.register(def)
  const { count } = (next.ref('test.counter/a') as ActorRef<{ count: number }>).snapshot().context
  await next.close({ deadlineMs: 0 }).catch(() => {})
  return count
}

t.test(
  'a sync that hangs does not hang the close: whoever waits is told that nobody knows',
  async (t) => {
    const one = await start()
    const { house, system, def, ref, left, close } = one
    const other = await system.spawn(def, 'other')
    await ref.apply({ type: 'add' })
    house.disk.beforeSync = never
    const waiting = [
      codeOf(ref.apply({ type: 'add' })),
      codeOf(system.spawn(def, 'b')),
      codeOf(system.stop(other.address)),
    ]
    await settle()
    const late = codeOf(ref.apply({ type: 'add' }))
    const warned: string[] = []
    const hear = (warning: Error & { code?: string }): void =>
      void warned.push(String(warning.code))
    process.on('warning', hear)
    t.teardown(() => process.removeListener('warning', hear))
    await close()
    await settle()
    t.same(await Promise.all(waiting), [
      'PROV_ACTOR_CLOSE_UNFINISHED',
      'PROV_ACTOR_CLOSE_UNFINISHED',
      'none',
    ])
    t.equal(await late, 'PROV_ACTOR_STOPPED', 'what was never tried is known not to be done')
    t.match(left, [{ messages: 1 }])
    t.ok((left[0]?.writes ?? 0) >= 2)
    t.same(warned, ['PROV_ACTOR_CLOSE_UNFINISHED'])
    await system.close()
    t.equal(left.length, 1, 'a second close changes nothing')
    t.equal(await countAfter(one), 1, 'what was acknowledged is there')
  },
)

t.test('a sync that fails at the end is no reason to wait, and what was kept stays', async (t) => {
  const one = await start()
  const { house, ref, system, left } = one
  await ref.apply({ type: 'add' })
  const applied = codeOf(ref.apply({ type: 'add' }))
  house.disk.beforeSync = () => {
    throw new Error('EIO')
  }
  await system.close()
  t.equal(await applied, 'PROV_JOURNAL_POISONED')
  t.match(left, [nothingLeft])
  t.equal(await countAfter(one), 1)
})

t.test('a snapshot that hangs hangs neither the close nor who applied', async (t) => {
  const { house, system, left, close } = await start()
  const def = counter([], { type: 'test.newest', durability: 'snapshot' })
  system.register(def)
  const ref = await system.spawn(def, 's')
  house.journal.putSnapshot = never
  const applied = codeOf(ref.apply({ type: 'add' }))
  await close()
  t.equal(await applied, 'PROV_ACTOR_CLOSE_UNFINISHED')
  t.match(left, [{ writes: 1 }])
})

t.test(
  'a snapshot of the system that hangs costs the next start time, and nobody here',
  async (t) => {
    const { house, ref, left, close } = await start()
    await ref.apply({ type: 'add' })
    house.journal.putSnapshot = never
    await close()
    t.match(left, [{ writes: 0 }])
  },
)

t.test('whoever still asks is told, and effects that never end are counted', async (t) => {
  const { system, ref, left, close } = await start()
  await ref.apply({ type: 'pay', amount: 1 })
  const asked = Array.from({ length: 40 }, () =>
    codeOf(system.ask(ref.address, () => ({ type: 'nobody.knows' }), { timeoutMs: 1e9 })),
  )
  await close()
  t.same([...new Set(await Promise.all(asked))], ['PROV_ACTOR_ABORTED'])
  t.match(left, [{ effects: 1, questions: 40, messages: 0, writes: 0 }])
})

t.test('whoever computes elsewhere and never answers is not waited for', async (t) => {
  const { system, house, left, close } = await start()
  const def = counter([], { type: 'test.elsewhere' })
  let answer: (steps: { steps: [] }) => void = () => {}
  const state = { value: 'awake', context: { count: 0, log: [] }, status: 'active' }
  const remote = {
    start: async () => ({ state, tags: [], asked: [], beside: [], logs: [] }),
    turn: () => new Promise((resolve) => (answer = resolve)),
  } as unknown as RemoteProgram
  await system.registerRemote(def, remote)
  const ref = await system.spawn(def, 'a')
  const applied = codeOf(ref.apply({ type: 'add' }))
  ref.send({ type: 'add' })
  await close()
  t.equal(await applied, 'PROV_ACTOR_STOPPED', 'it is not done, and that is known')
  t.match(left, [{ messages: 2, writes: 0 }])
  answer({ steps: [] })
  await settle()
  t.match(
    (await house.records()).filter(({ type }) => type === 'actor.letters'),
    [{ body: { letters: [{ event: 'add', reason: 'stopped' }] } }],
    'what was only sent is a dead letter, once',
  )
})

t.test(
  'mailboxes that are full to the brim end with the close: done or a dead letter',
  async (t) => {
    const one = await start()
    const { system, def, left } = one
    const refs = await Promise.all(['b', 'c', 'd'].map((id) => system.spawn(def, id)))
    for (const ref of refs) for (let at = 0; at < 1_000; at++) ref.send({ type: 'add' })
    await system.close()
    const counts = refs.map((ref) => ref.snapshot().context.count)
    t.same(counts, [1_000, 1_000, 1_000])
    t.match(left, [nothingLeft], 'in order')
  },
)
