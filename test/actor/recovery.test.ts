import t from 'tap'
import { openLedger } from '../../core/actor/restore.ts'
import { createMachine } from 'xstate'
import { defineActor } from '../../core/actor/define.ts'
import { codeOf } from '../../core/kit.ts'
import type { Address } from '../../core/actor/address.ts'
import type { WatchEvent } from '../../core/actor/system.ts'
import { counter, House, settle } from './counter.ts'
import type { Charge } from './counter.ts'

const shortMachine = createMachine({
  initial: 'on',
  states: { on: { on: { end: 'over' } }, over: { type: 'final' } },
})

t.test('after a crash an actor is where its last commit left it', async (t) => {
  const house = new House()
  const system = await house.start()
  const def = counter()
  system.register(def)
  const ref = await system.spawn(def, 'a', { count: 5 })
  await ref.apply({ type: 'name', by: 'ann' })
  await ref.apply({ type: 'add', by: 2 })
  await ref.apply({ type: 'name' })
  await ref.apply({ type: 'sleep' })
  const before = ref.snapshot()
  house.crash()
  const again = await house.start()
  t.teardown(() => again.close())
  t.match(again.list(), [{ address: 'test.counter/a', status: 'dormant', value: 'asleep' }])
  again.register(def)
  const after = (await again.spawn(def, 'a', { count: 77 })).snapshot()
  t.same({ ...after, context: { ...after.context, by: undefined } }, before)
  t.equal(after.context.by, undefined, 'a key that was unset stays unset')
})

t.test('an effect that was promised and not answered runs again under its id', async (t) => {
  const house = new House()
  const first: string[] = []
  const system = await house.start()
  const hanging = counter([], {
    effects: {
      charge: (_: unknown, { id }) => {
        first.push(id)
        return new Promise<void>(() => {})
      },
    },
  })
  system.register(hanging)
  const ref = await system.spawn(hanging, 'a')
  await ref.apply({ type: 'pay', amount: 3 })
  await settle()
  t.same(first, ['test.counter/a:2:0'])
  house.crash()
  const charges: Charge[] = []
  const second = await house.start()
  second.register(counter(charges))
  await settle()
  t.same(charges, [{ id: 'test.counter/a:2:0', amount: 3 }])
  t.same(second.ref(ref.address)?.snapshot().context, {
    count: 1,
    log: ['effect.done.charge'],
  })
  house.crash()
  const third = await house.start()
  t.teardown(() => third.close())
  third.register(counter(charges))
  await settle()
  t.equal(charges.length, 1, 'once its answer is committed it never runs again')
})

t.test('a tell that was promised is delivered after a crash, and only once', async (t) => {
  const house = new House()
  const system = await house.start()
  const def = counter()
  system.register(def)
  const a = await system.spawn(def, 'a')
  const b = await system.spawn(def, 'b')
  // The step of `a` becomes durable, the one of `b` never does.
  let syncs = 0
  house.disk.beforeSync = () => (++syncs > 1 ? new Promise(() => {}) : undefined)
  await a.apply({ type: 'forward', to: b.address, hops: 1 })
  await settle()
  t.equal(b.snapshot().context.count, 0)
  house.disk.beforeSync = undefined
  house.crash()
  const again = await house.start()
  again.register(def)
  await settle()
  t.match(again.ref(b.address)?.snapshot(), { context: { count: 1 }, sequence: 2 })
  house.crash()
  const third = await house.start()
  t.teardown(() => third.close())
  third.register(def)
  await settle()
  t.match(third.ref(b.address)?.snapshot(), { context: { count: 1 }, sequence: 2 })
})

t.test('a tell between two types waits until the receiver is registered', async (t) => {
  const house = new House()
  const system = await house.start()
  const near = counter([], { type: 'test.near' })
  const far = counter([], { type: 'test.far' })
  system.register(near)
  system.register(far)
  const a = await system.spawn(near, 'a')
  const b = await system.spawn(far, 'b')
  house.crash()
  const again = await house.start()
  t.teardown(() => again.close())
  again.register(near)
  await (again.ref(a.address) as typeof a).apply({ type: 'forward', to: b.address, hops: 1 })
  await settle()
  t.equal(again.deadLetters().count, 0)
  again.register(far)
  await settle()
  t.match(again.ref(b.address)?.snapshot(), { context: { count: 1 } })
})

