import t from 'tap'
import type { Address } from '../../core/actor/address.ts'
import { Owned } from '../../core/actor/outbox.ts'
import { openLedger } from '../../core/actor/restore.ts'
import type { ActorSystem } from '../../core/actor/system.ts'
import { counter, House, settle } from './counter.ts'
import { visits } from './visits.ts'

t.test('what is owed is found by id and by owner, whatever came and went in between', async (t) => {
  const seed = Number(process.env['PROV_SEED'] ?? Date.now() % 1e9)
  t.comment(`seed ${seed}`)
  let state = seed
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const owned = new Owned<number>()
  const plain = new Map<string, { owner: Address; value: number }>()
  const owners = ['a/1', 'a/2', 'b/1', 'c/1'] as const
  for (let round = 0; round < 3_000; round++) {
    const id = String(random(40))
    const owner = owners[random(4)] as Address
    let same = true
    if (random(2) === 0) same = owned.delete(id) === plain.delete(id)
    else {
      // One that changes hands is new to its new owner.
      if (plain.get(id)?.owner !== owner) plain.delete(id)
      plain.set(id, { owner, value: round })
      owned.add(id, owner, round)
    }
    const all = [...plain.values()]
    same &&=
      owned.size === plain.size &&
      owned.get(id) === plain.get(id)?.value &&
      owned.has(id) === plain.has(id) &&
      String([...owned.values()]) === String(all.map(({ value }) => value)) &&
      owners.every((one) => {
        const own = all.filter((entry) => entry.owner === one).map(({ value }) => value)
        return String(owned.of(one)) === String(own) && owned.owns(one) === own.length > 0
      })
    if (!same) return t.fail(`seed ${seed}, round ${round}`)
  }
  return t.pass()
})

const never = () => new Promise<void>(() => {})
const def = counter([], { effects: { charge: never } })
const snapped = counter([], {
  type: 'test.snapped',
  durability: 'snapshot',
  effects: { audit: () => {}, charge: never },
})
const idle = counter([], { type: 'test.idle', durability: 'volatile' })

/** A house in which `others` actors wait for an effect each that never ends. */
async function crowd(others: number): Promise<{ house: House; system: ActorSystem }> {
  const house = new House()
  const system = await house.start({ snapshotEvery: 1e9 })
  for (const one of [def, snapped, idle]) system.register(one)
  await Promise.all(
    Array.from({ length: others }, async (_, n) => {
      const ref = await system.spawn(def, `other-${n}`)
      await ref.apply({ type: 'pay', amount: 1 })
    }),
  )
  await settle()
  return { house, system }
}

type Scene = Awaited<ReturnType<typeof crowd>>

async function paying(system: ActorSystem, type = def): Promise<Address> {
  const ref = await system.spawn(type, 'one')
  await ref.apply({ type: 'pay', amount: 2 })
  return ref.address
}

/** Each ends with what is counted. */
const acts: Readonly<Record<string, (scene: Scene) => Promise<() => unknown>>> = {
  'an actor that ends': async ({ system }) => {
    const one = await paying(system)
    return () => system.stop(one)
  },
  'an actor that restarts': async ({ house, system }) => {
    const one = await paying(system)
    return async () => {
      system.send(one, { type: 'break' })
      await settle()
      await house.clock.advance(200)
      await settle()
    }
  },
  'actors that are retired': async ({ system }) => {
    const ref = await system.spawn(def, 'one')
    await ref.apply({ type: 'finish' })
    return async () => system.retire([ref.address])
  },
  'an actor that is written as a snapshot': async ({ system }) => {
    const one = await paying(system, snapped)
    const ref = system.ref(one)
    return () => ref?.apply({ type: 'add' })
  },
  'a start beside promises of a type that nobody registered': async ({ house }) => {
    house.crash()
    const again = await house.start({ snapshotEvery: 1e9 })
    again.register(idle)
    again.register(snapped)
    return async () => {
      await again.spawn(idle, 'one')
      await again.spawn(snapped, 'two')
    }
  },
}

for (const [what, act] of Object.entries(acts)) {
  t.test(`no look at the promises of others: ${what}`, async (t) => {
    const counts: number[] = []
    for (const others of [20, 420]) {
      const scene = await crowd(others)
      const counted = await act(scene)
      counts.push(await visits(counted))
    }
    const [few = 0, many = 0] = counts
    t.comment(`${few} entries beside 20 others, ${many} beside 420`)
    t.ok(many - few < 100, `${many} entries walked beside 420 others, ${few} beside 20`)
  })
}

t.test(
  'a start looks at each promise a few times, however many actors keep snapshots',
  async (t) => {
    const { house, system } = await crowd(300)
    const spawned = Array.from({ length: 100 }, async (_, n) => {
      const ref = await system.spawn(snapped, `kept-${n}`)
      await ref.apply({ type: 'pay', amount: 3 })
    })
    await Promise.all(spawned)
    house.crash()
    let size = 0
    const walked = await visits(async () => {
      size = (await openLedger(house.journal, 'kernel')).outbox.size
    })
    t.equal(size, 400)
    t.comment(`${walked} entries`)
    t.ok(walked < 4_000, `${walked} entries walked for 400 promises`)
  },
)
