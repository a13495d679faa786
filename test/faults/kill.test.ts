/**
 * kill -9 of the real program at each named point, and at moments by chance, while one operation
 * goes from proposal to ledger. Afterwards the same command is given again, as a person would.
 *
 * PROV_SOAK=1 turns the wheel many more times; PROV_SEED repeats the moments of a run.
 */
import { execFileSync } from 'node:child_process'
import t from 'tap'
import type { Test } from 'tap'
import { systemClock } from '../../core/clock.ts'
import { isAudit } from '../../core/protocol/audit.ts'
import type { AuditEvent } from '../../core/protocol/audit.ts'
import { infra, once } from '../support/infra.ts'
import type { Infra } from '../support/infra.ts'
import { seeded } from '../support/power.ts'

t.setTimeout(900_000)
t.jobs = 2

const soak = process.env['PROV_SOAK'] ? 10 : 1
const seed = Number(process.env['PROV_SEED'] ?? systemClock.now() % 1_000_000)
t.comment(`PROV_SEED=${seed} repeats the moments of this run`)

/** An operation of the sample and what must have happened in the world when it is over. */
interface Kind {
  readonly name: string
  readonly type: keyof typeof once
  readonly target: string
  readonly held: boolean
}
const auto: Kind = { name: 'restart', type: 'restart', target: 'monitoring/grafana', held: false }
const there: Kind = {
  name: 'deploy',
  type: 'deploy',
  target: 'app-cluster/cert-manager',
  held: true,
}
const back: Kind = { name: 'drain', type: 'drain', target: 'app-cluster', held: true }

const points = ['submit', 'claim', 'effect.started', 'effect.done', 'result', 'mirrored'] as const

interface Death {
  /** A named point, or milliseconds after the command began. */
  readonly at: string | number
  /** Also kill the command that comes after it, there. */
  readonly again?: string
  /** Held operations only: kill the approval and not the submission. */
  readonly approving?: boolean
}

const submitting = (op: string, { type, target }: Kind) => [
  'op',
  'submit',
  type,
  target,
  '--op-id',
  op,
]
const approving = (op: string) => [
  'op',
  'approve',
  op,
  '--actor',
  'bob',
  '--reason',
  'looked at the plan',
]

/** Runs a command and kills it; true when it died before it was done. */
async function killed(on: Infra, argv: readonly string[], { at }: Death): Promise<boolean> {
  if (typeof at === 'string') {
    const { err } = await on.child(argv, { PROV_CRASH_AT: at })
    return err.includes('SIGKILL')
  }
  const child = on.child(argv)
  const timer = systemClock.after(at, () => child.kill('SIGKILL'))
  const { err } = await child
  timer.cancel()
  return err.includes('SIGKILL')
}

/** Drives one operation through its death to its end. True when the named point was reached. */
async function dies(on: Infra, op: string, kind: Kind, death: Death): Promise<boolean> {
  let died = false
  const submit = submitting(op, kind)
  if (kind.held) {
    const chance = typeof death.at === 'number'
    const early = !death.approving && (death.at === 'submit' || death.at === 'mirrored' || chance)
    if (early) died = await killed(on, submit, death)
    const held = await on.prov(...submit)
    if (held.code !== 5) throw new Error(`${op} should be held: ${held.err}${held.out}`)
    if (!early || chance) {
      died = (await killed(on, approving(op), death)) || died
    }
    if (death.again !== undefined) died = (await killed(on, submit, { at: death.again })) && died
    // The vote may have been counted before the death, or not: both are answered by giving it again.
    const { phase } = await on.row(op)
    if (phase === 'held') await on.prov(...approving(op))
  } else {
    died = await killed(on, submit, death)
    if (death.again !== undefined) died = (await killed(on, submit, { at: death.again })) && died
  }
  const end = await on.prov(...submit, '--json')
  if (end.code !== 0) throw new Error(`${op}: exit ${end.code}: ${end.err}${end.out}`)
  return died
}

const count = (events: readonly AuditEvent[], type: string): number =>
  events.filter((event) => event.type === `prov.${type}`).length