t.test('a timer survives, and one that is overdue fires at once', async (t) => {
  const house = new House()
  const system = await house.start()
  const def = counter()
  system.register(def)
  const late = await system.spawn(def, 'late')
  await late.apply({ type: 'sleep' })
  await house.clock.advance(600)
  const early = await system.spawn(def, 'early')
  await early.apply({ type: 'sleep' })
  house.crash()
  house.clock.jump(500)
  const again = await house.start()
  t.teardown(() => again.close())
  again.register(def)
  t.equal(again.ref(late.address)?.snapshot().value, 'asleep')
  await house.clock.advance(0)
  t.equal(again.ref(late.address)?.snapshot().value, 'awake', 'it was due 100 ms ago')
  await house.clock.advance(499)
  t.equal(again.ref(early.address)?.snapshot().value, 'asleep')
  await house.clock.advance(1)
  t.equal(again.ref(early.address)?.snapshot().value, 'awake')
})

t.test('a start reads a few thousand records at most where little is kept', async (t) => {
  const house = new House()
  const def = counter()
  const steps = async (count: number): Promise<void> => {
    const system = await house.start()
    system.register(def)
    const ref = await system.spawn(def, 'a')
    for (let n = 0; n < count; n++) await ref.apply({ type: 'add' })
    house.crash()
  }
  const behind = async (): Promise<number> => {
    const { position = 0 } = (await house.journal.snapshot('kernel')) ?? {}
    return ((await house.journal.head())?.position ?? 0) - position
  }
  await steps(3_500)
  t.ok((await behind()) <= 2_000, `${await behind()} in one life`)
  for (let life = 0; life < 3; life++) await steps(900)
  t.ok((await behind()) <= 2_000, `${await behind()} in lives too short for a snapshot each`)
})

t.test(
  'a start reads no fewer where much is kept: a snapshot costs as much as it holds',
  async (t) => {
    const house = new House()
    const def = counter()
    const system = await house.start()
    t.teardown(() => system.close())
    system.register(def)
    const refs = await Promise.all(
      Array.from({ length: 1_200 }, (_, n) => system.spawn(def, `a${n}`)),
    )
    const positions = new Set<number>()
    for (let round = 0; round < 10; round++) {
      await Promise.all(refs.map((ref) => ref.apply({ type: 'add' })))
      await settle()
      positions.add((await house.journal.snapshot('kernel'))?.position ?? 0)
    }
    positions.delete(0)
    // One at 2,000, then each 4,800: 13,200 records in all.
    t.equal(positions.size, 3, [...positions].join(', '))
  },
)

t.test('a snapshot of the system is all that a start after it needs', async (t) => {
  const house = new House()
  const def = counter()
  const system = await house.start({ snapshotEvery: 10 })
  system.register(def)
  const ref = await system.spawn(def, 'a')
  await system.spawn(def, 'b')
  for (let n = 0; n < 25; n++) await ref.apply({ type: 'add' })
  await ref.apply({ type: 'sleep' })
  system.send('test.counter/none' as Address, { type: 'add' })
  await settle()
  const saved = await house.journal.snapshot('kernel')
  t.ok((saved?.position ?? 0) >= 20, `kept at ${saved?.position}`)
  house.crash()
  const read: (number | undefined)[] = []
  const spied = {
    ...house.journal,
    read: (options?: { from?: number | undefined; partition?: string | undefined }) => {
      read.push(options?.from)
      return house.journal.read(options)
    },
  }
  const again = await house.start({ journal: spied })
  again.register(def)
  t.same(read, [(saved?.position ?? 0) + 1], 'only the tail is read')
  t.same(again.ref(ref.address)?.snapshot(), ref.snapshot())
  t.equal(again.deadLetters().count, 1)
  t.equal(again.list().length, 2)
  await again.close()
  house.crash()
  const third = await house.start()
  t.teardown(() => third.close())
  third.register(def)
  t.same(third.ref(ref.address)?.snapshot(), ref.snapshot())
  t.equal(third.deadLetters().count, 1)
})

