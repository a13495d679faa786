/** Who holds what: disjoint operations run side by side, whoever writes the same is told by name. */
import t from 'tap'
import { ready } from './stage.ts'
import type { Life } from './stage.ts'

const policy = `{
  policy = {
    version = 1,
    auto_sign = [{ id = "spread", op_type = "spread", target_patterns = ["spread/**"] }],
    require_manual = [],
  },
}
`
const spread = async (life: Life, target: string): Promise<string> =>
  (await life.ops.submit({ type: 'spread', target, as: 'alice' })).op

t.test('beside one that is held a hundred disjoint ones run without a conflict', async (t) => {
  const life = await ready(t, policy)
  let finish: () => void = () => {}
  let held = ''
  life.on.run = async (op) => {
    if (op === held) await new Promise<void>((resolve) => (finish = resolve))
    return { outcome: 'applied', detail: {} }
  }
  // Known before it runs: the orchestrator is asked after the claim.
  const { op } = await life.ops.submit({
    type: 'spread',
    target: 'spread/held',
    as: 'alice',
    opId: 'op_held',
  })
  held = op
  await life.until(op, 'claimed')
  const targets = Array.from({ length: 100 }, (_, nth) => `spread/${nth}`)
  const others = await Promise.all(targets.map((target) => spread(life, target)))
  await Promise.all(others.map((other) => life.until(other, 'applied', 'refused', 'failed')))
  const { ops, positions } = life.deal.store.get()
  t.same(new Set(others.map((other) => ops.get(other)?.phase)), new Set(['applied']))
  t.ok(targets.every((target) => positions[target]?.version === 1))
  t.equal(ops.get(op)?.phase, 'claimed', 'and it is still held')
  const same = await spread(life, 'spread/held')
  await life.until(same, 'refused')
  t.match(life.deal.store.get().ops.get(same), { code: 'PROV_OP_WRITE_SET_HELD' })
  t.match(life.deal.store.get().ops.get(same)?.why, /op_held/, 'the holder is named')
  finish()
  await life.until(op, 'applied')
  t.equal(life.deal.store.get().positions['spread/held']?.version, 1)
})

t.test('what is in doubt keeps its hold until a person says how it ended', async (t) => {
  const life = await ready(t, policy)
  life.on.run = async () => ({ outcome: 'unknown', code: 'X', message: '?', detail: {} })
  const first = await spread(life, 'spread/a')
  await life.until(first, 'in_doubt')
  life.on.run = async () => ({ outcome: 'applied', detail: {} })
  const second = await spread(life, 'spread/a')
  await life.until(second, 'refused')
  t.match(life.deal.store.get().ops.get(second), { code: 'PROV_OP_WRITE_SET_HELD' })
  const other = await spread(life, 'spread/b')
  await life.until(other, 'applied')
  await life.control.resolve({ op: first, as: 'bob', outcome: 'failed', reason: 'nothing there' })
  await life.until(first, 'failed')
  const third = await spread(life, 'spread/a')
  await life.until(third, 'applied')
  t.equal(life.deal.store.get().positions['spread/a']?.version, 1, 'moved once, by the last one')
})
