/** An operation from proposal to ledger, as somebody at a terminal lives through it. */
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { sampleCopy } from '../support/workspace.ts'
import type { Printed } from '../support/workspace.ts'

t.test('an operation from proposal to ledger, told by exit codes at each step', async (t) => {
  const { json, run, root } = sampleCopy(t)
  await run('setup', '--actor', 'alice')
  t.match(await json('actor', 'create', 'bob', '--no-seal'), {
    code: 0,
    data: { actor: 'bob', kind: 'human', enrolled: true, by: 'alice' },
  })
  t.match(await json('actor', 'create', 'bot', '--kind', 'agent', '--actor', 'bob'), {
    data: { kind: 'agent', enrolled: true, by: 'bob' },
  })
  t.match(await json('actor', 'create', 'Eve!'), {
    code: 64,
    data: { code: 'PROV_KEY_NAME_INVALID' },
  })
  t.same(
    (await json('actor', 'list')).data.map((row: Printed) => [row.actor, row.here, row.enrolled]),
    [
      ['alice', true, true],
      ['bob', true, true],
      ['bot', true, true],
    ],
  )

  const deploy = ['op', 'submit', 'deploy', 'app-cluster/cert-manager', '--actor', 'alice'] as const
  const dry = await json(...deploy, '--dry-run')
  t.equal(dry.code, 0)
  t.match(dry.data.plan, {
    body: { type: 'deploy', gains: ['cert-manager'] },
    op_digest: /^sha256:/,
    digest: /^sha256:/,
    empty: false,
    state: { cluster_provisioning: 0 },
    policy: { verdict: 'hold', version: 1 },
    obstacles: [],
  })
  t.same((await json('op', 'list')).data, [], 'a dry run proposes nothing')

  const held = await json(...deploy)
  t.match(held, { code: 5, data: { phase: 'held', outcome: 'held', duplicate: false } })
  const op = held.data.op as string
  t.match(held.data.next[0], `prov op approve ${op}`)
  t.match((await json('why', op)).data, { stands: 'held', remedies: [{ who: /other than alice/ }] })

  const short = op.slice(0, -4)
  const self = await json('op', 'approve', short, '--actor', 'alice')
  t.match(self, { code: 4, data: { code: 'PROV_OP_SELF_APPROVAL' } })
  t.match(await json('keeper', 'approve', op, '--actor', 'bot'), { code: 4 })
  t.match(await json('op', 'approve', op, '--actor', 'bob', '--dry-run'), {
    code: 0,
    data: { counted: false, phase: 'held', binds: { op_digest: dry.data.plan.op_digest } },
  })
  t.match(await json('op', 'approve', short, '--actor', 'bob', '--reason', 'looked at it'), {
    code: 0,
    data: {
      counted: true,
      outcome: 'applied',
      moves: ['cluster_provisioning bootstrapped → operational'],
    },
  })
  const state = (await json('state')).data[0]
  t.match(state, { current: 'operational', version: 1, status: 'reached', movedBy: op })
  t.equal(state.declared, 'bootstrapped', 'and the file is shown to say something else')
  t.same((await json('gates', '--closed')).data, [])
  t.match((await json('capabilities')).data.provides.at(-1), {
    id: 'cert-manager',
    from: 'operation',
  })
  t.match((await json('card')).data, { open_gates: 4, closed_gates: 0, blocked: [] })

  const shown = await run('op', 'show', short)
  for (const part of ['Policy', 'Votes', 'looked at it', 'Story', 'bubblewrap|child process']) {
    t.match(shown.out, new RegExp(part))
  }
  t.match(await json('op', 'approve', op, '--actor', 'bob'), { code: 6 })

  t.match(await json(...deploy), { code: 0, data: { submitted: false, plan: { empty: true } } })
  const late = await json(...deploy, '--again')
  t.match(late, { code: 5, err: /in the way now: .*is at operational/ })
  t.match(await json('op', 'approve', late.data.op, '--actor', 'bob'), {
    code: 6,
    data: { outcome: 'refused', code: 'PROV_OP_FROM_STATE' },
  })

  const trail = await json('audit', 'verify')
  t.match(trail, { code: 0, data: { findings: [] } })
  t.equal(trail.data.ledger.commits, trail.data.events)
  t.equal(trail.data.ledger.behind, 0)
  execFileSync('git', ['-C', trail.data.ledger.path, 'verify-commit', 'HEAD'], { stdio: 'ignore' })
  const log = await json('audit', 'log', '--op', short)
  t.same(
    log.data
      .map((event: Printed) => event.type)
      .filter((type: string) => type.startsWith('prov.op.'))
      .map((type: string) => type.slice('prov.op.'.length)),
    ['submitted', 'matched', 'held', 'vote', 'approved', 'claimed', 'applied'],
  )
  t.ok(readdirSync(join(root, '.prov')).includes('my-infra-state'))
})

t.test('the same op id answers the same, and another content under it is refused', async (t) => {
  const { json, run } = sampleCopy(t)
  await run('setup', '--actor', 'alice')
  const scale = ['op', 'submit', 'scale', 'monitoring/loki', '--op-id', 'scale-1'] as const
  t.match(await json(...scale, '--param', 'replicas=3'), {
    code: 0,
    data: { op: 'scale-1', outcome: 'applied', duplicate: false },
  })
  t.match(await json(...scale, '--param', 'replicas=3'), {
    code: 0,
    data: { op: 'scale-1', outcome: 'applied', duplicate: true },
  })
  t.equal((await json('op', 'list')).data.length, 1)
  t.match(await json(...scale, '--param', 'replicas=4'), {
    code: 64,
    data: { code: 'PROV_OP_ID_REUSED' },
  })
})
