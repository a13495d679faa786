/**
 * Each plane is down in its turn while operations flow, killed without warning: what goes on, what
 * waits, who is told what about it. When it is back nothing is lost and nothing happened twice.
 */
import t from 'tap'
import { isTerminal } from '../../core/protocol/fold.ts'
import type { OpRow } from '../../core/protocol/fold.ts'
import type { PlaneName } from '../../core/protocol/planes.ts'
import { planeNames } from '../../core/protocol/planes.ts'
import type { Ran } from '../support/cli.ts'
import { once } from '../support/infra.ts'
import { findNatsServer, howToInstall } from '../support/nats-server.ts'
import { four } from './four.ts'
import type { Four, Process } from './four.ts'

t.setTimeout(900_000)
const path = findNatsServer()
const skip = path === undefined && howToInstall

interface Row {
  readonly down: PlaneName
  /** How far an operation was when it went down. */
  readonly from: string
  /** How far that one comes meanwhile, as the plane `seenBy` knows. */
  readonly reaches: string
  readonly seenBy: PlaneName
  /** How far one comes that is proposed meanwhile; absent: nobody can propose one. */
  readonly fresh?: string
  /** Whom one asks about it meanwhile, and what one is told. */
  readonly ask: (on: Four, op: string) => Promise<Ran>
  readonly told: RegExp
}

const rows: readonly Row[] = [
  {
    down: 'submitter',
    from: 'submitted',
    reaches: 'applied',
    seenBy: 'controller',
    ask: (on) => on.operator('doctor'),
    told: /OPS_AUDIT_MY_INFRA\/submitter is \d+ messages behind/,
  },
  {
    down: 'keeper',
    from: 'approved',
    reaches: 'applied',
    seenBy: 'submitter',
    fresh: 'submitted',
    ask: (on, op) => on.prov('submitter', 'op', 'show', op),
    told: /waits for the keeper/,
  },
  {
    down: 'controller',
    from: 'submitted',
    reaches: 'approved',
    seenBy: 'submitter',
    fresh: 'approved',
    ask: (on, op) => on.prov('submitter', 'op', 'show', op),
    told: /waits for the controller/,
  },
  {
    down: 'mirror',
    from: 'submitted',
    reaches: 'applied',
    seenBy: 'submitter',
    fresh: 'applied',
    ask: (on) => on.operator('doctor'),
    told: /OPS_AUDIT_MY_INFRA\/mirror is \d+ messages behind/,
  },
]

t.test('each plane is down in its turn, and the others go on', { skip }, async (t) => {
  const on = await four(t, path ?? '')
  const running = new Map<PlaneName, Process>()
  for (const plane of planeNames) running.set(plane, await on.start(plane))
  const ops: string[] = []
  const phases = ['submitted', 'approved', 'claimed', 'running', 'applied']

  const json = async <T>(plane: PlaneName, ...argv: readonly string[]): Promise<T> => {
    const { out, err } = await on.prov(plane, ...argv, '--json')
    if (out === '') throw new Error(`${argv.join(' ')}: ${err}`)
    return JSON.parse(out) as T
  }
  const submit = async (...more: readonly string[]): Promise<string> => {
    const argv = ['op', 'submit', 'restart', 'monitoring/grafana', '--no-wait', ...more]
    const { op } = await json<{ op: string }>('submitter', ...argv)
    ops.push(op)
    return op
  }
  /** Resolves when a plane knows that an operation is so far; rejects when it ended otherwise. */
  const reached = async (plane: PlaneName, op: string, phase: string): Promise<void> => {
    for (;;) {
      const { out } = await on.prov(plane, 'op', 'show', op, '--json')
      const row = (out === '' ? { phase: 'unknown' } : JSON.parse(out)) as OpRow
      if (phases.indexOf(row.phase) >= phases.indexOf(phase)) return
      if (isTerminal(row.phase)) throw new Error(`${op} is ${row.phase}`)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  for (const { down, from, reaches, seenBy, fresh, ask, told } of rows) {
    const before = await submit()
    await reached('submitter', before, from)
    await running.get(down)?.kill()
    const later = fresh === undefined ? undefined : await submit()
    await reached(seenBy, before, reaches)
    if (later !== undefined && fresh !== undefined) {
      await reached('submitter', later, fresh)
      const { phase } = await json<OpRow>('submitter', 'op', 'show', later)
      t.equal(phase, fresh, `without ${down} a new one is ${fresh}`)
    }
    const { out } = await ask(on, later ?? before)
    t.match(out, told, `without ${down} it is told: ${told.source}`)
    running.set(down, await on.start(down))
    for (const op of [before, ...(later === undefined ? [] : [later])]) {
      await reached('submitter', op, 'applied')
    }
  }

  // The job of a pipeline, killed while it waits: what it asked for goes on, and asking again is the same.
  const job = ['op', 'submit', 'restart', 'monitoring/grafana', '--op-id', 'job-7', '--again']
  const first = on.child('submitter', job)
  await first.said('approved')
  first.kill('SIGKILL')
  await first
  await reached('submitter', 'job-7', 'applied')
  const second = await on.child('submitter', job)
  t.equal(second.code, 0, second.err)
  t.match(second.err, /submitted before; this is its answer/)
  ops.push('job-7')

  // Once, in the trail as everybody knows it, in the world and in the ledger.
  type Told = { readonly type: string; readonly subject: string }
  const events = await json<Told[]>('submitter', 'audit', 'log', '--last', '0')
  for (const op of ops) {
    const types = events.filter(({ subject }) => subject === op).map(({ type }) => type)
    t.equal(types.filter((type) => type === 'prov.op.claimed').length, 1, `${op} has one CLAIM`)
    t.equal(types.filter((type) => type === 'prov.op.applied').length, 1, `${op} has one RESULT`)
  }
  t.same([...on.on.marks()].sort(), ops.flatMap(() => once.restart).sort(), 'every step ran once')
  for (;;) {
    const argv = ['audit', 'verify'] as const
    const known = await json<Verified>('mirror', ...argv)
    t.same(known.findings, [])
    if (known.events >= events.length && known.ledger.commits === known.events) break
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
})

interface Verified {
  readonly events: number
  readonly ledger: { readonly commits: number }
  readonly findings: readonly unknown[]
}
