/** Why something stands still: the smallest way out, followed through gates, dimensions and operations. */
import t from 'tap'
import { emptyModel } from '../../../core/protocol/fold.ts'
import type { OpRow, OpsModel } from '../../../core/protocol/fold.ts'
import { judgeGates, leafVerdict } from '../../../plugins/workspace/conditions.ts'
import { genesis } from '../../../plugins/workspace/model.ts'
import type { Standing, WorkspaceModel } from '../../../plugins/workspace/model.ts'
import { modelOf } from '../../../plugins/workspace/parse.ts'
import { standingOf } from '../../../plugins/workspace/standing.ts'
import { unblockingSet } from '../../../plugins/workspace/unblock.ts'
import { whyDimension, whyGate, whyOp, wayTo } from '../../../plugins/workspace/why.ts'
import type { WhyContext } from '../../../plugins/workspace/why.ts'
import { holds, leafId, leavesOf } from '../../../policies/index.ts'
import type { Condition, Leaf } from '../../../policies/index.ts'
import { exportWorkspace, sampleFolder } from '../../support/sample.ts'

const sample = modelOf(exportWorkspace(sampleFolder).files)

function about(model: WorkspaceModel, standing: Standing, rows: readonly OpRow[] = []): WhyContext {
  const statuses = new Map(judgeGates(model, standing).map((gate) => [gate.id, gate.status]))
  const statusOf = (id: string) => statuses.get(id) ?? 'closed'
  return {
    model,
    standing,
    statusOf,
    met: (leaf) => leafVerdict(leaf, model, standing, statusOf).met,
    ops: new Map(rows.map((row) => [row.id, row])),
  }
}
const gateOf = (id: string) => sample.gates.find((one) => one.id === id) as (typeof sample.gates)[0]
const dimensionOf = (id: string) =>
  sample.dimensions.find((one) => one.id === id) as (typeof sample.dimensions)[0]

/** A small deterministic source of numbers (mulberry32). */
function numbers(seed: number) {
  return (below: number) => {
    seed = (seed + 0x6d2b79f5) | 0
    let x = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) % below
  }
}

t.test('the way out is the smallest one, also where parts share leaves', async (t) => {
  const pick = numbers(7)
  const tree = (depth: number): Condition => {
    const kind = depth === 0 ? 3 : pick(4)
    if (kind === 3) return { capability: `c${pick(6)}` }
    const parts = Array.from({ length: 1 + pick(3) }, () => tree(depth - 1))
    if (kind === 0) return { all: parts }
    return kind === 1 ? { any: parts } : { at_least: 1 + pick(parts.length), of: parts }
  }
  for (let round = 0; round < 300; round++) {
    const condition = tree(3)
    const there = new Set(Array.from({ length: pick(3) }, () => `capability c${pick(6)}`))
    const met = (leaf: Leaf) => there.has(leafId(leaf))
    const found = unblockingSet(condition, met) as readonly Leaf[]
    const opens = (extra: readonly string[]) =>
      holds(condition, (id) => there.has(id) || extra.includes(id))
    t.ok(opens(found.map(leafId)), 'it opens the gate')
    const unmet = leavesOf(condition)
      .map(leafId)
      .filter((id) => !there.has(id))
    const smallest = Array.from({ length: 2 ** unmet.length }, (_, mask) =>
      unmet.filter((_, bit) => mask & (1 << bit)),
    )
      .filter(opens)
      .reduce((least, set) => Math.min(least, set.length), Infinity)
    t.equal(found.length, smallest, JSON.stringify(condition))
  }
})

t.test('what nothing can open has no way out', async (t) => {
  t.equal(
    unblockingSet({ any: [] }, () => false),
    undefined,
  )
  t.equal(
    unblockingSet({ at_least: 2, of: [{ capability: 'a' }] }, () => false),
    undefined,
  )
})

t.test(
  'a closed gate names the facts, and one command that brings several of them once',
  async (t) => {
    const why = whyGate(about(sample, genesis(sample)), gateOf('secrets-to-apps'))
    t.match(why, { kind: 'gate', stands: 'closed', clear: false })
    t.same(why.unblock, ['cluster_provisioning at operational', 'capability cert-manager'])
    t.same(
      why.remedies.map(({ command }) => command),
      ['prov op submit deploy app-cluster/cert-manager'],
    )
    t.same(
      why.cause.because.map(({ id, stands }) => [id, stands]),
      [
        ['cluster_provisioning', 'bootstrapped'],
        ['cert-manager', 'absent'],
      ],
    )
  },
)

t.test('a gate behind a gate is followed to what somebody can do', async (t) => {
  const behind = { ...gateOf('base-to-apps'), id: 'behind', condition: { gate: 'secrets-to-apps' } }
  const model = { ...sample, gates: [...sample.gates, behind] }
  const why = whyGate(about(model, genesis(model)), behind)
  t.same(why.unblock, ['gate secrets-to-apps open'])
  t.equal(why.cause.because[0]?.because.length, 2)
  t.match(why.remedies[0]?.command, 'deploy app-cluster/cert-manager')
})

