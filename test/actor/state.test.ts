/** A change on top of a state is the state after it, whatever came between: also of timers beside many. */
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { assign, enqueueActions, setup } from 'xstate'
import { defineActor } from '../../core/actor/define.ts'
import { changeBetween, changed, persisted, standingOf } from '../../core/actor/state.ts'
import type { TimerState } from '../../core/actor/state.ts'
import { randomFrom } from '../support/random-machine.ts'
import { House, settle } from './counter.ts'

const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

t.test('whatever becomes of timers, a change tells it: gone, set, moved, twice the same', (t) => {
  const state = { value: 'on', context: {}, status: 'active' } as const
  const wrong: number[] = []
  let written = 0
  for (let seed = 1; seed <= 2_000; seed++) {
    const random = randomFrom(seed)
    // Few names, so that some come twice, as a migration may leave them.
    const timer = (): TimerState => ({
      id: `t${random(6)}`,
      dueMs: random(4),
      event: { type: 'x' },
    })
    const some = () => Array.from({ length: random(5) }, timer)
    const before = some()
    const staying = before.filter(() => random(3) > 0)
    if (random(8) === 0) staying.reverse()
    const after = [...staying, ...some()]
    const from = standingOf({ ...state, timers: before })
    const change = changeBetween(from, standingOf({ ...state, timers: copy(after) }))
    const { timers = [] } = changed(persisted(from), copy(change))
    if (!isDeepStrictEqual(timers, after)) wrong.push(seed)
    if (change.timed) written++
  }
  t.same(wrong, [], 'seeds')
  t.ok(written > 500, `${written} of them beside timers that stay`)
  t.end()
})

/** Sets many timers at once, later ones by name; what rings is counted. */
const bells = defineActor({
  type: 'test.bells',
  version: 1,
  machine: setup({
    types: {
      context: {} as { readonly rang: number },
      events: {} as
        | { readonly type: 'set'; readonly from: number; readonly count: number }
        | { readonly type: 'cancel'; readonly id: string }
        | { readonly type: 'ring' },
    },
  }).createMachine({
    context: { rang: 0 },
    on: {
      set: {
        actions: enqueueActions(({ event, enqueue }) => {
          for (let at = event.from; at < event.from + event.count; at++) {
            enqueue.raise({ type: 'ring' }, { id: `bell-${at}`, delay: 1_000 + at })
          }
        }),
      },
      cancel: {
        actions: enqueueActions(({ event, enqueue }) => {
          enqueue.cancel(event.id)
        }),
      },
      ring: { actions: assign({ rang: ({ context }) => context.rang + 1 }) },
    },
  }),
})

t.test('one of a thousand timers that is set, cancelled or rings is written alone', async (t) => {
  const house = new House()
  const steps = async () =>
    (await house.records())
      .filter(({ type }) => type === 'actor.stepped')
      .map(({ body }) => JSON.stringify(body).length)
  const system = await house.start({ snapshotEvery: 1e9 })
  system.register(bells)
  const ref = await system.spawn(bells, 'tower')
  await ref.apply({ type: 'set', from: 0, count: 1_000 })
  await ref.apply({ type: 'set', from: 1_000, count: 1 })
  await ref.apply({ type: 'set', from: 500, count: 1 })
  await ref.apply({ type: 'cancel', id: 'bell-7' })
  for (let rung = 0; rung < 300; rung++) await house.clock.advance(rung === 0 ? 1_000 : 1)
  await settle()
  const { rang } = ref.snapshot().context
  t.equal(rang, 299)
  const [first = 0, ...others] = await steps()
  t.ok(first > 60_000, `the step that set them all takes ${first} bytes`)
  t.ok(others.length >= 302, `${others.length} steps`)
  t.ok(Math.max(...others) < 300, `the others at most ${Math.max(...others)}`)

  house.crash()
  const folded = await house.start()
  folded.register(bells)
  const back = folded.ref(ref.address)
  t.same(back?.snapshot(), ref.snapshot())
  for (let rung = 0; rung < 701; rung++) await house.clock.advance(1)
  await settle()
  const { context } = back?.snapshot() ?? {}
  t.same(context, { rang: 1_000 }, 'each one rings once, the one that was set anew too')
  await Promise.all([system.close(), folded.close()])
})
