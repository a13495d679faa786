/** A test of a plugin's own actors: wherever a life ends, money is spent once. */
import t from 'tap'
import { assign, setup } from 'xstate'
import { defineActor } from 'prov'
import { actorCrashPoints, simulateActors } from 'prov/testing'

const spent = new Set<string>()
const purse = defineActor({
  type: 'acme.purse',
  version: 1,
  machine: setup({
    types: { context: {} as { readonly receipts: number } },
    actions: { pay: () => {}, keep: assign({ receipts: ({ context }) => context.receipts + 1 }) },
  }).createMachine({
    context: { receipts: 0 },
    on: { spend: { actions: 'pay' }, 'effect.done.pay': { actions: 'keep' } },
  }),
  effects: { pay: (_params, { id }) => void spent.add(id) },
})

for (const crashAt of actorCrashPoints) {
  t.test(`a purse that dies at ${crashAt} spends once`, async (t) => {
    spent.clear()
    const world = simulateActors({ seed: 7, defs: [purse], crashAt, snapshotEvery: 2 })
    await world.run(async ({ system }) => {
      const eu = await system.spawn(purse, 'eu')
      if (eu.snapshot().sequence === 1) await eu.apply({ type: 'spend' })
    })
    t.same([spent.size, world.starts], [1, 2])
  })
}
