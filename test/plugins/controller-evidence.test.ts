/** What counts as evidence: the word of a controller that was replaced, about a run that was claimed. */
import t from 'tap'
import type { Test } from 'tap'
import type { Delivery } from '../../core/bus/bus.ts'
import { logFor } from '../../core/log.ts'
import type { EvidenceClaims } from '../../core/protocol/op.ts'
import { Refusals } from '../../core/protocol/refusals.ts'
import type { ServiceRole } from '../../core/protocol/contract.ts'
import { signTokenNow } from '../../core/protocol/tokens.ts'
import { EvidenceInbox } from '../../plugins/controller/evidence.ts'
import { live, ready } from './stage.ts'
import type { Life, Stage } from './stage.ts'

/** An operation in doubt that an earlier life claimed, and the life that goes on. */
async function doubt(t: Test) {
  const first = await ready(t)
  const { on } = first
  on.run = async () => ({ outcome: 'unknown', code: 'PROV_X', message: 'who knows', detail: {} })
  const { op } = await first.ops.submit({ type: 'spread', target: 'gitops', as: 'alice' })
  await first.until(op, 'held')
  await first.desk.vote({ op, as: 'bob', decision: 'approve', reason: 'go' })
  await first.until(op, 'in_doubt')
  await first.close()
  const life = await live(on)
  t.teardown(() => life.close())
  return { on, op, life }
}

const shown = (life: Life, op: string) => life.deal.store.get().ops.get(op)?.evidence ?? []

/** Hands messages to an inbox of that life and says what became of them. */
function inboxOf(life: Life, on: Stage) {
  const { deal: contract } = life
  const { clock } = on
  const refusals = new Refusals({ contract, role: 'controller', clock })
  const inbox = new EvidenceInbox({ contract, clock, log: logFor('test', () => {}), refusals })
  return async (token: unknown): Promise<string> => {
    let answer = 'nothing'
    const delivery = {
      id: 'm',
      attempt: 1,
      body: { data: { token } },
      ack: async () => void (answer = 'kept'),
      nak: async () => void (answer = 'later'),
      term: async (why: string) => void (answer = why),
    }
    await inbox.take(delivery as unknown as Delivery)
    return answer
  }
}

function signed(
  { deal }: Life,
  on: Stage,
  op: string,
  change: Partial<EvidenceClaims> = {},
  as: ServiceRole = 'controller',
): string {
  const signer = deal.service(as)
  const iat = Math.floor(on.clock.now() / 1_000)
  const claims: EvidenceClaims = {
    iss: signer.record.kid,
    sub: op,
    aud: deal.journal,
    jti: 'jti-1',
    iat,
    exp: iat + 600,
    workspace: 'my-infra',
    epoch: deal.epoch - 1,
    provider_token: deal.store.get().ops.get(op)?.providerToken ?? 'none',
    what: 'step',
    step: 'apply',
    outcome: 'applied',
    message: 'exit code 0',
    detail: {},
    ...change,
  }
  return signTokenNow('evidence', claims, signer)
}

t.test('evidence is kept once, over restarts too, and the operation stays as it is', async (t) => {
  const { on, op, life } = await doubt(t)
  const before = life.deal.store.get().ops.get(op)
  const token = signed(life, on, op)
  const tell = inboxOf(life, on)
  t.same(await Promise.all([tell(token), tell(token)]), ['kept', 'kept'])
  t.match(shown(life, op), [{ epoch: 1, what: 'step', step: 'apply', outcome: 'applied' }])
  const { evidence: _, notes, ...after } = life.deal.store.get().ops.get(op) ?? { notes: [] }
  const { notes: earlier, ...same } = before ?? { notes: [] }
  t.same(after, same)
  t.same(notes.slice(0, -1), earlier)
  await life.close()
  const third = await live(on)
  t.teardown(() => third.close())
  t.equal(await inboxOf(third, on)(token), 'kept')
  t.equal(shown(third, op).length, 1, 'another life knows it')
  const other = signed(third, on, op, { jti: 'jti-2', what: 'run', outcome: 'failed' })
  t.equal(await inboxOf(third, on)(other), 'kept')
  t.match(shown(third, op), [{ outcome: 'applied' }, { outcome: 'failed' }], 'both are shown')
  t.equal(third.deal.store.get().ops.get(op)?.phase, 'in_doubt')
})

t.test('forged evidence is refused by name, audited, and changes nothing', async (t) => {
  const { on, op, life } = await doubt(t)
  const tell = inboxOf(life, on)
  const { epoch } = life.deal
  const whole = signed(life, on, op)
  const [head, body] = whole.split('.')
  const cases: readonly (readonly [string, unknown, string])[] = [
    ['no token', undefined, 'PROV_TOKEN_MALFORMED'],
    ['another signature', `${head}.${body}.${'A'.repeat(86)}`, 'PROV_TOKEN_FORGED'],
    ['the key of another plane', signed(life, on, op, {}, 'keeper'), 'PROV_TOKEN_KEY_ROLE'],
    ['of another journal', signed(life, on, op, { aud: 'other' }), 'PROV_TOKEN_AUDIENCE'],
    ['of the epoch of now', signed(life, on, op, { epoch }), 'PROV_OP_EVIDENCE_REFUSED'],
    ['of an epoch to come', signed(life, on, op, { epoch: 99 }), 'PROV_OP_EVIDENCE_REFUSED'],
    ['from before the claim', signed(life, on, op, { epoch: 0 }), 'PROV_OP_EVIDENCE_REFUSED'],
    [
      'about another run',
      signed(life, on, op, { provider_token: 'x' }),
      'PROV_OP_EVIDENCE_REFUSED',
    ],
    ['about no operation', signed(life, on, 'op_none'), 'PROV_OP_UNKNOWN'],
  ]
  for (const [what, token, code] of cases) t.equal(await tell(token), code, what)
  t.same(
    life.codes().filter((code) => /EVIDENCE|TOKEN|UNKNOWN/.test(code)),
    cases.map(([, , code]) => code),
    'each of them audited',
  )
  t.same(shown(life, op), [])
})

t.test('a thousand forgeries are told one by one up to a rate, and counted beyond', async (t) => {
  const { on, op, life } = await doubt(t)
  const tell = inboxOf(life, on)
  const before = (await life.events()).length
  for (let n = 0; n < 1_000; n++) {
    const [head, body] = signed(life, on, op, { jti: `jti-${n}` }).split('.')
    t.equal(await tell(`${head}.${body}.${'A'.repeat(86)}`), 'PROV_TOKEN_FORGED')
  }
  t.equal((await life.events()).length - before, 30)
  await on.clock.advance(60_000)
  const { refusals } = life.deal.store.get()
  t.equal(
    refusals.reduce((sum, { code, count }) => sum + (code === 'PROV_TOKEN_FORGED' ? count : 0), 0),
    1_000,
  )
  t.equal(await tell(signed(life, on, op)), 'kept', 'and what is genuine still counts')
})
