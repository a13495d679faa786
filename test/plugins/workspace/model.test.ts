import t from 'tap'
import { errorTable, exitCodes } from '../../../core/errors.ts'
import { cardOf } from '../../../plugins/workspace/card.ts'
import { capabilitiesView } from '../../../plugins/workspace/capabilities.ts'
import { backlogDetail, backlogRows } from '../../../plugins/workspace/backlog.ts'
import { gatesByLeaf, judgeGates } from '../../../plugins/workspace/conditions.ts'
import { connectionsView } from '../../../plugins/workspace/connections.ts'
import type { Standing } from '../../../plugins/workspace/model.ts'
import { genesis } from '../../../plugins/workspace/model.ts'
import { nextRows, stateRows } from '../../../plugins/workspace/next.ts'
import { bodyOf, standingAfter } from '../../../plugins/workspace/ops.ts'
import { modelOf } from '../../../plugins/workspace/parse.ts'
import { validateDecision, validateOp } from '../../../plugins/workspace/validate.ts'
import { exportWorkspace, originalFolder, sampleFolder } from '../../support/sample.ts'

const sample = modelOf(exportWorkspace(sampleFolder).files)
const start = genesis(sample)
const deploy = bodyOf(sample, start, { type: 'deploy', target: 'app-cluster/cert-manager' })
const deployed = standingAfter(start, deploy)
const original = modelOf(exportWorkspace(originalFolder).files)

/** The code that a call throws with. */
function codeOf(call: () => unknown): string {
  try {
    call()
    return 'none'
  } catch (thrown) {
    return (thrown as { code?: string }).code ?? String(thrown)
  }
}

t.test('the three dimensions stand where the sample says, with blocker and catalyst', async (t) => {
  t.match(stateRows(sample, start), [
    {
      id: 'cluster_provisioning',
      current: 'bootstrapped',
      desired: 'operational',
      reached: false,
      blockers: ['cert-manager not yet deployed'],
      catalysts: ['deploy cert-manager'],
    },
    {
      id: 'observability',
      current: 'partial',
      desired: 'full_stack',
      blockers: [],
      catalysts: ['deploy victoria-metrics + loki'],
    },
    { id: 'gitops_sync', current: 'active', desired: 'active', reached: true, blockers: [] },
  ])
})

t.test('next covers all dimensions at once and names the operation that does it', async (t) => {
  const rows = nextRows(sample, start)
  t.match(rows, [
    {
      dimension: 'cluster_provisioning',
      from: 'bootstrapped',
      to: 'operational',
      towardsGoal: true,
      blocker: 'cert-manager not yet deployed',
      operations: [{ type: 'deploy', target: 'app-cluster/cert-manager', waitsFor: [] }],
    },
    { dimension: 'observability', to: 'full_stack', towardsGoal: true },
    { dimension: 'gitops_sync', to: 'paused', towardsGoal: false, operations: [] },
  ])
  t.equal(rows.length, 3)
})

t.test('deploying cert-manager moves the dimension and opens the gate it blocked', async (t) => {
  t.match(deploy, {
    achieves: [{ dimension: 'cluster_provisioning', from: 'bootstrapped', to: 'operational' }],
    gains: ['cert-manager'],
    requires: ['base-to-apps'],
    destructive: false,
    run: { provider: 'local', tier: 's' },
  })
  t.same(
    deploy.run &&
      'steps' in deploy.run &&
      deploy.run.steps.map((step) => [step.id, step.dependsOn ?? []]),
    [
      ['issuer', []],
      ['install', ['issuer']],
    ],
  )
  const status = (standing: Standing) =>
    judgeGates(sample, standing).map((gate) => `${gate.id} ${gate.status}`)
  t.same(status(start), [
    'outside-contributions open',
    'base-to-apps open',
    'base-to-monitoring open',
    'secrets-to-apps closed',
  ])
  t.same(status(deployed)[3], 'secrets-to-apps open')
  t.match(deployed.positions['cluster_provisioning'], { state: 'operational', version: 1 })
})

