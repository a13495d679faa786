import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { ProvError } from '../../core/errors.ts'
import { digestOf } from '../../core/json.ts'
import type { JsonValue } from '../../core/json.ts'
import { codeOf } from '../../core/kit.ts'
import { bus, workspace } from '../../core/plugin/core-services.ts'
import { opDigest, planDigest } from '../../core/protocol/claims.ts'
import type { IntentClaims, OpBody, VoteClaims } from '../../core/protocol/op.ts'
import { signToken, signTokenNow } from '../../core/protocol/tokens.ts'
import { streams, subjects } from '../../core/protocol/subjects.ts'
import { verifyTrail } from '../../core/protocol/trail.ts'
import type { KeeperDesk } from '../../core/protocol/services.ts'
import { judgeOp, noPolicy, policyInForce } from '../../plugins/keeper/decide.ts'
import { readPolicyFile } from '../../plugins/keeper/read-policy.ts'
import type { Life, Stage } from './stage.ts'
import { live, people, ready, usualPolicy } from './stage.ts'

type Ready = Life & { readonly on: Stage }
const body: OpBody = {
  type: 'restart',
  target: 'staging-1/api',
  scope: [],
  destructive: false,
  achieves: [],
  gains: [],
  loses: [],
  requires: [],
}

function intentOf({ deal, on }: Ready, kid: string, change: object = {}): IntentClaims {
  const iat = Math.floor(on.clock.now() / 1_000)
  return {
    iss: kid,
    sub: 'op_x',
    aud: deal.journal,
    jti: 'jti_x',
    iat,
    nbf: iat,
    exp: iat + 600,
    workspace: 'my-infra',
    op: body,
    op_digest: opDigest(body),
    scope: [],
    expected_state_version: {},
    ...change,
  }
}

let message = 0
const knock = (life: Ready, content: JsonValue, opType = 'restart') =>
  life.prov
    .service(bus)
    .publish(subjects.pending('my-infra', opType), { id: `knock:${++message}`, body: content })

async function held(life: Ready, target = 'app/x'): Promise<string> {
  const { op } = await life.ops.submit({ type: 'deploy', target, as: 'alice' })
  await life.until(op, 'held')
  return op
}

t.test('each bad token at the door is refused by name, audited, and starts nothing', async (t) => {
  const life = await ready(t)
  const { deal, on, refused } = life
  const alice = await people(on).signer('alice')
  const strangers = people({ ...on, home: join(on.home, 'elsewhere') })
  await strangers.create({ actor: 'eve', kind: 'human', passphrase: '' })
  const eve = await strangers.signer('eve')
  const iat = Math.floor(on.clock.now() / 1_000)
  const say = (change: object) =>
    signTokenNow('intent', intentOf(life, alice.record.kid, change), alice)
  const good = say({})
  const [head, payload] = good.split('.')
  const cases: readonly (readonly [code: string, token: JsonValue, type?: string])[] = [
    ['PROV_TOKEN_FORGED', `${head}.${payload}.${eve.sign(`${head}.${payload}`)}`],
    ['PROV_TOKEN_UNKNOWN_KEY', signTokenNow('intent', intentOf(life, eve.record.kid), eve)],
    ['PROV_TOKEN_EXPIRED', say({ iat: iat - 900, nbf: iat - 900, exp: iat - 300 })],
    ['PROV_TOKEN_WORKSPACE', say({ workspace: 'theirs' })],
    ['PROV_TOKEN_AUDIENCE', say({ aud: 'another journal' })],
    ['PROV_TOKEN_ALTERED', say({ op: { ...body, target: 'prod/api' } })],
    ['PROV_TOKEN_CLOCK_SKEW', say({ iat: iat + 120, nbf: iat + 120 })],
    ['PROV_TOKEN_TOO_LARGE', `${good}${'A'.repeat(70_000)}`],
    ['PROV_TOKEN_MALFORMED', { not: 'a token' }],
    ['PROV_OP_SUBJECT_MISMATCH', good, 'deploy'],
    ['PROV_OP_NOT_SUBMITTED', good],
    ['PROV_TOKEN_CLAIM', say({ sub: '../../etc' })],
  ]
  for (const [code, token, type] of cases) {
    await knock(life, { kind: 'intent', token }, type)
    await refused(code)
  }
  await knock(life, { kind: 'riddle' })
  t.equal(deal.store.get().ops.size, 0)
  t.same(life.prov.actors.list({ type: 'keeper' }), [])
  for (const event of await life.events()) {
    if (event.type !== 'prov.token.refused') continue
    t.ok('remedy' in event.data && event.data.remedy.length > 0)
    t.notOk(JSON.stringify(event).includes(good), 'no token in the trail')
  }
})

