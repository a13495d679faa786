import t from 'tap'
import { codeOf } from '../../core/kit.ts'
import { decide, noPast, pauseOf, supervisionOf } from '../../core/actor/supervise.ts'
import type { Occasion, Past, Supervision, SupervisionSpec } from '../../core/actor/supervise.ts'
import { defineActor } from '../../core/actor/define.ts'
import type { ActorSystem, WatchEvent } from '../../core/actor/system.ts'
import { assign, setup } from 'xstate'
import { counter, House, settle } from './counter.ts'

const backoff = { firstMs: 100, factor: 2, maxMs: 300 }
const policyOf = (spec: SupervisionSpec): Supervision =>
  supervisionOf({ backoff, ...spec }) as Supervision

/** Decides on one failure after the other, each of another message unless it says how often. */
function failing(policy: Supervision) {
  let past: Past = noPast
  return (nowMs: number, more: Partial<Occasion> = {}) => {
    const occasion = { nowMs, tries: 1, grouped: false, random: () => 0.5, ...more }
    const decision = decide(policy, past, occasion)
    past = decision.past
    return decision
  }
}

t.test('failures within the period raise the pause, then escalate; old ones are forgotten', (t) => {
  const fail = failing(policyOf({}))
  const at = (nowMs: number) => {
    const { directive, pauseMs } = fail(nowMs)
    return [directive, pauseMs]
  }
  t.same(at(0), ['restart', 100])
  t.same(at(1_000), ['restart', 200])
  t.same(at(2_000), ['restart', 300])
  t.same(at(5_500), ['restart', 300], 'the first failure is out of the window')
  t.same(at(5_600), ['escalate', 0])
  t.same(at(60_000), ['restart', 100])
  t.end()
})

t.test('other directives are followed as they stand', (t) => {
  for (const onFailure of ['resume', 'park', 'stop', 'escalate'] as const) {
    t.equal(failing(policyOf({ onFailure }))(0).directive, onFailure)
  }
  t.equal(failing(policyOf({ restart: 'temporary' }))(0).directive, 'stop')
  t.equal(failing(policyOf({ intensity: 0 }))(0).directive, 'escalate')
  t.match(failing(policyOf({ onFailure: 'reset' }))(0), { directive: 'reset', letter: 'failed' })
  t.end()
})

t.test('a message is tried again until it counts as poison, and counts once', (t) => {
  const fail = failing(policyOf({ intensity: 1 }))
  t.match(fail(0, { tries: 1 }), { directive: 'restart', letter: undefined, pauseMs: 100 })
  t.match(fail(100, { tries: 2 }), { directive: 'restart', letter: undefined, pauseMs: 200 })
  t.match(fail(200, { tries: 3 }), { directive: 'restart', letter: 'poison', pauseMs: 300 })
  t.match(fail(300, { tries: 1 }), { directive: 'escalate' }, 'the next message is the second')
  const once = failing(policyOf({ poison: { after: 1 } }))
  t.match(once(0), { letter: 'poison' })
  const parks = failing(policyOf({ poison: { after: 2, fate: 'park' } }))
  t.match(parks(0, { tries: 1 }), { directive: 'restart' })
  t.match(parks(0, { tries: 2 }), { directive: 'park', why: 'the message failed 2 times' })
  t.match(failing(policyOf({}))(0, { tries: 0 }), {
    directive: 'restart',
    letter: undefined,
    why: '1 failure within 5000 ms; whoever applied the message was told',
  })
  t.end()
})

t.test('a circuit opens instead of escalating, and one trial decides what follows', (t) => {
  const fail = failing(policyOf({ intensity: 0, circuit: { after: 2, openMs: 9_000 } }))
  t.match(fail(0), { directive: 'restart', pauseMs: 100, past: { open: false } })
  t.match(fail(1), { directive: 'restart', pauseMs: 9_000, past: { open: true } })
  t.match(fail(20_000), { pauseMs: 9_000, past: { open: true } }, 'the trial failed')
  const closed = failing(policyOf({ circuit: { after: 2, openMs: 9_000 } }))
  t.match(closed(20_000), { pauseMs: 100, past: { open: false } }, 'a success closes it')
  t.end()
})

