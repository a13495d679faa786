/** Submitter, keeper, controller and mirror, each a process of its own on a real server. */
import t from 'tap'
import type { Test } from 'tap'
import { codeOf } from '../../core/kit.ts'
import type { AuditEvent } from '../../core/protocol/audit.ts'
import { contract, submissions } from '../../core/protocol/services.ts'
import type { Runtime } from '../../core/runtime.ts'
import { once } from '../support/infra.ts'
import { findNatsServer, howToInstall } from '../support/nats-server.ts'
import { four, keysIn } from './four.ts'
import type { Four } from './four.ts'

t.setTimeout(900_000)
const path = findNatsServer()
const skip = path === undefined && howToInstall
const restart = { type: 'restart', target: 'monitoring/grafana', as: 'alice' } as const
const settleMs = 600_000
const count = process.env['PROV_SOAK'] ? 100 : 12

const end = async (prov: Runtime, op: string): Promise<string> =>
  (await prov.op(op).settled({ timeoutMs: settleMs })).outcome

/** Runs until a look is true; each look waits for the one before. */
async function until(look: () => Promise<boolean>): Promise<void> {
  while (!(await look())) await new Promise((resolve) => setTimeout(resolve, 100))
}

/** Every operation once, in the trail and in the world, and all of it in the ledger. */
async function whole(t: Test, on: Four, prov: Runtime, ops: readonly string[]): Promise<void> {
  const events: AuditEvent[] = []
  for await (const event of prov.service(contract).events()) events.push(event)
  for (const op of ops) {
    const types = events.filter(({ subject }) => subject === op).map(({ type }) => type)
    t.equal(types.filter((type) => type === 'prov.op.claimed').length, 1, `${op} has one CLAIM`)
    t.equal(types.filter((type) => type === 'prov.op.applied').length, 1, `${op} has one RESULT`)
  }
  const marks = [...on.on.marks()].sort()
  t.same(marks, ops.flatMap(() => once.restart).sort(), 'every step ran once')
  await until(async () => {
    const { out } = await on.prov('mirror', 'audit', 'verify', '--json')
    const { events: known, ledger, findings } = JSON.parse(out) as Verified
    return known >= events.length && ledger.commits === known && findings.length === 0
  })
}

interface Verified {
  readonly events: number
  readonly ledger: { readonly commits: number }
  readonly findings: readonly unknown[]
}

t.test('each plane alone: operations end to end, each once', { skip }, async (t) => {
  const on = await four(t, path ?? '')
  t.same(keysIn(on.home('submitter')), ['submitter.json'])
  t.same(keysIn(on.home('keeper')), ['keeper.json'])
  t.same(keysIn(on.home('controller')), ['controller.json', 'orchestrator.json'])
  t.same(keysIn(on.home('mirror')), ['ledger.json'])
  t.same(keysIn(on.on.home), [], 'and where they came from there is none')
  for (const plane of ['keeper', 'controller', 'mirror'] as const) await on.start(plane)
  const prov = await on.submitter()
  const ops: string[] = []
  for (let n = 0; n < count; n++) ops.push((await prov.submit(restart)).id)
  for (const op of ops) t.equal(await end(prov, op), 'applied')
  await whole(t, on, prov, ops)
  const bus = await on.as('submitter')
  const forged = { id: 'forged', body: { kind: 'command', token: 'x' } }
  t.equal(await codeOf(bus.publish('ops.cmd.my-infra', forged)), 'PROV_BUS_DENIED')
})

for (const point of ['claim', 'effect.started', 'effect.done', 'result'] as const) {
  t.test(`a controller that is killed at ${point} goes on, once`, { skip }, async (t) => {
    const on = await four(t, path ?? '')
    await on.start('keeper')
    await on.start('mirror')
    const first = await on.start('controller', { PROV_CRASH_AT: `${point}:2` })
    const prov = await on.submitter()
    const ops: string[] = []
    for (let n = 0; n < 3; n++) ops.push((await prov.submit(restart)).id)
    await first.gone
    await on.start('controller')
    for (const op of ops) t.equal(await end(prov, op), 'applied')
    await whole(t, on, prov, ops)
  })
}

t.test(
  'signing is down: what is approved runs, what is new waits and says for whom',
  { skip },
  async (t) => {
    const on = await four(t, path ?? '')
    const prov = await on.submitter()
    const keeper = await on.start('keeper')
    const approved: string[] = []
    for (let n = 0; n < 3; n++) approved.push((await prov.submit(restart)).id)
    const phase = async (op: string) => (await prov.service(submissions).phase(op))?.name
    for (const op of approved) await until(async () => (await phase(op)) === 'approved')
    await keeper.kill()
    // Now only the workload planes live.
    await on.start('controller')
    await on.start('mirror')
    for (const op of approved) t.equal(await end(prov, op), 'applied')
    const fresh = await prov.submit(restart)
    await whole(t, on, prov, approved)
    t.equal(await phase(fresh.id), 'submitted')
    // Whoever runs the work reads what there is, and nobody has to sign for that.
    for (const read of ['gates', 'state', 'op list', 'audit verify'] as const) {
      const { code, err } = await on.prov('controller', ...read.split(' '), '--json')
      t.equal(code, 0, `${read}: ${err}`)
    }
    // The one who submits is told whom it waits for.
    const waits = await on.prov('submitter', 'op', 'show', fresh.id)
    t.match(waits.out, /keeper/, waits.out)
    await on.start('keeper')
    t.equal(await end(prov, fresh.id), 'applied')
    await whole(t, on, prov, [...approved, fresh.id])
  },
)

t.test('the server dies and comes back without anything, in the middle', { skip }, async (t) => {
  const on = await four(t, path ?? '')
  for (const plane of ['keeper', 'controller', 'mirror'] as const) await on.start(plane)
  const prov = await on.submitter()
  const ops: string[] = []
  for (let n = 0; n < 6; n++) ops.push((await prov.submit(restart)).id)
  await end(prov, ops[0] as string)
  await on.server.stop()
  ops.push((await prov.submit(restart)).id)
  await on.server.start({ empty: true })
  // No plane may make streams: whoever keeps the server does, as `prov nats apply`.
  await on.topology()
  for (const op of ops) t.equal(await end(prov, op), 'applied')
  await whole(t, on, prov, ops)
})

t.test('a keeper and a mirror that are killed in between go on, once', { skip }, async (t) => {
  const on = await four(t, path ?? '')
  await on.start('controller')
  const keeper = await on.start('keeper')
  const mirror = await on.start('mirror', { PROV_CRASH_AT: 'mirrored:2' })
  const prov = await on.submitter()
  const ops: string[] = []
  for (let n = 0; n < 6; n++) ops.push((await prov.submit(restart)).id)
  await end(prov, ops[0] as string)
  await keeper.kill()
  await mirror.gone
  ops.push((await prov.submit(restart)).id)
  await on.start('keeper')
  await on.start('mirror')
  for (const op of ops) t.equal(await end(prov, op), 'applied')
  await whole(t, on, prov, ops)
})