/** Nothing lost, nothing doubled. */
async function whole(t: Test, on: Infra, op: string, kind: Kind, before: number): Promise<void> {
  const events = await on.events(op)
  for (const type of ['op.submitted', 'op.approved', 'op.claimed', 'op.applied']) {
    t.equal(count(events, type), 1, `${type} of ${op} once`)
  }
  t.equal(events.filter(({ type }) => /failed|in_doubt|refused|expired/.test(type)).length, 0)
  t.same(on.marks().slice(before), once[kind.type], 'each step ran once')
  const row = await on.row(op)
  t.equal(row.phase, 'applied')
  const applied = events.find((event) => isAudit(event, 'op.applied'))
  const moves = applied && isAudit(applied, 'op.applied') ? applied.data.moves : []
  t.equal(moves.length, kind.held ? 1 : 0)
  t.same(on.machines(), [], 'no machine stays behind')
}

/** A row of deaths in one workspace; held kinds go there and back, so each needs the one before. */
async function deaths(
  t: Test,
  on: Infra,
  kinds: readonly Kind[],
  all: readonly Death[],
): Promise<void> {
  let moved = 0
  for (const [at, death] of all.entries()) {
    const kind = kinds[at % kinds.length] as Kind
    const op = `${kind.name}-${at}`
    const title = `${kind.name} killed at ${typeof death.at === 'number' ? `${death.at} ms` : death.at}${death.again === undefined ? '' : `, then at ${death.again}`}`
    await t.test(title, async (t) => {
      const before = on.marks().length
      const died = await dies(on, op, kind, death)
      if (typeof death.at === 'string') t.ok(died, `it died at ${death.at}`)
      await whole(t, on, op, kind, before)
      if (kind.held) {
        moved++
        const state = await on.json<readonly { id: string; version: number }[]>('state')
        const row = state.find(({ id }) => id === 'cluster_provisioning')
        t.match(row, { version: moved, current: kind === there ? 'operational' : 'bootstrapped' })
      }
    })
  }
  t.same(await on.faults(), [], 'chain, journal, lock, numbers and ledger are whole')
}

const named: readonly Death[] = Array.from({ length: soak }, () => points)
  .flat()
  .map((at) => ({ at }))
const twice: readonly Death[] = [
  { at: 'effect.started', again: 'effect.done' },
  { at: 'claim', again: 'result' },
]
const random = seeded(seed)
const byChance = (most: number, many: number): readonly Death[] =>
  Array.from({ length: many * soak }, () => ({ at: Math.round(200 + random() * most) }))

t.test('an operation that policy signs survives a kill at each point, once', async (t) => {
  await deaths(t, await infra(t), [auto], [...named, { at: 'mirrored:2' }, ...twice])
})

t.test('an operation that people approve survives a kill at each point, once', async (t) => {
  await deaths(
    t,
    await infra(t),
    [there, back],
    [...named, { at: 'mirrored', approving: true }, ...twice],
  )
})

t.test('an operation survives a kill at any moment, once', async (t) => {
  await deaths(t, await infra(t), [auto], byChance(1_800, 4))
  await deaths(t, await infra(t), [there, back], byChance(1_400, 2))
})

t.test('also on a machine in bubblewrap', { skip: noBubblewrap() }, async (t) => {
  const on = await infra(t, { isolation: 'bubblewrap' })
  for (const at of ['effect.started:2', 'effect.done']) {
    const op = `inside-${at.replaceAll(/\W/g, '-')}`
    t.ok(await dies(on, op, auto, { at }))
    t.equal(count(await on.events(op), 'op.applied'), 1)
    t.equal(on.kept(op)['start.log'], `${once.restart.join('\n')}\n`, 'each step ran once')
  }
  t.same(await on.faults(), [])
})

function noBubblewrap(): string | false {
  try {
    execFileSync('bwrap', ['--ro-bind', '/', '/', '--unshare-all', 'true'], { stdio: 'ignore' })
    return false
  } catch {
    return 'needs bubblewrap that works here: apt install bubblewrap'
  }
}
