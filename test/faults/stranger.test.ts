/**
 * A stranger at the bus of a live workspace: whoever can publish still cannot make anything happen,
 * and each attempt stands in the trail with its reason.
 */
import t from 'tap'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { bus, journal } from '../../core/plugin/core-services.ts'
import type { AuditEvent } from '../../core/protocol/audit.ts'
import { opDigest } from '../../core/protocol/claims.ts'
import { openKeyStore } from '../../core/protocol/keys.ts'
import type { ApprovalClaims, IntentClaims } from '../../core/protocol/op.ts'
import { contract, keyStore, ledger } from '../../core/protocol/services.ts'
import { streams, subjects } from '../../core/protocol/subjects.ts'
import { signTokenNow } from '../../core/protocol/tokens.ts'
import { systemClock } from '../../core/clock.ts'
import type { Runtime } from '../../core/runtime.ts'
import { infra, once } from '../support/infra.ts'

t.setTimeout(900_000)

const claimsOf = <T>(token: string): T =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as T

/** The newest message of the keeper to the controller, from its outbox. */
async function commandOf(prov: Runtime): Promise<string> {
  let token: unknown
  for await (const { partition, type, body } of prov.service(journal).read()) {
    const { subject, body: message } = body as JsonObject
    if (partition !== 'keeper' || type !== 'outbox') continue
    if (subject === subjects.command('my-infra')) token = (message as JsonObject)['token']
  }
  return String(token)
}

