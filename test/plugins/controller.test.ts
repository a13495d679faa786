import t from 'tap'
import type { JsonValue } from '../../core/json.ts'
import { codeOf } from '../../core/kit.ts'
import { bus, journal } from '../../core/plugin/core-services.ts'
import { opDigest, planDigest } from '../../core/protocol/claims.ts'
import type { ApprovalClaims, IntentClaims, OpBody } from '../../core/protocol/op.ts'
import { streams, subjects } from '../../core/protocol/subjects.ts'
import { signTokenNow } from '../../core/protocol/tokens.ts'
import { movedMeanwhile } from '../../plugins/controller/result.ts'
import { judgeClaim } from '../../plugins/controller/verify.ts'
import type { ClaimQuestion } from '../../plugins/controller/verify.ts'
import type { Life, Stage } from './stage.ts'
import { live, people, placed, ready, signedApproval } from './stage.ts'

type Ready = Life & { readonly on: Stage }
const digest = `sha256:${'0'.repeat(64)}`
const body: OpBody = {
  type: 'deploy',
  target: 'app/x',
  scope: [],
  destructive: false,
  achieves: [{ dimension: 'cluster', from: 'boot', to: 'up' }],
  gains: [],
  loses: [],
  requires: ['edge'],
}
const intent: IntentClaims = {
  iss: 'a',
  sub: 'op_1',
  aud: 'j',
  jti: 'i',
  iat: 1_000,
  nbf: 1_000,
  exp: 5_000,
  workspace: 'w',
  op: body,
  op_digest: opDigest(body),
  scope: [],
  expected_state_version: { cluster: 3 },
}
const approval: ApprovalClaims = {
  iss: 'k',
  sub: 'op_1',
  aud: 'j',
  jti: 'p',
  iat: 1_000,
  nbf: 1_000,
  exp: 1_600,
  workspace: 'w',
  intent: 'token',
  op_digest: intent.op_digest,
  plan_digest: planDigest(intent),
  policy_digest: digest,
  policy_version: 1,
  expected_state_version: { cluster: 3 },
  scope: [],
  approvals: [],
  seq: 1,
  keeper_epoch: 1,
}
const question: ClaimQuestion = {
  approval,
  intent,
  policy: { version: 1, digest },
  positions: { cluster: { state: 'boot', version: 3 } },
  holds: new Map(),
  gates: [{ id: 'edge', status: 'open', unmet: [] }],
  lapsedMs: undefined,
  unbacked: undefined,
  revoked: () => false,
  nowMs: 1_100_000,
}

t.test('a command is claimed only while everything that was agreed still holds', (t) => {
  const judged = (change: Partial<ClaimQuestion>) => {
    const answer = judgeClaim({ ...question, ...change })
    return answer.answer === 'claim' ? 'claim' : `${answer.answer} ${answer.error.code}`
  }
  const approved = (change: Partial<ApprovalClaims>) => ({ approval: { ...approval, ...change } })
  const cases: readonly (readonly [string, Partial<ClaimQuestion>, string])[] = [
    ['as agreed', {}, 'claim'],
    ['another op', approved({ sub: 'op_2' }), 'refuse PROV_TOKEN_ALTERED'],
    ['another body', approved({ op_digest: digest }), 'refuse PROV_TOKEN_ALTERED'],
    ['another plan', approved({ plan_digest: digest }), 'refuse PROV_TOKEN_ALTERED'],
    ['another scope', approved({ scope: ['all'] }), 'refuse PROV_TOKEN_ALTERED'],
    [
      'another state',
      approved({ expected_state_version: { cluster: 4 } }),
      'refuse PROV_TOKEN_ALTERED',
    ],
    ['a late command', { nowMs: 1_600_000 }, 'lapse PROV_OP_COMMAND_LATE'],
    ['late again', { nowMs: 1_600_000, lapsedMs: 1_060_000 }, 'lapse PROV_OP_COMMAND_LATE'],
    [
      'signed after a time that its date is before',
      { nowMs: 1_600_000, lapsedMs: 1_060_001 },
      'lapse PROV_OP_CLOCKS_APART',
    ],
    ['the same, in time', { lapsedMs: 1_090_000 }, 'claim'],
    [
      'a command from a clock that is ahead',
      approved({ iat: 1_161 }),
      'refuse PROV_TOKEN_CLOCK_SKEW',
    ],
    ['a late intent', { nowMs: 5_000_000 }, 'refuse PROV_TOKEN_EXPIRED'],
    [
      'a revoked key that asked',
      { revoked: (kid) => kid === intent.iss },
      'refuse PROV_TOKEN_KEY_REVOKED',
    ],
    [
      'a revoked key that agreed',
      {
        ...approved({ approvals: [{ actor: 'bob', kid: 'b', custody: 'shared', vote: digest }] }),
        revoked: (kid) => kid === 'b',
      },
      'lapse PROV_TOKEN_KEY_REVOKED',
    ],
    ['another policy', { policy: { version: 2, digest: 'x' } }, 'lapse PROV_POLICY_CHANGED'],
    [
      'a moved dimension',
      { positions: { cluster: { state: 'boot', version: 4 } } },
      'refuse PROV_OP_VERSION_MOVED',
    ],
    [
      'another start',
      { positions: { cluster: { state: 'up', version: 3 } } },
      'refuse PROV_OP_FROM_STATE',
    ],
    [
      'a dimension that is held',
      { holds: new Map([['cluster', 'op_9']]) },
      'refuse PROV_OP_WRITE_SET_HELD',
    ],
    ['its own hold', { holds: new Map([['cluster', 'op_1']]) }, 'claim'],
    [
      'a closed gate',
      { gates: [{ id: 'edge', status: 'partial', unmet: ['x'] }] },
      'refuse PROV_OP_GATE_CLOSED',
    ],
    ['a gate that nobody declares', { gates: [] }, 'refuse PROV_OP_GATE_CLOSED'],
  ]
  for (const [what, change, wanted] of cases) t.equal(judged(change), wanted, what)
  const unseen = { ...intent, expected_state_version: {} }
  t.equal(
    judged({
      intent: unseen,
      approval: { ...approval, expected_state_version: {}, plan_digest: planDigest(unseen) },
    }),
    'refuse PROV_OP_VERSION_MOVED',
    'what is written must be counted on',
  )
  t.end()
})

