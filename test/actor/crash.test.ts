/**
 * Crashes at random moments: what was acknowledged is never lost, promises are never forgotten,
 * answers and tells are never handled twice. PROV_CRASHES sets how many lives (default 60).
 *
 * @module
 */
import t from 'tap'
import type { ActorRef } from '../../core/actor/system.ts'
import { counter, House, settle } from './counter.ts'
import type { CounterContext, CounterEvent } from './counter.ts'

const lives = Number(process.env['PROV_CRASHES'] ?? 60)

t.test(`${lives} crashes lose nothing that was acknowledged and double no answer`, async (t) => {
  const house = new House()
  const ran = new Map<string, number>()
  let acknowledged = 0
  let asked = 0
  let random = 12_345
  const below = (limit: number) => {
    random = (Math.imul(random, 1_103_515_245) + 12_345) & 0x7fffffff
    return random % limit
  }
  const def = counter([], {
    effects: {
      charge: async (_: unknown, { id }) => {
        ran.set(id, (ran.get(id) ?? 0) + 1)
        if (below(3) === 0) await settle(below(4))
        return { id }
      },
    },
  })
  const open = async (): Promise<ActorRef<CounterContext, CounterEvent>[]> => {
    const system = await house.start({ snapshotEvery: 1 + below(40) })
    system.register(def)
    return Promise.all(['a', 'b', 'c'].map((id) => system.spawn(def, id)))
  }
  for (let life = 0; life < lives; life++) {
    const refs = await open()
    for (let at = 0; at < below(12); at++) {
      const ref = refs[below(3)] as (typeof refs)[number]
      const to = (refs[below(3)] as (typeof refs)[number]).address
      const event: CounterEvent =
        below(2) === 0 ? { type: 'pay', amount: 1 } : { type: 'forward', to, hops: below(5) }
      // Counted before: a commit may reach the disk and its acknowledgement not.
      asked++
      void ref.apply(event).then(
        () => acknowledged++,
        () => {},
      )
      if (below(3) === 0) await settle(1)
    }
    // From here on the disk takes no more: everything in flight is lost.
    const left = below(3)
    let syncs = 0
    house.disk.beforeSync = () => (syncs++ < left ? undefined : new Promise(() => {}))
    await settle(below(4))
    house.crash()
    house.disk.beforeSync = undefined
  }
  const refs = await open()
  for (let turn = 0; turn < 30; turn++) await settle()
  const records = await house.records()
  const steps = records
    .filter((record) => record.type === 'actor.stepped')
    .map((record) => record.body as { event: CounterEvent; cause?: string; effects?: unknown[] })
  const causes = steps.flatMap((step) => (step.cause === undefined ? [] : [step.cause]))
  t.equal(new Set(causes).size, causes.length, 'nothing is handled twice')
  const promised = steps.reduce((sum, step) => sum + (step.effects?.length ?? 0), 0)
  t.equal(causes.length, promised, 'everything that was promised was done')
  const paid = steps.filter((step) => step.event.type === 'pay').length
  t.equal(ran.size, paid, 'every committed payment ran, and no other')
  const direct = steps.filter((step) => step.cause === undefined).length
  t.ok(direct >= acknowledged, `${acknowledged} acknowledged, ${direct} kept, ${asked} asked`)
  t.ok(acknowledged > lives && direct < asked, 'and the crashes did lose some that were not')
  const counted = refs.reduce((sum, ref) => sum + ref.snapshot().context.count, 0)
  const counting = steps.filter((step) => /pay|forward/.test(step.event.type)).length
  t.equal(counted, counting, 'the states are what the steps say')
  t.ok(
    [...ran.values()].some((times) => times > 1),
    'some effects had to run again',
  )
})