t.test('an actor kept as snapshot shares writes and comes back, effects included', async (t) => {
  const house = new House()
  const charges: Charge[] = []
  const def = counter([], {
    type: 'test.kept',
    durability: 'snapshot',
    effects: { audit: () => {}, charge: () => new Promise<void>(() => {}) },
  })
  const system = await house.start()
  system.register(def)
  const ref = await system.spawn(def, 'a', { count: 1 })
  const records = (await house.records()).length
  await Promise.all(Array.from({ length: 100 }, () => ref.apply({ type: 'add' })))
  await ref.apply({ type: 'pay', amount: 7 })
  await settle()
  t.equal((await house.records()).length, records, 'no step is a record')
  house.crash()
  const again = await house.start()
  t.teardown(() => again.close())
  again.register(counter(charges, { type: 'test.kept', durability: 'snapshot' }))
  await settle()
  t.match(again.ref(ref.address)?.snapshot(), { context: { count: 102 } })
  t.match(charges, [{ amount: 7 }])
})

t.test('an older state climbs the ladder of migrations, even after a crash', async (t) => {
  const house = new House()
  const def = counter()
  const system = await house.start()
  system.register(def)
  const ref = await system.spawn(def, 'a', { count: 5 })
  await ref.apply({ type: 'add' })
  house.crash()
  const newer = counter([], {
    version: 3,
    migrate: {
      1: (state) => ({ ...state, context: { ...state.context, log: ['from 1'] } }),
      2: ({ context }) => ({ value: 'awake', context: { ...context, count: 600 } }),
    },
  })
  const second = await house.start()
  second.register(newer)
  t.match(second.ref(ref.address)?.snapshot(), {
    version: 3,
    context: { count: 600, log: ['from 1'] },
  })
  await (second.ref(ref.address) as typeof ref).apply({ type: 'add' })
  house.crash()
  const third = await house.start()
  t.teardown(() => third.close())
  third.register(newer)
  t.match(third.ref(ref.address)?.snapshot(), { context: { count: 601, log: ['from 1'] } })
})

t.test(
  'a state of an unknown version stands parked, untouched, until one can read it',
  async (t) => {
    const house = new House()
    const charges: Charge[] = []
    const def = counter([], { effects: { charge: () => new Promise<void>(() => {}) } })
    const system = await house.start()
    system.register(def)
    const ref = await system.spawn(def, 'a', { count: 5 })
    await ref.apply({ type: 'pay', amount: 2 })
    house.crash()
    const second = await house.start()
    second.register(counter(charges, { version: 2 }))
    const stranger = second.ref(ref.address)
    t.match(stranger?.snapshot(), { status: 'parked', version: 1, context: { count: 6 } })
    t.match(second.list(), [{ parked: { code: 'PROV_ACTOR_VERSION_UNKNOWN' } }])
    t.same(stranger?.send({ type: 'add' }), { accepted: false, reason: 'parked' })
    t.equal(await codeOf(stranger?.apply({ type: 'add' })), 'PROV_ACTOR_PARKED')
    t.equal(await codeOf(second.resume(ref.address)), 'PROV_ACTOR_PARKED')
    await settle()
    t.same(charges, [], 'nor does anything it promised run under a foreign version')
    await second.close()
    house.crash()
    const third = await house.start()
    t.teardown(() => third.close())
    third.register(counter(charges))
    await settle()
    t.match(third.ref(ref.address)?.snapshot(), { status: 'active', context: { count: 6 } })
    t.match(charges, [{ amount: 2 }])
  },
)

t.test('a state that the machine no longer has stands parked as well', async (t) => {
  const house = new House()
  const def = counter()
  const system = await house.start()
  system.register(def)
  const ref = await system.spawn(def, 'a')
  house.crash()
  const second = await house.start()
  t.teardown(() => second.close())
  second.register(
    counter([], { version: 2, migrate: { 1: (state) => ({ ...state, value: 'no such state' }) } }),
  )
  t.match(second.list(), [{ address: ref.address, parked: { code: 'PROV_ACTOR_RESTORE_FAILED' } }])
})

t.test('a stopped address starts anew and never reuses an effect id', async (t) => {
  const house = new House()
  const charges: Charge[] = []
  const def = counter(charges)
  const system = await house.start()
  system.register(def)
  const first = await system.spawn(def, 'a', { count: 5 })
  const heard: WatchEvent[] = []
  system.watch(first.address, (event) => heard.push(event))
  await first.apply({ type: 'pay', amount: 1 })
  await settle()
  first.send({ type: 'add' })
  await Promise.resolve()
  await Promise.all([system.stop(first.address), system.stop(first.address)])
  await system.stop(first.address)
  t.match(heard, [{ kind: 'stopped' }])
  t.equal(first.snapshot().status, 'stopped')
  house.crash()
  const again = await house.start()
  t.teardown(() => again.close())
  again.register(def)
  t.equal(again.ref(first.address), undefined)
  t.match(again.list(), [{ address: first.address, status: 'stopped' }])
  const second = await again.spawn(def, 'a')
  t.equal(second.snapshot().context.count, 0)
  await second.apply({ type: 'pay', amount: 2 })
  await settle()
  t.equal(new Set(charges.map((charge) => charge.id)).size, 2)
})