let message = 0
const knock = (life: Ready, content: JsonValue, id = `knock:${++message}`) =>
  life.prov.service(bus).publish(subjects.command('my-infra'), { id, body: content })

async function restart(life: Ready): Promise<string> {
  const { op } = await life.ops.submit({ type: 'restart', target: 'staging-1/api', as: 'alice' })
  await life.until(op, 'applied')
  return op
}

/** An approval as the keeper would sign it, with whatever change. */
const approvalOf = (life: Ready, op: string, change: object = {}): Promise<string> =>
  signedApproval(life, op, { jti: `jti_${++message}`, ...change })

t.test('a RESULT stands on the versions that were agreed to, for what it writes', (t) => {
  const reading = { ...intent, expected_state_version: { cluster: 3, other: 1 } }
  const at = (cluster: number, other = 1) => ({
    cluster: { version: cluster },
    other: { version: other },
  })
  t.equal(movedMeanwhile(reading, at(3)), undefined)
  t.equal(movedMeanwhile(reading, at(3, 2)), undefined, 'what is only read may move meanwhile')
  t.match(movedMeanwhile(reading, at(4)), { code: 'PROV_OP_VERSION_MOVED' })
  t.match(movedMeanwhile(reading, {}), { detail: { dimension: 'cluster', expected: 3, found: 0 } })
  t.end()
})

t.test('what moved under an operation that ran leaves it in doubt', async (t) => {
  const life = await ready(t)
  const { ops, desk, until, deal, on } = life
  const running = new Map<string, () => void>()
  on.run = (op) =>
    new Promise((resolve) => running.set(op, () => resolve({ outcome: 'applied', detail: {} })))
  const claimed = async (type: string, target: string): Promise<string> => {
    const { op } = await ops.submit({ type, target, as: 'alice' })
    await until(op, 'held')
    await desk.vote({ op, as: 'bob', decision: 'approve', reason: 'go' })
    await until(op, 'claimed')
    return op
  }
  const op = await claimed('deploy', 'app/x')
  const other = await claimed('spread', 'd/1')
  // Nothing of ours can do that: a RESULT that moves what another operation holds.
  const moves = [{ dimension: 'cluster', from: 'boot', to: 'elsewhere', version: 1 }]
  const data = { moves, gained: [], lost: [], detail: {} }
  await deal.emit('controller', { type: 'op.applied', subject: other, data })
  while (!running.has(op)) await new Promise((turn) => setImmediate(turn))
  running.get(op)?.()
  await until(op, 'in_doubt')
  t.equal(deal.store.get().ops.get(op)?.code, 'PROV_OP_VERSION_MOVED')
  t.equal(deal.store.get().positions['cluster']?.state, 'elsewhere')
  while (!running.has(other)) await new Promise((turn) => setImmediate(turn))
  running.get(other)?.()
})