t.test('jitter takes a share of the pause away, by the chance that is handed in', (t) => {
  const policy = { firstMs: 1_000, factor: 2, maxMs: 3_000, jitter: 0.5 }
  t.equal(
    pauseOf(policy, 1, () => 0),
    1_000,
  )
  t.equal(
    pauseOf(policy, 2, () => 0.5),
    1_500,
  )
  t.equal(
    pauseOf(policy, 9, () => 0.8),
    1_800,
  )
  const fail = failing(policyOf({ backoff: { ...backoff, jitter: 1 } }))
  t.match(fail(0, { random: () => 0.25 }), { pauseMs: 75 })
  t.end()
})

t.test('what a group counts does not escalate by itself', (t) => {
  t.match(failing(policyOf({ intensity: 0 }))(0, { grouped: true }), { directive: 'restart' })
  t.end()
})

t.test('numbers that mean nothing are refused', (t) => {
  t.type(supervisionOf({ backoff: { jitter: 1.1 } }), 'string')
  t.type(supervisionOf({ poison: { after: 0 } }), 'string')
  t.type(supervisionOf({ circuit: { after: 0, openMs: 1 } }), 'string')
  t.end()
})

async function started(
  t: { teardown(undo: () => unknown): unknown },
  supervision: SupervisionSpec,
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

t.test('restart: the message is tried again after each back-off, then it is poison', async (t) => {
  const { house, system, ref, heard } = await started(t, { backoff })
  ref.send({ type: 'add' })
  ref.send({ type: 'break' })
  ref.send({ type: 'add' })
  await settle()
  t.match(ref.snapshot(), { status: 'restarting', context: { count: 1 } })
  t.match(system.list()[0], { restarts: 1, depth: 2 })
  t.match(heard, [
    { kind: 'restarted', crash: { event: 'break', state: 'awake', decision: 'restart', tries: 1 } },
  ])
  await house.clock.advance(99)
  t.equal(heard.length, 1)
  await house.clock.advance(1)
  t.match(heard[1], { kind: 'restarted', crash: { tries: 2, pauseMs: 200 } })
  t.same(system.deadLetters().rows, [])
  await house.clock.advance(200)
  t.match(heard[2], { crash: { tries: 3, pauseMs: 300, why: /failed 3 times and is given up/ } })
  t.match(system.deadLetters().rows, [
    { event: 'break', reason: 'poison', body: { type: 'break' } },
  ])
  t.match(ref.snapshot(), { status: 'restarting', context: { count: 1 } })
  await house.clock.advance(300)
  t.match(ref.snapshot(), { status: 'active', context: { count: 2 } }, 'the next one is taken')
  t.match(system.list()[0]?.crashes, [{ tries: 1 }, { tries: 2 }, { tries: 3 }])
})

t.test('poison may park the actor instead: a person skips it', async (t) => {
  const { house, system, ref } = await started(t, {
    backoff,
    poison: { after: 2, fate: 'park' },
  })
  ref.send({ type: 'break' })
  ref.send({ type: 'add' })
  await settle()
  await house.clock.advance(100)
  t.match(system.list()[0], { status: 'parked', parked: { event: 'break' }, depth: 2 })
  await system.resume(ref.address)
  await settle()
  t.match(system.list()[0], { status: 'parked' }, 'tried once more: still poison')
  await system.resume(ref.address, { skip: true })
  await settle()
  t.match(ref.snapshot(), { status: 'active', context: { count: 1 } })
  t.match(system.deadLetters().rows, [{ event: 'break', reason: 'skipped' }])
})

t.test(
  'failures beyond the intensity escalate: watchers are told and the actor ends',
  async (t) => {
    const { house, system, ref, heard } = await started(t, { intensity: 1, poison: { after: 1 } })
    ref.send({ type: 'break' })
    ref.send({ type: 'break' })
    ref.send({ type: 'add' })
    await settle()
    await house.clock.advance(100)
    t.same(
      heard.map((event) => event.kind),
      ['restarted', 'failed'],
    )
    t.match(heard[1]?.crash, {
      decision: 'escalate',
      why: '2 failures within 5000 ms',
      error: { code: 'PROV_ACTOR_STEP_FAILED' },
    })
    t.equal(ref.snapshot().status, 'stopped')
    t.same(
      system.deadLetters().rows.map(({ event, reason }) => [event, reason]),
      [
        ['add', 'stopped'],
        ['break', 'failed'],
        ['break', 'poison'],
      ],
    )
    const [{ status, crashes } = {}] = system.list()
    t.equal(status, 'stopped')
    t.same(
      crashes?.map(({ decision, recent }) => [decision, recent.length]),
      [
        ['restart', 0],
        ['escalate', 0],
      ],
    )
  },
)

t.test('reset: the actor begins anew from its input; what it owed is void', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const signals: AbortSignal[] = []
  const def = counter([], {
    supervision: { onFailure: 'reset' },
    effects: {
      charge: (_: unknown, { signal }) => {
        signals.push(signal)
        return new Promise((end) => signal.addEventListener('abort', () => end('too late')))
      },
    },
  })
  system.register(def)
  const ref = await system.spawn(def, 'a', { count: 7 })
  await ref.apply({ type: 'pay', amount: 1 })
  ref.send({ type: 'break' })
  ref.send({ type: 'add' })
  await settle()
  t.equal(signals[0]?.aborted, true)
  t.match(ref.snapshot(), { status: 'restarting', context: { count: 8 } })
  await house.clock.advance(100)
  await settle()
  t.equal(ref.snapshot().status, 'active')
  t.same(ref.snapshot().context, { count: 8, log: [] }, '7, and one more')
  t.match(system.deadLetters().rows, [{ event: 'break', reason: 'failed' }])
  t.equal(signals.length, 1, 'and its effect is not issued again')
  house.crash()
  const again = await house.start()
  t.teardown(() => again.close())
  again.register(def)
  await settle()
  t.same(again.ref(ref.address)?.snapshot().context, { count: 8, log: [] })
  t.equal(signals.length, 1)
})

