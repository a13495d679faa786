/** What planes say, as a stream: checked, in order, at least once, acknowledged after it was kept. */
import t from 'tap'
import { eventBus } from '../../core/protocol/event-bus.ts'
import type { AuditEvent } from '../../core/protocol/audit.ts'
import { subjects } from '../../core/protocol/subjects.ts'
import { ground, open, silent } from './world.ts'

const said = (reason: string) =>
  ({ type: 'op.withdrawn', subject: reason, data: { by: 'alice', reason } }) as const

t.test('events come in order, checked, and a new life goes on behind what was kept', async (t) => {
  const on = ground(t)
  const first = await open(on)
  const stop = new AbortController()
  t.teardown(() => stop.abort())
  first.deal.outbox('keeper', { signal: stop.signal })
  const seen: string[] = []
  let three: () => void = () => {}
  const all = new Promise<void>((resolve) => (three = resolve))
  const bus = eventBus(first.bus, () => first.deal, silent)
  const keep = async (event: AuditEvent) => {
    if (event.subject === 'c') throw new Error('no room')
  }
  bus
    .events('ops.audit', { name: 'acme', signal: stop.signal, take: keep })
    .subscribe(({ subject, type }) => {
      if (type !== 'prov.op.withdrawn') return
      seen.push(subject)
      if (seen.length === 2) three()
    })
  await first.deal.emit('keeper', said('a'))
  const forged = {
    id: 'keeper:1:99',
    body: { ...(await first.deal.emit('keeper', said('b'))), n: 99 },
  }
  await bus.publish(subjects.audit('my-infra'), forged as never)
  await first.deal.emit('keeper', said('c'))
  await all
  // An event is emitted before it is acknowledged: a close in between may bring it again.
  const standing = async () =>
    (await first.bus.streamInfo('OPS_AUDIT_MY_INFRA'))?.consumers.find(
      ({ name }) => name === 'acme',
    )
  for (let one = await standing(); one && one.inFlight + one.pending > 1; one = await standing()) {
    await new Promise((turn) => setImmediate(turn))
  }
  t.same(seen, ['a', 'b'], 'what nobody signed never comes, what was not kept is not emitted')
  stop.abort()
  await first.close()

  const second = await open(on)
  const later: string[] = []
  const again = new AbortController()
  await new Promise<void>((resolve) => {
    eventBus(second.bus, () => second.deal, silent)
      .events('ops.audit', { name: 'acme', signal: again.signal })
      .subscribe(({ subject, type }) => {
        if (type !== 'prov.op.withdrawn') return
        later.push(subject)
        resolve()
      })
  })
  t.equal(later[0], 'c', 'what was not kept comes again')
  again.abort()
  await second.close()
})

t.test(
  'the stream completes with its signal and asks for nothing before it is subscribed',
  async (t) => {
    const one = await open(ground(t))
    const end = new AbortController()
    const events = eventBus(one.bus, () => one.deal, silent).events('ops.audit', {
      name: 'acme',
      signal: end.signal,
    })
    const info = async () => (await one.bus.streamInfo('OPS_AUDIT_MY_INFRA'))?.consumers.length
    t.equal(await info(), 0)
    const done = new Promise<void>((complete, error) => events.subscribe({ complete, error }))
    end.abort()
    await done
    await new Promise<void>((complete) => events.subscribe({ complete }))
    await one.close()
  },
)
