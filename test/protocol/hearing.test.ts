/** What waits for its turn or its cause is bounded, told by name, and comes again. */
import t from 'tap'
import { memoryJournal } from '../../core/journal/memory.ts'
import { simulatedClock } from '../../core/clock.ts'
import { ContractFold } from '../../core/protocol/checkpoint.ts'
import type { AuditData, AuditEvent, AuditType, Emitter } from '../../core/protocol/audit.ts'
import { eventDigest } from '../../core/protocol/emitter.ts'
import type { ChainEnd } from '../../core/protocol/emitter.ts'
import { Hearing } from '../../core/protocol/hearing.ts'
import type { WaitingBounds } from '../../core/protocol/waiting.ts'
import { silent } from './world.ts'

const digest = `sha256:${'0'.repeat(64)}`

/** A chain as its plane would say it; whoever takes events here checked their signature. */
function chain(emitter: Emitter) {
  let end: ChainEnd = { n: 0, digest: null }
  return function say<T extends AuditType>(type: T, subject: string, data: object): AuditEvent {
    const n = end.n + 1
    const event = {
      specversion: '1.0',
      id: `${emitter}:1:${n}`,
      source: `prov/my-infra/${emitter}`,
      type: `prov.${type}`,
      subject,
      time: new Date(1_767_225_600_000 + n * 1_000).toISOString(),
      datacontenttype: 'application/json',
      workspace: 'my-infra',
      correlationid: subject,
      emitter,
      epoch: 1,
      n,
      prev: end.digest,
      kid: 'k',
      data: data as AuditData[T],
      signature: 's',
    } as unknown as AuditEvent
    end = { n, digest: eventDigest(event) }
    return event
  }
}

const submission = {
  op: {
    type: 'deploy',
    target: 'app/one',
    scope: [],
    destructive: false,
    achieves: [],
    gains: [],
    loses: [],
    requires: [],
  },
  op_digest: digest,
  by: 'alice',
  kid: 'k',
  expected_state_version: {},
  expires: 9,
  intent: '',
}
const verdict = { verdict: 'hold', rule: null, policy_digest: digest, policy_version: 1, trace: [] }

/** The ear of a controller that heard nothing yet. */
function ear(bounds?: WaitingBounds) {
  const clock = simulatedClock()
  const journal = memoryJournal({ clock })
  const fold = new ContractFold('my-infra')
  journal.follow((records) => {
    for (const record of records) fold.enter(record)
  })
  const told: string[] = []
  const hearing = new Hearing({
    journal,
    log: { ...silent, warn: (text) => void told.push(text) },
    own: new Set<Emitter>(['controller']),
    ends: fold.ends,
    model: () => fold.model,
    known: async () => undefined,
    now: () => clock.monotonic(),
    bounds,
  })
  const kept = async (): Promise<string[]> => {
    const ids: string[] = []
    for await (const { body } of journal.read()) ids.push((body as { id: string }).id)
    return ids
  }
  return { clock, hearing, told, kept }
}

const roomFor = (events: readonly AuditEvent[]): number =>
  events.reduce((sum, event) => sum + JSON.stringify(event).length, 0)

for (const by of ['events', 'bytes'] as const) {
  t.test(`no more ${by} wait than there is room for, and the rest is asked for`, async (t) => {
    const [submit, judge] = [chain('submitter'), chain('keeper')]
    const op = submit('op.submitted', 'op_1', submission)
    const said = Array.from({ length: 6 }, () => judge('op.matched', 'op_1', verdict))
    const [first, ...rest] = said
    const room = said.slice(1, 4)
    const wide = 1_000_000
    const { hearing, kept } = ear(
      by === 'events' ? { events: 3, bytes: wide } : { events: wide, bytes: roomFor(room) },
    )
    t.equal(await hearing.take(op), 'kept')
    for (const event of rest) t.equal(await hearing.take(event), 'later')
    hearing.announced(new Map([['keeper', 6]]))
    t.same(hearing.holes(), [{ emitter: 'keeper', from: 1, to: 1 }])
    t.equal(await hearing.take(first as AuditEvent), 'kept')
    t.same(
      await kept(),
      [op, ...said.slice(0, 4)].map(({ id }) => id),
    )
    t.same(hearing.holes(), [{ emitter: 'keeper', from: 5, to: 6 }], 'what found no room')
    for (const event of said.slice(4)) t.equal(await hearing.take(event), 'kept')
    t.same(hearing.holes(), [])
    t.same(
      await kept(),
      [op, ...said].map(({ id }) => id),
      'each once, in order',
    )
  })
}

t.test('one that waits too long for its cause is told, and all come when that came', async (t) => {
  const [submit, judge] = [chain('submitter'), chain('keeper')]
  const op = submit('op.submitted', 'op_1', submission)
  const said = Array.from({ length: 3 }, () => judge('op.matched', 'op_1', verdict))
  const { clock, hearing, told, kept } = ear()
  for (const event of said) t.equal(await hearing.take(event), 'later')
  hearing.announced(new Map([['keeper', 3]]))
  await clock.advance(59_000)
  t.same(hearing.holes(), [])
  t.same(told, [])
  await clock.advance(1_000)
  for (let look = 0; look < 3; look++) t.same(hearing.holes(), [], 'nothing of it is asked for yet')
  t.equal(told.length, 1, 'told once')
  t.match(told[0], /event 1 of keeper waits for the submission of op_1/)
  t.ok(hearing.isStalled('keeper'))
  for (const event of said) t.equal(await hearing.take(event), 'later')

  t.equal(await hearing.take(op), 'kept')
  t.notOk(hearing.isStalled('keeper'))
  t.same(hearing.holes(), [{ emitter: 'keeper', from: 2, to: 3 }], 'what was let go is asked for')
  for (const event of said.slice(1)) t.equal(await hearing.take(event), 'kept')
  t.same(
    await kept(),
    [op, ...said].map(({ id }) => id),
    'each once, in order',
  )
})