t.test('a stranger who publishes makes nothing happen, and each attempt is audited', async (t) => {
  const on = await infra(t)
  const prov = await on.open()
  const deal = prov.service(contract)
  const first = await prov.submit({ type: 'restart', target: 'monitoring/grafana', as: 'alice' })
  t.equal((await first.settled({ timeoutMs: 600_000 })).outcome, 'applied')

  const own = prov.service(keyStore)
  const alice = await own.signer('alice')
  const theirs = openKeyStore({ home: `${on.home}-of-eve`, clock: systemClock })
  await theirs.create({ actor: 'eve', kind: 'human', passphrase: '' })
  const eve = await theirs.signer('eve')

  const submitted = (await on.events(first.id))[0] as AuditEvent
  const { intent } = submitted.data as { readonly intent: string }
  const seen = claimsOf<IntentClaims>(intent)
  const approval = await commandOf(prov)
  const approved = claimsOf<ApprovalClaims>(approval)
  const iat = Math.floor(systemClock.now() / 1_000)
  const fresh = { iat, nbf: iat, exp: iat + 600 }
  const intentAs = (signer: typeof alice, change: Partial<IntentClaims>) => {
    const claims = { ...seen, ...fresh, iss: signer.record.kid, sub: 'op_eve', jti: 'jti_eve' }
    return signTokenNow('intent', { ...claims, ...change }, signer)
  }
  const approvalAs = (signer: typeof alice, change: Partial<ApprovalClaims>) => {
    const claims = { ...approved, ...fresh, iss: signer.record.kid, jti: 'jti_eve', seq: 2 }
    return signTokenNow('approval', { ...claims, ...change }, signer)
  }
  const [head, , signature] = intent.split('.')
  const bent = Buffer.from(JSON.stringify({ ...seen, sub: 'op_bent' })).toString('base64url')
  const drain = { ...seen.op, type: 'drain', target: 'app-cluster' }
  const pending = subjects.pending('my-infra', 'restart')
  const command = subjects.command('my-infra')

  const attempts: readonly (readonly [what: string, subject: string, JsonValue, code: string])[] = [
    ['no message at all', pending, 'hello', 'PROV_TOKEN_MALFORMED'],
    ['garbage as token', pending, { kind: 'intent', token: [1, 2] }, 'PROV_TOKEN_MALFORMED'],
    [
      'a token beyond any size',
      pending,
      { kind: 'intent', token: `${intent}${'A'.repeat(99_000)}` },
      'PROV_TOKEN_TOO_LARGE',
    ],
    [
      'an altered intent',
      pending,
      { kind: 'intent', token: `${head}.${bent}.${signature}` },
      'PROV_TOKEN_FORGED',
    ],
    [
      'an intent of nobody known',
      pending,
      { kind: 'intent', token: intentAs(eve, {}) },
      'PROV_TOKEN_UNKNOWN_KEY',
    ],
    [
      'an intent for another journal',
      pending,
      { kind: 'intent', token: intentAs(alice, { aud: 'theirs' }) },
      'PROV_TOKEN_AUDIENCE',
    ],
    [
      'an intent of another workspace',
      pending,
      { kind: 'intent', token: intentAs(alice, { workspace: 'theirs' }) },
      'PROV_TOKEN_WORKSPACE',
    ],
    [
      'a body other than the digest says',
      pending,
      { kind: 'intent', token: intentAs(alice, { op: drain }) },
      'PROV_TOKEN_ALTERED',
    ],
    [
      'an expired intent',
      pending,
      {
        kind: 'intent',
        token: intentAs(alice, { iat: iat - 900, nbf: iat - 900, exp: iat - 300 }),
      },
      'PROV_TOKEN_EXPIRED',
    ],
    [
      'a body on the subject of another',
      pending,
      { kind: 'intent', token: intentAs(alice, { op: drain, op_digest: opDigest(drain) }) },
      'PROV_OP_SUBJECT_MISMATCH',
    ],
    [
      'the id of another operation',
      pending,
      {
        kind: 'intent',
        token: intentAs(alice, {
          sub: first.id,
          op: { ...seen.op, target: 'monitoring/loki' },
          op_digest: opDigest({ ...seen.op, target: 'monitoring/loki' }),
        }),
      },
      'PROV_OP_ID_REUSED',
    ],
    [
      'an intent where commands are',
      command,
      { kind: 'command', token: intent },
      'PROV_TOKEN_TYPE',
    ],
    [
      'an approval by a person',
      command,
      { kind: 'command', token: approvalAs(alice, {}) },
      'PROV_TOKEN_KEY_ROLE',
    ],
    [
      'an approval by nobody known',
      command,
      { kind: 'command', token: approvalAs(eve, {}) },
      'PROV_TOKEN_UNKNOWN_KEY',
    ],
    [
      'a good approval once more',
      command,
      { kind: 'command', token: approval },
      'PROV_TOKEN_REPLAYED',
    ],
  ]
  const refusals = async (): Promise<readonly string[]> =>
    (await on.events())
      .filter(({ type }) => type === 'prov.token.refused')
      .map(({ data }) => (data as { code: string }).code)
  const nextRefusal = () =>
    new Promise<AuditEvent>((resolve) => {
      const stop = deal.follow((event) => {
        if (event.type !== 'prov.token.refused') return
        stop()
        resolve(event)
      })
    })
  for (const [at, [what, subject, body, code]] of attempts.entries()) {
    const told = nextRefusal()
    await prov.service(bus).publish(subject, { id: `eve:${at}`, body })
    const { data } = await told
    t.match(data, { code }, what)
    t.ok((data as { remedy: string }).remedy.length > 0)
  }
  t.same(
    await refusals(),
    attempts.map(([, , , code]) => code),
    'each once, in the trail',
  )

  // The very intent once more is the same operation; nothing is begun and nobody is accused.
  await prov
    .service(bus)
    .publish(pending, { id: 'eve:again', body: { kind: 'intent', token: intent } })
  // A plane's word that no plane said moves nothing and never reaches the ledger.
  const applied = (await on.events(first.id)).find(({ type }) => type === 'prov.op.applied')
  const lie = {
    ...(applied as AuditEvent),
    id: 'controller:9:99',
    n: 99,
    epoch: 9,
    subject: 'op_lie',
  }
  await prov.service(bus).publish(subjects.audit('my-infra'), { id: lie.id, body: lie as never })

  const honest = await prov.submit({ type: 'restart', target: 'monitoring/loki', as: 'alice' })
  t.equal((await honest.settled({ timeoutMs: 600_000 })).outcome, 'applied', 'work goes on')
  await prov.service(ledger).settled()
  const info = await prov.service(bus).streamInfo(streams.pending('my-infra'))
  t.equal(info?.messages, 0, 'nothing of it is left to be tried for ever')
  await prov.close()

  const ops = await on.json<readonly { op: string }[]>('op', 'list')
  t.same(ops.map(({ op }) => op).sort(), [first.id, honest.id].sort(), 'no operation of theirs')
  t.same(on.marks(), [...once.restart, ...once.restart], 'the world was touched twice')
  t.same(await on.faults(), [])
})