t.test('an open gate and a dimension at its goal have nothing to say', async (t) => {
  const context = about(sample, genesis(sample))
  t.match(whyGate(context, gateOf('base-to-apps')), { clear: true, unblock: [], remedies: [] })
  t.match(whyDimension(context, dimensionOf('gitops_sync')), { clear: true, remedies: [] })
})

t.test('a dimension says what blocks the way on and what is already under way', async (t) => {
  const row = {
    id: 'op_1',
    phase: 'held',
    by: 'alice',
    why: 'a rule asks for people',
    needs: 'one more person',
    body: { achieves: [{ dimension: 'cluster_provisioning' }], requires: [] },
  } as unknown as OpRow
  const why = whyDimension(
    about(sample, genesis(sample), [row]),
    dimensionOf('cluster_provisioning'),
  )
  t.match(why.cause.because, [
    { id: 'op_1', stands: 'held' },
    { stands: 'blocked', text: 'cert-manager not yet deployed' },
  ])
  t.match(why.remedies[0], { command: 'prov op approve op_1', who: 'a person other than alice' })
})

t.test('an operation that waits for a gate names what would open the gate', async (t) => {
  const row = {
    id: 'op_2',
    phase: 'refused',
    outcome: 'refused',
    code: 'PROV_OP_GATE_CLOSED',
    by: 'alice',
    why: 'gate secrets-to-apps is closed',
    remedy: 'run `prov gates`',
    body: { achieves: [], requires: ['secrets-to-apps'] },
    trace: [
      { rule: 'deny[0]', effect: 'deny', matched: false, why: 'op type x is not taken by y' },
    ],
  } as unknown as OpRow
  const why = whyOp(about(sample, genesis(sample), [row]), row)
  t.match(why, { kind: 'op', stands: 'refused', clear: false, trace: row.trace })
  t.same(why.unblock, ['cluster_provisioning at operational', 'capability cert-manager'])
  t.match(why.cause.because, [{ id: 'secrets-to-apps', kind: 'gate' }])
})

t.test('what waits for a clock is helped by whoever can set it', async (t) => {
  const row = {
    id: 'op_1',
    phase: 'approved',
    code: 'PROV_OP_CLOCKS_APART',
    why: "the keeper's clock is 3600 s behind",
    body: { achieves: [], requires: [] },
  } as unknown as OpRow
  const why = whyOp(about(sample, genesis(sample), [row]), row)
  t.match(why.cause.text, /3600 s behind/)
  t.match(why.remedies, [{ command: 'timedatectl set-ntp true', who: /keeper and controller/ }])
})

t.test('the way to a goal is the shortest declared one', async (t) => {
  const dimension = {
    ...dimensionOf('observability'),
    transitions: [
      { from: 'a', to: 'b' },
      { from: 'b', to: 'c' },
      { from: 'c', to: 'd' },
      { from: 'b', to: 'd' },
      { from: 'd', to: 'a' },
    ],
  }
  t.same(wayTo(dimension, 'a', 'd'), ['b', 'd'])
  t.same(wayTo(dimension, 'a', 'a'), [])
  t.equal(wayTo(dimension, 'a', 'nowhere'), undefined)
})

t.test('where things stand is what files declare, moved by what happened', async (t) => {
  const op = (phase: string, body: object) => ({
    phase,
    body: { achieves: [], gains: [], loses: [], ...body },
  })
  const ops = (rows: readonly object[], more: Partial<OpsModel>): OpsModel => ({
    ...emptyModel(),
    open: new Map(rows.map((row, at) => [`op_${at}`, row as OpRow])),
    ...more,
  })
  t.same(standingOf(sample, emptyModel()), { ...genesis(sample), doubtful: [] }, 'before anything')

  const moved = ops([], {
    gained: new Set(['cert-manager']),
    lost: new Set(['ingress']),
    positions: {
      observability: { state: 'full_stack', version: 2 },
      forgotten: { state: 'x', version: 9 },
    },
    capabilities: ['container-runtime', 'cert-manager'],
  })
  const standing = standingOf(sample, moved)
  t.match(standing.positions['observability'], { state: 'full_stack', version: 2 })
  t.notOk('forgotten' in standing.positions, 'what no file declares is not there')
  t.notOk(standing.capabilities.includes('ingress'), 'taken away')
  t.ok(standing.capabilities.includes('cert-manager'), 'brought')
  t.ok(standing.capabilities.includes('block-storage'), 'declared later than the journal knows')

  const doubt = ops([op('in_doubt', { achieves: [{ dimension: 'observability' }] })], {})
  t.same(standingOf(sample, doubt).doubtful, ['observability'])
})
