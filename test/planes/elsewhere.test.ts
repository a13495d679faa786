/** People on machines without any journal act over a real server on planes that run elsewhere. */
import t from 'tap'
import { findNatsServer, howToInstall } from '../support/nats-server.ts'
import type { Ran } from '../support/cli.ts'
import { four } from './four.ts'
import type { Four, Process } from './four.ts'
import { laptop } from './laptop.ts'

t.setTimeout(600_000)
const path = findNatsServer()
const skip = path === undefined && howToInstall
const planes = ['submitter', 'keeper', 'controller', 'mirror'] as const
const deploy = ['op', 'submit', 'deploy', 'app-cluster/cert-manager'] as const

interface Standing {
  readonly op: string
  readonly phase: string
}

const codeIn = ({ err }: Ran): string => /(?:error\[|"code": ")(PROV_[A-Z_]+)/.exec(err)?.[1] ?? err

async function running(on: Four): Promise<ReadonlyMap<string, Process>> {
  const processes = new Map<string, Process>()
  for (const plane of planes) processes.set(plane, await on.start(plane))
  return processes
}

t.test('submitted on one machine, approved on another, seen to its end', { skip }, async (t) => {
  const on = await four(t, path ?? '')
  await running(on)
  const [alice, bob] = [laptop(on, 'alice'), laptop(on, 'bob')]
  const file = ['--out', 'cert.plan'] as const
  const planned = await alice.prov('op', 'plan', 'deploy', 'app-cluster/cert-manager', ...file)
  t.equal(planned.code, 2)
  t.match(planned.err, 'is met for the first time')
  const asked = await alice.json<Standing>('op', 'submit', '--plan', 'cert.plan')
  t.equal(asked.phase, 'held', 'exactly what was reviewed')
  const { op } = asked
  t.equal(codeIn(await alice.prov('op', 'approve', op)), 'PROV_OP_SELF_APPROVAL')
  t.match(await bob.json('op', 'show', op), { id: op, by: 'alice' })
  t.match(await bob.json('why', op), { stands: 'held' })
  const voted = await bob.json<Standing>('op', 'approve', op)
  t.equal(voted.phase, 'applied', 'who votes at the keeper hears what follows from the submitter')
  t.match(await alice.json<Standing[]>('op', 'list'), [{ op, phase: 'applied' }])
  t.same(on.on.marks().length, 4, 'each step ran once')

  t.equal(codeIn(await alice.prov('op', 'submit', '--plan', 'cert.plan')), 'PROV_PLAN_STALE')

  // The very same again is the same answer.
  const id = ['--op-id', 'op_from_here', '--no-wait'] as const
  const restart = ['op', 'submit', 'restart', 'monitoring/grafana', ...id] as const
  await alice.json<Standing>(...restart)
  const again = await alice.json<Standing & { duplicate: boolean }>(...restart)
  t.match(again, { op: 'op_from_here', duplicate: true })
  t.match(await bob.json('op', 'wait', 'op_from_here'), { phase: 'applied' })
})

t.test('whoever may not act there may not act from elsewhere', { skip }, async (t) => {
  const on = await four(t, path ?? '')
  await running(on)
  const [alice, bob] = [laptop(on, 'alice'), laptop(on, 'bob')]
  const { op } = await alice.json<Standing>(...deploy)

  // A key that nobody vouched for is not even told what stands.
  t.equal((await alice.prov('actor', 'create', 'robot', '--kind', 'agent', '--no-seal')).code, 0)
  t.equal(codeIn(await alice.prov('op', 'list', '--actor', 'robot')), 'PROV_DESK_STRANGER')
  const enrolled = await alice.prov('actor', 'enrol', 'robot')
  t.equal(enrolled.code, 0, enrolled.err)
  t.match(await alice.json('op', 'list', '--actor', 'robot'), [{ op }])
  t.equal(
    codeIn(await alice.prov('op', 'approve', op, '--actor', 'robot')),
    'PROV_OP_AGENT_APPROVAL',
  )
  t.equal(
    codeIn(await alice.prov('keeper', 'mode', 'auto', '--actor', 'robot')),
    'PROV_POLICY_ACTIVATION',
  )
  t.equal(codeIn(await bob.prov('op', 'withdraw', op, '--reason', 'x')), 'PROV_OP_NOT_YOURS')

  // Acts of the keeper, of the submitter: the first bears the life of the keeper, the other goes through.
  t.match(await bob.json('keeper', 'mode', 'manual'), {
    was: 'hybrid',
    mode: 'manual',
    changed: true,
  })
  t.match(await alice.json('keeper', 'status'), { mode: 'manual' })
  const withdrawn = await alice.json<Standing>('op', 'withdraw', op, '--reason', 'wrong cluster')
  t.equal(withdrawn.phase, 'withdrawn')
  const second = await alice.json<Standing>(...deploy)
  t.match(await bob.json('op', 'reject', second.op, '--reason', 'not now'), { phase: 'refused' })
  t.same(on.on.marks(), [], 'nothing ran')

  // What is where the planes live stays there.
  for (const line of ['plane list', 'journal verify', 'actors', 'run']) {
    t.equal(codeIn(await alice.prov(...line.split(' '))), 'PROV_DESK_ELSEWHERE', line)
  }
  t.equal(codeIn(await alice.prov('op', 'list', '--project', 'other')), 'PROV_BUS_DENIED')
  t.equal(codeIn(await alice.prov('op', 'list', '--project', 'No.Name')), 'PROV_DESK_NAME')
  const both = ['op', 'list', '--project', 'my-infra', '--workspace', '.'] as const
  t.equal(codeIn(await alice.prov(...both)), 'PROV_DESK_BOTH')
})

t.test('planes that are away are told, and those that come back go on', { skip }, async (t) => {
  const on = await four(t, path ?? '')
  const running_ = await running(on)
  const [alice, bob] = [laptop(on, 'alice'), laptop(on, 'bob')]
  const { op } = await alice.json<Standing>(...deploy)
  await running_.get('submitter')?.kill()
  t.match(await bob.json('op', 'list'), [{ op, phase: 'held' }], 'another plane says what stands')
  const nobody = await alice.prov(...deploy)
  t.equal(codeIn(nobody), 'PROV_DESK_NOBODY')
  t.equal(nobody.code, 7)
  await on.start('submitter')

  // Started anew while somebody waits: they go on waiting, with the other life.
  const waits = alice.prov('op', 'approve', op, '--actor', 'alice')
  t.equal(codeIn(await waits), 'PROV_OP_SELF_APPROVAL')
  const following = bob.prov('op', 'wait', op, '--for', 'ended')
  await following.said('held')
  await running_.get('keeper')?.kill()
  t.equal(codeIn(await bob.prov('op', 'approve', op)), 'PROV_DESK_NOBODY')
  await on.start('keeper')
  t.match(await bob.json('op', 'approve', op), { phase: 'applied' })
  t.equal((await following).code, 0)
})
