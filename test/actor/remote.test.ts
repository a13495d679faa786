/**
 * Actors whose behaviour runs elsewhere. Here elsewhere is behind promises in the same thread, with
 * everything copied on the way: the kernel cannot tell the difference.
 */
import t from 'tap'
import { asProvError } from '../../core/errors.ts'
import type { ErrorReport } from '../../core/errors.ts'
import type { ActorDef } from '../../core/actor/define.ts'
import { programFor } from '../../core/actor/program/choose.ts'
import type { Standing, Step } from '../../core/actor/program/program.ts'
import type { RemoteProgram, RemoteStep } from '../../core/actor/program/remote.ts'
import { persisted } from '../../core/actor/state.ts'
import { sorted } from '../../core/actor/turns.ts'
import { codeOf } from '../../core/kit.ts'
import { climb, upcast } from '../../core/actor/versions.ts'
import { counter, House, settle } from './counter.ts'
import type { Charge } from './counter.ts'

const copied = <T>(value: T): T => structuredClone(value)

function elsewhere(def: ActorDef): RemoteProgram & { turns: number } {
  const program = programFor(def)
  const out = (step: Step, address: string, sequence: number): RemoteStep => {
    const { effects, beside } = sorted(def, step.asked, address as never, sequence)
    const tags = [...step.config.tags]
    return copied({ state: persisted(step), tags, asked: effects, beside, logs: step.logs })
  }
  const remote: RemoteProgram & { turns: number } = {
    turns: 0,
    mode: 'worker',
    start: async ({ address, input, sequence, nowMs }) =>
      out(program.start(input, nowMs), address, sequence),
    async turn({ address, sequence, state, messages }) {
      remote.turns++
      await new Promise((resolve) => setImmediate(resolve))
      const steps: RemoteStep[] = []
      let at: Standing = program.restore(copied(state))
      let failure: ErrorReport | undefined
      for (const { event, nowMs, timer } of copied(messages)) {
        try {
          const step = program.step(at, event, nowMs, timer)
          steps.push(out(step, address, sequence + steps.length + 1))
          at = step
        } catch (thrown) {
          failure = asProvError(thrown).toJSON()
          break
        }
        if (at.config.status === 'done') break
      }
      return { steps, ...(failure && { failure }) }
    },
    climb: async ({ event, ...kept }) => {
      const parked = event && { parked: { code: '', message: '', event } }
      const risen = climb(def, { ...kept, ...parked } as Parameters<typeof climb>[1])
      return { state: risen.state, event: risen.parked?.event }
    },
    upcast: async (event, version, address) => upcast(def, event, version, address),
    restore: async (state) => void program.restore(state),
  }
  return remote
}

async function open(house: House, charges: Charge[] = []) {
  const system = await house.start()
  const def = counter(charges, { supervision: { onFailure: 'resume' } })
  const remote = elsewhere(def)
  await system.registerRemote(def, remote, { owner: 'audit' })
  return { system, def, remote }
}

t.test('an actor that runs elsewhere keeps the promises of one that runs here', async (t) => {
  const house = new House()
  const charges: Charge[] = []
  const { system, def, remote } = await open(house, charges)
  const ref = await system.spawn(def, 'a', { count: 5 })
  const results = await Promise.allSettled([
    ref.apply({ type: 'add' }),
    ref.apply({ type: 'break' }),
    ref.apply({ type: 'add', by: 2 }),
    ref.apply({ type: 'pay', amount: 3 }),
  ])
  t.same(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
  )
  t.equal(
    await codeOf(Promise.reject((results[1] as { reason: Error }).reason)),
    'PROV_ACTOR_STEP_FAILED',
  )
  await settle(6)
  t.equal(ref.snapshot().context.count, 9)
  t.same(
    charges,
    [{ id: 'test.counter/a:4:0', amount: 3 }],
    'its effect ran after the commit, once',
  )
  t.same(ref.snapshot().context.log, ['effect.done.charge'])
  t.equal((await house.records('audit')).length, 1, 'its record is in the frame of its step')
  t.ok(remote.turns <= 4, `${remote.turns} turns: what waits travels together`)
  await ref.apply({ type: 'sleep' })
  t.same([...ref.snapshot().tags], ['resting'])
  await house.clock.advance(1_000)
  await settle(6)
  t.equal(ref.snapshot().value, 'awake', 'its timer rings here and is handled there')
  house.crash()
  const again = await open(house)
  t.match(again.system.ref(ref.address)?.snapshot(), { value: 'awake', context: { count: 9 } })
  await again.system.close()
})

t.test(
  'a stop that comes while its steps are computed wins: nothing of them is kept',
  async (t) => {
    const house = new House()
    const { system, def } = await open(house)
    t.teardown(() => system.close())
    const ref = await system.spawn(def, 'a')
    const applied = codeOf(ref.apply({ type: 'add' }))
    await Promise.resolve()
    await system.stop(ref.address)
    t.equal(await applied, 'PROV_ACTOR_STOPPED')
    t.same(
      (await house.records()).map(({ type }) => type),
      ['actor.type', 'actor.started', 'actor.stopped'],
    )
  },
)

t.test('a record from elsewhere is partition, type and body; it cannot forge others', async (t) => {
  const house = new House()
  const { system, def, remote } = await open(house)
  t.teardown(() => system.close())
  const { turn } = remote
  remote.turn = async (request) => {
    const { steps, ...rest } = await turn(request)
    const beside = [
      // Text that would end its line in the journal and begin one of somebody else's.
      { partition: 'audit', type: 'x', body: 1, json: '1]\n[0,"keeper","op.approved",{}' },
    ]
    return { ...rest, steps: steps.map((step) => ({ ...step, beside })) }
  }
  const ref = await system.spawn(def, 'a')
  await ref.apply({ type: 'add' })
  t.same(await house.records('audit'), [{ type: 'x', body: 1 }])
  t.same(await house.records('keeper'), [])
})

t.test('what is wrong with one step costs none before it', async (t) => {
  const house = new House()
  const { system, def, remote } = await open(house)
  const ref = await system.spawn(def, 'a')
  const { turn } = remote
  const bad = [
    { partition: 'kernel', type: 'x', body: 1 },
    { partition: 'audit', body: 1 },
    { partition: 'audit', type: 'x' },
  ]
  for (const one of bad) {
    remote.turn = async (request) => {
      const { steps, ...rest } = await turn(request)
      return {
        ...rest,
        steps: steps.map((step, at) => (at === 1 ? { ...step, beside: [one] } : step)),
      } as never
    }
    const three = await Promise.allSettled([1, 10, 100].map((by) => ref.apply({ type: 'add', by })))
    t.same(
      three.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
  }
  t.equal(ref.snapshot().context.count, 303)
  house.crash()
  const again = await open(house)
  t.teardown(() => again.system.close())
  t.match(again.system.ref(ref.address)?.snapshot(), { context: { count: 303 } })
})

t.test('another generation takes over between two turns', async (t) => {
  const house = new House()
  const { system, def, remote } = await open(house)
  t.teardown(() => system.close())
  const ref = await system.spawn(def, 'a')
  const before = ref.apply({ type: 'add' })
  await Promise.resolve()
  const next = elsewhere(def)
  system.swapRemote(def.type, next)
  await before
  await ref.apply({ type: 'add' })
  t.same([remote.turns, next.turns], [1, 1])
  t.equal(ref.snapshot().context.count, 2)
})
