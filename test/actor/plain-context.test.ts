/** What an actor keeps must read back as it was: a context that is no JSON fails its step by name. */
import t from 'tap'
import { assign, setup } from 'xstate'
import { defineActor } from '../../core/actor/define.ts'
import type { Durability } from '../../core/actor/define.ts'
import { House } from './counter.ts'

const odd: Record<string, unknown> = {
  date: new Date(0),
  map: new Map([[1, 2]]),
  number: NaN,
  big: 1n,
  symbol: Symbol('s'),
  code: () => {},
  'a key that is a symbol': { [Symbol('s')]: 1 },
  'a negative zero its author froze': Object.freeze([-0]),
  'a date its author froze': Object.freeze({ at: new Date(0) }),
  'a map its author froze': Object.freeze(new Map([[1, 2]])),
  'an undefined item': [1, undefined],
  // A list that was made longer than what it holds.
  'a hole': Object.assign([1], { length: 2 }),
}
const machine = setup({
  types: {
    context: {} as { held: { deep: unknown[] } | undefined },
    events: {} as { type: 'hold'; what: string },
  },
  actions: {
    hold: assign({ held: ({ event }) => ({ deep: [odd[event.what] ?? event.what] }) }),
  },
}).createMachine({ context: { held: undefined }, on: { hold: { actions: 'hold' } } })

const keeper = (durability: Durability) =>
  defineActor({
    type: 'test.keeper',
    version: 1,
    machine,
    durability,
    supervision: { onFailure: 'resume' },
  })

for (const durability of ['journal', 'snapshot'] as const) {
  t.test(
    `${durability}: a date, a map, a number that is none, a gap is refused, the state stays`,
    async (t) => {
      const house = new House()
      const system = await house.start()
      t.teardown(() => system.close())
      const def = keeper(durability)
      system.register(def)
      const ref = await system.spawn(def, 'a')
      await ref.apply({ type: 'hold', what: 'plain' })
      for (const what of Object.keys(odd)) {
        await t.rejects(ref.apply({ type: 'hold', what }), {
          code: 'PROV_ACTOR_STEP_FAILED',
          message: /no journal keeps/,
        })
        t.same(ref.snapshot().context, { held: { deep: ['plain'] } }, what)
      }
    },
  )
}

t.test('a negative zero is kept as what it reads back as', async (t) => {
  const turned = setup({
    types: { context: {} as { n: number; deep: readonly number[] } },
    actions: { turn: assign(({ context }) => ({ n: context.n * -1, deep: [context.n * -1] })) },
  }).createMachine({ context: { n: 0, deep: [] }, on: { turn: { actions: 'turn' } } })
  const def = defineActor({ type: 'test.turned', version: 1, machine: turned })
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  system.register(def)
  const ref = await system.spawn(def, 'a')
  const { n, deep } = (await ref.apply({ type: 'turn' })).context
  t.ok(Object.is(n, 0), 'where it was 0 before')
  t.ok(Object.is(deep[0], 0), 'and where it is new')
})

t.test('an actor that keeps nothing may hold what it likes', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const def = keeper('volatile')
  system.register(def)
  const ref = await system.spawn(def, 'a')
  for (const what of Object.keys(odd)) {
    const { context } = await ref.apply({ type: 'hold', what })
    t.ok(Object.is((context.held as { deep: unknown[] }).deep[0], odd[what]), what)
  }
})

t.test('volatile: what goes in circles is held, and shown, early and late', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const def = keeper('volatile')
  system.register(def)
  const ref = await system.spawn(def, 'a')
  const circle = () => {
    const round: { self?: unknown } = {}
    return Object.assign(round, { self: [round] })
  }
  // Each of the first thousand steps is looked at, later on only what is shown.
  for (let step = 0; step < 1_100; step++) {
    odd['round'] = circle()
    const { context } = await ref.apply({ type: 'hold', what: 'round' })
    if (context.held?.deep[0] !== odd['round']) return t.fail(`step ${step} holds something else`)
  }
})
