/**
 * What was changed behind Prov's back is told line by line, and what was put back is told no more: a real
 * machine whose Prov was killed while a step ran, looked at from processes that start nothing.
 */
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { defineProvider, orchestrator, systemClock } from 'prov'
import type { MachineRequest } from 'prov'
import { localActs } from '../../extensions/provider-local/local.ts'
import type { DriftRow } from '../../plugins/orchestrator/drift.ts'
import { infra } from '../support/infra.ts'
import type { Infra } from '../support/infra.ts'
import { killProcessesIn } from '../support/machines.ts'
import { request, step, world } from '../support/run-world.ts'

t.setTimeout(300_000)

const machinesOf = ({ workspace }: Infra): string => join(workspace, '.prov/machines')
const actsOf = (on: Infra) =>
  localActs({ dir: machinesOf(on), clock: systemClock, isolation: 'plain' })

/** An operation whose step waits for a file; resolves once it runs, in a process of its own. */
async function underWay(t: Test) {
  const on = await infra(t)
  const go = join(on.workspace, 'go')
  const wait = `until [ -e '${go}' ]; do sleep 0.1; done`
  on.edit('.ontology/provisioning.ncl', /^sleep 0\.1$/gm, wait)
  const child = on.child(['run'])
  t.teardown(() => child.kill('SIGKILL'))
  t.teardown(() => killProcessesIn(machinesOf(on)))
  await child.said('is held by process')
  const { op } = await on.json<{ op: string }>(
    'op',
    'submit',
    'restart',
    'monitoring/grafana',
    '--no-wait',
  )
  while (on.marks().length === 0) await new Promise((turn) => setTimeout(turn, 20))
  const [id = ''] = readdirSync(machinesOf(on)).filter((name) => name.startsWith('local-'))
  return { on, child, op, id, go: () => writeFileSync(go, '') }
}

async function drift(
  on: Infra,
): Promise<{ code: number | null; rows: readonly DriftRow[]; out: string }> {
  const { code, out } = await on.child(['drift', '--json'])
  const text = (await on.child(['drift'])).out
  return { code, rows: JSON.parse(out) as readonly DriftRow[], out: text }
}

t.test('a workspace without machines has no drift', async (t) => {
  const on = await infra(t)
  t.match(await drift(on), { code: 0, rows: [], out: /no machine is leased/ })
})

t.test(
  'beside a daemon and after its end, what changed is a line and what is put back is none',
  async (t) => {
    const { on, child, op, id, go } = await underWay(t)
    const same = { provider: 'local', machine: id, op, drift: 'none' }
    t.match(await drift(on), { code: 0, rows: [same] }, 'beside the daemon')

    child.kill('SIGKILL')
    await child
    const journal = async () => await on.json<{ head: unknown }>('journal', 'stats')
    const before = await journal()
    t.match(await drift(on), { code: 0, rows: [same] }, 'when nothing runs')

    const file = join(machinesOf(on), id, 'machine.json')
    const kept = readFileSync(file, 'utf8')
    const { port } = JSON.parse(kept) as { port: number }
    writeFileSync(file, JSON.stringify({ ...JSON.parse(kept), port: 1 }))
    const moved = await drift(on)
    t.equal(moved.code, 2)
    t.same(moved.rows[0]?.lines, [
      `  machine: ${id}`,
      '  host: 127.0.0.1',
      `- port: ${port}`,
      '+ port: 1',
    ])
    t.match(moved.out, `- port: ${port}\n  + port: 1\n`)
    writeFileSync(file, kept)
    t.match(await drift(on), { code: 0, rows: [same] }, 'put back')

    const hidden = `${file}.hidden`
    renameSync(file, hidden)
    writeFileSync(file, 'not JSON')
    const damaged = await drift(on)
    t.match(damaged, {
      code: 7,
      rows: [{ machine: id, drift: 'unknown', why: /PROV_PROVIDER_LOCAL_STATE/ }],
    })
    renameSync(hidden, file)

    await killProcessesIn(machinesOf(on))
    const gone = await drift(on)
    t.equal(gone.code, 2)
    t.same(gone.rows[0]?.lines, [`- machine: ${id}`, '- host: 127.0.0.1', `- port: ${port}`])
    t.same(await journal(), before, 'nothing was written and nothing was started')
    t.notMatch(JSON.stringify([moved, damaged, gone]), /PRIVATE KEY/)
    go()
  },
)

t.test('a machine that no lease has is told until it is gone', async (t) => {
  const on = await infra(t)
  const acts = actsOf(on)
  const { signal } = new AbortController()
  const labels = { workspace: 'my-infra', op: 'op_lost' }
  const asked: MachineRequest = { token: 'lost', tier: 's', labels, ttlMs: 600_000, signal }
  const mine = await acts.create(asked)
  const other = await acts.create({ ...asked, token: 'other', labels: { workspace: 'other' } })
  t.teardown(() => acts.destroy(mine))
  t.teardown(() => acts.destroy(other))
  const found = await drift(on)
  t.equal(found.code, 2)
  t.equal(found.rows.length, 1, 'what bears the name of another workspace is not ours')
  t.match(found.rows[0], {
    machine: mine.id,
    op: 'op_lost',
    lines: [`+ machine: ${mine.id}`, '+ host: 127.0.0.1', `+ port: ${mine.port}`],
  })
  await acts.destroy(mine)
  t.notOk(existsSync(join(machinesOf(on), mine.id)))
  t.match(await drift(on), { code: 0, rows: [] })
})

t.test('a provider whose "not there" proves nothing says so of the machine', async (t) => {
  const here = world(t)
  const acts = localActs({
    dir: join(here.root, '.prov/machines'),
    clock: systemClock,
    isolation: 'plain',
  })
  let blind = false
  const provider = defineProvider({
    ...acts,
    name: 'dim',
    class: 'opaque',
    find: async (query) => (blind ? { machine: undefined, authoritative: true } : acts.find(query)),
  })
  const runtime = await here.open([provider])
  const go = join(here.root, 'go')
  const script = `echo ran >>'${here.counter}'; until [ -e '${go}' ]; do sleep 0.1; done`
  const asked = request([step('a', script)], { provider: 'dim' })
  const running = runtime.service(orchestrator).run(asked)
  while (here.counted().length === 0) await new Promise((turn) => setTimeout(turn, 20))
  const { op } = asked
  t.match(await runtime.read('drift'), [{ provider: 'dim', op, drift: 'none' }])
  blind = true
  const told = { provider: 'dim', op, drift: 'unknown', lines: [], why: /proves nothing/ }
  t.match(await runtime.read('drift'), [told])
  blind = false
  writeFileSync(go, '')
  t.match(await running, { outcome: 'applied' })
})
