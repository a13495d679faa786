/** Commands beside `prov run`, each a process or a command line of its own. */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { infra } from '../support/infra.ts'
import type { Infra } from '../support/infra.ts'

const restart = ['op', 'submit', 'restart', 'monitoring/grafana'] as const
const deploy = ['op', 'submit', 'deploy', 'app-cluster/cert-manager'] as const

async function running(here: Infra) {
  const holder = here.child(['run', '--json'])
  await holder.said('is held by process')
  // In a box: a child itself is awaited for its end.
  return { holder }
}

/** `--json` of a command line, with its exit code and what it said. */
async function told(here: Infra, ...argv: readonly string[]) {
  const { code, out, err } = await here.prov(...argv, '--json')
  return { code, err, data: JSON.parse(out === '' ? err.slice(err.indexOf('{')) : out) }
}

t.test('beside prov run every writing command goes on as if it were alone', async (t) => {
  const here = await infra(t)
  const { holder } = await running(here)
  const folder = join(here.workspace, '.prov/run')
  t.equal(statSync(folder).mode & 0o777, 0o700)
  t.equal(statSync(join(folder, 'socket')).mode & 0o777, 0o600)

  const held = await told(here, ...deploy)
  t.match(held, { code: 5, data: { phase: 'held', duplicate: false } }, held.err)
  // Whoever begins to follow when it is held already hears that.
  t.match(held.err, /(?:submitted[^]*)?held: /, 'phases are told as they come')
  const { op } = held.data
  t.match(await told(here, 'op', 'approve', op), {
    code: 4,
    data: { code: 'PROV_OP_SELF_APPROVAL' },
  })
  t.match(await told(here, 'op', 'approve', op, '--actor', 'bob', '--reason', 'seen'), {
    code: 0,
    data: { counted: true, outcome: 'applied' },
  })
  t.match(await told(here, 'op', 'approve', op, '--actor', 'bob'), { code: 6 })

  const again = [...restart, '--op-id', 'twice'] as const
  t.match(await told(here, ...again), { code: 0, data: { duplicate: false, outcome: 'applied' } })
  t.match(await told(here, ...again), { code: 0, data: { duplicate: true, outcome: 'applied' } })
  t.match(await told(here, 'op', 'submit', 'drain', 'app-cluster', '--op-id', 'twice', '--again'), {
    code: 64,
    data: { code: 'PROV_OP_ID_REUSED' },
  })

  t.match(await told(here, 'keeper', 'mode', 'manual'), { code: 0, data: { changed: true } })
  const second = await told(here, ...restart, '--no-wait', '--again')
  const waited = await told(here, 'op', 'wait', second.data.op)
  t.match(waited, { code: 5, data: { phase: 'held' } })
  t.match(await told(here, 'op', 'withdraw', second.data.op, '--reason', 'no', '--actor', 'bob'), {
    code: 4,
    data: { code: 'PROV_OP_NOT_YOURS' },
  })
  t.match(await told(here, 'op', 'withdraw', second.data.op, '--reason', 'not now'), {
    code: 0,
    data: { phase: 'withdrawn' },
  })
  t.match(await told(here, 'keeper', 'mode', 'hybrid'), { code: 0, data: { was: 'manual' } })

  here.edit('keeper_policy.ncl', /$/, '\n# looked at again\n')
  t.match(await told(here, 'policy', 'activate'), { code: 0, data: { activated: false } })
  t.match(await told(here, 'actor', 'create', 'carol', '--no-seal', '--group', 'ops'), {
    code: 0,
    data: { enrolled: true, by: 'alice' },
  })
  t.match(await told(here, 'actor', 'create', 'bot', '--kind', 'agent', '--actor', 'bob'), {
    data: { enrolled: true, by: 'bob' },
  })
  t.match(await told(here, 'keeper', 'mode', 'auto', '--actor', 'bot'), {
    code: 4,
    data: { code: 'PROV_POLICY_ACTIVATION' },
  })
  const revoke = ['actor', 'revoke', 'bot', '--reason', 'retired'] as const
  t.match(await told(here, ...revoke), { code: 0, data: { actor: 'bot', by: 'alice' } })
  t.match(await told(here, ...revoke), { code: 4, data: { code: 'PROV_KEY_REVOKE_REFUSED' } })
  t.match(await told(here, ...restart, '--actor', 'bot', '--again'), {
    code: 4,
    data: { code: 'PROV_TOKEN_KEY_REVOKED' },
  })

  const plan = join(here.workspace, 'restart.plan')
  await here.prov('op', 'plan', 'restart', 'monitoring/grafana', '--out', plan)
  t.match(await told(here, 'op', 'submit', '--plan', plan, '--again'), { code: 0 })

  holder.kill('SIGTERM')
  const { code, out } = await holder
  t.equal(code, 0, 'told to end, it ends well')
  t.match(JSON.parse(out), { workspace: 'my-infra' })
  t.notOk(existsSync(join(folder, 'socket')))
  t.same(await here.faults(), [])
})