t.test(
  'an id that was used before is refused with another body or under another token',
  async (t) => {
    const life = await ready(t)
    const alice = await people(life.on).signer('alice')
    await life.ops.submit({ type: 'restart', target: 'staging-1/api', as: 'alice', opId: 'op_x' })
    await life.until('op_x', 'applied')
    const other = { ...body, target: 'staging-2/api' }
    const change = { op: other, op_digest: opDigest(other) }
    const claims = intentOf(life, alice.record.kid, change)
    await knock(life, { kind: 'intent', token: signTokenNow('intent', claims, alice) })
    await life.refused('PROV_OP_ID_REUSED')
    const first = intentOf(life, alice.record.kid, { sub: 'op_y', jti: 'jti_y' })
    await knock(life, { kind: 'intent', token: signTokenNow('intent', first, alice) })
    const second = { ...first, sub: 'op_z' }
    await knock(life, { kind: 'intent', token: signTokenNow('intent', second, alice) })
    await life.refused('PROV_TOKEN_REPLAYED')
    // And neither became an operation: nobody submitted them here.
    await life.refused('PROV_OP_NOT_SUBMITTED')
    t.equal(life.prov.actors.list({ type: 'keeper' }).length, 1)
  },
)

t.test('who may not approve is refused by name, and the attempt is in the trail', async (t) => {
  const life = await ready(t)
  const op = await held(life)
  const { op: apart } = await life.ops.submit({ type: 'deploy', target: 'prod-1/x', as: 'alice' })
  await life.until(apart, 'held')
  const vote = (request: Partial<Parameters<KeeperDesk['vote']>[0]>) =>
    codeOf(life.desk.vote({ op, as: 'bob', decision: 'approve', reason: 'ok', ...request }))
  t.equal(await vote({ as: 'alice' }), 'PROV_OP_SELF_APPROVAL')
  t.equal(await vote({ as: 'robot' }), 'PROV_OP_AGENT_APPROVAL')
  t.equal(await vote({ op: apart }), 'PROV_OP_SHARED_CUSTODY')
  t.equal(await vote({ op: 'op_none' }), 'PROV_OP_UNKNOWN')
  t.equal(await vote({ reason: ' ' }), 'PROV_OP_REASON_MISSING')
  for (const code of ['SELF_APPROVAL', 'AGENT_APPROVAL', 'SHARED_CUSTODY']) {
    t.ok(life.codes().includes(`PROV_OP_${code}`), code)
  }
  t.equal(life.deal.store.get().ops.get(op)?.phase, 'held', 'nothing was counted')
  t.equal(await vote({}), 'none')
  await life.until(op, 'applied')
  t.equal(await vote({ decision: 'reject' }), 'PROV_OP_NOT_HELD')
})

t.test('a key in other hands satisfies a rule that asks for separate custody', async (t) => {
  const life = await ready(t)
  const elsewhere = people({ ...life.on, home: join(life.on.home, 'carol') }, 'another machine')
  const record = await elsewhere.create({ actor: 'carol', kind: 'human', passphrase: '' })
  await life.deal.enrol({ record, as: 'alice' })
  const { op } = await life.ops.submit({ type: 'deploy', target: 'prod-1/x', as: 'alice' })
  await life.until(op, 'held')
  const desk = life.desk as KeeperDesk & { handIn(token: string): Promise<unknown> }
  const claims = voteOn(life, op, record.kid)
  await desk.handIn(await signToken('vote', claims, await elsewhere.signer('carol')))
  await life.until(op, 'applied')
  t.match(life.deal.store.get().ops.get(op)?.votes, [{ actor: 'carol', custody: 'separate' }])
})

