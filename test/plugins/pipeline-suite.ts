/**
 * What the pipeline promises, whatever lies between its planes: one process, planes apart on the
 * embedded bus, planes apart on a server. A harness opens one of these.
 *
 * @module
 */
import type { Test } from 'tap'
import { codeOf } from '../../core/kit.ts'
import type { AuditEvent } from '../../core/protocol/audit.ts'
import type { Contract } from '../../core/protocol/contract.ts'
import type { OpPhase } from '../../core/protocol/op.ts'
import type { ControllerDesk, KeeperDesk, Submissions } from '../../core/protocol/services.ts'
import { verifyTrail } from '../../core/protocol/trail.ts'
import type { Stage } from './stage.ts'

/** The planes as a test meets them: each desk where its plane lives, the trail where one submits. */
export interface World {
  readonly ops: Submissions
  readonly desk: KeeperDesk
  readonly control: ControllerDesk
  readonly deal: Contract
  /** What the orchestrator does, and the clock. */
  readonly on: Stage
  /** Resolves when whoever submits knows that the operation is in one of the phases. */
  until(op: string, ...phases: readonly OpPhase[]): Promise<OpPhase>
  events(op?: string): Promise<readonly AuditEvent[]>
  /** Resolves when the trail has a refusal with that code. */
  refused(code: string): Promise<void>
  /** Ends every process and starts it again. */
  restart(): Promise<void>
}

/** Opens planes with alice, bob and a robot enrolled; null: with no policy in force. */
export type Harness = (t: Test, policy?: null) => Promise<World>

/** Every promise, as tests of `t`. */
export function pipelineSuite(t: Test, open: Harness): void {
  void t.test('an operation that policy signs runs once and is told step by step', async (t) => {
    const { ops, until, events, deal, on } = await open(t)
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
    t.match(row, {
      verdict: 'auto-sign',
      rule: /restarts/,
      seq: 1,
      by: 'alice',
      outcome: 'applied',
    })
    t.ok(
      row?.trace?.some(({ matched }) => !matched),
      'rules that did not match are shown too',
    )
  })

  void t.test(
    'a held operation waits for another person, then moves the dimension once',
    async (t) => {
      const { ops, desk, control, until, deal, on } = await open(t)
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
    },
  )

  void t.test('the whole trail of an evening verifies from the events alone', async (t) => {
    const { ops, desk, until, deal } = await open(t)
    const one = await ops.submit({ type: 'restart', target: 'staging-1/api', as: 'alice' })
    const two = await ops.submit({ type: 'deploy', target: 'app/x', as: 'alice' })
    await until(two.op, 'held')
    await desk.vote({ op: two.op, as: 'bob', decision: 'approve', reason: 'fine' })
    await until(one.op, 'applied')
    await until(two.op, 'applied')
    const where = { journal: deal.journal, workspace: deal.workspace }
    const report = await verifyTrail(deal.events(), where)
    t.same(report.findings, [])
    t.ok(report.events > 15)
  })

  void t.test(
    'the same again is the same answer; another content under the id is refused',
    async (t) => {
      const { ops, until, on } = await open(t)
      const proposal = { type: 'restart', target: 'staging-1/api', as: 'alice', opId: 'nightly-1' }
      t.notOk((await ops.submit(proposal)).duplicate)
      await until('nightly-1', 'applied')
      t.match(await ops.submit(proposal), { op: 'nightly-1', duplicate: true })
      const other = ops.submit({ ...proposal, target: 'staging-2/api' })
      t.equal(await codeOf(other), 'PROV_OP_ID_REUSED')
      t.equal(await codeOf(ops.submit({ ...proposal, opId: 'a b' })), 'PROV_OP_ID_INVALID')
      t.equal(on.effects.size, 0)
    },
  )

  void t.test('what the policy denies and what nobody declared are refused by name', async (t) => {
    const { ops, until, deal } = await open(t)
    const { op } = await ops.submit({ type: 'drain', target: 'node-1', as: 'alice' })
    await until(op, 'refused')
    t.match(deal.store.get().ops.get(op), { code: 'PROV_OP_DENIED', remedy: /prov op show/ })
    const unknown = ops.submit({ type: 'explode', target: 'x', as: 'alice' })
    t.equal(await codeOf(unknown), 'PROV_OP_TYPE_UNKNOWN')
  })

  void t.test('without a policy everything is held, and a person decides', async (t) => {
    const life = await open(t, null)
    const { op } = await life.ops.submit({ type: 'restart', target: 'staging-1/api', as: 'alice' })
    await life.until(op, 'held')
    t.match(life.deal.store.get().ops.get(op)?.why, /no policy is in force/)
    t.equal(await codeOf(life.desk.activatePolicy({ as: 'alice' })), 'PROV_POLICY_ABSENT')
  })

  void t.test('work that fails and work that nobody heard of again are told apart', async (t) => {
    const { ops, desk, until, deal, on } = await open(t)
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

  void t.test(
    'only another person resolves a doubt, and only the doubt that they looked at',
    async (t) => {
      const { ops, desk, control, until, deal, on, refused } = await open(t)
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
      await refused('PROV_OP_RESOLVE_SELF')
      t.equal(on.effects.get(op), 1, 'nothing ran again')
    },
  )

  void t.test(
    'what was begun goes on after a restart, under the same token and once',
    async (t) => {
      const world = await open(t)
      const { on } = world
      const tokens: string[] = []
      let stopped: () => void = () => {}
      const reached = new Promise<void>((resolve) => (stopped = resolve))
      on.run = (_, token) => {
        tokens.push(token)
        stopped()
        return new Promise(() => {})
      }
      const { op } = await world.ops.submit({ type: 'deploy', target: 'app/x', as: 'alice' })
      await world.until(op, 'held')
      await world.desk.vote({ op, as: 'bob', decision: 'approve', reason: 'go' })
      await world.until(op, 'claimed', 'applying')
      await reached
      // What runs and does not end is left behind at the kernel's deadline.
      on.run = async (_, token) => {
        tokens.push(token)
        return { outcome: 'applied', detail: {} }
      }
      await world.restart()
      await world.until(op, 'applied')
      t.equal(tokens.length, 2)
      t.equal(tokens[0], tokens[1], 'the provider can tell that it is the same work')
      const ends = (await world.events(op)).filter(({ type }) => type === 'prov.op.applied')
      t.equal(ends.length, 1)
    },
  )

  void t.test('held operations, votes and numbers are still there after a restart', async (t) => {
    const world = await open(t)
    const { op } = await world.ops.submit({ type: 'deploy', target: 'app/x', as: 'alice' })
    const done = await world.ops.submit({ type: 'restart', target: 'staging-1/a', as: 'alice' })
    await world.until(op, 'held')
    await world.until(done.op, 'applied')
    await world.restart()
    t.match(await world.desk.status(), { held: 1, nextSeq: 2, policy: { version: 1 } })
    await world.desk.vote({ op, as: 'bob', decision: 'approve', reason: 'go' })
    await world.until(op, 'applied')
    t.equal(world.deal.store.get().ops.get(op)?.seq, 2)
  })
}
