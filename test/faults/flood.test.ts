/**
 * Who floods the keeper's door fills neither the journal nor the memory: strangers with noise, and
 * somebody who is enrolled and signs what nobody submitted. A test run knocks ten thousand times,
 * PROV_SOAK=1 a million times.
 */
import { readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import type { Test } from 'tap'
import { journal, Refusals } from 'prov'
import type { Contract, Delivery } from 'prov'
import { openJournal } from '../../core/journal/file.ts'
import { opDigest } from '../../core/protocol/claims.ts'
import type { IntentClaims, OpBody } from '../../core/protocol/op.ts'
import { subjects } from '../../core/protocol/subjects.ts'
import { signTokenNow } from '../../core/protocol/tokens.ts'
import { Inbox } from '../../plugins/keeper/inbox.ts'
import type { Keeper } from '../../plugins/keeper/keeper.ts'
import { people, ready } from '../plugins/stage.ts'

t.setTimeout(3_600_000)

const knocks = process.env['PROV_SOAK'] ? 1_000_000 : 10_000
/** As fast as this, in simulated time: a minute has six thousand knocks. */
const perKnockMs = 10

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const heapBytes = (): number => {
  collect()
  return process.memoryUsage().heapUsed
}

/** A keeper's door over a journal on disk, and whoever knocks at it. */
async function door(t: Test, change: Partial<Contract> = {}) {
  let dir = ''
  const life = await ready(t, undefined, (on) => {
    dir = join(dirname(on.workspace), 'state/journal')
    on.open = () => openJournal({ dir, clock: on.clock, segmentBytes: 1_048_576 })
  })
  const { deal, on, prov, events } = life
  const { clock } = on
  const robot = await people(on).signer('robot')
  const stranger = await people(on, 'stranger').create({
    actor: 'eve',
    kind: 'human',
    passphrase: '',
  })
  const eve = await people(on, 'stranger').signer('eve')
  const inbox = new Inbox({
    // What is not said otherwise is the contract's own.
    contract: Object.create(deal, Object.getOwnPropertyDescriptors(change)) as Contract,
    journal: prov.service(journal),
    clock,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    keeper: { begin: async () => t.fail('something was started') } as unknown as Keeper,
    refusals: new Refusals({ contract: deal, role: 'keeper', clock }),
    ref: () => undefined,
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
  const answers = new Map<string, number>()
  const answer = (name: string) => async () => void answers.set(name, (answers.get(name) ?? 0) + 1)
  const knock = (n: number, token: unknown, attempt = 1): Promise<void> =>
    inbox.take({
      subject: subjects.pending('my-infra', 'deploy'),
      id: `intent:${n}`,
      body: { kind: 'intent', token },
      attempt,
      ack: answer('ack'),
      nak: answer('nak'),
      term: answer('term'),
    } as unknown as Delivery)
  const diskBytes = (): number =>
    readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0)
  const refusals = async () => (await events()).filter(({ type }) => type === 'prov.token.refused')
  const forged = (n: number) => signTokenNow('intent', intent(n, stranger.kid), eve)
  return { on, clock, signed, forged, knock, answers, refusals, diskBytes, codes: life.codes }
}

t.test('a flood of forged submissions grows the journal by minutes, not by messages', async (t) => {
  const { on, clock, signed, forged, knock, answers, refusals, diskBytes } = await door(t)
  const forgers: readonly ((n: number) => unknown)[] = [
    (n) => ({ n }),
    (n) => `x${n}.y.z`,
    (n) => `${signed(n).slice(0, -4)}AAAA`,
    forged,
    (n) => 'x'.repeat(70_000 + (n % 9)),
    signed,
  ]
  const one = (n: number): Promise<void> => knock(n, forgers[n % forgers.length]?.(n))
  for (let n = 0; n < knocks / 10; n++) await one(n)
  const heapBefore = heapBytes()
  const diskBefore = diskBytes()
  const before = (await refusals()).length
  for (let n = knocks / 10; n < knocks; n++) {
    await one(n)
    if (n % 100 === 0) await clock.advance(100 * perKnockMs)
  }
  // What is over the rate is told when its minute is over.
  await clock.advance(60_000)
  const minutes = Math.ceil(((knocks * 9) / 10) * (perKnockMs / 60_000))
  const records = (await refusals()).length - before
  // One reason each, and one more for those of the enrolled key that are too many at once.
  const most = (minutes + 1) * (forgers.length + 1) * 31
  t.ok(records <= most, `${records} events in ${minutes} minutes, ${most} at most`)
  t.same([...answers], [['term', knocks]], 'each was turned away for good')
  const told = (await refusals()).reduce(
    (sum, { data }) => sum + (data as { count: number }).count,
    0,
  )
  t.ok(told > knocks / 2, `${told} of them are told, most as counts`)
  const grownBytes = heapBytes() - heapBefore
  const writtenBytes = diskBytes() - diskBefore
  t.ok(writtenBytes < 2 * 1_048_576 + records * 2_000, `the disk took ${writtenBytes} bytes`)
  t.comment(`${knocks} knocks: heap +${grownBytes}, disk +${writtenBytes}, ${records} events`)
  // What is told is kept; what was handed in is not, whoever signed it.
  const limitBytes = 8_000_000 + records * 4_000
  t.ok(grownBytes < limitBytes, `the heap grew by ${grownBytes} bytes, ${limitBytes} at most`)
  t.equal(on.effects.size, 0)
})

t.test('what an enrolled key signed and nobody submitted waits in a bounded room', async (t) => {
  const submission = { hears: true }
  const { signed, knock, answers, codes } = await door(t, submission)
  for (let n = 0; n < 600; n++) await knock(n, signed(n))
  t.same([...answers].sort(), [
    ['nak', 256],
    ['term', 344],
  ])
  t.ok(codes().includes('PROV_TOKEN_FLOOD'), 'the rest is refused by name')
  answers.clear()
  // It may still be on its way from the submitter: that is waited for, and not for ever.
  await knock(7, signed(7), 59)
  t.same([...answers], [['nak', 1]])
  await knock(7, signed(7), 60)
  t.equal(answers.get('term'), 1)
  t.ok(codes().includes('PROV_OP_NOT_SUBMITTED'))
})
