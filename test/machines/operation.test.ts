import t from 'tap'
import type { SnapshotFrom } from 'xstate'
import { initialTransition, transition } from 'xstate'
import type { OperationEvent, OperationFact } from '../../machines/operation.ts'
import { longestTrail, operationMachine } from '../../machines/operation.ts'
import { keepsTheLaws } from '../support/machine-laws.ts'

const input = {
  id: 'op_1',
  workspace: 'my-infra',
  op: 'deploy',
  target: 'app-cluster/cert-manager',
  digest: 'sha256:0',
  by: 'alice',
  at: 1,
}
type State = SnapshotFrom<typeof operationMachine>
interface Run {
  readonly state: State
  readonly effects: readonly string[]
  readonly records: readonly string[]
}

function run(...events: readonly OperationEvent[]): Run {
  const [born, first] = initialTransition(operationMachine, input)
  const seen = [...first]
  let state: State = born
  for (const event of events) {
    const [next, actions] = transition(operationMachine, state, event)
    state = next
    seen.push(...actions)
  }
  const own = seen.filter((action) => !action.type.startsWith('xstate.'))
  return {
    state,
    effects: own.map((action) => action.type).filter((type) => type !== 'record'),
    records: own
      .filter((action) => action.type === 'record')
      .flatMap((action) => (action.params as { fact: { type: string } | null }).fact?.type ?? []),
  }
}

const matched: OperationFact = { type: 'op.matched', verdict: 'hold', at: 2, by: 'keeper' }
const held: OperationFact = { type: 'op.held', needs: '1 person', why: 'prod', at: 3 }
const vote: OperationFact = {
  type: 'op.vote',
  actor: 'bob',
  decision: 'approve',
  reason: 'fine',
  at: 4,
}
const approved: OperationFact = { type: 'op.approved', seq: 1, keeperEpoch: 1, at: 5 }
const claimed: OperationFact = {
  type: 'op.claimed',
  seq: 1,
  epoch: 1,
  providerToken: 'tok',
  at: 6,
}
const started: OperationFact = { type: 'op.started', at: 7 }
const applied: OperationFact = { type: 'op.applied', at: 8 }
const failed: OperationFact = { type: 'op.failed', code: 'PROV_STEP_FAILED', at: 8 }
const inDoubt: OperationFact = { type: 'op.in_doubt', code: 'PROV_OP_IN_DOUBT', at: 8 }
const life = [matched, held, vote, approved, claimed, started] as const

t.test('a held operation is approved, claimed, applied, and each plane has its part', async (t) => {
  const { state, effects, records } = run(...life, applied)
  t.equal(state.value, 'applied')
  t.same(state.output, { outcome: 'applied', code: null, why: null })
  t.same(effects, ['judge', 'count', 'dispatch', 'execute'])
  t.same(
    records,
    [...life, applied].map((fact) => fact.type),
  )
  t.same(
    state.context.trail.map((entry) => [entry.fact, entry.at]),
    [['op.submitted', 1], ...[...life, applied].map((fact) => [fact.type, fact.at])],
  )
})

t.test('execute is asked for by the claim and by nothing before it', async (t) => {
  t.notOk(run(matched, held, vote, approved).effects.includes('execute'))
  t.equal(run(approved, claimed).effects.at(-1), 'execute')
})

t.test('facts that come twice change nothing and ask for nothing', async (t) => {
  const twice = [...life, applied].flatMap((fact) => [fact, fact])
  const once = run(...life, applied)
  const again = run(...twice)
  t.same(again.state.context, once.state.context)
  t.same(again.effects, once.effects)
  t.same(again.records, once.records)
})

t.test('old facts do not lead back', async (t) => {
  const all: readonly OperationFact[] = [...life, inDoubt]
  all.forEach((_, upTo) => {
    const now = run(...all.slice(0, upTo + 1))
    for (const old of all.slice(0, upTo)) {
      const [next] = transition(operationMachine, now.state, old)
      t.equal(next.value, now.state.value, `${old.type} after ${all[upTo]?.type}`)
    }
  })
})

