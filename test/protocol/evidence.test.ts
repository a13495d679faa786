/** What a process leaves that may write no more: signed, without secrets, in bounded time. */
import { join } from 'node:path'
import t from 'tap'
import type { Bus } from '../../core/bus/bus.ts'
import { simulatedClock, sleep, systemClock } from '../../core/clock.ts'
import { openJournal } from '../../core/journal/file.ts'
import type { JsonObject } from '../../core/json.ts'
import { logFor } from '../../core/log.ts'
import { definePlugin } from '../../core/plugin/define.ts'
import { evidenceOf } from '../../core/protocol/evidence.ts'
import type { LateAnswer } from '../../core/protocol/evidence.ts'
import { openKeyStore } from '../../core/protocol/keys.ts'
import { contract } from '../../core/protocol/services.ts'
import { openTokenNow } from '../../core/protocol/tokens.ts'
import { createRuntime } from '../../core/runtime.ts'
import { temporaryFolder } from '../support/folder.ts'

const answer: LateAnswer = {
  op: 'op_1',
  token: 'sha256:1',
  what: 'run',
  outcome: 'applied',
  message: 'done with PASSWORD=hunter2',
  detail: { bought: 'eu', apiToken: 'hush', note: 'see https://me:hunter2@host/' },
}

async function place(t: Parameters<typeof temporaryFolder>[0], kind: Bus['kind'] = 'nats') {
  const { dir } = temporaryFolder(t)
  const clock = simulatedClock()
  const signer = await openKeyStore({ home: dir, clock }).service('j', 'controller')
  const sent: { subject: string; token: string }[] = []
  const lines: string[] = []
  const log = logFor('test', ({ text }) => void lines.push(text))
  const publish: Bus['publish'] = async (subject, { body }) => {
    sent.push({ subject, token: ((body as JsonObject)['data'] as { token: string }).token })
    return { stream: 'ECOSYSTEM', sequence: 1, duplicate: false }
  }
  const bus = { kind, publish } as Bus
  const parts = { bus, clock, log, workspace: 'w', journal: 'j', epoch: 3 }
  const evidence = evidenceOf({ ...parts, signer: () => signer })
  const key = () => signer.record
  const context = () => ({ key, audience: 'j', workspace: 'w', nowMs: clock.now() })
  const said = () => sent.map(({ token }) => openTokenNow('evidence', token, context()).claims)
  return { evidence, sent, said, lines, clock, signer }
}

t.test(
  'an answer that came too late is published, signed by the plane, without secrets',
  async (t) => {
    const { evidence, sent, said } = await place(t)
    await evidence.leave(answer)
    t.equal(sent[0]?.subject, 'ecosystem.w.op.evidence')
    t.match(said(), [
      {
        sub: 'op_1',
        provider_token: 'sha256:1',
        epoch: 3,
        outcome: 'applied',
        message: 'done with PASSWORD=(secret)',
        detail: { bought: 'eu', apiToken: '(secret)', note: 'see https://me:(secret)@host/' },
      },
    ])
    await evidence.leave({
      ...answer,
      message: 'x'.repeat(9_000),
      detail: { long: 'y'.repeat(9_000) },
    })
    t.equal(said()[1]?.message.length, 500, 'what is long is cut')
    t.match(said()[1]?.detail, { digest: /^sha256:/ }, 'or stands as its digest')
  },
)

t.test('where planes meet in the journal the log says it, and nothing else is tried', async (t) => {
  const { evidence, sent, lines } = await place(t, 'embedded')
  await evidence.leave(answer)
  t.same(sent, [])
  t.match(lines, [/op_1 was answered, and this process may write no more/])
})

t.test(
  'the end waits for answers that are under way, and never longer than its bound',
  async (t) => {
    const { evidence, clock } = await place(t)
    await evidence.hold()
    let come: () => void = () => {}
    evidence.awaits(new Promise<void>((resolve) => (come = resolve)))
    evidence.awaits(Promise.reject(new Error('fenced')))
    let held = true
    const first = evidence.hold().then(() => (held = false))
    await clock.advance(4_999)
    t.ok(held)
    come()
    await first
    evidence.awaits(new Promise(() => {}))
    const second = evidence.hold()
    await clock.advance(5_000)
    await second
    t.pass('given up')
  },
)

t.test('a runtime that was replaced ends only when what was asked is answered', async (t) => {
  const { dir } = temporaryFolder(t, { 'ws/.ontology/keep': '' })
  const at = join(dir, 'journal')
  const journal = await openJournal({ dir: at })
  const order: string[] = []
  const asks = definePlugin({
    name: 'asks',
    api: 1,
    needs: { contract },
    setup({ needs, signal }) {
      signal.addEventListener('abort', () => void order.push('stopped'), { once: true })
      const answer = sleep(systemClock, 300).then(() => void order.push('answered'))
      needs.contract.evidence.awaits(answer)
    },
  })
  const prov = await createRuntime({
    workspace: join(dir, 'ws'),
    home: join(dir, 'home'),
    journal,
    discover: false,
    strict: true,
    plugins: [asks],
    log: () => {},
  })
  const next = await openJournal({ dir: at, supersede: () => true })
  t.teardown(() => next.close())
  const data = { seq: 1, keeper_epoch: 1 }
  const said = prov
    .service(contract)
    .emit('controller', { type: 'seq.skipped', subject: 'k', data })
  await t.rejects(said, { code: 'PROV_JOURNAL_FENCED' })
  await prov.close()
  t.same(order, ['answered', 'stopped'])
})