t.test('commands that the keeper did not sign, or not so, are refused by name', async (t) => {
  const life = await ready(t)
  const op = await restart(life)
  const alice = await people(life.on).signer('alice')
  const good = await approvalOf(life, op)
  const claims = JSON.parse(
    Buffer.from(good.split('.')[1] ?? '', 'base64url').toString(),
  ) as ApprovalClaims
  const own = signTokenNow('approval', { ...claims, iss: alice.record.kid }, alice)
  await knock(life, { kind: 'command', token: own })
  await life.refused('PROV_TOKEN_KEY_ROLE')
  await knock(life, { kind: 'command', token: `${good.slice(0, -4)}AAAA` })
  await life.refused('PROV_TOKEN_FORGED')
  await knock(life, { kind: 'command', token: await approvalOf(life, op, { workspace: 'theirs' }) })
  await life.refused('PROV_TOKEN_WORKSPACE')
  await knock(life, { kind: 'command', token: await approvalOf(life, op) })
  await life.refused('PROV_OP_SEQ_REUSED')
  await knock(life, { kind: 'command', token: await approvalOf(life, op, { seq: 2 }) })
  await life.refused('PROV_TOKEN_REPLAYED')
  t.equal(life.deal.store.get().ops.get(op)?.phase, 'applied')
  const ends = (await life.events(op)).filter(({ type }) => type === 'prov.op.applied')
  t.equal(ends.length, 1)
})

t.test('the very command again is quiet as a redelivery and audited as a replay', async (t) => {
  const life = await ready(t)
  const op = await restart(life)
  const tokens: string[] = []
  // Whoever listens on the bus has the command, word for word.
  for await (const { type, body } of life.prov.service(journal).read({ partition: 'keeper' })) {
    const message = Object(Object(body).body) as { kind?: string; token?: string }
    if (type === 'outbox' && message.kind === 'command') tokens.push(message.token as string)
  }
  await life.on.clock.advance(200_000)
  const token = tokens[0] as string
  await knock(life, { kind: 'command', token }, 'command:1:1')
  const before = life.codes().length
  await restart(life)
  t.equal(life.codes().length, before, 'the outbox may send twice')
  await knock(life, { kind: 'command', token })
  await life.refused('PROV_TOKEN_REPLAYED')
  t.equal(life.on.effects.get(op), undefined)
})

t.test('whoever publishes under the ids that come next hides nothing', async (t) => {
  const life = await ready(t)
  const wire = life.prov.service(bus)
  const junk = { kind: 'riddle' }
  const say = (subject: string, id: string) => wire.publish(subject, { id, body: junk })
  await say(subjects.pending('my-infra', 'restart'), 'intent:op_x')
  for (let seq = 1; seq <= 3; seq++) await say(subjects.command('my-infra'), `command:1:${seq}`)
  for (let n = 1; n <= 60; n++) {
    for (const plane of ['submitter', 'keeper', 'controller']) {
      await say(subjects.audit('my-infra'), `${plane}:${life.deal.epoch}:${n}`)
    }
  }
  await life.ops.submit({ type: 'restart', target: 'staging-1/api', as: 'alice', opId: 'op_x' })
  t.equal(await life.until('op_x', 'applied'), 'applied')
  t.ok(life.codes().includes('PROV_TOKEN_MALFORMED'), 'and is told apart by what it says')
})

t.test('a state that moved, a gate that closed and a held dimension stop a claim', async (t) => {
  const life = await ready(t)
  const { ops, desk, until, deal, on } = life
  const submit = async (type: string) => {
    const { op } = await ops.submit({ type, target: 'app/x', as: 'alice' })
    await until(op, 'held')
    return op
  }
  const go = async (op: string) => {
    await desk.vote({ op, as: 'bob', decision: 'approve', reason: 'go' })
    await until(op, 'applied', 'refused')
    return deal.store.get().ops.get(op)
  }
  const first = await submit('deploy')
  const second = await submit('deploy')
  t.match(await go(first), { phase: 'applied' })
  // Nobody need vote on it any more.
  await until(second, 'refused')
  t.match(deal.store.get().ops.get(second), {
    code: 'PROV_OP_VERSION_MOVED',
    remedy: /prov state/,
  })
  on.gate = 'partial'
  t.match(await go(await submit('gated')), {
    code: 'PROV_OP_GATE_CLOSED',
    why: /vault is sealed/,
  })
})