t.test('a follower that missed everything still learns the end', async (t) => {
  t.equal(run(applied).state.value, 'applied')
  t.equal(run(held, claimed).state.value, 'claimed')
  t.equal(run(inDoubt).state.value, 'in_doubt')
  t.equal(run(held, { type: 'op.refused', code: 'X', at: 9 }).state.value, 'refused')
})

t.test('every way to end before the claim, and none of them after it', async (t) => {
  const ends: readonly [OperationFact, string][] = [
    [{ type: 'op.refused', code: 'PROV_POLICY_DENIED', why: 'no', at: 9 }, 'refused'],
    [{ type: 'op.withdrawn', why: 'mistake', at: 9 }, 'withdrawn'],
    [{ type: 'op.expired', what: 'intent', at: 9 }, 'expired'],
  ]
  for (const [fact, end] of ends) {
    t.equal(run(fact).state.value, end)
    t.equal(run(held, fact).state.value, end)
    t.equal(run(approved, claimed, fact).state.value, 'claimed')
    t.equal(run(approved, claimed, started, fact).state.value, 'applying')
  }
  const withdrawn: OperationFact = { type: 'op.withdrawn', at: 9 }
  t.equal(run(approved, withdrawn).state.value, 'withdrawn', 'the controller had not begun')
  t.match(run(ends[0]?.[0] as OperationFact).state.output, {
    outcome: 'refused',
    code: 'PROV_POLICY_DENIED',
    why: 'no',
  })
})

t.test('an answer that never came is in doubt until the provider or a person says', async (t) => {
  const doubt = run(...life, inDoubt)
  t.equal(doubt.state.value, 'in_doubt')
  t.equal(doubt.effects.at(-1), 'probe')
  t.equal(doubt.state.status, 'active')
  t.equal(run(...life, inDoubt, { ...applied, at: 9 }).state.value, 'applied')
  for (const as of ['applied', 'failed', 'unknown'] as const) {
    const { state } = run(...life, inDoubt, { type: 'op.resolved', as, by: 'carol', at: 9 })
    t.equal(state.value, as)
    t.equal(state.output?.outcome, as)
  }
  const broken: OperationEvent = {
    type: 'effect.failed.execute',
    id: 'x',
    error: { code: 'PROV_INTERNAL', message: 'gone' },
  }
  t.equal(run(...life, broken).state.value, 'in_doubt', 'a broken attempt is not a failed one')
})

t.test('a late command is judged again and may get a new number, never an old one', async (t) => {
  const late: OperationFact = { type: 'op.expired', what: 'command', at: 6 }
  const lapsed = run(approved, late)
  t.equal(lapsed.state.value, 'approved')
  t.same(lapsed.effects, ['judge', 'dispatch', 'judge'])
  const failed = run(approved, late, { type: 'op.retry' })
  t.same(failed.effects, [...lapsed.effects, 'judge'], 'and once more after an attempt that failed')
  const again = run(approved, late, { ...approved, seq: 2, at: 7 })
  t.equal(again.state.context.seq, 2)
  t.equal(again.effects.at(-1), 'dispatch')
  t.equal(run(approved, late, { ...approved, seq: 1, at: 7 }).state.context.lapsed, true)
  t.equal(run(approved, late, { ...held, at: 7 }).state.value, 'held', 'people are needed again')
})

t.test('whatever order facts come in, it executes once at most, and never goes back', async (t) => {
  let seed = 9
  const below = (limit: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff
    return seed % limit
  }
  const late: Readonly<Record<string, number>> = { claimed: 1, applying: 2, in_doubt: 3 }
  const ends: readonly OperationFact[] = [
    applied,
    failed,
    { type: 'op.resolved', as: 'unknown', at: 0 },
    { type: 'op.withdrawn', at: 0 },
    { type: 'op.refused', code: 'X', at: 0 },
  ]
  const middle: readonly OperationFact[] = [
    ...life,
    inDoubt,
    { type: 'op.expired', what: 'command', at: 0 },
    { ...approved, seq: 2 },
  ]
  for (let round = 0; round < 1_000; round++) {
    let state: State = initialTransition(operationMachine, input)[0]
    let executed = 0
    for (let step = 0; step < 25 && state.status === 'active'; step++) {
      const from = below(12) === 0 ? ends : middle
      const fact = { ...(from[below(from.length)] as OperationFact), at: below(5) }
      const [next, actions] = transition(operationMachine, state, fact)
      if (actions.some((action) => action.type === 'execute')) executed++
      const before = late[state.value as string] ?? 0
      if (next.status === 'active' && (late[next.value as string] ?? 0) < before) {
        return t.fail(`${fact.type} led back from ${String(state.value)} to ${String(next.value)}`)
      }
      state = next
    }
    if (executed > 1) return t.fail('executed twice')
  }
  t.pass('1,000 lives')
})