function voteOn({ deal, on }: Ready, op: string, kid: string, change: object = {}): VoteClaims {
  const row = deal.store.get().ops.get(op)
  if (!row) throw new Error('no such row')
  const iat = Math.floor(on.clock.now() / 1_000)
  const { digest, expected, expires } = row
  return {
    iss: kid,
    sub: op,
    aud: deal.journal,
    jti: `jti_${++message}`,
    iat,
    exp: iat + 600,
    workspace: 'my-infra',
    decision: 'approve',
    reason: 'ok',
    op_digest: digest,
    plan_digest: planDigest({
      sub: op,
      op_digest: digest,
      expected_state_version: expected,
      exp: expires,
    }),
    policy_digest: row.policy ?? '',
    state_vector: expected,
    ...change,
  }
}

t.test('a vote speaks of one plan under one policy and is handed in once', async (t) => {
  const life = await ready(t)
  const op = await held(life)
  const bob = await people(life.on).signer('bob')
  const desk = life.desk as KeeperDesk & { handIn(token: string): Promise<unknown> }
  const hand = async (change: object, signer = bob) =>
    codeOf(desk.handIn(await signToken('vote', voteOn(life, op, bob.record.kid, change), signer)))
  const other = `sha256:${'1'.repeat(64)}`
  t.equal(await hand({ op_digest: other }), 'PROV_OP_PLAN_CHANGED')
  t.equal(await hand({ plan_digest: other }), 'PROV_OP_PLAN_CHANGED')
  t.equal(await hand({ state_vector: { cluster: 7 } }), 'PROV_OP_PLAN_CHANGED')
  t.equal(await hand({ policy_digest: other }), 'PROV_POLICY_CHANGED')
  for (const sub of ['../x', 'a b', 'op_\u001b[2J', 'op\nx', 'öp', 'op.>*', '', 'x'.repeat(129)]) {
    t.equal(await hand({ sub }), 'PROV_TOKEN_CLAIM', JSON.stringify(sub).slice(0, 20))
  }
  t.notMatch(JSON.stringify(await life.events()), '[2J', 'and what it was goes nowhere')
  t.equal(await hand({ reason: ' ' }), 'PROV_OP_REASON_MISSING')
  t.equal(await hand({ reason: '', break_glass: true }), 'PROV_OP_REASON_MISSING')
  const alice = await people(life.on).signer('alice')
  t.equal(await hand({}, alice), 'PROV_TOKEN_CLAIM', "somebody else's name in it")
  const twoOfTwo = { decision: 'approve', jti: 'jti_once' }
  const token = await signToken('vote', voteOn(life, op, bob.record.kid, twoOfTwo), bob)
  t.equal(await codeOf(desk.handIn(token)), 'none')
  t.equal(await codeOf(desk.handIn(token)), 'PROV_TOKEN_REPLAYED')
  await life.until(op, 'applied')
  t.equal(life.deal.store.get().ops.get(op)?.votes.length, 1)
})

t.test('one person against it is enough, with their reason', async (t) => {
  const life = await ready(t)
  const op = await held(life)
  await life.desk.vote({ op, as: 'bob', decision: 'reject', reason: 'not on a Friday' })
  await life.until(op, 'refused')
  t.match(life.deal.store.get().ops.get(op), {
    code: 'PROV_OP_REJECTED',
    why: 'bob rejected it: not on a Friday',
  })
})