t.test('a gate closes again when a capability goes or a dimension is in doubt', async (t) => {
  const secrets = (standing: Standing) =>
    judgeGates(sample, standing).find((gate) => gate.id === 'secrets-to-apps')
  const without = { ...deployed, capabilities: deployed.capabilities.slice(0, -1) }
  t.equal(secrets(without)?.status, 'partial')
  t.same(secrets(without)?.unmet, ['capability cert-manager'])
  const doubt = secrets({ ...deployed, doubtful: ['cluster_provisioning'] })
  t.equal(doubt?.status, 'partial')
  t.match(doubt?.leaves[0], { met: false, why: /in doubt/ })
})

t.test('the card counts three open gates, one closed, and names the edge', async (t) => {
  const card = cardOf(sample, start)
  t.match(card, {
    workspace: 'my-infra',
    kind: 'DevWorkspace',
    status: 'partially_operational',
    open_gates: 3,
    closed_gates: 1,
    blocked: ['secrets-store → app-cluster'],
  })
  t.same(
    card.clusters.map(({ id, type, region }) => [id, type, region]),
    [
      ['prod-eu-west-1', 'kubernetes', 'eu-west-1'],
      ['staging-eu-west-1', 'kubernetes', 'eu-west-1'],
    ],
  )
  t.match(cardOf(sample, deployed), { open_gates: 4, closed_gates: 0, blocked: [] })
  t.equal(
    codeOf(() => cardOf(original, genesis(original))),
    'PROV_CARD_KIND',
  )
})

t.test('connections show who needs whom, and the gate on the way', async (t) => {
  const { units, projects } = connectionsView(sample, start)
  const row = (unit: string) => units.find((one) => one.unit === unit)
  t.match(row('infra-base'), {
    upstream: ['cloud-provider-api'],
    downstream: ['app-cluster', 'monitoring'],
  })
  t.same(row('app-cluster')?.upstream, ['infra-base', 'secrets-store'])
  t.same(row('app-cluster')?.downstream, [])
  t.same(row('secrets-store')?.upstream, ['vault-cluster'])
  t.same(row('app-cluster')?.gates, [
    { gate: 'base-to-apps', from: 'infra-base', status: 'open' },
    { gate: 'secrets-to-apps', from: 'secrets-store', status: 'closed' },
  ])
  t.same(
    units.slice(-2).map((one) => one.unit),
    ['cloud-provider-api', 'vault-cluster'],
  )
  t.equal(projects.upstream[0]?.project, 'cloud-landing-zone')
})

t.test('capabilities come and go with operations, by category', async (t) => {
  const before = capabilitiesView(sample, start)
  t.same(
    before.provides.map((row) => [row.category, row.id]),
    [
      ['Service', 'container-runtime'],
      ['Api', 'ingress'],
      ['Storage', 'block-storage'],
      ['Auth', 'workload-identity'],
    ],
  )
  const certs = (standing: Standing) =>
    capabilitiesView(sample, standing).requires.find((row) => row.id === 'cert-manager')
  t.match(certs(start), { met: false, gates: ['secrets-to-apps'] })
  t.match(certs(deployed), { met: true })
  const gained = capabilitiesView(sample, deployed).provides.at(-1)
  t.match(gained, { id: 'cert-manager', category: 'Auth', from: 'operation', there: true })
})

t.test('the backlog is sorted by urgency, and an item knows what it would change', async (t) => {
  t.same(
    backlogRows(sample).map((item) => item.id),
    ['bl-deploy-certmgr', 'bl-full-observability', 'bl-name-volumes'],
  )
  t.same(
    backlogRows(sample, { priority: 'Low' }).map((item) => item.id),
    ['bl-name-volumes'],
  )
  t.match(backlogDetail(sample, start, 'bl-deploy-certmgr'), {
    dimension: { id: 'cluster_provisioning', current: 'bootstrapped', desired: 'operational' },
    gateImpact: [
      { gate: 'base-to-apps', now: 'open', after: 'open' },
      { gate: 'secrets-to-apps', now: 'closed', after: 'open' },
    ],
    connections: [
      { from: 'infra-base', to: 'app-cluster' },
      { from: 'secrets-store', to: 'app-cluster' },
    ],
    operations: ['deploy app-cluster/cert-manager'],
  })
  const there = {
    ...start,
    positions: { cluster_provisioning: { state: 'operational', version: 1 } },
  }
  t.same(
    backlogDetail(sample, there, 'bl-deploy-certmgr').operations,
    [],
    'at its goal an item offers no way back',
  )
  t.same(backlogDetail(sample, start, 'bl-name-volumes').gateImpact, [])
  t.equal(
    codeOf(() => backlogDetail(sample, start, 'bl-certmgr')),
    'PROV_BACKLOG_UNKNOWN',
  )
})