t.test(
  'reset: what a former life asked for and gets later is not answered to the new one',
  async (t) => {
    const house = new House()
    const system = await house.start()
    t.teardown(() => system.close())
    let answer = (_: string): void => {}
    const def = counter([], {
      supervision: { onFailure: 'reset' },
      effects: { charge: () => new Promise((resolve) => (answer = resolve)) },
    })
    system.register(def)
    const ref = await system.spawn(def, 'a')
    await ref.apply({ type: 'pay', amount: 1 })
    ref.send({ type: 'break' })
    await settle()
    await house.clock.advance(100)
    await settle()
    answer('at last')
    await settle()
    t.same(ref.snapshot().context, { count: 0, log: [] })
  },
)

t.test('restart aborts running effects and issues what is owed again under its id', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const ran: string[] = []
  const def = counter([], {
    supervision: { poison: { after: 1 } },
    effects: {
      charge: (_: unknown, { id, signal }) => {
        ran.push(id)
        if (ran.length === 2) return { receipt: id }
        return new Promise<void>((end) => signal.addEventListener('abort', () => end()))
      },
    },
  })
  system.register(def)
  const ref = await system.spawn(def, 'a')
  await ref.apply({ type: 'pay', amount: 1 })
  ref.send({ type: 'break' })
  await settle()
  t.same(ran, ['test.counter/a:2:0'])
  await house.clock.advance(100)
  await settle()
  t.same(ran, ['test.counter/a:2:0', 'test.counter/a:2:0'])
  t.same(ref.snapshot().context.log, ['effect.done.charge'], 'it is answered once')
})

t.test(
  'an effect that is slow to end is issued again when it has, never beside itself',
  async (t) => {
    const house = new House()
    const system = await house.start()
    t.teardown(() => system.close())
    const ran: string[] = []
    const def = counter([], {
      supervision: { poison: { after: 1 } },
      effects: {
        charge: (_: unknown, { signal }) => {
          ran.push('begins')
          if (ran.length > 1) return 'done'
          return new Promise<void>((end) =>
            signal.addEventListener('abort', () =>
              house.clock.after(500, () => {
                ran.push('ends')
                end()
              }),
            ),
          )
        },
      },
    })
    system.register(def)
    const ref = await system.spawn(def, 'a')
    await ref.apply({ type: 'pay', amount: 1 })
    ref.send({ type: 'break' })
    await settle()
    await house.clock.advance(400)
    t.equal(ref.snapshot().status, 'active')
    t.same(ran, ['begins'])
    await house.clock.advance(100)
    await settle()
    t.same(ran, ['begins', 'ends', 'begins'])
    t.same(ref.snapshot().context.log, ['effect.done.charge'])
  },
)