t.test('a new policy voids what was agreed and judges what waits anew', async (t) => {
  const life = await ready(t)
  const { on, desk, deal } = life
  const write = (text: string) => writeFileSync(join(on.workspace, 'keeper_policy.ncl'), text)
  write(
    usualPolicy.replace(
      'require_manual = [',
      'require_manual = [{ id = "two", op_type = "deploy", quorum = { at_least = 2 } },',
    ),
  )
  await desk.activatePolicy({ as: 'alice' })
  const op = await held(life)
  await desk.vote({ op, as: 'bob', decision: 'approve', reason: 'one of two' })
  t.equal(deal.store.get().ops.get(op)?.votes.length, 1)
  await on.clock.advance(1_000)
  write(usualPolicy.replace('"never"', '"never again"'))
  t.match(await desk.activatePolicy({ as: 'alice' }), { version: 3 })
  await life.until(op, 'held')
  const row = deal.store.get().ops.get(op)
  t.same(row?.votes, [])
  t.match(row?.why, /policy 3 came into force; void: the votes of bob/)
  write(
    usualPolicy
      .replace('op_type = "restart"', 'op_type = "deploy"')
      .replace('staging-*/**', 'app/**'),
  )
  await on.clock.advance(1_000)
  await desk.activatePolicy({ as: 'alice' })
  await life.until(op, 'applied')
})

t.test(
  'two people who put one policy in force at the same time put it in force once',
  async (t) => {
    const { on, desk, deal, events } = await ready(t)
    const text = `{ policy = { version = 1, deny = [{ id = "never", op_type = "drain" }] } }`
    writeFileSync(join(on.workspace, 'keeper_policy.ncl'), text)
    const { digest, version } = await desk.proposed()
    const said = { act: 'policy.activate', subject: 'policy', reason: '' } as const
    const bound = { digest, version }
    const acts = ['alice', 'bob'].map((as) => deal.act({ as, ...said, with: bound }))
    for (const act of await Promise.all(acts)) await desk.handInAct(act)
    const put = (await events()).filter((event) => event.type === 'prov.policy.activated')
    t.same(
      put.map((event) => (event.data as { version: number }).version),
      [1, 2],
    )
    const where = { journal: deal.journal, workspace: 'my-infra' }
    t.same((await verifyTrail(deal.events(), where)).findings, [])
  },
)

t.test('a policy swapped between matching and signing signs nothing by the old one', async (t) => {
  const life = await ready(t)
  const { deal, on } = life
  const before = deal.store.get().policy
  let swapped: Promise<unknown> = Promise.resolve()
  on.gate = 'open'
  // The controller waits at the gates while another policy comes into force.
  on.pause = async () => {
    on.pause = async () => {}
    const policy = { version: 1, deny: [{ op_type: 'gated' }] }
    const bound = { version: 2, digest: digestOf({ policy, sources: {} }) }
    const said = { act: 'policy.activate', subject: 'policy', reason: '' } as const
    const act = await deal.act({ ...said, as: 'alice', with: bound })
    swapped = deal.emit('keeper', {
      type: 'policy.activated',
      subject: 'keeper_policy.ncl',
      data: { ...bound, by: 'alice', policy, act },
    })
    await swapped
  }
  const { op } = await life.ops.submit({ type: 'gated', target: 'x', as: 'alice' })
  await life.until(op, 'held')
  await life.desk.vote({ op, as: 'bob', decision: 'approve', reason: 'ok' })
  await life.until(op, 'refused')
  t.not(deal.store.get().policy?.digest, before?.digest)
  const told = (await life.events(op)).map(({ type, data }) => [
    type,
    (data as { code?: string }).code,
  ])
  t.ok(
    told.some(([type, code]) => type === 'prov.op.expired' && code === 'PROV_POLICY_CHANGED'),
    'the command signed under the old policy has no force',
  )
  t.equal(deal.store.get().ops.get(op)?.code, 'PROV_OP_DENIED', 'the new one decides')
})