t.test(
  'one operation holds what it writes; others are told who, disjoint ones go on',
  async (t) => {
    const life = await ready(t)
    const { ops, desk, until, deal, on } = life
    let finish: () => void = () => {}
    on.run = () =>
      new Promise((resolve) => (finish = () => resolve({ outcome: 'applied', detail: {} })))
    const submit = async (type: string) => {
      const { op } = await ops.submit({ type, target: 'app/x', as: 'alice' })
      await until(op, 'held')
      await desk.vote({ op, as: 'bob', decision: 'approve', reason: 'go' })
      return op
    }
    const first = await submit('deploy')
    await until(first, 'claimed')
    const second = await submit('deploy')
    await until(second, 'refused')
    t.match(deal.store.get().ops.get(second), { code: 'PROV_OP_WRITE_SET_HELD' })
    t.match(deal.store.get().ops.get(second)?.why, new RegExp(first))
    const other = await submit('move')
    await until(other, 'applied')
    t.equal(deal.store.get().ops.get(first)?.phase, 'claimed', 'side by side')
    finish()
    await until(first, 'applied')
  },
)

t.test('a command that comes late is refused, issued again and then done', async (t) => {
  const life = await ready(t)
  const { ops, desk, until, deal, on } = life
  on.pause = async () => {
    on.pause = async () => {}
    on.clock.jump(11 * 60_000)
  }
  const { op } = await ops.submit({ type: 'gated', target: 'app/x', as: 'alice' })
  await until(op, 'held')
  await desk.vote({ op, as: 'bob', decision: 'approve', reason: 'go' })
  await until(op, 'applied')
  const told = (await life.events(op)).map(({ type, data }) => ({ type, ...data }))
  t.match(
    told.filter(({ type }) => type !== 'prov.op.submitted' && type !== 'prov.op.matched'),
    [
      { type: 'prov.op.held' },
      { type: 'prov.op.vote' },
      { type: 'prov.op.approved', seq: 1 },
      { type: 'prov.op.expired', what: 'command', code: 'PROV_OP_COMMAND_LATE', seq: 1 },
      { type: 'prov.op.approved', seq: 2 },
      { type: 'prov.op.claimed', seq: 2 },
      { type: 'prov.op.applied' },
    ],
  )
  t.equal(deal.store.get().ops.get(op)?.votes.length, 1, 'the votes still held')
})

t.test('numbers are taken in order; a gap waits half a minute and is then given up', async (t) => {
  const life = await ready(t)
  const { deal, on } = life
  const op = await restart(life)
  // A keeper that skipped number 2: as if its frame had been lost on the way.
  const second = await life.ops.submit({ type: 'deploy', target: 'a/b', as: 'alice' })
  await life.until(second.op, 'held')
  const token = await approvalOf(life, second.op, { seq: 3 })
  await knock(life, { kind: 'command', token })
  await placed(life)
  await on.clock.advance(20_000)
  t.equal(deal.store.get().ops.get(second.op)?.phase, 'held', 'it waits for number 2')
  await on.clock.advance(11_000)
  await life.until(second.op, 'applied')
  const { numbers } = deal.store.get()
  t.equal(numbers.get(1, 1)?.used, 'op.claimed')
  t.equal(numbers.get(1, 2)?.used, 'seq.skipped')
  t.equal(numbers.get(1, 3)?.used, 'op.claimed')
  t.ok(op)
})

t.test('the requester takes nothing back whose claim is on its way to the disk', async (t) => {
  const life = await ready(t)
  const { ops, desk, until, on } = life
  let open: () => void = () => {}
  on.pause = () => new Promise((resolve) => (open = resolve))
  const blocker = await ops.submit({ type: 'gated', target: 'a/b', as: 'alice' })
  await until(blocker.op, 'held')
  await desk.vote({ op: blocker.op, as: 'bob', decision: 'approve', reason: 'go' })
  const { op } = await ops.submit({ type: 'restart', target: 'staging-1/api', as: 'alice' })
  await until(op, 'approved')
  const back = ops.withdraw({ op, as: 'alice', reason: 'not now' })
  const held = async () =>
    (await life.prov.service(bus).streamInfo(streams.command('my-infra')))?.messages
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  while ((await held()) !== 3) await turn()
  on.pause = async () => {}
  // A disk that takes its time: the withdrawal is judged before the claim is durable.
  on.disk.beforeSync = async () => {
    for (let turns = 0; turns < 2_000; turns++) await turn()
  }
  open()
  // Its command stands before the withdrawal in the stream: the claim wins, and that is said. A claim
  // that was still on its way to the disk used to be overlooked: withdrawn, and applied all the same.
  t.equal(await codeOf(back), 'PROV_OP_ALREADY_CLAIMED')
  await until(op, 'applied')
  const said = (await life.events(op)).map(({ type }) => type)
  t.notOk(said.includes('prov.op.withdrawn'), said.join(', '))
  await until(blocker.op, 'applied')
})

