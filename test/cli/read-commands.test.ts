/** Commands that only look: they answer from files alone, help with mistyped ids, and name mistakes. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { modulesLoadedBy } from '../support/cli.ts'
import { sampleCopy } from '../support/workspace.ts'
import type { Printed } from '../support/workspace.ts'

t.test(
  'the sample answers every question with nothing set up, and nothing is written',
  async (t) => {
    const { run, root, home } = sampleCopy(t)
    for (const line of [
      'state',
      'next',
      'gates',
      'connections',
      'card',
      'capabilities',
      'backlog',
      'backlog show bl-deploy-certmgr',
      'why secrets-to-apps',
      'why observability',
      'op list',
      'op plan restart monitoring/loki',
      'policy show',
      'policy lint',
      'keeper status',
      'keeper mode',
      'actor list',
      'audit log',
      'audit verify',
    ]) {
      const argv = line.split(' ')
      const text = await run(...argv)
      // Changes pending has a code of its own.
      const code = line.startsWith('op plan') ? 2 : 0
      t.same({ code: text.code, err: text.err }, { code, err: '' }, line)
      t.ok(text.out.length > 0, `${line} says something`)
      t.notOk(
        ['undefined', '[object', '\u001b'].some((odd) => text.out.includes(odd)),
        `${line} is plain text in a pipe`,
      )
      t.ok((await run(...argv, '--fmt', 'md')).out.length > 0, `${line} as markdown`)
      const data = await run(...argv, '--json')
      t.equal(data.code, code, `${line} as data: ${data.err}`)
      t.ok(JSON.parse(data.out || '0'), `${line} as data`)
    }
    t.notOk(existsSync(join(root, '.prov')))
    t.notOk(existsSync(home))
  },
)

t.test('state says where each dimension stands and what is in the way', async (t) => {
  const { json, run } = sampleCopy(t)
  const { data } = await json('state')
  t.match(data, [
    {
      id: 'cluster_provisioning',
      current: 'bootstrapped',
      desired: 'operational',
      status: 'blocked',
      blockers: ['cert-manager not yet deployed'],
      version: 0,
      pending: [],
    },
    {
      id: 'observability',
      current: 'partial',
      desired: 'full_stack',
      status: 'ready',
      catalysts: ['deploy victoria-metrics + loki'],
    },
    { id: 'gitops_sync', current: 'active', desired: 'active', status: 'reached', blockers: [] },
  ])
  t.match(
    (await run('state')).out,
    /✗ +cluster_provisioning +bootstrapped +operational +blocked: cert-manager not yet deployed/,
  )
})

t.test(
  'next names the operation for each way on, towards the goal unless all are asked for',
  async (t) => {
    const { json } = sampleCopy(t)
    const { data } = await json('next')
    t.same(
      data.map((row: Printed) => [row.dimension, row.to, row.operations[0]?.target]),
      [
        ['cluster_provisioning', 'operational', 'app-cluster/cert-manager'],
        ['observability', 'full_stack', 'monitoring/victoria-metrics'],
      ],
    )
    t.ok((await json('next', '--all')).data.some((row: Printed) => row.to === 'paused'))
  },
)

t.test('three gates are open, one is closed, and both card and gates say so', async (t) => {
  const { json, run } = sampleCopy(t)
  const card = (await json('card')).data
  t.match(card, { workspace: 'my-infra', kind: 'DevWorkspace', status: 'partially_operational' })
  t.same([card.open_gates, card.closed_gates], [3, 1])
  t.same(card.blocked, ['secrets-store → app-cluster'])
  const closed = (await json('gates', '--closed')).data
  t.same(
    closed.map((gate: Printed) => [gate.id, gate.status]),
    [['secrets-to-apps', 'closed']],
  )
  t.match(
    (await run('gates', 'secrets-to-apps')).out,
    /opens when +cluster_provisioning at operational/,
  )
})

t.test('why names the smallest set of facts and the command that brings them', async (t) => {
  const { json } = sampleCopy(t)
  const { data } = await json('why', 'secrets-to-apps')
  t.same(data.unblock, ['cluster_provisioning at operational', 'capability cert-manager'])
  t.same(
    data.remedies.map((one: Printed) => one.command),
    ['prov op submit deploy app-cluster/cert-manager'],
  )
  t.equal((await json('why', 'base-to-apps')).data.clear, true)
})

t.test('a decision is Safe, Risky or Unsafe, and scripts can tell by the exit code', async (t) => {
  const { run, json } = sampleCopy(t)
  const unsafe = await json('validate', 'deploy sops-operator before cert-manager')
  t.equal(unsafe.code, 3)
  t.match(unsafe.data, { verdict: 'Unsafe', invariants_at_risk: ['secrets-need-identity'] })
  t.equal((await run('validate', 'deploy', 'sops-operator', 'after', 'cert-manager')).code, 0)
  const risky = ['validate', 'deploy loki before victoria-metrics']
  t.match(await json(...risky), { code: 0, data: { verdict: 'Risky' } })
  t.equal((await run(...risky, '--strict')).code, 3)
  const guess = await json('validate', 'is it fine to deploy?')
  t.match([guess.code, guess.data.code], [64, 'PROV_DECISION_UNREADABLE'])
})

t.test('a mistyped id is answered with the one that was meant', async (t) => {
  const { json } = sampleCopy(t)
  for (const [line, code, meant] of [
    ['state observabilty', 'PROV_WORKSPACE_ID_UNKNOWN', 'observability'],
    ['gates secret-to-apps', 'PROV_WORKSPACE_ID_UNKNOWN', 'secrets-to-apps'],
    ['connections app-clutser', 'PROV_WORKSPACE_ID_UNKNOWN', 'app-cluster'],
    ['backlog show bl-deploy-cermgr', 'PROV_BACKLOG_UNKNOWN', 'bl-deploy-certmgr'],
    ['why cluster_provisionning', 'PROV_WHY_UNKNOWN', 'cluster_provisioning'],
    ['backlog --priority Hihg', 'PROV_CLI_CHOICE_UNKNOWN', 'High'],
  ] as const) {
    const ran = await json(...line.split(' '))
    t.same([ran.code, ran.data.code], [64, code], line)
    t.match(ran.data.message, `did you mean`, line)
    t.match(ran.data.message, meant, line)
  }
})

t.test('only a DevWorkspace has a card', async (t) => {
  const { json, edit } = sampleCopy(t)
  edit('.ontology/manifest.ncl', "'DevWorkspace", "'Mixed")
  const { code, data } = await json('card')
  t.match([code, data.code, data.remedy], [64, 'PROV_CARD_KIND', /prov state/])
  t.equal((await json('state')).code, 0)
})

t.test('every mistake in the files has its code, its place and a way out', async (t) => {
  const cases = [
    {
      what: 'broken Nickel',
      path: '.ontology/state.ncl',
      from: 'dimensions = [',
      to: 'dimensions = [ }',
      code: 'PROV_NCL_PARSE',
    },
    {
      what: 'a field that nobody knows',
      path: '.ontology/state.ncl',
      from: "horizon = 'Months,\n      states",
      to: "horizn = 'Months,\n      states",
      code: 'PROV_NCL_CONTRACT',
    },
    {
      what: 'a gate on a dimension that is not there',
      path: '.ontology/provisioning.ncl',
      from: '{ dimension = "cluster_provisioning", at = "operational" }',
      to: '{ dimension = "cluster_provisionin", at = "operational" }',
      code: 'PROV_GATE_DIMENSION_UNKNOWN',
      says: /did you mean cluster_provisioning/,
    },
    {
      what: 'units that need each other in a circle',
      path: '.ontology/provisioning.ncl',
      from: 'upstream = ["cloud-provider-api"]',
      to: 'upstream = ["cloud-provider-api", "app-cluster"]',
      code: 'PROV_CONNECTIONS_CYCLE',
      says: /app-cluster/,
    },
    {
      what: 'two dimensions with one id',
      path: '.ontology/state.ncl',
      from: 'id = "observability"',
      to: 'id = "cluster_provisioning"',
      code: 'PROV_DIMENSION_TWICE',
    },
  ]
  for (const { what, path, from, to, code, says } of cases) {
    const { json, run, edit } = sampleCopy(t)
    edit(path, from, to)
    const { code: exit, data } = await json('gates')
    t.equal(exit, 64, what)
    t.equal(data.code, code, what)
    t.match(data.place?.file, path, what)
    t.ok(data.place?.line > 0 && data.place?.column > 0, `${what}: line and column are named`)
    t.ok(data.remedy.length > 10, what)
    if (says) t.match(data.message, says)
    const text = (await run('state')).err
    t.match(text, new RegExp(`error\\[${code}\\]`), what)
    t.match(text, /at: .*\.ncl:\d+:\d+/, what)
    t.match(text, /fix: /, what)
    t.notMatch(text, /node:internal|\.js:\d+/, `${what}: no stack`)
  }
})

t.test('a policy that computes is named before anybody activates it', async (t) => {
  const { json, edit } = sampleCopy(t)
  edit('keeper_policy.ncl', 'version = 1,', 'version = (fun x => x) 1,')
  const { code, data } = await json('policy', 'lint')
  t.match([code, data.error.code], [1, 'PROV_POLICY_NOT_DECLARATIVE'])
  t.match(data.error.message, /keeper_policy\.ncl:\d+:\d+/)
})

t.test('looking at the state loads no machinery', async (t) => {
  const { root, home } = sampleCopy(t)
  const { code, modules } = await modulesLoadedBy(['state'], {
    cwd: root,
    env: { PROV_HOME: home },
    scratch: root,
  })
  t.equal(code, 0)
  const heavy = /node_modules\/(rxjs|nats|jose|isomorphic-git|xstate|ssh2|tweetnacl)\//
  t.same(
    modules.filter((url) => heavy.test(url)),
    [],
  )
})