t.test('a policy that the file proposes is put in force from beside, once', async (t) => {
  const here = await infra(t)
  const { holder } = await running(here)
  here.edit(
    'keeper_policy.ncl',
    /require_manual\s*=\s*\[/,
    'require_manual = [ { op_type = "x.*" }, ',
  )
  t.match(await told(here, 'policy', 'activate'), {
    code: 0,
    data: { activated: true, version: 2, was: 1 },
  })
  t.match(await told(here, 'policy', 'activate'), { code: 0, data: { activated: false } })
  holder.kill('SIGINT')
  t.equal((await holder).code, 0)
})

t.test('twenty who submit at once are each answered, and each is done once', async (t) => {
  const here = await infra(t)
  const { holder } = await running(here)
  const ids = Array.from({ length: 20 }, (_, number) => `many-${number}`)
  const argv = (id: string) => [...restart, '--op-id', id, '--again', '--json']
  const answers = await Promise.all(
    // Four are processes of their own, which is what the others stand for.
    ids.map(async (id, number) => (number < 4 ? here.child(argv(id)) : here.prov(...argv(id)))),
  )
  for (const [number, { code, err }] of answers.entries()) t.equal(code, 0, `${ids[number]} ${err}`)
  const begun = here.marks().filter((mark) => mark === 'start begins')
  t.equal(begun.length, ids.length)
  holder.kill('SIGTERM')
  t.equal((await holder).code, 0)
  t.same(await here.faults(), [])
})

t.test('a holder that is killed: followers hear of it, and the same again is safe', async (t) => {
  const here = await infra(t)
  const { holder } = await running(here)
  const submitting = here.child([...restart, '--op-id', 'cut', '--json'])
  await submitting.said('claimed')
  holder.kill('SIGKILL')
  await holder
  const { code, err } = await submitting
  t.equal(code, 7, err)
  t.match(err, 'PROV_SOCKET_GONE')
  // Its socket is still there; whoever comes next opens the workspace and finishes what was begun.
  t.ok(existsSync(join(here.workspace, '.prov/run/socket')))
  t.match(await told(here, ...restart, '--op-id', 'cut'), {
    code: 0,
    data: { duplicate: true, outcome: 'applied' },
  })
  const { holder: next } = await running(here)
  t.match(await told(here, 'keeper', 'mode', 'manual'), { code: 0 })
  next.kill('SIGTERM')
  await next
  t.same(await here.faults(), [])
})

t.test('a path that is too long for a socket finds a short place of its own', async (t) => {
  const here = await infra(t, { name: 'a-name-that-goes-on-'.repeat(5) + 'x' })
  const { holder } = await running(here)
  t.notOk(existsSync(join(here.workspace, '.prov/run/socket')))
  t.match(await told(here, 'keeper', 'mode', 'manual'), { code: 0, data: { changed: true } })
  holder.kill('SIGTERM')
  t.equal((await holder).code, 0)
})

t.test('who holds the workspace and serves nobody is named, as before', async (t) => {
  const here = await infra(t)
  await using _ = await here.open()
  t.match(await told(here, ...restart), { code: 7, data: { code: 'PROV_JOURNAL_LOCKED' } })
})

t.test('two who want to hold it: the second is told who does', async (t) => {
  const here = await infra(t)
  const { holder } = await running(here)
  t.match(await told(here, 'run'), { code: 7, data: { code: 'PROV_JOURNAL_LOCKED' } })
  holder.kill('SIGTERM')
  await holder
})