t.test(
  'a policy that is wrong keeps the last good one in force and says where it is wrong',
  async (t) => {
    const life = await ready(t)
    const { on, desk, deal, prov } = life
    const good = deal.store.get().policy
    const file = join(on.workspace, 'keeper_policy.ncl')
    const attempt = async (text: string): Promise<ProvError> => {
      writeFileSync(file, text)
      return desk.activatePolicy({ as: 'alice' }).then(
        () => t.fail('it was activated') as never,
        (thrown: unknown) => thrown as ProvError,
      )
    }
    const fun = await attempt('{ policy = { version = 1, auto_sign = (fun x => x) [] } }')
    t.equal(fun.code, 'PROV_POLICY_NOT_DECLARATIVE')
    t.match(fun.place, { file, line: 1 })
    const foreign = await attempt('let x = import "x.ncl" in { policy = x }')
    t.equal(foreign.code, 'PROV_POLICY_NOT_DECLARATIVE')
    const misspelt = await attempt('{ policy = { version = 1, auto_signs = [] } }')
    t.equal(misspelt.code, 'PROV_POLICY_INVALID')
    t.match(misspelt.message, /auto_signs.*did you mean auto_sign/)
    const broken = await attempt('{ policy = ')
    t.equal(broken.code, 'PROV_POLICY_INVALID')
    t.same(deal.store.get().policy, good)
    t.match(deal.store.get().policyTrouble, { code: 'PROV_POLICY_INVALID' })
    const { op } = await life.ops.submit({ type: 'restart', target: 'staging-1/api', as: 'alice' })
    await life.until(op, 'applied')
    const agent = desk.activatePolicy({ as: 'robot' })
    t.equal(await codeOf(agent), 'PROV_POLICY_ACTIVATION')
    t.ok(prov.service(workspace).has('keeper_policy.ncl'))
  },
)

t.test('in manual mode the keeper signs nothing by itself, and a person said so', async (t) => {
  const life = await ready(t)
  t.equal(
    await codeOf(life.desk.setMode({ mode: 'manual', as: 'robot' })),
    'PROV_POLICY_ACTIVATION',
  )
  await life.desk.setMode({ mode: 'manual', as: 'alice' })
  t.match(await life.desk.status(), { mode: 'manual' })
  const { op } = await life.ops.submit({ type: 'restart', target: 'staging-1/api', as: 'alice' })
  await life.until(op, 'held')
  t.match(life.deal.store.get().ops.get(op)?.why, /its mode is manual/)
  // What the mode alone held goes on when it changes; what people are asked for stays as it is.
  const other = await held(life)
  const second = await life.ops.submit({ type: 'restart', target: 'staging-1/db', as: 'alice' })
  await life.until(second.op, 'held')
  await life.desk.setMode({ mode: 'hybrid', as: 'alice' })
  await Promise.all([op, second.op].map((one) => life.until(one, 'applied')))
  t.equal(life.deal.store.get().ops.get(other)?.phase, 'held')
  t.equal(life.on.effects.get(other), undefined)
})

t.test('a held operation ends with its intent, whoever looks', async (t) => {
  const life = await ready(t)
  const { op } = await life.ops.submit({
    type: 'deploy',
    target: 'app/x',
    as: 'alice',
    expiresInMs: 60_000,
  })
  await life.until(op, 'held')
  await life.on.clock.advance(61_000)
  await life.until(op, 'expired')
  t.equal(life.deal.store.get().ops.get(op)?.code, 'PROV_TOKEN_EXPIRED')
  const late = life.desk.vote({ op, as: 'bob', decision: 'approve', reason: 'ok' })
  t.equal(await codeOf(late), 'PROV_OP_NOT_HELD')
})

t.test('only the one who asked takes an operation back', async (t) => {
  const life = await ready(t)
  const op = await held(life)
  const back = (as: string, reason = 'changed my mind') =>
    codeOf(life.ops.withdraw({ op, as, reason }))
  t.equal(await back('bob'), 'PROV_OP_NOT_YOURS')
  t.equal(await back('alice', ''), 'PROV_OP_REASON_MISSING')
  t.equal(await back('alice'), 'none')
  t.equal(life.deal.store.get().ops.get(op)?.phase, 'withdrawn')
  t.equal(await back('alice'), 'none', 'asked twice, answered the same')
  t.equal(await back('bob'), 'PROV_OP_NOT_YOURS')
})