t.test('an open circuit takes nothing; then one message is tried', async (t) => {
  const { house, system, ref } = await started(t, {
    poison: { after: 1 },
    backoff,
    circuit: { after: 2, openMs: 60_000 },
  })
  ref.send({ type: 'break' })
  ref.send({ type: 'break' })
  ref.send({ type: 'break' })
  ref.send({ type: 'add' })
  await settle()
  await house.clock.advance(100)
  t.match(system.list()[0], { status: 'restarting', depth: 2 })
  await house.clock.advance(59_999)
  t.match(system.list()[0], { status: 'restarting', depth: 2 })
  await house.clock.advance(1)
  t.match(system.list()[0], { status: 'restarting', depth: 1, restarts: 3 }, 'the trial failed')
  await house.clock.advance(60_000)
  t.match(system.list()[0], { status: 'active', depth: 0 })
  ref.send({ type: 'break' })
  await settle()
  await house.clock.advance(100)
  t.match(system.list()[0], { status: 'active' }, 'a success has closed it')
})

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

t.test('a permanent actor that died in its pause starts again with the next process', async (t) => {
  const house = new House()
  const system = await house.start()
  const def = counter([], { supervision: { restart: 'permanent' } })
  system.register(def)
  const ref = await system.spawn(def, 'a', { count: 7 })
  await ref.apply({ type: 'finish' })
  house.crash()
  const again = await house.start()
  t.teardown(() => again.close())
  again.register(def)
  await house.clock.advance(100)
  t.match(again.ref(ref.address)?.snapshot(), { status: 'active', context: { count: 7 } })
})

t.test(
  'what it stands parked at is skipped also in another process, whoever keeps it',
  async (t) => {
    const house = new House()
    const supervision = { onFailure: 'park' } as const
    const takes = defineActor({
      type: 'test.takes',
      version: 1,
      machine: setup({
        actions: {
          broken: assign(() => {
            throw new Error('not like that')
          }),
        },
      }).createMachine({ on: { forward: { actions: 'broken' } } }),
      supervision,
    })
    const fuse = defineActor({
      type: 'test.fuse',
      version: 1,
      machine: setup({
        actions: {
          broken: assign(() => {
            throw new Error('it burns')
          }),
        },
      }).createMachine({
        initial: 'lit',
        states: { lit: { after: { 1000: { target: 'out', actions: 'broken' } } }, out: {} },
      }),
      supervision,
    })
    const answers = defineActor({
      type: 'test.answers',
      version: 1,
      machine: setup({
        actions: {
          call: () => {},
          broken: assign(() => {
            throw new Error('no such answer')
          }),
        },
      }).createMachine({ entry: 'call', on: { 'effect.done.call': { actions: 'broken' } } }),
      effects: { call: () => 42 },
      supervision,
    })
    const sender = counter([], { type: 'test.sender' })
    const open = async () => {
      const system = await house.start()
      t.teardown(() => system.close())
      for (const one of [takes, fuse, answers, sender]) system.register(one)
      return system
    }
    const system = await open()
    await system.spawn(takes, 't')
    await system.spawn(fuse, 'f')
    await system.spawn(answers, 'n')
    const s = await system.spawn(sender, 's')
    await s.apply({ type: 'forward', to: 'test.takes/t', hops: 1 })
    await settle()
    await house.clock.advance(1_000)
    const where = (of: ActorSystem) => of.list().map(({ address, status }) => [address, status])
    t.same(where(system), [
      ['test.answers/n', 'parked'],
      ['test.fuse/f', 'parked'],
      ['test.sender/s', 'active'],
      ['test.takes/t', 'parked'],
    ])
    house.crash()
    const again = await open()
    for (const address of ['test.answers/n', 'test.fuse/f', 'test.takes/t'] as const) {
      await again.resume(address, { skip: true })
    }
    await settle()
    await house.clock.advance(60_000)
    t.same(
      where(again).map(([, status]) => status),
      ['active', 'active', 'active', 'active'],
    )
    t.match(
      again.deadLetters().rows.map(({ address, reason }) => [address, reason]),
      [
        ['test.takes/t', 'skipped'],
        ['test.fuse/f', 'skipped'],
      ],
    )
    house.crash()
    const third = await open()
    await settle()
    await house.clock.advance(60_000)
    t.same(
      where(third).map(([, status]) => status),
      ['active', 'active', 'active', 'active'],
      'and nothing of it comes again',
    )
  },
)
