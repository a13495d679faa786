import t from 'tap'
import { codeOf } from '../../core/kit.ts'
import { verifyTrail } from '../../core/protocol/trail.ts'
import { live, people, ready, stage } from './stage.ts'

t.test('an operation that policy signs runs once and is told step by step', async (t) => {
  const { ops, until, events, deal, on } = await ready(t)
  const { op, duplicate } = await ops.submit({
    type: 'restart',
    target: 'staging-1/api',
    as: 'alice',
  })
  t.notOk(duplicate)
  await until(op, 'applied')
  t.same(
    (await events(op)).map(({ type, emitter }) => [emitter, type]),
    [
      ['submitter', 'prov.op.submitted'],
      ['keeper', 'prov.op.matched'],
      ['keeper', 'prov.op.approved'],
      ['controller', 'prov.op.claimed'],
      ['controller', 'prov.op.applied'],
    ],
  )
  t.equal(on.effects.get(op), undefined, 'it moves state only and runs nothing')
  const row = deal.store.get().ops.get(op)
  t.match(row, { verdict: 'auto-sign', rule: /restarts/, seq: 1, by: 'alice', outcome: 'applied' })
  t.ok(
    row?.trace?.some(({ matched }) => !matched),
    'rules that did not match are shown too',
  )
})

t.test('a held operation waits for another person, then moves the dimension once', async (t) => {
  const { ops, desk, control, until, deal, on } = await ready(t)
  const { op } = await ops.submit({ type: 'deploy', target: 'app/cert-manager', as: 'alice' })
  await until(op, 'held')
  t.match(await desk.status(), { held: 1, nextSeq: 1, policy: { version: 1 } })
  const answer = await desk.vote({ op, as: 'bob', decision: 'approve', reason: 'looked at it' })
  t.ok(answer.counted)
  await until(op, 'applied')
  t.equal(on.effects.get(op), 1)
  t.match(deal.store.get().positions, { cluster: { state: 'up', version: 1, op } })
  t.same(await control.vector(), { cluster: 1, gitops: 0 })
  t.ok(deal.store.get().capabilities.includes('cert-manager'))
  const row = deal.store.get().ops.get(op)
  t.match(row?.votes, [{ actor: 'bob', custody: 'shared', reason: 'looked at it' }])
})

t.test('the whole trail of an evening verifies from the events alone', async (t) => {
  const { ops, desk, until, deal, prov } = await ready(t)
  const one = await ops.submit({ type: 'restart', target: 'staging-1/api', as: 'alice' })
  const two = await ops.submit({ type: 'deploy', target: 'app/x', as: 'alice' })
  await until(two.op, 'held')
  await desk.vote({ op: two.op, as: 'bob', decision: 'approve', reason: 'fine' })
  await until(one.op, 'applied')
  await until(two.op, 'applied')
  const where = { journal: deal.journal, workspace: prov.files.name }
  const report = await verifyTrail(deal.events(), where)
  t.same(report.findings, [])
  t.ok(report.events > 15)
})

t.test('the same again is the same answer; another content under the id is refused', async (t) => {
  const { ops, until, on } = await ready(t)
  const proposal = { type: 'restart', target: 'staging-1/api', as: 'alice', opId: 'nightly-1' }
  t.notOk((await ops.submit(proposal)).duplicate)
  await until('nightly-1', 'applied')
  t.match(await ops.submit(proposal), { op: 'nightly-1', duplicate: true })
  const other = ops.submit({ ...proposal, target: 'staging-2/api' })
  t.equal(await codeOf(other), 'PROV_OP_ID_REUSED')
  t.equal(await codeOf(ops.submit({ ...proposal, opId: 'a b' })), 'PROV_OP_ID_INVALID')
  t.equal(on.effects.size, 0)
})

t.test('what the policy denies and what nobody declared are refused by name', async (t) => {
  const { ops, until, deal } = await ready(t)
  const { op } = await ops.submit({ type: 'drain', target: 'node-1', as: 'alice' })
  await until(op, 'refused')
  t.match(deal.store.get().ops.get(op), { code: 'PROV_OP_DENIED', remedy: /prov op show/ })
  const unknown = ops.submit({ type: 'explode', target: 'x', as: 'alice' })
  t.equal(await codeOf(unknown), 'PROV_OP_TYPE_UNKNOWN')
})

t.test('without a policy everything is held, and a person decides', async (t) => {
  const on = stage(t, null)
  const life = await live(on)
  t.teardown(() => life.close())
  const keys = people(on)
  await keys.create({ actor: 'alice', kind: 'human', passphrase: '' })
  const { op } = await life.ops.submit({ type: 'restart', target: 'staging-1/api' })
  await life.until(op, 'held')
  t.match(life.deal.store.get().ops.get(op)?.why, /no policy is in force/)
  t.equal(await codeOf(life.desk.activatePolicy({ as: 'alice' })), 'PROV_POLICY_ABSENT')
})