t.test(
  'judgement: no policy holds, deny beats hold beats auto-sign, each rule is told',
  async (t) => {
    const life = await ready(t)
    const requester = (await people(life.on).signer('alice')).record
    const claims = intentOf(life, requester.kid)
    const nowMs = life.on.clock.now()
    const judge = (policy: object | null, mode: 'auto' | 'manual' = 'auto') => {
      const digest = `sha256:${'3'.repeat(64)}`
      const inForce = policy ? policyInForce({ version: 1, digest, policy }) : noPolicy
      return judgeOp({ claims, requester, policy: inForce, mode, nowMs })
    }
    t.equal(judge(null).verdict, 'hold')
    const auto = { auto_sign: [{ op_type: 'restart' }] }
    t.equal(judge(auto).verdict, 'auto-sign')
    t.equal(judge(auto, 'manual').verdict, 'hold')
    const manual = { ...auto, require_manual: [{ op_type: 'restart', quorum: { at_least: 2 } }] }
    t.match(judge(manual), { verdict: 'hold', needs: '2 people', rule: 'require_manual[0]' })
    const all = { ...manual, deny: [{ target_patterns: ['staging-*/**'] }] }
    t.match(judge(all), { verdict: 'deny', rule: 'deny[0]' })
    t.equal(judge(all).matched.trace.length, 3)
    t.equal(judge({ nonsense: true }).verdict, 'hold', 'what cannot be read holds everything')
  },
)

t.test('publishing what no plane signed moves nothing', async (t) => {
  const life = await ready(t)
  const op = await held(life)
  const [real] = (await life.events(op)).filter(({ type }) => type === 'prov.op.held')
  const forged = {
    ...real,
    id: 'controller:1:99',
    type: 'prov.op.claimed',
    emitter: 'controller',
    kid: life.deal.service('controller').record.kid,
    data: { seq: 9, keeper_epoch: 1, epoch: 1, provider_token: 'x', writes: [] },
  }
  const server = life.prov.service(bus)
  await server.publish(subjects.audit('my-infra'), { id: forged.id, body: forged as never })
  const { op: after } = await life.ops.submit({
    type: 'restart',
    target: 'staging-1/api',
    as: 'alice',
  })
  await life.until(after, 'applied')
  const done = () => life.prov.actors.ref(`keeper/${after}`)?.snapshot().status === 'done'
  while (!done()) await new Promise((resolve) => setImmediate(resolve))
  t.equal(life.prov.actors.ref(`keeper/${op}`)?.snapshot().value, 'held')
  t.equal(life.prov.actors.ref(`submitter/${op}`)?.snapshot().value, 'held')
})

t.test('knocking for a whole minute fills no ledger: beyond a rate it is counted', async (t) => {
  const life = await ready(t)
  for (let at = 0; at < 40; at++) await knock(life, { kind: 'intent', token: `no token ${at}` })
  const refusals = () => life.deal.store.get().refusals.map(({ count }) => count)
  while (refusals().length < 30) await new Promise((resolve) => setImmediate(resolve))
  const pending = async () =>
    (await life.prov.service(bus).streamInfo(streams.pending('my-infra')))?.messages ?? 1
  while ((await pending()) > 0) await new Promise((resolve) => setImmediate(resolve))
  t.equal(refusals().length, 30)
  await life.on.clock.advance(61_000)
  t.equal(
    refusals().reduce((sum, count) => sum + count, 0),
    40,
  )
  t.equal(refusals().at(-1), 10)
})

t.test('a clock that was set back by hours closes nothing that is held already', async (t) => {
  const first = await ready(t)
  const op = await held(first)
  await first.close()
  first.on.clock.jump(-7_200_000)
  const second = await live(first.on)
  t.teardown(() => second.close())
  t.equal(second.deal.store.get().ops.get(op)?.phase, 'held')
  await second.desk.vote({ op, as: 'bob', decision: 'approve', reason: 'go' })
  t.equal(await second.until(op, 'applied', 'refused'), 'applied')
})

