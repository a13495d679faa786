import t from 'tap'
import { ProvError } from '../../core/errors.ts'
import { opDigest, planDigest } from '../../core/protocol/claims.ts'
import type { TokenClaims, TokenKind } from '../../core/protocol/claims.ts'
import type { Signer } from '../../core/protocol/key.ts'
import type { OpBody } from '../../core/protocol/op.ts'
import { simulatedClock } from '../../core/clock.ts'
import { TakenIds } from '../../core/protocol/replay.ts'
import type { TakenToken } from '../../core/protocol/replay.ts'
import {
  openToken,
  openTokenNow,
  peekToken,
  signToken,
  signTokenNow,
} from '../../core/protocol/tokens.ts'
import type { TokenContext } from '../../core/protocol/tokens.ts'
import { ground } from './world.ts'

const nowMs = 1_767_225_600_000
const now = nowMs / 1_000
const body: OpBody = {
  type: 'deploy',
  target: 'app/cert-manager',
  scope: ['cluster:prod'],
  destructive: false,
  achieves: [{ dimension: 'cluster', from: 'boot', to: 'up' }],
  gains: [],
  loses: [],
  requires: [],
  run: { provider: 'local', steps: [{ id: 'apply', script: 'true' }] },
}

async function people(t: { teardown(undo: () => unknown): unknown }) {
  const { keys } = ground(t)
  await keys.create({ actor: 'alice', kind: 'human', passphrase: '' })
  await keys.create({ actor: 'eve', kind: 'human', passphrase: '' })
  const alice = await keys.signer('alice')
  const eve = await keys.signer('eve')
  const keeper = await keys.service('journal', 'keeper')
  const ring = new Map([alice, keeper].map(({ record }) => [record.kid, record]))
  const context: TokenContext = {
    key: (kid) => ring.get(kid),
    audience: 'journal',
    workspace: 'my-infra',
    nowMs,
  }
  return { alice, eve, keeper, context }
}

const intentOf = (signer: Signer, change: Partial<TokenClaims['intent']> = {}) => ({
  iss: signer.record.kid,
  sub: 'op_1',
  aud: 'journal',
  jti: 'jti_1',
  iat: now,
  nbf: now,
  exp: now + 3_600,
  workspace: 'my-infra',
  op: body,
  op_digest: opDigest(body),
  scope: body.scope,
  expected_state_version: { cluster: 0 },
  ...change,
})

/** Both ways over a token; fails the test when they do not agree. */
async function verdict(
  t: { equal(found: unknown, wanted: unknown, message: string): unknown },
  kind: TokenKind,
  token: unknown,
  context: TokenContext,
): Promise<string> {
  const code = (thrown: unknown) => (ProvError.is(thrown) ? thrown.code : String(thrown))
  let hot = 'good'
  try {
    openTokenNow(kind, token, context)
  } catch (thrown) {
    hot = code(thrown)
  }
  const edge = await openToken(kind, token, context).then(() => 'good', code)
  t.equal(edge, hot, 'jose and node:crypto agree')
  return hot
}