t.test('votes are void when the operation is held anew', async (t) => {
  t.equal(run(held, vote).state.context.votes.length, 1)
  t.equal(run(held, vote, { ...vote, actor: 'carol' }).state.context.votes.length, 2, 'at once')
  t.same(run(held, vote, { ...held, at: 9 }).state.context.votes, [])
  const changed: OperationFact = { ...vote, decision: 'reject', at: 9 }
  t.same(
    run(held, vote, changed).state.context.votes.map((one) => one.decision),
    ['reject'],
    'and a person has one vote, the last one',
  )
})

t.test('an effect answers with the next fact, and only with a fact', async (t) => {
  const done = (output: unknown): OperationEvent => ({
    type: 'effect.done.judge',
    id: 'x',
    output,
  })
  t.equal(run(done(held)).state.value, 'held')
  t.equal(run(done({ type: 'op.retry' })).state.value, 'submitted')
  t.equal(run(done(null)).state.value, 'submitted')
  const trouble = run({
    type: 'effect.failed.judge',
    id: 'x',
    error: { code: 'PROV_POLICY_INVALID', message: 'no policy' },
  })
  t.match(trouble.state.context, { code: 'PROV_POLICY_INVALID', why: 'no policy' })
  t.equal(run({ type: 'op.retry' }).effects.join(), 'judge,judge')
})

t.test('a trail does not grow without end, and keeps its beginning', async (t) => {
  const votes = Array.from({ length: 300 }, (_, at): OperationFact => ({
    ...vote,
    actor: `p${at}`,
    at: 10 + at,
  }))
  const { trail } = run(held, ...votes).state.context
  t.equal(trail.length, longestTrail)
  t.equal(trail[0]?.fact, 'op.submitted')
  t.equal(trail.at(-1)?.by, 'p299')
})

t.test(
  'an instance may begin with a fact of its own, which is recorded once and let go',
  async (t) => {
    const begin = (birth: OperationFact) => {
      const [state, actions] = initialTransition(operationMachine, { ...input, token: 'x', birth })
      const facts = actions.flatMap(({ type, params }) =>
        type === 'record' ? [(params as { fact: unknown }).fact] : [],
      )
      return { state, facts, effects: actions.map(({ type }) => type) }
    }
    const submitted = begin({ type: 'op.submitted', at: 1, by: 'submitter' })
    t.equal(submitted.state.value, 'submitted')
    t.same(submitted.facts, [{ type: 'op.submitted', at: 1, by: 'submitter' }])
    const signed = begin(approved)
    t.equal(signed.state.value, 'approved')
    t.same(signed.facts, [approved])
    t.match(signed.state.context, { seq: approved.seq, birth: null, lapsed: false })
    t.ok(signed.effects.includes('dispatch'))
    t.notOk(signed.effects.includes('judge'), 'nobody judges what is signed')
    const taken = begin(claimed)
    t.equal(taken.state.value, 'claimed')
    t.same(taken.facts, [claimed])
    t.equal(taken.state.context.providerToken, 'tok')
    t.equal(taken.state.context.birth, null)
    t.ok(taken.effects.includes('execute'), 'it goes to work')
  },
)

keepsTheLaws(t, {
  name: 'operation',
  machine: operationMachine,
  input,
  events: [
    ...life,
    applied,
    failed,
    inDoubt,
    { type: 'op.refused', code: 'X', at: 9 },
    { type: 'op.withdrawn', at: 9 },
    { type: 'op.expired', what: 'intent', at: 9 },
    { type: 'op.resolved', as: 'unknown', at: 9 },
  ] as never,
})