t.test('what is held ends with its intent by the wall, whichever way that is set', async (t) => {
  const life = await ready(t)
  const expiresInMs = 3_600_000
  const asked = { type: 'deploy', target: 'app/x', as: 'alice', expiresInMs } as const
  const { op } = await life.ops.submit(asked)
  await life.until(op, 'held')
  const phase = () => life.deal.store.get().ops.get(op)?.phase
  life.on.clock.jump(-7_200_000)
  await life.on.clock.advance(expiresInMs)
  t.equal(phase(), 'held', 'its hour is not over where the clock was set back')
  life.on.clock.jump(86_400_000)
  await life.on.clock.advance(600_000)
  await life.until(op, 'expired')
  t.equal(phase(), 'expired', 'and over where it was set ahead, also when nobody looks')
})

t.test('what is too large to be judged is not recorded at all', async (t) => {
  const life = await ready(t)
  const propose = (length: number) =>
    codeOf(
      life.ops.submit({
        type: 'restart',
        target: 'staging-1/api',
        params: { note: 'x'.repeat(length) },
        as: 'alice',
      }),
    )
  for (const length of [66_000, 2_000_000]) t.equal(await propose(length), 'PROV_TOKEN_TOO_LARGE')
  t.equal(life.deal.store.get().ops.size, 0)
})

t.test(
  'a vote that became void counts never again, also under the same policy later',
  async (t) => {
    const two = usualPolicy.replace(
      'require_manual = [',
      `require_manual = [{ id = "two", target_patterns = ["app/**"], quorum = { at_least = 2 } },`,
    )
    const first = await ready(t, two)
    const op = await held(first)
    await first.desk.vote({ op, as: 'bob', decision: 'approve', reason: 'as it is now' })
    const voted = (await first.events(op)).find(({ type }) => type === 'prov.op.vote')
    const { token } = Object(voted?.data) as { token: string }
    const file = join(first.on.workspace, 'keeper_policy.ncl')
    for (const text of [two.replace('"never"', '"never again"'), two]) {
      writeFileSync(file, text)
      await first.on.clock.advance(1_000)
      await first.desk.activatePolicy({ as: 'alice' })
    }
    await first.close()
    const second = await live(first.on)
    t.teardown(() => second.close())
    const desk = second.desk as KeeperDesk & { handIn(token: string): Promise<unknown> }
    t.equal(await codeOf(desk.handIn(token)), 'PROV_TOKEN_REPLAYED')
    t.same(second.deal.store.get().ops.get(op)?.votes, [])
  },
)

t.test('a signed body that no submitter took from the files runs nothing', async (t) => {
  const life = await ready(t)
  const robot = await people(life.on).signer('robot')
  const op: OpBody = {
    ...body,
    achieves: [{ dimension: 'gitops', from: 'off', to: 'on' }],
    run: { provider: 'test', steps: [{ id: 'own', script: 'what I like' }] },
  } as never
  const vector = { gitops: 0 }
  const change = { op, op_digest: opDigest(op), expected_state_version: vector }
  const claims = intentOf(life, robot.record.kid, change)
  await knock(life, { kind: 'intent', token: signTokenNow('intent', claims, robot) })
  await life.refused('PROV_OP_NOT_SUBMITTED')
  t.same(life.prov.actors.list({ type: 'keeper' }), [])
  t.equal(life.on.effects.size, 0)
})

t.test('a schema of the workspace never replaces the one a policy is judged by', async (t) => {
  const life = await ready(t)
  const { workspace: root } = life.on
  mkdirSync(join(root, 'schemas/lib'), { recursive: true })
  const own = `{ PolicyDef = { auto_sign = [{ id = "mine", op_type = "*" }], .. } }`
  writeFileSync(join(root, 'schemas/lib/keeper_policy.ncl'), own)
  const schema = 'let kp = import "schemas/lib/keeper_policy.ncl" in'
  const data = '{ policy | kp.PolicyDef = { version = 1, deny = [{ id = "d", op_type = "x" }] } }'
  writeFileSync(join(root, 'keeper_policy.ncl'), `${schema}\n${data}\n`)
  await life.on.clock.advance(1_000)
  const files = life.prov.service(workspace)
  const { policy, warnings } = await readPolicyFile(files)
  t.notMatch(JSON.stringify(policy), /mine/)
  t.match(warnings, [/keeper_policy.ncl differs from the installed schema and is not used/])
})
