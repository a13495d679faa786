/** Plan first: kept, reviewed, handed in as it was or not at all, as somebody at a terminal does it. */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { sampleCopy } from '../support/workspace.ts'

const deploy = ['deploy', 'app-cluster/cert-manager'] as const

t.test(
  'what would change is told with its cause, and kept as the same bytes each time',
  async (t) => {
    const { json, run, root, edit } = sampleCopy(t)
    await run('setup', '--actor', 'alice')
    const file = join(root, 'cert.plan')
    const planned = await json('op', 'plan', ...deploy, '-o', 'cert.plan')
    t.equal(planned.code, 2, 'changes are pending')
    t.match(
      planned.data.changes.map(({ what, id }: { what: string; id: string }) => `${what} ${id}`),
      [
        'dimension cluster_provisioning',
        'capability cert-manager',
        'gate secrets-to-apps',
        'content machine',
        'content step issuer',
        'content step install',
        'step issuer',
        'step install',
      ],
    )
    t.match(planned.data.changes[2], { from: 'closed', to: 'open', because: /cert-manager/ })
    t.equal(statSync(file).mode & 0o777, 0o600)
    const bytes = readFileSync(file, 'utf8')
    await json('op', 'plan', ...deploy, '--out', 'cert.plan')
    t.equal(readFileSync(file, 'utf8'), bytes, 'the same again')
    const text = await run('op', 'plan', ...deploy)
    for (const part of ['Changes', 'because', 'bootstrapped → operational', 'after issuer']) {
      t.match(text.out, part)
    }

    t.equal((await json('op', 'plan', '--check', 'cert.plan')).code, 2, 'still what would be done')
    edit('.ontology/provisioning.ncl', 'echo "issuer written"', 'echo "issuer is written"')
    t.match(await json('op', 'plan', '--check', 'cert.plan'), {
      code: 6,
      data: { code: 'PROV_PLAN_STALE', message: /declares as `run` changed/ },
    })
    t.match(await json('op', 'submit', '--plan', 'cert.plan'), { code: 6 })
    t.same((await json('op', 'list')).data, [], 'and nothing was proposed')

    writeFileSync(join(root, 'notes.txt'), 'mine')
    t.match(await json('op', 'plan', ...deploy, '-o', 'notes.txt'), {
      code: 64,
      data: { code: 'PROV_PLAN_NOT_OURS' },
    })
    t.equal(readFileSync(join(root, 'notes.txt'), 'utf8'), 'mine')
    writeFileSync(file, bytes.replace('bootstrapped', 'destroyed'))
    t.match(await json('op', 'submit', '--plan', 'cert.plan'), {
      code: 4,
      data: { code: 'PROV_PLAN_ALTERED' },
    })
    t.match(await json('op', 'submit', '--plan', 'none.plan'), {
      code: 64,
      data: { code: 'PROV_PLAN_UNREADABLE' },
    })
    t.match(await json('op', 'submit', ...deploy, '--plan', 'notes.txt'), { code: 64 })
    t.match(await json('op', 'plan'), { code: 64, data: { code: 'PROV_OP_PROPOSAL_MISSING' } })
    t.match(await json('op', 'submit', 'scale', 'monitoring/loki', '--param', 'password=hunter2'), {
      code: 64,
      data: { code: 'PROV_OP_PARAM_SECRET' },
    })
  },
)

t.test('a reviewed plan is what happens; done once, nothing is left to do', async (t) => {
  const { json, run, edit } = sampleCopy(t)
  await run('setup', '--actor', 'alice')
  await run('actor', 'create', 'bob', '--no-seal')
  const as = ['--actor', 'alice'] as const
  await json('op', 'plan', ...deploy, '-o', 'cert.plan', ...as)
  const held = await json('op', 'submit', '--plan', 'cert.plan', '--op-id', 'cert-1', ...as)
  t.match(held, { code: 5, data: { op: 'cert-1', phase: 'held' } })
  const twice = ['op', 'submit', '--plan', 'cert.plan', ...as] as const
  t.match(await json(...twice, '--op-id', 'cert-1'), { code: 5, data: { duplicate: true } })

  // Whoever votes sees what they vote on.
  const voted = await json('op', 'approve', 'cert-1', '--actor', 'bob')
  t.match(voted, { code: 0, data: { outcome: 'applied', plan: { obstacles: [] } } })
  t.ok(voted.data.plan.changes.some(({ id }: { id: string }) => id === 'cert-manager'))

  t.match(await json(...twice), { code: 6, data: { code: 'PROV_PLAN_STALE' } }, 'it was used up')
  t.match(await json(...twice, '--op-id', 'cert-1'), { code: 0, data: { duplicate: true } })
  t.match(await json('op', 'plan', ...deploy, ...as), { code: 0, data: { empty: true } })
  const nothing = await run('op', 'submit', ...deploy, ...as)
  t.match(nothing, { code: 0, out: /nothing would change/ })
  t.equal((await json('op', 'list')).data.length, 1)

  // The same dimension, other content: now there is a difference to tell.
  edit('.ontology/provisioning.ncl', 'echo "issuer written"', 'echo "issuer is written"')
  const again = await json('op', 'plan', ...deploy, ...as)
  t.equal(again.code, 3, 'it could not be claimed: the dimension moved on')
  const issuer = again.data.changes.find(({ id }: { id: string }) => id === 'step issuer')
  t.match(issuer, { because: /differs from cert-1/ })
  t.same(
    issuer.diff.filter((line: string) => !line.startsWith(' ')),
    ['- echo "issuer written"', '+ echo "issuer is written"'],
  )
  t.match((await run('op', 'plan', ...deploy, ...as)).out, /\+ echo "issuer is written"/)
})

t.test('policy or state that moved voids a plan by name', async (t) => {
  const { json, run, edit } = sampleCopy(t)
  await run('setup', '--actor', 'alice')
  const scale = ['scale', 'monitoring/loki', '--param', 'replicas=3'] as const
  await json('op', 'plan', ...scale, '-o', 'scale.plan')
  edit('keeper_policy.ncl', 'staging-size', 'staging-sizes')
  t.match(await json('policy', 'activate', '--actor', 'alice'), { code: 0 })
  t.match(await json('op', 'submit', '--plan', 'scale.plan'), {
    code: 6,
    data: { code: 'PROV_PLAN_STALE', message: /policy was 1, is 2/ },
  })
})
