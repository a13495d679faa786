import t from 'tap'
import { codeOf } from '../../core/kit.ts'
import { decide } from '../../core/actor/supervise.ts'
import type { Supervision } from '../../core/actor/define.ts'
import type { WatchEvent } from '../../core/actor/system.ts'
import { counter, House, settle } from './counter.ts'

const policy: Supervision = {
  strategy: 'one_for_one',
  restart: 'transient',
  intensity: 3,
  periodMs: 5_000,
  backoff: { firstMs: 100, factor: 2, maxMs: 300 },
  onFailure: 'restart',
}

t.test('failures within the period raise the pause, then escalate; old ones are forgotten', (t) => {
  let failures: readonly number[] = []
  const fail = (nowMs: number) => {
    const decision = decide(policy, failures, nowMs)
    failures = decision.failures
    return [decision.directive, decision.pauseMs]
  }
  t.same(fail(0), ['restart', 100])
  t.same(fail(1_000), ['restart', 200])
  t.same(fail(2_000), ['restart', 300])
  t.same(fail(5_500), ['restart', 300], 'the first failure is out of the window')
  t.same(fail(5_600), ['escalate', 0])
  t.same(fail(60_000), ['restart', 100])
  t.end()
})

t.test('other directives are followed as they stand', (t) => {
  for (const onFailure of ['resume', 'park', 'stop', 'escalate'] as const) {
    t.equal(decide({ ...policy, onFailure }, [], 0).directive, onFailure)
  }
  t.equal(decide({ ...policy, restart: 'temporary' }, [], 0).directive, 'stop')
  t.equal(decide({ ...policy, intensity: 0 }, [], 0).directive, 'escalate')
  t.end()
})

async function started(
  t: { teardown(undo: () => unknown): unknown },
  supervision: Partial<Supervision>,
) {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const def = counter([], { supervision })
  system.register(def)
  const ref = await system.spawn(def, 'a')
  const heard: WatchEvent[] = []
  system.watch(ref.address, (event) => heard.push(event))
  return { house, system, def, ref, heard }
}

t.test('restart: the message is a dead letter, the actor goes on after its back-off', async (t) => {
  const { house, system, ref, heard } = await started(t, { backoff: policy.backoff })
  ref.send({ type: 'add' })
  ref.send({ type: 'break' })
  ref.send({ type: 'add' })
  await settle()
  t.match(ref.snapshot(), { status: 'restarting', context: { count: 1 } })
  t.match(system.list(), [{ restarts: 1, depth: 1 }])
  t.match(heard, [
    { kind: 'restarted', crash: { event: 'break', state: 'awake', decision: 'restart' } },
  ])
  await house.clock.advance(99)
  t.equal(ref.snapshot().context.count, 1)
  await house.clock.advance(1)
  t.match(ref.snapshot(), { status: 'active', context: { count: 2 } })
  t.match(system.deadLetters().rows, [{ event: 'break', reason: 'failed' }])
})

t.test(
  'restarts beyond the intensity escalate: watchers are told and the actor ends',
  async (t) => {
    const { house, system, ref, heard } = await started(t, { intensity: 1 })
    ref.send({ type: 'break' })
    ref.send({ type: 'break' })
    ref.send({ type: 'add' })
    await settle()
    await house.clock.advance(100)
    t.same(
      heard.map((event) => event.kind),
      ['restarted', 'failed'],
    )
    t.match(heard[1]?.crash, { decision: 'escalate', error: { code: 'PROV_ACTOR_STEP_FAILED' } })
    t.equal(ref.snapshot().status, 'stopped')
    t.same(
      system.deadLetters().rows.map(({ event, reason }) => [event, reason]),
      [
        ['add', 'stopped'],
        ['break', 'failed'],
        ['break', 'failed'],
      ],
    )
  },
)

t.test('stop: a failure ends the actor and whoever waits is told', async (t) => {
  const { ref, heard } = await started(t, { onFailure: 'stop' })
  const codes = Promise.all([
    codeOf(ref.apply({ type: 'break' })),
    codeOf(ref.apply({ type: 'add' })),
  ])
  t.same(await codes, ['PROV_ACTOR_STEP_FAILED', 'PROV_ACTOR_STOPPED'])
  t.same(
    heard.map((event) => event.kind),
    ['stopped'],
  )
})

t.test(
  'park: the actor stands still with its mailbox until a person skips or retries',
  async (t) => {
    const { house, system, def, ref, heard } = await started(t, { onFailure: 'park' })
    ref.send({ type: 'break' })
    ref.send({ type: 'add' })
    const waiting = codeOf(ref.apply({ type: 'add' }))
    t.equal(await waiting, 'PROV_ACTOR_PARKED', 'nobody waits for a parked actor unknowingly')
    t.same(ref.send({ type: 'add' }), { accepted: false, reason: 'parked' })
    t.match(system.list(), [
      { status: 'parked', depth: 2, parked: { code: 'PROV_ACTOR_STEP_FAILED', event: 'break' } },
    ])
    await system.resume(ref.address)
    await settle()
    t.equal(ref.snapshot().status, 'parked', 'a retry of the same message fails again')
    await system.resume(ref.address, { skip: true })
    await settle()
    t.match(ref.snapshot(), { status: 'active', context: { count: 1 } })
    t.same(
      heard.map((event) => event.kind),
      ['parked', 'resumed', 'parked', 'resumed'],
    )
    t.same(
      system.deadLetters().rows.map(({ event, reason }) => [event, reason]),
      [
        ['break', 'skipped'],
        ['add', 'parked'],
      ],
    )
    ref.send({ type: 'break' })
    await settle()
    house.crash()
    const again = await house.start()
    t.teardown(() => again.close())
    again.register(def)
    t.match(again.list(), [{ status: 'parked', depth: 1, parked: { event: 'break' } }])
    await again.resume(ref.address, { skip: true })
    const back = await again.spawn(def, 'a')
    t.equal((await back.apply({ type: 'add' })).context.count, 2)
    t.equal(await codeOf(again.resume('test.counter/none')), 'PROV_ACTOR_UNKNOWN')
  },
)

t.test('a permanent actor that is done starts again from its input', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const def = counter([], { supervision: { restart: 'permanent', intensity: 2 } })
  system.register(def)
  const ref = await system.spawn(def, 'a', { count: 7 })
  await ref.apply({ type: 'add' })
  await ref.apply({ type: 'finish' })
  t.equal(ref.snapshot().status, 'restarting')
  ref.send({ type: 'add' })
  await house.clock.advance(100)
  t.match(ref.snapshot(), { status: 'active', context: { count: 8 }, sequence: 5 })
  house.crash()
  const again = await house.start()
  t.teardown(() => again.close())
  again.register(def)
  t.match(again.ref(ref.address)?.snapshot(), { context: { count: 8 }, sequence: 5 })
})