t.test('work that fails and work that nobody heard of again are told apart', async (t) => {
  const { ops, desk, until, deal, on } = await ready(t)
  const go = async () => {
    const { op } = await ops.submit({ type: 'deploy', target: 'app/x', as: 'alice' })
    await until(op, 'held')
    await desk.vote({ op, as: 'bob', decision: 'approve', reason: 'go' })
    await until(op, 'failed', 'in_doubt', 'applied', 'refused')
    return deal.store.get().ops.get(op)
  }
  on.run = async () => ({
    outcome: 'failed',
    code: 'PROV_OP_STEP_FAILED',
    message: 'exit 2',
    detail: {},
  })
  t.match(await go(), { phase: 'failed', code: 'PROV_OP_STEP_FAILED', why: 'exit 2' })
  t.equal(deal.store.get().positions['cluster']?.version, 0, 'nothing moved')
  on.run = async () => {
    throw new Error('the line went dead')
  }
  t.match(await go(), { phase: 'in_doubt', outcome: undefined })
  const next = await go()
  t.match(next, { phase: 'refused', code: 'PROV_OP_WRITE_SET_HELD' }, 'doubt keeps what it holds')
})

t.test(
  'only another person resolves a doubt, and only the doubt that they looked at',
  async (t) => {
    const { ops, desk, control, until, deal, on, codes } = await ready(t)
    on.run = async () => ({
      outcome: 'unknown',
      code: 'PROV_OP_OUTCOME_UNKNOWN',
      message: '?',
      detail: {},
    })
    const { op } = await ops.submit({ type: 'deploy', target: 'app/x', as: 'alice' })
    await until(op, 'held')
    const early = control.resolve({ op, as: 'bob', outcome: 'applied', reason: 'x' })
    t.equal(await codeOf(early), 'PROV_OP_NOT_IN_DOUBT')
    await desk.vote({ op, as: 'bob', decision: 'approve', reason: 'go' })
    await until(op, 'in_doubt')
    const resolve = (as: string, reason: string) =>
      codeOf(control.resolve({ op, as, outcome: 'applied', reason }))
    t.equal(await resolve('alice', 'I saw it'), 'PROV_OP_RESOLVE_SELF')
    t.equal(await resolve('robot', 'I saw it'), 'PROV_OP_AGENT_APPROVAL')
    t.equal(await resolve('bob', ' '), 'PROV_OP_REASON_MISSING')
    t.equal(await resolve('bob', 'the pods run'), 'none')
    await until(op, 'applied')
    t.match(deal.store.get().positions['cluster'], { state: 'up', version: 1 })
    t.ok(codes().includes('PROV_OP_RESOLVE_SELF'), 'the attempt is audited')
    t.equal(on.effects.get(op), 1, 'nothing ran again')
  },
)

t.test('what was begun goes on after a restart, under the same token and once', async (t) => {
  const first = await ready(t)
  const { on } = first
  const tokens: string[] = []
  let stopped: () => void = () => {}
  const reached = new Promise<void>((resolve) => (stopped = resolve))
  on.run = (_, token) => {
    tokens.push(token)
    stopped()
    return new Promise(() => {})
  }
  const { op } = await first.ops.submit({ type: 'deploy', target: 'app/x', as: 'alice' })
  await first.until(op, 'held')
  await first.desk.vote({ op, as: 'bob', decision: 'approve', reason: 'go' })
  await reached
  const closing = first.close()
  // What runs and does not end is left behind at the kernel's deadline.
  await on.clock.advance(10_000)
  await closing

  on.run = async (_, token) => {
    tokens.push(token)
    return { outcome: 'applied', detail: {} }
  }
  const second = await live(on)
  t.teardown(() => second.close())
  await second.until(op, 'applied')
  t.equal(tokens.length, 2)
  t.equal(tokens[0], tokens[1], 'the provider can tell that it is the same work')
  const ends = (await second.events(op)).filter(({ type }) => type === 'prov.op.applied')
  t.equal(ends.length, 1)
})

t.test('held operations, votes and numbers are still there after a restart', async (t) => {
  const first = await ready(t)
  const { op } = await first.ops.submit({ type: 'deploy', target: 'app/x', as: 'alice' })
  const done = await first.ops.submit({ type: 'restart', target: 'staging-1/a', as: 'alice' })
  await first.until(op, 'held')
  await first.until(done.op, 'applied')
  await first.close()
  const second = await live(first.on)
  t.teardown(() => second.close())
  t.match(await second.desk.status(), { held: 1, nextSeq: 2, policy: { version: 1 } })
  await second.desk.vote({ op, as: 'bob', decision: 'approve', reason: 'go' })
  await second.until(op, 'applied')
  t.equal(second.deal.store.get().ops.get(op)?.seq, 2)
})