t.test('a decision against an invariant is unsafe, and says which one and why', async (t) => {
  t.match(validateDecision(sample, 'deploy sops-operator before cert-manager'), {
    verdict: 'Unsafe',
    invariants_at_risk: ['secrets-need-identity'],
    edges: [{ from: 'sops-operator', to: 'cert-manager', kind: 'DependsOn' }],
  })
  const verdict = (decision: string) => validateDecision(sample, decision).verdict
  t.equal(verdict('deploy sops-operator without cert-manager'), 'Unsafe')
  t.equal(verdict('deploy sops-operator after cert-manager'), 'Safe')
  t.equal(verdict('deploy cert-manager before sops-operator'), 'Safe')
  t.equal(verdict('deploy cert-manager after sops-operator'), 'Unsafe')
  t.equal(verdict('remove cert-manager before sops-operator'), 'Unsafe')
  t.equal(verdict('remove cert-manager without sops-operator'), 'Unsafe')
  t.equal(verdict('remove sops-operator before cert-manager'), 'Safe')
  t.equal(verdict('remove sops-operator after cert-manager'), 'Unsafe')
  t.equal(verdict('deploy loki before victoria-metrics'), 'Risky', 'a need, and no invariant')
  t.equal(verdict('deploy monitoring before cloud-provider-api'), 'Risky', 'over two edges')
  t.equal(verdict('deploy loki before sops-operator'), 'Safe', 'nothing binds them')
  const upheld = sample.nodeEdges.map((edge) =>
    edge.from === 'loki' ? { ...edge, upholds: ['declared-before-done'] } : edge,
  )
  t.match(
    validateDecision({ ...sample, nodeEdges: upheld }, 'deploy loki before victoria-metrics'),
    {
      verdict: 'Unsafe',
      invariants_at_risk: ['declared-before-done'],
    },
  )
})

t.test('another grammar or an unknown name is refused, never guessed', async (t) => {
  const code = (decision: string) => codeOf(() => validateDecision(sample, decision))
  for (const decision of [
    '',
    'deploy',
    'deploy a before',
    'deploy loki before cert-manager now',
    'paint loki before cert-manager',
    'deploy loki instead cert-manager',
    'deploy loki before loki',
  ]) {
    t.equal(code(decision), 'PROV_DECISION_UNREADABLE', decision)
  }
  t.equal(code('deploy sop-operator before cert-manager'), 'PROV_DECISION_NAME_UNKNOWN')
  try {
    validateDecision(sample, 'deploy sop-operator before cert-manager')
  } catch (thrown) {
    t.match((thrown as Error).message, /did you mean sops-operator/)
  }
})

t.test('an operation is validated by simulating it', async (t) => {
  t.match(validateOp(sample, start, deploy), { verdict: 'Safe', reasons: [] })
  const sops = bodyOf(sample, start, { type: 'deploy', target: 'app-cluster/sops-operator' })
  const early = validateOp(sample, start, sops)
  t.equal(early.verdict, 'Risky')
  t.match(early.reasons, ['it needs the gate secrets-to-apps, which is closed'])
  t.same(early.edges, [{ from: 'secrets-store', to: 'app-cluster', kind: 'Gate' }])
  t.equal(validateOp(sample, deployed, sops).verdict, 'Safe')
  t.match(validateOp(sample, deployed, deploy).reasons, [/stands at operational/])
  const drain = bodyOf(sample, deployed, { type: 'drain', target: 'app-cluster' })
  t.match(validateOp(sample, deployed, drain), {
    verdict: 'Unsafe',
    invariants_at_risk: ['secrets-need-identity'],
    reasons: ['the gate secrets-to-apps would be closed'],
  })
})

