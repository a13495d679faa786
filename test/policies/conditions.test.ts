import t from 'tap'
import type { Condition } from '../../policies/conditions.ts'
import { conditionText, holds, leafId, leavesOf, statusOf } from '../../policies/conditions.ts'

const dns: Condition = { capability: 'dns' }
const tls: Condition = { capability: 'tls' }
const up: Condition = { dimension: 'cluster', at: ['ready', 'busy'] }
const tree: Condition = { all: [up, { any: [dns, tls] }] }
const with_ =
  (...met: readonly Condition[]) =>
  (leaf: string) =>
    met.some((one) => leafId(one as never) === leaf)

t.test(
  'a gate is open when its tree holds, partial when something does, else closed',
  async (t) => {
    t.equal(statusOf(tree, with_()), 'closed')
    t.equal(statusOf(tree, with_(up)), 'partial')
    t.equal(statusOf(tree, with_(dns)), 'partial')
    t.equal(statusOf(tree, with_(up, tls)), 'open')
  },
)

t.test('thresholds count their parts, and the edges of all, any and at_least', async (t) => {
  const two: Condition = { at_least: 2, of: [up, dns, tls] }
  t.equal(holds(two, with_(up)), false)
  t.equal(holds(two, with_(up, tls)), true)
  t.equal(holds({ all: [] }, with_()), true)
  t.equal(holds({ any: [] }, with_(up)), false)
  t.equal(holds({ at_least: 0, of: [] }, with_()), true)
  t.equal(holds({ at_least: 1, of: [] }, with_(up)), false)
})

t.test('a tree reads as a sentence and lists each leaf once', async (t) => {
  t.equal(conditionText(tree), 'cluster at ready or busy and (capability dns or capability tls)')
  t.equal(conditionText({ at_least: 2, of: [dns, tls] }), '2 of (capability dns, capability tls)')
  t.same(leavesOf({ all: [dns, { any: [dns, tls] }] }), [dns, tls])
})

t.test('more facts never close a gate', async (t) => {
  const leaves = [up, dns, tls]
  const rank = { closed: 0, partial: 1, open: 2 }
  for (let mask = 0; mask < 8; mask++) {
    for (let more = 0; more < 3; more++) {
      const facts = leaves.filter((_, at) => mask & (1 << at))
      const after = leaves.filter((_, at) => (mask | (1 << more)) & (1 << at))
      t.ok(rank[statusOf(tree, with_(...after))] >= rank[statusOf(tree, with_(...facts))])
    }
  }
})
