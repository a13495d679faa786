import t from 'tap'
import { retireEnded } from '../../core/protocol/retire.ts'
import { ready } from '../plugins/stage.ts'

t.test('a plane lets go of what ended long before it leaves memory', async (t) => {
  const { ops, until, prov, deal } = await ready(t)
  const lane = async (name: string): Promise<void> => {
    for (let n = 0; n < 12; n++) {
      const target = `staging-1/${name}`
      const { op } = await ops.submit({
        type: 'restart',
        target,
        as: 'alice',
        opId: `${name}_${n}`,
      })
      await until(op, 'applied')
    }
  }
  await Promise.all(Array.from({ length: 25 }, (_, at) => lane(`lane${at}`)))
  const listed = (type: string) => prov.actors.list({ type }).length
  for (const type of ['submitter', 'keeper', 'controller']) {
    while (listed(type) >= 256) await new Promise((resolve) => setImmediate(resolve))
    t.ok(listed(type) >= 128, `${type}: ${listed(type)} of 300, and not one too many`)
  }
  t.equal(deal.store.get().ops.nearSize, 300, 'their rows are in memory')
  const again = await ops.submit({
    type: 'restart',
    target: 'staging-1/lane0',
    as: 'alice',
    opId: 'lane0_0',
  })
  t.equal(again.duplicate, true, 'and the same again is the same answer')
})

t.test('at a start every instance goes that waits for nothing', async (t) => {
  const { deal, on } = await ready(t)
  const gone: string[] = []
  retireEnded({
    contract: deal,
    actors: {
      list: () => [{ address: 'keeper/old' }, { address: 'keeper/older' }] as never,
      async retire(addresses) {
        gone.push(...addresses)
        return []
      },
    },
    type: 'keeper',
    clock: on.clock,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    signal: AbortSignal.timeout(60_000),
  })
  t.same(gone, ['keeper/old', 'keeper/older'])
})
