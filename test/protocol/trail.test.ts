import t from 'tap'
import type { AuditEvent } from '../../core/protocol/audit.ts'
import { auditEvents, verifyTrail } from '../../core/protocol/trail.ts'
import { ground, open } from './world.ts'

async function trail(t: { teardown(undo: () => unknown): unknown }) {
  const soil = ground(t)
  const { deal, journal, close } = await open(soil)
  t.teardown(close)
  for (const mode of ['auto', 'manual', 'hybrid'] as const) {
    await deal.emit('keeper', { type: 'keeper.mode', subject: 'mode', data: { mode, by: 'alice' } })
  }
  await deal.emit('controller', {
    type: 'state.genesis',
    subject: 'my-infra',
    data: { positions: { cluster: 'boot' }, capabilities: [] },
  })
  const events: AuditEvent[] = []
  for await (const event of auditEvents(journal)) events.push(event)
  return { events, journal: journal.id, workspace: 'my-infra' }
}

t.test('a whole trail is found good, with the end of each chain', async (t) => {
  const { events, ...where } = await trail(t)
  const report = await verifyTrail(events, where)
  t.same(report.findings, [])
  t.equal(report.ends['keeper']?.n, 8, 'five keys and three modes')
  t.equal(report.ends['controller']?.n, 1)
})

t.test('each way of tampering with a trail is found and named', async (t) => {
  const { events, ...where } = await trail(t)
  const at = events.findIndex(({ type }) => type === 'prov.keeper.mode')
  const edited = (change: Partial<AuditEvent>) =>
    events.map((event, index) => (index === at ? { ...event, ...change } : event))
  const cases: Record<string, readonly [codes: readonly string[], AuditEvent[]]> = {
    'a changed event': [
      ['PROV_AUDIT_FORGED', 'PROV_AUDIT_CHAIN'],
      edited({ data: { mode: 'manual', by: 'mallory' } }),
    ],
    'a dropped event': [['PROV_AUDIT_GAP'], events.filter((_, index) => index !== at)],
    'two swapped events': [
      ['PROV_AUDIT_GAP'],
      events.map((event, index) =>
        index === at ? events[at + 1]! : index === at + 1 ? events[at]! : event,
      ),
    ],
    'an event under the key of another plane': [
      ['PROV_AUDIT_UNKNOWN_KEY'],
      edited({ kid: events.at(-1)!.kid }),
    ],
    'an event of another workspace': [['PROV_AUDIT_UNKNOWN_KEY'], edited({ workspace: 'theirs' })],
  }
  for (const [what, [codes, tampered]] of Object.entries(cases)) {
    const found = (await verifyTrail(tampered, where)).findings.map(({ code }) => code)
    for (const code of codes) t.ok(found.includes(code), `${what}: ${code} among ${found.join()}`)
  }
})

t.test('a forged event is found far behind as well, and findings stand in order', async (t) => {
  const soil = ground(t)
  const { deal, journal, close } = await open(soil)
  t.teardown(close)
  const data = { positions: {}, capabilities: [] }
  await Promise.all(
    Array.from({ length: 1_500 }, () =>
      deal.emit('controller', { type: 'state.genesis', subject: 'my-infra', data }),
    ),
  )
  const events: AuditEvent[] = []
  for await (const event of auditEvents(journal)) events.push(event)
  const where = { journal: journal.id, workspace: 'my-infra' }
  t.same((await verifyTrail(events, where)).findings, [])
  const forged = [200, 1_200, 1_400]
  const tampered = events.map((event) =>
    event.emitter === 'controller' && forged.includes(event.n)
      ? { ...event, subject: 'their-infra' }
      : event,
  )
  const { findings } = await verifyTrail(tampered, where)
  const told = findings.map(({ code, detail }) => `${code} ${String(detail['n'])}`)
  t.same(
    told,
    forged.flatMap((n) => [`PROV_AUDIT_FORGED ${n}`, `PROV_AUDIT_CHAIN ${n + 1}`]),
  )
})

t.test('after a restart each chain goes on where it ended', async (t) => {
  const soil = ground(t)
  const first = await open(soil)
  await first.deal.emit('keeper', {
    type: 'keeper.mode',
    subject: 'mode',
    data: { mode: 'auto', by: 'alice' },
  })
  await first.close()
  const second = await open(soil)
  t.teardown(second.close)
  const event = await second.deal.emit('keeper', {
    type: 'keeper.mode',
    subject: 'mode',
    data: { mode: 'manual', by: 'alice' },
  })
  t.equal(event.n, 7)
  t.equal(event.id, 'keeper:2:7', 'the epoch tells the lives apart')
  t.equal(second.deal.store.get().mode, 'manual')
  const report = await verifyTrail(second.deal.events(), {
    journal: second.journal.id,
    workspace: 'my-infra',
  })
  t.same(report.findings, [])
})
