import t from 'tap'
import type { ActorSystem } from '../../core/actor/system.ts'
import { setup } from 'xstate'
import { defineActor } from '../../core/actor/define.ts'
import { House, settle } from './counter.ts'
import { loaded, withDelays } from '../../core/actor/timers.ts'
import type { TimerPolicies } from '../../core/actor/timers.ts'

const timer = (type: string, dueMs: number, id = type) => ({ id, dueMs, event: { type } })

t.test('overdue timers fire unless their type says otherwise', async (t) => {
  const timers = [timer('a', 5), timer('b', 5)]
  t.equal(loaded({}, timers, 10, 0), undefined)
  t.equal(loaded({ a: 'fire', c: 'skip' }, timers, 10, 0), undefined)
})

t.test('a policy is found by id, by event, or by the name of the delay', async (t) => {
  const named = timer('xstate.after.short.m.on', 5)
  const number = timer('xstate.after.1000.m.on', 5)
  const raised = timer('ring', 5, 'bell')
  const skipped = (policies: TimerPolicies) =>
    loaded(policies, [named, number, raised], 10, 0)?.skipped
  t.same(skipped({ short: 'skip' }), [named.id])
  t.same(skipped({ 1000: 'skip' }), [number.id])
  t.same(skipped({ bell: 'skip' }), ['bell'])
  t.same(skipped({ ring: 'skip' }), ['bell'])
  t.equal(skipped({ shor: 'skip', 100: 'skip' }), undefined, 'half a name is none')
})

t.test('skip drops it, restart begins again, what is not due stays', async (t) => {
  const [gone, again, later] = [
    timer('xstate.after.short.m.on', 5),
    timer('xstate.after.1000.m.on', 10),
    timer('xstate.after.1000.m.off', 11),
  ]
  const all = { short: 'skip', 1000: 'restart' } as const
  t.same(loaded(all, [gone, again, later], 10, 0), {
    timers: [{ ...again, dueMs: 1_010 }, later],
    skipped: [gone.id],
    restarted: [again.id],
  })
})

t.test('the delay of a named one is noted when it is set; without it, it fires', async (t) => {
  const policies = { short: 'restart' } as const
  const known = timer('other', 1)
  const set = timer('xstate.after.short.m.on', 700)
  t.equal(loaded(policies, [set], 800, 0), undefined, 'nobody knows how long it was')
  const before = { timers: [known] }
  t.equal(withDelays(policies, before, before, 500), before)
  const plain = { timers: [known, timer('bell', 900)] }
  t.equal(withDelays(policies, before, plain, 500), plain)
  const [first, noted] = withDelays(policies, before, { timers: [known, set] }, 500).timers
  t.equal(first, known, 'the others are the same objects')
  t.same(noted, { ...set, delayMs: 200 })
  t.match(loaded(policies, [noted as never], 800, 0), { timers: [{ dueMs: 1_000, delayMs: 200 }] })
})

t.test('a clock that was set back lengthens no wait: what was left is left', async (t) => {
  const named = timer('xstate.after.short.m.on', 9_000)
  const number = timer('xstate.after.1000.m.on', 9_000)
  const day = 86_400_000
  t.equal(loaded({}, [named], 8_000, 8_000), undefined)
  t.same(loaded({}, [named], 8_000 - day, 8_000), {
    timers: [{ ...named, dueMs: 9_000 - day }],
    skipped: [],
    restarted: [],
    moved: [named.id],
  })
  // Nobody knows when the journal was last written; the delay itself is known.
  t.match(loaded({}, [number], 0, 0), { timers: [{ dueMs: 1_000 }], moved: [number.id] })
  t.equal(loaded({}, [named], 0, 0), undefined, 'it may have been set for that long')
  t.match(loaded({}, [{ ...named, delayMs: 70 }], 0, 0), { timers: [{ dueMs: 70 }] })
})

t.test('what was overdue when the journal was last written is overdue on any clock', async (t) => {
  const named = timer('xstate.after.short.m.on', 9_000)
  t.match(loaded({}, [named], 100, 9_500), { timers: [{ dueMs: 100 }], moved: [named.id] })
  t.match(loaded({ short: 'skip' }, [named], 100, 9_500), { timers: [], skipped: [named.id] })
  const known = { ...named, delayMs: 70 }
  t.match(loaded({ short: 'restart' }, [known], 100, 9_500), { timers: [{ dueMs: 170 }] })
})

const sleeper = setup({ delays: { nap: 1_000 } }).createMachine({
  id: 'sleeper',
  initial: 'awake',
  states: { awake: { on: { sleep: 'asleep' } }, asleep: { after: { nap: 'awake' } } },
})

for (const durability of ['journal', 'snapshot'] as const) {
  t.test(
    `${durability}: overdue timers fire, are skipped, or begin again, and that is kept`,
    async (t) => {
      const house = new House()
      const types = (['fire', 'skip', 'restart'] as const).map((policy) =>
        defineActor({
          type: `test.${policy}`,
          version: 1,
          machine: sleeper,
          durability,
          timers: { nap: policy },
        }),
      )
      const open = async () => {
        const system = await house.start()
        for (const def of types) system.register(def)
        await settle()
        return system
      }
      const values = (system: ActorSystem) => system.list().map(({ value }) => value)
      const system = await open()
      t.teardown(() => system.close())
      for (const def of types) await (await system.spawn(def, 'a')).apply({ type: 'sleep' })
      house.crash()
      house.clock.jump(5_000)
      const again = await open()
      await house.clock.advance(0)
      t.same(values(again), ['awake', 'asleep', 'asleep'])
      await house.clock.advance(600)
      house.crash()
      // Not overdue now: it was begun again 600 ms ago, and that is known.
      const third = await open()
      t.teardown(() => third.close())
      await house.clock.advance(399)
      t.same(values(third), ['awake', 'asleep', 'asleep'])
      await house.clock.advance(1)
      t.same(values(third), ['awake', 'awake', 'asleep'], 'the rows are fire, restart, skip')
      await house.clock.advance(60_000)
      t.same(values(third), ['awake', 'awake', 'asleep'], 'what was skipped never comes')
      if (durability === 'snapshot') return
      const records = await house.records()
      const timers = records.filter(({ type }) => type === 'actor.timers').map(({ body }) => body)
      const after = 'xstate.after.nap.sleeper.asleep'
      t.match(timers, [
        { address: 'test.skip/a', skipped: [after], restarted: [], timers: [] },
        { address: 'test.restart/a', skipped: [], restarted: [after] },
      ])
    },
  )
}