t.test(
  'a command of another keeper epoch and a withdrawal by another key are refused',
  async (t) => {
    const life = await ready(t)
    const op = await restart(life)
    const token = await approvalOf(life, op, { seq: 2, keeper_epoch: 2 })
    await knock(life, { kind: 'command', token })
    await life.refused('PROV_OP_SEQ_REUSED')
    const act = await life.deal.act({
      as: 'bob',
      act: 'op.withdraw',
      subject: op,
      reason: 'not mine',
      with: {},
    })
    await knock(life, { kind: 'withdraw', token: act })
    await life.refused('PROV_OP_NOT_YOURS')
  },
)

t.test('what is in doubt is held over a restart too', async (t) => {
  const first = await ready(t)
  first.on.run = async () => ({ outcome: 'unknown', code: 'X', message: '?', detail: {} })
  const go = async (life: Life) => {
    const { op } = await life.ops.submit({ type: 'deploy', target: 'app/x', as: 'alice' })
    await life.until(op, 'held')
    await life.desk.vote({ op, as: 'bob', decision: 'approve', reason: 'go' })
    await life.until(op, 'in_doubt', 'refused')
    return life.deal.store.get().ops.get(op)
  }
  t.equal((await go(first))?.phase, 'in_doubt')
  await first.close()
  const second = await live(first.on)
  t.teardown(() => second.close())
  t.equal((await go(second))?.code, 'PROV_OP_WRITE_SET_HELD')
})

t.test(
  'a resolution of another claim, by the wrong hands or without a reason does not count',
  async (t) => {
    const life = await ready(t)
    life.on.run = async () => ({ outcome: 'unknown', code: 'X', message: '?', detail: {} })
    const { op } = await life.ops.submit({ type: 'deploy', target: 'app/x', as: 'alice' })
    await life.until(op, 'held')
    await life.desk.vote({ op, as: 'bob', decision: 'approve', reason: 'go' })
    await life.until(op, 'in_doubt')
    const desk = life.control as Life['control'] & { handIn(token: string): Promise<void> }
    const hand = async (
      claim: string,
      change: Partial<Parameters<typeof life.deal.act>[0]> = {},
    ) => {
      const about = { claim, outcome: 'applied' }
      const said = { as: 'bob', act: 'op.resolve', reason: 'I looked' } as const
      return codeOf(
        desk.handIn(await life.deal.act({ ...said, subject: op, with: about, ...change })),
      )
    }
    const laptop = { actor: 'alice-laptop', kind: 'human', passphrase: '' } as const
    const record = await people(life.on).create(laptop)
    await life.deal.enrol({ record, as: 'bob', person: 'alice' })
    const claim = life.deal.store.get().ops.get(op)?.claim ?? ''
    t.equal(await hand(claim, { as: 'alice' }), 'PROV_OP_RESOLVE_SELF')
    t.equal(await hand(claim, { as: 'alice-laptop' }), 'PROV_OP_RESOLVE_SELF', 'by another key')
    t.equal(await hand(claim, { as: 'robot' }), 'PROV_OP_AGENT_APPROVAL')
    t.equal(await hand(claim, { reason: ' ' }), 'PROV_OP_REASON_MISSING')
    t.equal(await hand(digest), 'PROV_OP_CLAIM_CHANGED')
    t.equal(await hand(claim, { act: 'op.withdraw' }), 'PROV_OP_CLAIM_CHANGED')
    t.equal(await hand(claim), 'none')
    await life.until(op, 'applied')
  },
)

t.test('what is in doubt can be resolved after the clock was set back', async (t) => {
  const first = await ready(t)
  first.on.run = async () => ({ outcome: 'unknown', code: 'X', message: '?', detail: {} })
  const { op } = await first.ops.submit({ type: 'deploy', target: 'app/x', as: 'alice' })
  await first.until(op, 'held')
  await first.desk.vote({ op, as: 'bob', decision: 'approve', reason: 'go' })
  await first.until(op, 'in_doubt')
  await first.close()
  first.on.clock.jump(-7_200_000)
  const second = await live(first.on)
  t.teardown(() => second.close())
  await second.control.resolve({ op, as: 'bob', outcome: 'applied', reason: 'I looked' })
  t.equal(second.deal.store.get().ops.get(op)?.phase, 'applied')
})