t.test('requests that nothing declares are refused with what there is', async (t) => {
  const body = (type: string, target: string, params?: { to: string }) =>
    codeOf(() => bodyOf(sample, start, { type, target, params }))
  t.equal(body('paint', 'app-cluster'), 'PROV_OP_TYPE_UNKNOWN')
  t.equal(body('deploy', 'app-cluster/nginx'), 'PROV_OP_TARGET_UNKNOWN')
  t.equal(body('restart', 'monitoring/loki/extra'), 'PROV_OP_TARGET_UNKNOWN')
  t.equal(body('restart', 'monitoring/loki'), 'none')
  t.equal(body('dimension.transition', 'nothing', { to: 'x' }), 'PROV_OP_DIMENSION_UNKNOWN')
  t.equal(body('dimension.transition', 'gitops_sync'), 'PROV_DIMENSION_STATE_UNKNOWN')
  t.equal(
    body('dimension.transition', 'cluster_provisioning', { to: 'bare' }),
    'PROV_DIMENSION_STATE_UNKNOWN',
    'a state, and no way there',
  )
  t.equal(body('dimension.declare', 'cluster_provisioning', { to: 'bare' }), 'none')
  t.match(
    bodyOf(sample, start, {
      type: 'dimension.transition',
      target: 'gitops_sync',
      params: { to: 'paused' },
    }).achieves,
    [{ dimension: 'gitops_sync', from: 'active', to: 'paused' }],
  )
})

t.test('membranes of the original are computed by their thresholds, with the counts', async (t) => {
  const gates = judgeGates(original, genesis(original))
  t.match(gates, [
    { id: 'spending-gate', status: 'open' },
    { id: 'release-gate', status: 'partial', unmet: ['at most 0 pending transitions'] },
  ])
  t.same(
    gates[1]?.leaves.map((leaf) => [leaf.met, leaf.why]),
    [
      [true, '1 in high tension: community'],
      [false, '2 pending: scheduler-maturity, community'],
      [true, 'every axiom is an invariant'],
    ],
  )
  t.same(gates[1]?.stated, ['Everything has arrived.', 'A report of lost data.'])
})

t.test(
  'prose of the original: the word none is nothing, old transitions are not next',
  async (t) => {
    const standing = genesis(original)
    t.match(stateRows(original, standing)[0], {
      blockers: ['no alarms yet'],
      catalysts: ['a second user'],
    })
    t.same(
      nextRows(original, standing).map((row) => [row.dimension, row.to, row.towardsGoal]),
      [
        ['scheduler-maturity', 'production', true],
        ['scheduler-maturity', 'retired', false],
        ['community', 'shared', true],
      ],
    )
  },
)

t.test('a file that says another state than the journal is shown beside it', async (t) => {
  const row = stateRows(sample, deployed)[0]
  t.match(row, { current: 'operational', declared: 'bootstrapped', version: 1, reached: true })
  t.notOk('declared' in (stateRows(sample, start)[0] ?? {}))
})

t.test('gates are indexed by the leaves that they name', async (t) => {
  const index = gatesByLeaf(sample.gates)
  t.same(index.get('capability cert-manager'), ['secrets-to-apps'])
  t.same(index.get('cluster_provisioning at operational'), ['secrets-to-apps'])
  t.equal(index.get('capability nothing'), undefined)
})

t.test('every error row of the workspace has a disposition that ends a command', async (t) => {
  const rows = [...errorTable()].filter(([code]) => /^PROV_(WORKSPACE|GATE|DIMENSION)/.test(code))
  t.ok(rows.length >= 12)
  for (const [code, row] of rows) t.ok(exitCodes[row.disposition], code)
})
