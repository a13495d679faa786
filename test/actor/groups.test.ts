import t from 'tap'
import type { Address } from '../../core/actor/address.ts'
import { defineGroup, Groups } from '../../core/actor/groups.ts'
import type { Group, GroupSpec } from '../../core/actor/groups.ts'
import { codeIn } from './codes.ts'

const names = (addresses: readonly Address[]) => addresses.map((one) => one.slice('x/'.length))

/** Members join under their ranks: `{ a: 1 }`. */
function filled(groups: Groups, group: Group, members: Readonly<Record<string, number>>): void {
  for (const [id, rank] of Object.entries(members)) groups.join(group, `x/${id}`, rank)
}

function one(spec: Partial<GroupSpec>) {
  const groups = new Groups()
  const group = defineGroup({ name: 'g', intensity: 2, periodMs: 1_000, ...spec })
  filled(groups, group, { c: 30, a: 10, b: 20 })
  return { groups, group }
}

t.test('one_for_one restarts who failed, one_for_all all in start order', async (t) => {
  t.same(names(one({}).groups.failed('x/b', 0).restart), ['b'])
  t.same(names(one({ strategy: 'one_for_all' }).groups.failed('x/b', 0).restart), ['a', 'b', 'c'])
})

t.test('rest_for_one restarts who failed and those that started later', async (t) => {
  const { groups } = one({ strategy: 'rest_for_one', intensity: 9 })
  t.same(names(groups.failed('x/b', 0).restart), ['b', 'c'])
  t.same(names(groups.failed('x/c', 0).restart), ['c'])
  t.same(names(groups.failed('x/a', 0).restart), ['a', 'b', 'c'])
  groups.leave('x/c')
  groups.join(defineGroup({ name: 'g' }), 'x/d', 40)
  t.same(names(groups.failed('x/b', 0).restart), ['b', 'd'], 'who left is not concerned')
})

t.test('a group counts the failures of all its members within a sliding period', async (t) => {
  const { groups } = one({})
  t.same(names(groups.failed('x/a', 0).restart), ['a'])
  t.same(groups.failed('x/b', 500), {
    restart: ['x/b'],
    end: [],
    failures: 2,
    why: 'group g counts 2 failures within 1000 ms: one_for_one',
  })
  t.equal(groups.failed('x/b', 900, { counts: false }).failures, 2, 'the same message again')
  t.same(names(groups.failed('x/a', 1_100).restart), ['a'], 'the first failure is too long ago')
  const last = groups.failed('x/c', 1_200)
  t.same(last.restart, [])
  t.same(names(last.end), ['c', 'b', 'a'], 'it gives up: the last started ends first')
  t.match(last.why, /gives up; nobody stands above it/)
})

t.test('who gives up is one failed child of the group above', async (t) => {
  const groups = new Groups()
  const top = defineGroup({ name: 'top', strategy: 'rest_for_one', intensity: 1, periodMs: 10_000 })
  const left = defineGroup({ name: 'left', intensity: 0, parent: top })
  const right = defineGroup({ name: 'right', intensity: 5, parent: top })
  filled(groups, top, { first: 1, last: 9 })
  filled(groups, left, { a: 2, b: 3 })
  filled(groups, right, { c: 4 })
  t.same(names(groups.failed('x/c', 0).restart), ['c'], 'it copes by itself')
  const climbed = groups.failed('x/a', 0)
  t.same(names(climbed.restart), ['a', 'b', 'c', 'last'], 'its group, and what started after it')
  t.match(climbed.why, /group left .* gives up; group top counts 1 failure .*: rest_for_one/)
  const ended = groups.failed('x/a', 1)
  t.same(names(ended.end), ['last', 'c', 'b', 'a', 'first'])
  t.same(ended.restart, [])
})

t.test('a group that was started again has a clean record', async (t) => {
  const groups = new Groups()
  const top = defineGroup({ name: 'top', strategy: 'one_for_all', intensity: 9 })
  const low = defineGroup({ name: 'low', intensity: 1, parent: top })
  const beside = defineGroup({ name: 'beside', intensity: 1, parent: top })
  filled(groups, low, { a: 1 })
  filled(groups, beside, { b: 2 })
  groups.failed('x/b', 0)
  groups.failed('x/a', 0)
  t.match(groups.failed('x/a', 0), { restart: ['x/a', 'x/b'], failures: 1 })
  t.match(groups.failed('x/a', 1), { restart: ['x/a'], failures: 1 }, 'its own count is new')
  t.match(groups.failed('x/b', 1), { restart: ['x/b'], failures: 1 }, 'and that of its sibling')
})

t.test('who escalates goes past its own group; who is in none ends', async (t) => {
  const { groups } = one({ intensity: 99 })
  t.same(names(groups.failed('x/a', 0, { escalates: true }).end), ['c', 'b', 'a'])
  t.same(groups.failed('x/nobody', 0).end, ['x/nobody'])
  t.notOk(groups.has('x/nobody'))
  t.same(names(groups.members('g')), ['a', 'b', 'c'])
})

t.test('a group needs a name', async (t) => {
  t.equal(
    codeIn(() => defineGroup({ name: '' })),
    'PROV_ACTOR_DEF_INVALID',
  )
})