/** Signs whatever header and payload say, rightly or wrongly. */
function craft(signer: Signer, header: object, payload: unknown): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${part(header)}.${part(payload)}`
  return `${input}.${signer.sign(input)}`
}

t.test('a token made either way is accepted either way, with its claims', async (t) => {
  const { alice, context } = await people(t)
  const claims = intentOf(alice)
  for (const token of [
    await signToken('intent', claims, alice),
    signTokenNow('intent', claims, alice),
  ]) {
    t.equal(await verdict(t, 'intent', token, context), 'good')
    t.same(openTokenNow('intent', token, context).claims, claims)
    t.equal(openTokenNow('intent', token, context).record.actor, 'alice')
    t.same(peekToken(token), { sub: 'op_1', iss: alice.record.kid })
  }
})

t.test(
  'each wrong token is refused under its own name, and no refusal shows the token',
  async (t) => {
    const { alice, eve, keeper, context } = await people(t)
    const good = signTokenNow('intent', intentOf(alice), alice)
    const [head = '', payload = '', signature = ''] = good.split('.')
    const header = { alg: 'Ed25519', kid: alice.record.kid, typ: 'prov-intent+jwt' }
    const changed = (change: object) =>
      signTokenNow('intent', intentOf(alice, change as never), alice)
    const altered = Buffer.from(JSON.stringify(intentOf(alice, { sub: 'op_2' }))).toString(
      'base64url',
    )
    const other = { ...body, target: 'app/other' }
    const cases: Record<string, readonly [code: string, token: unknown]> = {
      'not a text': ['PROV_TOKEN_MALFORMED', { token: good }],
      'not three parts': ['PROV_TOKEN_MALFORMED', `${head}.${payload}`],
      'a fourth part': ['PROV_TOKEN_MALFORMED', `${good}.x`],
      'a header with more in it': [
        'PROV_TOKEN_MALFORMED',
        craft(alice, { ...header, crit: ['x'] }, intentOf(alice)),
      ],
      'too large': ['PROV_TOKEN_TOO_LARGE', `${good}${'A'.repeat(70_000)}`],
      'another type': ['PROV_TOKEN_TYPE', craft(alice, { ...header, typ: 'JWT' }, intentOf(alice))],
      'alg none': ['PROV_TOKEN_ALG', craft(alice, { ...header, alg: 'none' }, intentOf(alice))],
      'alg EdDSA': ['PROV_TOKEN_ALG', craft(alice, { ...header, alg: 'EdDSA' }, intentOf(alice))],
      'a key nobody knows': ['PROV_TOKEN_UNKNOWN_KEY', signTokenNow('intent', intentOf(eve), eve)],
      "a stranger's signature": ['PROV_TOKEN_FORGED', craft(eve, header, intentOf(alice))],
      'another payload under the signature': [
        'PROV_TOKEN_FORGED',
        `${head}.${altered}.${signature}`,
      ],
      'no signature': ['PROV_TOKEN_FORGED', `${head}.${payload}.`],
      'signed by a service': [
        'PROV_TOKEN_KEY_ROLE',
        signTokenNow('intent', intentOf(keeper), keeper),
      ],
      'somebody else as issuer': ['PROV_TOKEN_CLAIM', changed({ iss: 'alice' })],
      'a claim too many': ['PROV_TOKEN_CLAIM', changed({ admin: true })],
      'a claim of another class': ['PROV_TOKEN_CLAIM', changed({ exp: '3600' as never })],
      'a body with unknown fields': [
        'PROV_TOKEN_CLAIM',
        changed({ op: { ...body, sudo: true } as never }),
      ],
      'a target in two lines': [
        'PROV_TOKEN_CLAIM',
        changed({ op: { ...body, target: 'prod\n  phase  applied' } }),
      ],
      'a scope that turns the writing': [
        'PROV_TOKEN_CLAIM',
        changed({ op: { ...body, scope: ['a\u202eb'] } }),
      ],
      'another journal': ['PROV_TOKEN_AUDIENCE', changed({ aud: 'other' })],
      'another workspace': ['PROV_TOKEN_WORKSPACE', changed({ workspace: 'theirs' })],
      expired: ['PROV_TOKEN_EXPIRED', changed({ iat: now - 7_200, nbf: now - 7_200, exp: now })],
      'not yet valid': ['PROV_TOKEN_NOT_YET_VALID', changed({ nbf: now + 600 })],
      'from the future': ['PROV_TOKEN_CLOCK_SKEW', changed({ iat: now + 61, exp: now + 3_600 })],
      'a life of more than a week': ['PROV_TOKEN_TOO_LONG', changed({ exp: now + 8 * 86_400 })],
      'an altered body': ['PROV_TOKEN_ALTERED', changed({ op: other })],
      'an altered scope': ['PROV_TOKEN_ALTERED', changed({ scope: ['*'] })],
    }
    for (const [what, [code, token]] of Object.entries(cases)) {
      t.equal(await verdict(t, 'intent', token, context), code, what)
      const refused = await openToken('intent', token, context).catch((thrown: unknown) => thrown)
      t.ok(ProvError.is(refused) && 'claim' in refused.detail, `${what}: names the claim`)
      t.notOk(JSON.stringify(refused).includes(signature), `${what}: keeps the token to itself`)
    }
    t.equal(await verdict(t, 'intent', changed({ iat: now + 59 }), context), 'good', 'a small skew')
  },
)

t.test('a token of one kind never stands in for another', async (t) => {
  const { alice, context } = await people(t)
  const token = signTokenNow('intent', intentOf(alice), alice)
  for (const kind of ['vote', 'approval', 'act'] as const) {
    t.equal(await verdict(t, kind, token, context), 'PROV_TOKEN_TYPE', kind)
  }
})

t.test('time can be left to whoever checks it later', async (t) => {
  const { alice, context } = await people(t)
  const token = signTokenNow('intent', intentOf(alice), alice)
  const later = { ...context, nowMs: nowMs + 7_200_000 }
  t.equal(await verdict(t, 'intent', token, later), 'PROV_TOKEN_EXPIRED')
  t.equal(await verdict(t, 'intent', token, { ...later, expiry: 'leave' }), 'good')
})

/** Tokens of one key as they are remembered, each good for a minute from now on. */
function takenStage(limits?: ConstructorParameters<typeof TakenIds>[1]) {
  const clock = simulatedClock({ startMs: nowMs })
  const taken = new TakenIds(clock, limits)
  const token = (jti: string, over: Partial<TakenToken> = {}): TakenToken => {
    const iat = Math.floor(clock.now() / 1_000)
    return { jti, iat, exp: iat + 60, digest: 'one', iss: 'bob', ...over }
  }
  const fill = (name: string, count: number, over?: Partial<TakenToken>): void => {
    for (let at = 0; at < count; at++) taken.take('vote', token(`${name}${at}`, over))
  }
  return { clock, taken, token, fill }
}

t.test('one id stands for one token until it expires', async (t) => {
  const { clock, taken, token, fill } = takenStage()
  t.equal(taken.take('vote', token('a')), 'new')
  t.equal(taken.take('vote', token('a')), 'same', 'a redelivery')
  t.equal(taken.take('intent', token('a', { digest: 'two' })), 'new', 'kinds are apart')
  t.throws(() => taken.take('vote', token('a', { digest: 'two' })), { code: 'PROV_TOKEN_REPLAYED' })
  await clock.advance(600_000)
  fill('x', 1_100)
  t.notOk(taken.has('vote', 'a'), 'what expired is forgotten')
})

t.test('a clock that is set ahead and back again opens no taken id', async (t) => {
  const { clock, taken, token, fill } = takenStage()
  const first = token('a')
  taken.take('vote', first)
  clock.jump(86_400_000)
  fill('x', 1_100)
  clock.jump(-86_400_000)
  t.equal(taken.take('vote', first), 'same', 'nothing is forgotten because of a clock that was set')
  // Its whole life has passed, so it is forgotten; then the clock is set back to the middle of it.
  await clock.advance(600_000)
  fill('y', 2_400)
  t.notOk(taken.has('vote', 'a'))
  clock.jump(-600_000)
  t.throws(() => taken.take('vote', first), {
    code: 'PROV_TOKEN_REPLAYED',
    detail: { claim: 'exp' },
  })
  t.equal(taken.take('vote', token('b', { exp: first.exp + 600 })), 'new')
})

t.test('one key fills no memory: what is too much is refused, and others go on', async (t) => {
  const { clock, taken, token, fill } = takenStage({ perKey: 10, inAll: 25 })
  fill('x', 10)
  t.throws(() => taken.take('vote', token('more')), { code: 'PROV_TOKEN_FLOOD' })
  t.equal(taken.take('vote', token('x3')), 'same')
  fill('y', 10, { iss: 'alice' })
  fill('z', 5, { iss: 'carol' })
  t.throws(() => taken.take('vote', token('z9', { iss: 'dave' })), { code: 'PROV_TOKEN_FLOOD' })
  await clock.advance(600_000)
  t.equal(taken.take('vote', token('later')), 'new', 'room again when they are over')
})

t.test('a plan is another one when body, state or time differ', (t) => {
  const plan = { sub: 'op_1', op_digest: 'd', expected_state_version: { a: 1 }, exp: 9 }
  const digests = [
    plan,
    { ...plan, op_digest: 'e' },
    { ...plan, expected_state_version: { a: 2 } },
    { ...plan, exp: 10 },
    { ...plan, sub: 'op_2' },
  ].map(planDigest)
  t.equal(new Set(digests).size, digests.length)
  t.end()
})

t.test(
  'at the edges of its time: the last millisecond counts, the one after does not',
  async (t) => {
    const { alice, context } = await people(t)
    const exp = now + 3_600
    const at = (ms: number, change = {}) =>
      verdict(t, 'intent', signTokenNow('intent', intentOf(alice, change), alice), {
        ...context,
        nowMs: ms,
      })
    t.equal(await at(exp * 1_000 - 1), 'good')
    t.equal(await at(exp * 1_000), 'PROV_TOKEN_EXPIRED')
    t.equal(await at(exp * 1_000 + 1), 'PROV_TOKEN_EXPIRED')
    t.equal(await at(now * 1_000 - 60_000), 'good', 'clocks may differ by a minute')
    t.equal(await at(now * 1_000 - 60_001), 'PROV_TOKEN_CLOCK_SKEW')
    const week = 7 * 86_400
    t.equal(await at(now * 1_000, { exp: now + week }), 'good')
    t.equal(await at(now * 1_000, { exp: now + week + 1 }), 'PROV_TOKEN_TOO_LONG')
    t.equal(await at(now * 1_000, { exp: now }), 'PROV_TOKEN_TOO_LONG', 'no time at all')
    for (const odd of [1.5, -1, 2 ** 53, NaN, Infinity, '9']) {
      t.equal(await at(now * 1_000, { exp: odd }), 'PROV_TOKEN_CLAIM', String(odd))
    }
  },
)
