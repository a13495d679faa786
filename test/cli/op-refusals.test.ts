/** Operations that are refused, rejected or taken back; mode and policy. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { sampleCopy } from '../support/workspace.ts'
import type { Printed } from '../support/workspace.ts'

t.test('a proposal that cannot be one is refused with what would be', async (t) => {
  const { json, run } = sampleCopy(t)
  await run('setup', '--actor', 'alice')
  for (const [line, exit, code] of [
    ['op submit deplyo app-cluster/cert-manager', 64, 'PROV_OP_TYPE_UNKNOWN'],
    ['op submit deploy app-cluster/nothing', 64, 'PROV_OP_TARGET_UNKNOWN'],
    ['op submit dimension.transition obs --param to=x', 64, 'PROV_OP_DIMENSION_UNKNOWN'],
    ['op submit scale monitoring/loki --param replicas', 64, 'PROV_OP_PARAM_INVALID'],
    ['op submit drain prod-1 --scope harmless:x', 64, 'PROV_CLI_FLAG_UNKNOWN'],
    ['op submit scale monitoring/loki --expires soon', 64, 'PROV_OP_DURATION_INVALID'],
    ['op submit scale monitoring/loki --actor nobody', 64, 'PROV_KEY_ABSENT'],
    ['op show op_nothing', 64, 'PROV_OP_NOT_FOUND'],
    ['op submit deploy app-cluster/sops-operator', 5, undefined],
  ] as const) {
    const ran = await json(...line.split(' '))
    t.same([ran.code, ran.data.code], [exit, code], line)
    if (exit === 64) t.match(ran.data.remedy, /prov|\.ncl|`/, line)
  }
})

t.test('names in one line, of signs that are shown', async (t) => {
  const { json, run } = sampleCopy(t)
  await run('setup', '--actor', 'alice')
  for (const change of ['\n  phase  applied', '\u001b[2K', '\u202e']) {
    for (const [type, target, image] of [
      [`restart${change}`, 'monitoring/loki', 'app:1'],
      ['restart', `monitoring/loki${change}`, 'app:1'],
      ['restart', 'monitoring/loki', `app:1${change}`],
    ] as const) {
      const ran = await json('op', 'submit', type, target, '--image', image)
      t.same([ran.code, ran.data.code], [64, 'PROV_OP_NAME_UNSHOWN'], JSON.stringify(change))
    }
  }
})

t.test('a workspace that calls itself otherwise writes nothing', async (t) => {
  const { root, json, run } = sampleCopy(t)
  await run('setup', '--actor', 'alice')
  const restart = ['op', 'submit', 'restart', 'monitoring/grafana', '--again'] as const
  t.match(await json(...restart), { code: 0 })
  const file = join(root, 'package.json')
  const before = existsSync(file) ? readFileSync(file, 'utf8') : '{}'
  const { prov = {}, ...rest } = JSON.parse(before) as { prov?: object }
  writeFileSync(file, JSON.stringify({ ...rest, prov: { ...prov, name: 'other' } }))
  t.match(await json(...restart), {
    code: 64,
    data: { code: 'PROV_PLANE_RENAMED', remedy: /"my-infra"/ },
  })
  writeFileSync(file, before)
  t.match(await json(...restart), { code: 0 })
  t.match(await json('audit', 'verify'), { code: 0, data: { findings: [] } })
})

t.test('who reads is told that the journal is gone, and who is revoked stays so', async (t) => {
  const { root, json, run } = sampleCopy(t)
  t.match(await json('op', 'list'), { code: 0 }, 'before the first write there is none')
  await run('setup', '--actor', 'alice')
  await run('actor', 'create', 'bob', '--no-seal')
  await run('actor', 'enrol', 'bob', '--actor', 'alice')
  await run('actor', 'revoke', 'bob', '--actor', 'alice', '--reason', 'left')
  for (const again of [[], ['--group', 'ops']]) {
    const enrolled = await json('actor', 'enrol', 'bob', '--actor', 'alice', ...again)
    t.match(enrolled.data.code, /^PROV_KEY_(REVOKED|ENROL_REFUSED)$/)
    t.equal(enrolled.code, 4)
  }
  const place = join(root, '.prov/journal')
  renameSync(place, `${place}-away`)
  for (const line of ['op list', 'state', 'keeper status', 'audit log']) {
    const ran = await json(...line.split(' '))
    t.same([ran.code, ran.data.code], [4, 'PROV_JOURNAL_GONE'], line)
  }
  t.notMatch(
    (await json('doctor')).data,
    { code: 'PROV_JOURNAL_GONE' },
    'it tells of it with the rest',
  )
})

t.test('rules see the scope that the workspace declares', async (t) => {
  const { json, run, edit } = sampleCopy(t)
  edit(
    'keeper_policy.ncl',
    /require_manual = \[/,
    'deny = [{ id = "no-drains", scope_patterns = ["drain:*"] }],\n    require_manual = [',
  )
  await run('setup', '--actor', 'alice')
  const drain = await json('op', 'submit', 'drain', 'app-cluster')
  t.match(drain, { code: 4, data: { phase: 'refused', code: 'PROV_OP_DENIED' } })
  t.match((await json('op', 'plan', 'drain', 'app-cluster')).data, { policy: { verdict: 'deny' } })
})

t.test('what the state is, an agent may say and a person decides', async (t) => {
  const { json, run } = sampleCopy(t)
  await run('setup', '--actor', 'alice')
  await run('actor', 'create', 'bot', '--kind', 'agent', '--no-seal')
  const declare = async (actor: string) =>
    (
      await json(
        'op',
        'submit',
        'dimension.declare',
        'cluster_provisioning',
        '--param',
        'to=operational',
        '--actor',
        actor,
      )
    ).data
  t.match(await declare('bot'), { phase: 'held' })
  t.match(await declare('alice'), { phase: 'applied' })
})

t.test(
  'what waits can be rejected with a reason or taken back, and neither is executed',
  async (t) => {
    const { json, run } = sampleCopy(t)
    await run('setup', '--actor', 'alice')
    await run('actor', 'create', 'bob', '--no-seal')
    const submit = async () =>
      (await json('op', 'submit', 'deploy', 'app-cluster/cert-manager', '--actor', 'alice')).data.op
    const first = await submit()
    t.match(await json('op', 'reject', first, '--actor', 'bob'), { code: 64 }, 'a reason is needed')
    t.match(await json('op', 'reject', first, '--actor', 'bob', '--reason', 'not on a Friday'), {
      code: 0,
      data: { phase: 'refused', code: 'PROV_OP_REJECTED', why: /not on a Friday/ },
    })
    const second = await submit()
    const back = ['op', 'withdraw', second, '--reason', 'wrong cluster'] as const
    t.match(await json(...back, '--actor', 'bob'), { code: 4, data: { code: 'PROV_OP_NOT_YOURS' } })
    t.match(await json(...back, '--actor', 'alice', '--dry-run'), {
      code: 0,
      data: { phase: 'held' },
    })
    t.match(await json(...back, '--actor', 'alice'), { code: 0, data: { phase: 'withdrawn' } })
    t.match(
      await json(
        'op',
        'resolve',
        second,
        '--as',
        'applied',
        '--reason',
        'saw it',
        '--actor',
        'bob',
      ),
      {
        code: 6,
        data: { code: 'PROV_OP_NOT_IN_DOUBT' },
      },
    )
    t.match((await json('state')).data[0], { current: 'bootstrapped', version: 0 })
    t.same(
      (await json('op', 'list')).data.map((row: Printed) => row.phase),
      ['withdrawn', 'refused'],
    )
  },
)

t.test('mode and policy change by a signed act only, and a dry run says what would', async (t) => {
  const { json, run, edit } = sampleCopy(t)
  await run('setup', '--actor', 'alice')
  t.match(await json('keeper', 'mode', 'manual', '--dry-run'), {
    data: { mode: 'manual', was: 'hybrid', changed: true, dryRun: true },
  })
  t.match(await json('keeper', 'mode', 'manual'), {
    code: 0,
    data: { was: 'hybrid', changed: true },
  })
  t.match(await json('op', 'submit', 'scale', 'monitoring/loki'), { code: 5 })
  t.match((await json('keeper', 'status')).data, { mode: 'manual', held: [{ type: 'scale' }] })
  await run('actor', 'create', 'robot', '--kind', 'agent', '--no-seal', '--actor', 'alice')
  const vmOps = ['keeper', 'mode', 'switch_to_vm_ops'] as const
  t.match(await json(...vmOps, '--actor', 'robot', '--dry-run'), {
    code: 4,
    data: { code: 'PROV_POLICY_ACTIVATION' },
  })
  const dry = await json(...vmOps, '--dry-run')
  t.match(dry.data, { mode: 'hybrid', was: 'manual', changed: true, reading: { mode: 'manual' } })
  t.equal(dry.data.releases.length, 1, 'what the mode alone held')
  t.match(await json(...vmOps), { code: 0, data: { mode: 'hybrid', releases: dry.data.releases } })
  t.match(await json(...vmOps), { code: 0, data: { changed: false } })
  const waited = await json('op', 'wait', dry.data.releases[0])
  t.match(waited, { code: 0, data: { phase: 'applied' } })
  t.match(await json('keeper', 'mode', 'switch_to_operator_only'), { data: { mode: 'manual' } })

  edit('keeper_policy.ncl', 'op_type = "restart"', 'op_type = "drain"')
  t.match((await json('policy', 'show')).data, { differs: true, active: { version: 1 } })
  t.match(await json('policy', 'activate', '--dry-run'), { data: { activated: false, version: 2 } })
  t.match(await json('policy', 'activate'), {
    code: 0,
    data: { activated: true, version: 2, was: 1 },
  })
  t.match((await json('policy', 'show')).data, {
    differs: false,
    active: { version: 2, by: 'alice' },
  })
})

t.test(
  'what a script did wrong and what a gate forbids are told apart by the exit code',
  async (t) => {
    const { json, run, edit } = sampleCopy(t)
    edit(
      '.ontology/provisioning.ncl',
      'script = "echo scaled"',
      'script = "echo no room >&2; exit 7"',
    )
    await run('setup', '--actor', 'alice')
    await run('actor', 'create', 'bob', '--no-seal')
    const failed = await json('op', 'submit', 'scale', 'monitoring/loki', '--actor', 'alice')
    t.match(failed, { code: 1, data: { outcome: 'failed', code: /^PROV_/ } })
    t.match(failed.data.next, [
      /^less \.prov\/runs\/.*scale\.log$/,
      `prov op show ${failed.data.op}`,
    ])

    const held = await json(
      'op',
      'submit',
      'deploy',
      'app-cluster/sops-operator',
      '--actor',
      'alice',
    )
    t.match(held, { code: 5, err: /in the way now: gate secrets-to-apps is closed/ })
    const blocked = await json('op', 'approve', held.data.op, '--actor', 'bob')
    t.match(blocked, { code: 3, data: { outcome: 'refused', code: 'PROV_OP_GATE_CLOSED' } })
    t.match((await json('why', held.data.op)).data, {
      stands: 'refused',
      unblock: ['cluster_provisioning at operational', 'capability cert-manager'],
    })
    t.match(await json('op', 'plan', 'deploy', 'app-cluster/sops-operator'), {
      code: 3,
      data: { obstacles: [{ code: 'PROV_OP_GATE_CLOSED' }] },
    })
  },
)
