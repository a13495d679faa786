import t from 'tap'
import type { KeyRecord } from '../../core/protocol/key.ts'
import { codeOf } from '../../core/kit.ts'
import { outboxEntry } from '../../core/protocol/outbox.ts'
import { streams, subjects } from '../../core/protocol/subjects.ts'
import { openKeyStore } from '../../core/protocol/keys.ts'
import { verifyTrail } from '../../core/protocol/trail.ts'
import { ground, open } from './world.ts'

t.test('planes have keys of their own, made once and trusted from the start', async (t) => {
  const soil = ground(t)
  const first = await open(soil)
  const kids = first.deal.keyring.list().map(({ record }) => record.kid)
  t.equal(kids.length, 5)
  await first.close()
  const second = await open(soil)
  t.teardown(second.close)
  t.same(
    second.deal.keyring.list().map(({ record }) => record.kid),
    kids,
  )
})

t.test('a journal does not open with keys that are not its own', async (t) => {
  const soil = ground(t)
  await (await open(soil)).close()
  const other = ground(t)
  const strangers = open({ ...soil, keys: openKeyStore({ home: other.home, clock: soil.clock }) })
  t.equal(await codeOf(strangers), 'PROV_KEY_NOT_ENROLLED')
})

t.test('the first person is let in by themselves, everybody else by a person', async (t) => {
  const soil = ground(t)
  const { deal, close } = await open(soil)
  t.teardown(close)
  const make = (actor: string, kind: 'human' | 'agent') =>
    soil.keys.create({ actor, kind, passphrase: '' })
  const robot = await make('robot', 'agent')
  t.equal(await codeOf(deal.signer('robot')), 'PROV_KEY_NOT_ENROLLED', 'an agent is never first')
  await make('alice', 'human')
  t.equal((await deal.signer('alice')).record.actor, 'alice')
  const bob = await make('bob', 'human')
  t.equal(await codeOf(deal.signer('bob')), 'PROV_KEY_NOT_ENROLLED')
  await deal.enrol({ record: robot, as: 'alice' })
  t.equal(await codeOf(deal.enrol({ record: bob, as: 'robot' })), 'PROV_KEY_ENROL_REFUSED')
  await deal.enrol({ record: bob, as: 'alice' })
  t.equal((await deal.signer('bob')).record.kind, 'human')
  const twin = ground(t)
  const impostor = await twin.keys.create({ actor: 'bob', kind: 'human', passphrase: '' })
  t.equal(await codeOf(deal.enrol({ record: impostor, as: 'alice' })), 'PROV_KEY_ENROL_REFUSED')
})

t.test('an enrolment that is refused leaves nothing in the trail', async (t) => {
  const soil = ground(t)
  const { deal, close } = await open(soil)
  t.teardown(close)
  for (const actor of ['alice', 'bob', 'carol']) {
    await soil.keys.create({ actor, kind: 'human', passphrase: '' })
  }
  await deal.signer('alice')
  // As the store lists them: with more members than a record has.
  const listed = await soil.keys.list()
  const [, bob, carol] = listed
  if (!bob || !carol) throw new Error('the store lost a key')
  const twin = await ground(t).keys.create({ actor: 'bob', kind: 'human', passphrase: '' })
  const forged = { ...carol, publicKey: bob.publicKey }
  const enrol = (record: KeyRecord) => codeOf(deal.enrol({ record, as: 'alice' }))
  const refused = 'PROV_KEY_ENROL_REFUSED'
  t.equal(await enrol(bob), 'none')
  t.equal(await enrol(bob), 'none', 'the same again changes nothing')
  t.equal(await enrol(twin), refused, 'another key under a name that is taken')
  t.equal(await enrol(forged), refused, 'the kid of one key over another')
  // Which of them comes first is chance; one counts, the other is the same again or refused.
  t.equal((await Promise.all([enrol(carol), enrol(carol)])).join(), 'none,none')
  t.equal(await enrol(forged), refused, 'a kid that counts, over another key')
  const { findings, keyring } = await verifyTrail(deal.events(), {
    journal: deal.journal,
    workspace: deal.workspace,
  })
  t.same(findings, [])
  t.same(
    keyring.list().flatMap(({ record }) => (record.kind === 'human' ? record.actor : [])),
    ['alice', 'bob', 'carol'],
  )
})

t.test('an enrolment that nobody signed lets nobody in, whoever wrote it', async (t) => {
  const soil = ground(t)
  const { deal, close } = await open(soil)
  t.teardown(close)
  const mallory = await soil.keys.create({ actor: 'mallory', kind: 'human', passphrase: '' })
  const data = { actor: 'mallory', kid: mallory.kid, kind: 'human', by: 'alice', record: mallory }
  await deal.emit('keeper', { type: 'actor.enrolled', subject: 'mallory', data })
  t.equal(deal.keyring.key(mallory.kid), undefined)
})

t.test(
  'what a frame says must go out goes out once, also after a crash before it did',
  async (t) => {
    const soil = ground(t)
    const first = await open(soil)
    const subject = subjects.command('my-infra')
    await first.journal.append([outboxEntry('keeper', { subject, id: 'm1', body: { a: 1 } })])
    await first.close()

    const second = await open(soil)
    const life = new AbortController()
    const outbox = second.deal.outbox('keeper', { signal: life.signal })
    await second.journal.append([outboxEntry('keeper', { subject, id: 'm2', body: { a: 2 } })])
    await outbox.drained()
    const info = await second.bus.streamInfo(streams.command('my-infra'))
    t.equal(info?.messages, 2)
    const audit = await second.bus.streamInfo(streams.audit('my-infra'))
    t.equal(audit?.messages, 5, 'the events of the first life too')
    life.abort()
    await second.close()

    const third = await open(soil)
    t.teardown(third.close)
    const again = third.deal.outbox('keeper', { signal: new AbortController().signal })
    await again.drained()
    t.equal((await third.bus.streamInfo(streams.command('my-infra')))?.messages, 2)
  },
)

t.test('a bus that takes nothing is asked again, in order, until it does', async (t) => {
  const soil = ground(t)
  const { deal, journal, bus, close } = await open(soil)
  t.teardown(close)
  const life = new AbortController()
  t.teardown(() => life.abort())
  const { publish } = bus
  let down = true
  const order: string[] = []
  bus.publish = async (subject, message) => {
    if (down) throw new Error('no route')
    order.push(message.id)
    return publish.call(bus, subject, message)
  }
  const outbox = deal.outbox('submitter', { signal: life.signal })
  const subject = subjects.command('my-infra')
  const ids = ['a', 'b', 'c']
  await journal.append(ids.map((id) => outboxEntry('submitter', { subject, id, body: null })))
  await soil.clock.advance(500)
  t.equal(outbox.waiting, 3)
  down = false
  await soil.clock.advance(10_000)
  await outbox.drained()
  t.same(order, ids)
})

t.test(
  'followers see each event after it became durable, and selections change with it',
  async (t) => {
    const { deal, close } = await open(ground(t))
    t.teardown(close)
    const seen: string[] = []
    const modes: string[] = []
    const stop = deal.follow((event) => seen.push(event.id))
    const selection = deal.store.select(({ mode }) => mode)
    const end = selection.subscribe((mode) => modes.push(mode))
    const say = (mode: 'auto' | 'manual') =>
      deal.emit('keeper', { type: 'keeper.mode', subject: 'mode', data: { mode, by: 'alice' } })
    const { id } = await say('auto')
    await say('auto')
    stop()
    end()
    await say('manual')
    t.equal(seen[0], id)
    t.equal(seen.length, 2)
    t.same(modes, ['auto'])
  },
)
