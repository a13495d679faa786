/**
 * Who floods the keeper's door fills neither the journal nor the memory: strangers with noise, and
 * somebody who is enrolled and signs what nobody submitted. A test run knocks a few thousand times,
 * PROV_SOAK=1 a million times.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { journal, Refusals } from 'prov'
import type { Delivery } from 'prov'
import { opDigest } from '../../core/protocol/claims.ts'
import type { IntentClaims, OpBody } from '../../core/protocol/op.ts'
import { subjects } from '../../core/protocol/subjects.ts'
import { signTokenNow } from '../../core/protocol/tokens.ts'
import { Inbox } from '../../plugins/keeper/inbox.ts'
import type { Keeper } from '../../plugins/keeper/keeper.ts'
import { people, ready } from '../plugins/stage.ts'

t.setTimeout(3_600_000)

const knocks = process.env['PROV_SOAK'] ? 1_000_000 : 4_000
/** As fast as this, in simulated time: a minute has six thousand knocks. */
const perKnockMs = 10

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const heapBytes = (): number => {
  collect()
  return process.memoryUsage().heapUsed
}

t.test('a flood of forged submissions grows the journal by minutes, not by messages', async (t) => {
  const { deal, on, prov, events } = await ready(t)
  const { clock } = on
  const robot = await people(on).signer('robot')
  const stranger = await people(on, 'stranger').create({
    actor: 'eve',
    kind: 'human',
    passphrase: '',
  })
  const eve = await people(on, 'stranger').signer('eve')
  const inbox = new Inbox({
    contract: deal,
    journal: prov.service(journal),
    clock,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    keeper: undefined as unknown as Keeper,
    refusals: new Refusals({ contract: deal, role: 'keeper', clock }),
    ref: () => undefined,
    start: async () => t.fail('something was started'),
  })
  const body: OpBody = {
    type: 'deploy',
    target: 'app/x',
    scope: [],
    destructive: false,
    achieves: [],
    gains: [],
    loses: [],
    requires: [],
  }
  const intent = (n: number, iss: string): IntentClaims => {
    const iat = Math.floor(clock.now() / 1_000)
    const at = { iat, nbf: iat, exp: iat + 600_000, aud: deal.journal, workspace: 'my-infra' }
    const what = { op: body, op_digest: opDigest(body), scope: [], expected_state_version: {} }
    return { iss, sub: `op_${n}`, jti: `jti_${n}`, ...at, ...what }
  }
  const signed = (n: number) => signTokenNow('intent', intent(n, robot.record.kid), robot)
  const forgers: readonly ((n: number) => unknown)[] = [
    (n) => ({ n }),
    (n) => `x${n}.y.z`,
    (n) => `${signed(n).slice(0, -4)}AAAA`,
    (n) => signTokenNow('intent', intent(n, stranger.kid), eve),
    (n) => 'x'.repeat(70_000 + (n % 9)),
    signed,
  ]
  const answers = new Map<string, number>()
  const answer = (name: string) => async () => void answers.set(name, (answers.get(name) ?? 0) + 1)
  const knock = (n: number): Promise<void> => {
    const token = forgers[n % forgers.length]?.(n)
    return inbox.take({
      subject: subjects.pending('my-infra', 'deploy'),
      id: `intent:${n}`,
      body: { kind: 'intent', token },
      ack: answer('ack'),
      nak: answer('nak'),
      term: answer('term'),
    } as unknown as Delivery)
  }
  for (let n = 0; n < knocks / 10; n++) await knock(n)
  const refusals = async () => (await events()).filter(({ type }) => type === 'prov.token.refused')
  const heapBefore = heapBytes()
  const before = (await refusals()).length
  for (let n = knocks / 10; n < knocks; n++) {
    await knock(n)
    if (n % 100 === 0) await clock.advance(100 * perKnockMs)
  }
  // What is over the rate is told when its minute is over.
  await clock.advance(60_000)
  const minutes = Math.ceil(((knocks * 9) / 10) * (perKnockMs / 60_000))
  const records = (await refusals()).length - before
  const most = (minutes + 1) * forgers.length * 31
  t.ok(records <= most, `${records} events in ${minutes} minutes, ${most} at most`)
  t.same([...answers], [['term', knocks]], 'each was turned away for good')
  const told = (await refusals()).reduce(
    (sum, { data }) => sum + (data as { count: number }).count,
    0,
  )
  t.ok(told > knocks / 2, `${told} of them are told, most as counts`)
  const grownBytes = heapBytes() - heapBefore
  // A journal in memory holds its records, and the id of what an enrolled key signed is remembered
  // until it is over.
  const limitBytes = 8_000_000 + records * 4_000 + (knocks / forgers.length) * 400
  t.ok(grownBytes < limitBytes, `the heap grew by ${grownBytes} bytes, ${limitBytes} at most`)
  t.equal(on.effects.size, 0)
})