t.test('the kernel lives in its partition and leaves others alone', async (t) => {
  const house = new House()
  const def = counter()
  const left = await house.start({ partition: 'left' })
  const right = await house.start({ partition: 'right' })
  t.teardown(() => Promise.all([left.close(), right.close()]))
  left.register(def)
  right.register(def)
  await left.spawn(def, 'a', { count: 1 })
  await right.spawn(def, 'a', { count: 2 })
  house.crash()
  const again = await house.start({ partition: 'right' })
  again.register(def)
  t.match(again.ref('test.counter/a')?.snapshot(), { context: { count: 2 } })
})

t.test(
  'promises between actors of every kind are settled: none is left, none comes again',
  async (t) => {
    const house = new House()
    const kinds = (['volatile', 'snapshot', 'journal'] as const).map((durability) =>
      counter([], { type: `test.${durability}`, durability }),
    )
    const system = await house.start()
    for (const def of kinds) system.register(def)
    const refs = await Promise.all(kinds.map((def) => system.spawn(def, 'x')))
    for (const from of refs) {
      for (const to of refs) await from.apply({ type: 'forward', to: to.address, hops: 1 })
    }
    await from(refs, (ref) => ref.apply({ type: 'pay', amount: 1 }))
    await settle(10)
    const counts = refs.map((ref) => ref.snapshot().context)
    t.same(
      counts.map(({ count, log }) => [count, log.length]),
      [
        [7, 1],
        [7, 1],
        [7, 1],
      ],
    )
    await system.close()
    const kept = (await house.journal.snapshot('kernel'))?.body as { outbox: unknown }
    t.same(kept.outbox, [])
    house.crash()
    const again = await house.start()
    t.teardown(() => again.close())
    for (const def of kinds) again.register(def)
    await settle(10)
    t.equal(again.ref((refs[0] as (typeof refs)[number]).address), undefined, 'volatile is gone')
    t.same(
      refs.slice(1).map((ref) => again.ref(ref.address)?.snapshot().context),
      counts.slice(1),
    )
  },
)

async function from<T>(all: readonly T[], act: (one: T) => Promise<unknown>): Promise<void> {
  for (const one of all) await act(one)
}

t.test(
  'actors that are done can be retired: nothing of them stays, also after a crash',
  async (t) => {
    const house = new House()
    const system = await house.start()
    const short = defineActor({ type: 'test.short', version: 1, machine: shortMachine })
    system.register(short)
    const refs = await Promise.all(
      ['a', 'b', 'c'].map((id) => system.spawn(short, id, undefined as never)),
    )
    const [a, b, c] = refs.map(({ address }) => address) as [Address, Address, Address]
    await refs[0]?.apply({ type: 'end' })
    await refs[1]?.apply({ type: 'end' })
    t.same(await system.retire([a, c, 'test.short/never' as Address]), [c], 'c is not done')
    t.same(
      system.list({ type: 'test.short' }).map(({ address }) => address),
      [b, c],
    )
    t.equal(system.ref(a), undefined)
    house.crash()
    const again = await house.start()
    again.register(short)
    t.same(
      again.list({ type: 'test.short' }).map(({ address }) => address),
      [b, c],
    )
    t.same(await again.retire([b]), [])
    await again.close()
    const last = await house.start()
    t.teardown(() => last.close())
    last.register(short)
    t.same(
      last.list().map(({ address }) => address),
      [c],
      'nor does the snapshot hold them',
    )
  },
)

t.test('a promise that an actor kept which keeps nothing is not made again', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const quiet = counter([], { type: 'test.quiet', durability: 'volatile' })
  const def = counter()
  for (const one of [def, quiet]) system.register(one)
  const ref = await system.spawn(def, 'a')
  const heard = await system.spawn(quiet, 'b')
  await ref.apply({ type: 'forward', to: heard.address, hops: 1 })
  await settle()
  t.equal(heard.snapshot().context.count, 1)
  house.crash()
  const { outbox } = await openLedger(house.journal, 'kernel')
  t.same([...outbox.values()], [])
})
