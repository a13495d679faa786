/** Whose turn it is: fair between plugins, never for too long, repeatable when a test asks for it. */
import t from 'tap'
import { assign, setup } from 'xstate'
import { systemClock } from '../../core/clock.ts'
import { simulatedClock } from '../../core/clock.ts'
import { startActors } from '../../core/actor/start.ts'
import { defineActor } from '../../core/actor/define.ts'
import type { ActorEvent } from '../../core/actor/define.ts'
import { House, settle } from './counter.ts'

const order: string[] = []
const noting = (type: string, meanwhile?: () => void) =>
  defineActor({
    type,
    version: 1,
    durability: 'volatile',
    mailbox: { capacity: 100_000 },
    machine: setup({
      types: { context: {} as { n: number }, events: {} as ActorEvent },
      actions: {
        count: assign({ n: ({ context }) => (meanwhile?.(), order.push(type), context.n + 1) }),
      },
    }).createMachine({ context: { n: 0 }, on: { '*': { actions: 'count' } } }),
  })

t.test('a plugin that floods its actors does not keep the others waiting', async (t) => {
  const system = await startActors()
  t.teardown(() => system.close())
  const [flood, calm] = [noting('flood'), noting('calm')]
  system.register(flood, { owner: 'flooder' })
  system.register(calm, { owner: 'neighbour' })
  const flooded = []
  for (let at = 0; at < 200; at++) flooded.push(await system.spawn(flood, `f${at}`))
  const neighbour = await system.spawn(calm, 'one')
  order.length = 0
  for (const ref of flooded) for (let n = 0; n < 100; n++) ref.send({ type: 'more' })
  await neighbour.apply({ type: 'mine' })
  const before = order.indexOf('calm')
  t.ok(before <= 600, `20,000 messages of the flooder wait, ${before} of them came first`)
  while (order.length < 20_001) await settle(1)
  t.equal(order.length, 20_001, 'and the flooder loses nothing')
})

t.test('lanes take turns by steps where no time passes', async (t) => {
  const system = await startActors({ clock: simulatedClock() })
  t.teardown(() => system.close())
  const [flood, calm] = [noting('flood'), noting('calm')]
  system.register(flood, { owner: 'flooder' })
  system.register(calm, { owner: 'neighbour' })
  const flooded = await Promise.all(
    Array.from({ length: 100 }, (_, at) => system.spawn(flood, `f${at}`)),
  )
  const neighbour = await system.spawn(calm, 'one')
  order.length = 0
  for (const ref of flooded) for (let n = 0; n < 100; n++) ref.send({ type: 'more' })
  await neighbour.apply({ type: 'mine' })
  t.ok(order.indexOf('calm') <= 400, `${order.indexOf('calm')} of 10,000 came first`)
  while (order.length < 10_001) await settle(1)
})

t.test(
  'slow steps count by their time: a lane that took long waits while others go on',
  async (t) => {
    let nowMs = 0
    const system = await startActors({ clock: { ...systemClock, monotonic: () => nowMs } })
    t.teardown(() => system.close())
    const [slow, quick] = [noting('slow', () => void nowMs++), noting('quick')]
    system.register(slow, { owner: 'dawdler' })
    system.register(quick, { owner: 'neighbour' })
    const refs = [await system.spawn(slow, 'one'), await system.spawn(quick, 'one')]
    order.length = 0
    for (const ref of refs) for (let n = 0; n < 4_000; n++) ref.send({ type: 'more' })
    while (order.length < 8_000) await settle(1)
    const before = order
      .slice(0, order.lastIndexOf('quick'))
      .filter((type) => type === 'slow').length
    t.ok(before <= 1_500, `${before} of 4,000 slow ones came before the last of 4,000 quick ones`)
  },
)

t.test('the event loop gets its turn while actors are busy', async (t) => {
  const system = await startActors()
  t.teardown(() => system.close())
  const def = noting('busy')
  system.register(def)
  const ref = await system.spawn(def, 'one')
  order.length = 0
  let looked = -1
  setImmediate(() => (looked = order.length))
  for (let n = 0; n < 100_000; n++) ref.send({ type: 'more' })
  while (order.length < 100_000) await settle(1)
  t.ok(looked > 0 && looked < 100_000, `after ${looked} steps`)
})

t.test(
  'actors and effects that answer each other at once leave the event loop its turn',
  async (t) => {
    for (const simulated of [false, true]) {
      const { clock } = new House()
      const system = await startActors(simulated ? { clock } : {})
      let answers = 0
      // Far more than a few turns take: who is left no turn is left one in the end, and fails.
      const most = 600_000
      const def = defineActor({
        type: 'test.restless',
        version: 1,
        durability: 'volatile',
        machine: setup({
          types: { events: {} as ActorEvent },
          actions: { note: () => {} },
        }).createMachine({ on: { '*': { actions: 'note' } } }),
        effects: { note: () => (++answers < most ? undefined : new Promise<void>(() => {})) },
      })
      system.register(def)
      const ref = await system.spawn(def, 'one')
      ref.send({ type: 'go' })
      for (let turn = 0; turn < 3; turn++) {
        const before = answers
        await settle(1)
        await settle(1)
        t.ok(answers > before, `${answers} answers, and the loop turns`)
      }
      t.ok(answers < most)
      await system.close()
    }
  },
)

t.test('a test may choose who goes next, and gets the same run for the same choices', async (t) => {
  const run = async (seed: number): Promise<string> => {
    const house = new House()
    let state = seed
    const schedule = (ready: number) => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
      return state % ready
    }
    const system = await house.start({ schedule })
    const names = ['a', 'b', 'c', 'd'].map((name) => noting(name))
    for (const def of names) system.register(def)
    const refs = []
    for (const def of names) refs.push(await system.spawn(def, 'x'))
    order.length = 0
    for (const ref of refs) ref.send({ type: 'go' })
    await settle()
    await system.close()
    return order.join('')
  }
  t.equal(await run(1), await run(1))
  const runs = new Set(await Promise.all([1].map(run)))
  for (let seed = 2; seed < 8; seed++) runs.add(await run(seed))
  t.ok(runs.size > 1, `other choices, other orders: ${[...runs].join(' ')}`)
})
