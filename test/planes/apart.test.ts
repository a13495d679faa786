/** Planes with a journal each, over a bus that may lose what it took: the same story, told by all. */
import t from 'tap'
import { subjects } from '../../core/protocol/subjects.ts'
import type { Clock } from '../../core/clock.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { codeOf } from '../../core/kit.ts'
import { auditEmitter } from '../../core/protocol/emitter.ts'
import { agreed, apart } from './planes-stage.ts'
import type { Apart } from './planes-stage.ts'

const restart = { type: 'restart', target: 'staging-1/api', as: 'alice' } as const
const deploy = { type: 'deploy', target: 'app/x', as: 'alice' } as const
const planes = ['submitter', 'keeper', 'controller'] as const

t.test('each plane in a journal of its own: policy and people, once', async (t) => {
  const on = await apart(t)
  for (const name of planes) await on.start(name)
  const { ops, until } = on.plane('submitter')
  const auto = await ops.submit(restart)
  t.equal(await on.during(until(auto.op, 'applied')), 'applied')
  const held = await ops.submit(deploy)
  await on.during(until(held.op, 'held'))
  const { desk } = on.plane('keeper')
  await desk.vote({ op: held.op, as: 'bob', decision: 'approve', reason: 'looked at it' })
  t.equal(await on.during(until(held.op, 'applied')), 'applied')
  t.equal(on.stages.get('controller')?.effects.get(held.op), 1)
  for (const name of planes) {
    await on.during(on.plane(name).until(held.op, 'applied'))
    t.match(on.plane(name).deal.store.get().positions, { cluster: { state: 'up', version: 1 } })
  }
  await agreed(t, on)
})

t.test('an intent that came before its submission takes no room once that was heard', async (t) => {
  const policy = `{ policy = { version = 1, deny = [{ id = "never", op_type = "restart" }] } }\n`
  const on = await apart(t, { policy })
  for (const name of ['submitter', 'keeper'] as const) await on.start(name)
  const { ops } = on.plane('submitter')
  const keeper = on.plane('keeper')
  // Of one key, and in all more than there is room for at once.
  for (let round = 0; round < 3; round++) {
    let early = true
    on.bus.loses = (subject, { body }) =>
      early && subject.startsWith('ops.audit') && Object(body).emitter === 'submitter'
    const made = await Promise.all(Array.from({ length: 100 }, () => ops.submit(restart)))
    await on.during(on.stages.get('keeper')!.clock.advance(3_000))
    t.notOk(
      made.some(({ op }) => keeper.deal.store.get().ops.has(op)),
      'none was heard of',
    )
    early = false
    for (const { op } of made) await on.during(keeper.until(op, 'refused'))
  }
  t.notOk(keeper.codes().includes('PROV_TOKEN_FLOOD'))
})

t.test('what the bus loses is asked for, and nobody does anything twice', async (t) => {
  const on = await apart(t)
  for (const name of planes) await on.start(name)
  // One in three, but not each third: of three planes that speak in turn it would always be the same one's.
  let draw = 1
  on.bus.loses = (subject) =>
    subject.startsWith('ops.') && (draw = (draw * 48_271) % 2_147_483_647) % 3 === 0
  const { ops, until } = on.plane('submitter')
  const made: string[] = []
  for (let at = 0; at < 10; at++) made.push((await ops.submit(restart)).op)
  for (const op of made) t.equal(await on.during(until(op, 'applied')), 'applied')
  for (const name of planes) {
    for (const op of made) await on.during(on.plane(name).until(op, 'applied'))
  }
  const events = await on.plane('keeper').events()
  const claims = events.filter(({ type }) => type === 'prov.op.claimed')
  t.equal(claims.length, made.length)
  await agreed(t, on)
})

t.test('a plane that was away hears everything when it is back', async (t) => {
  const on = await apart(t)
  await on.start('submitter')
  const { ops, until } = on.plane('submitter')
  const { op } = await ops.submit(restart)
  await on.start('keeper')
  await on.during(until(op, 'approved'))
  await on.stop('keeper')
  await on.start('controller')
  t.equal(
    await on.during(until(op, 'applied')),
    'applied',
    'what is approved goes on without a keeper',
  )
  await on.start('keeper')
  await on.during(on.plane('keeper').until(op, 'applied'))
  await agreed(t, on)
})

t.test('a keeper that lost everything but its key goes on in an epoch of its own', async (t) => {
  const on = await apart(t)
  for (const name of planes) await on.start(name)
  const first = on.plane('submitter')
  const done = await first.ops.submit(restart)
  await on.during(first.until(done.op, 'applied'))
  const held = await first.ops.submit({ type: 'deploy', target: 'app/x', as: 'alice' })
  await on.during(first.until(held.op, 'held'))
  // Signed, heard, and its command lost with the keeper's journal.
  const lost: JsonValue[] = []
  on.bus.loses = (subject, { body }) => {
    if (subject !== subjects.command('my-infra')) return false
    lost.push(body)
    return true
  }
  const signed = await first.ops.submit({ ...restart, target: 'staging-1/signed' })
  await on.during(on.plane('controller').until(signed.op, 'approved'))
  const told = (await on.plane('keeper').events(signed.op)).map(({ type }) => type)
  t.ok(told.includes('prov.op.approved'))
  await on.stop('keeper')
  await on.stop('controller')
  on.bus.loses = () => false

  const { keeper_epoch } = await on.loseKeeper()
  t.equal(keeper_epoch, 2)
  for (const name of ['controller', 'keeper'] as const) await on.start(name)
  const desk = on.plane('keeper').desk
  t.match(await desk.status(), { epoch: 2 })
  await on.during(first.until(signed.op, 'applied'))
  await on.during(on.plane('keeper').until(held.op, 'held'))
  await desk.vote({ op: held.op, as: 'bob', decision: 'approve', reason: 'again' })
  await on.during(first.until(held.op, 'applied'))
  // What the former life signed comes late after all.
  const late = { id: 'late', body: lost[0] ?? null }
  await on.bus.open().publish(subjects.command('my-infra'), late)
  await on.during(on.plane('controller').refused('PROV_OP_SEQ_REUSED'))
  const after = await first.ops.submit({ ...restart, target: 'staging-1/after' })
  await on.during(first.until(after.op, 'applied'))
  await on.during(on.plane('keeper').until(after.op, 'applied'))
  t.equal(on.plane('controller').deal.store.get().ops.get(after.op)?.keeperEpoch, 2)
  const effects = on.stages.get('controller')?.effects
  t.same(
    [signed.op, held.op].map((op) => effects?.get(op) ?? 0),
    [0, 1],
    'none ran twice',
  )
  const claims = (await on.plane('controller').events()).filter(({ type }) => /claimed/.test(type))
  t.equal(new Set(claims.map(({ subject }) => subject)).size, claims.length)
  await agreed(t, on)
})

t.test('the keeper gets another key while planes live apart', async (t) => {
  const on = await apart(t)
  for (const name of planes) await on.start(name)
  const { ops, until } = on.plane('submitter')
  const before = await ops.submit(restart)
  await on.during(until(before.op, 'applied'))
  // It answers after a while also when the controller has not: here time runs as fast as it can.
  const { kid } = await on.during(on.plane('keeper').desk.rotate({ as: 'alice' }))
  await on.during(
    (async () => {
      while (on.plane('keeper').deal.service('keeper').record.kid !== kid) {
        await new Promise((turn) => setImmediate(turn))
      }
    })(),
  )
  const after = await ops.submit({ ...restart, target: 'staging-1/other' })
  await on.during(until(after.op, 'applied'))
  for (const name of planes) t.equal(on.plane(name).deal.keyring.service('keeper')?.kid, kid)
  await on.stop('keeper')
  await on.start('keeper')
  t.equal(on.plane('keeper').deal.service('keeper').record.kid, kid)
  const last = await ops.submit({ ...restart, target: 'staging-1/third' })
  await on.during(until(last.op, 'applied'))
  await on.during(on.plane('keeper').until(last.op, 'applied'))
  await agreed(t, on)
})

t.test('one plane cannot speak for another, and says only what it can sign', async (t) => {
  const on = await apart(t)
  for (const name of planes) await on.start(name)
  const { deal } = on.plane('submitter')
  const nobody = {
    type: 'keeper.mode',
    subject: 'mode',
    data: { mode: 'auto', by: 'alice' },
  } as const
  t.equal(await codeOf(deal.emit('keeper', nobody)), 'PROV_KEY_PLANE_ELSEWHERE')
  t.throws(() => deal.service('controller'), { code: 'PROV_KEY_PLANE_ELSEWHERE' })
  t.same(deal.store.get().mode, 'hybrid')

  // A submitter that tries all the same: its own key under the keeper's name.
  const end = { n: 400, digest: null }
  const signer = deal.service('submitter')
  const clock = on.stages.get('submitter')?.clock as Clock
  const forged = auditEmitter({
    role: 'keeper',
    workspace: 'my-infra',
    epoch: 1,
    signer,
    clock,
    end,
  })
  const { event } = forged.entry(nobody)
  const body = event as unknown as JsonObject
  await on.bus.open().publish('ops.audit.my-infra', { id: event.id, body })
  const { op } = await on.plane('submitter').ops.submit(restart)
  await on.during(on.plane('submitter').until(op, 'applied'))
  t.equal(on.plane('controller').deal.store.get().mode, 'hybrid')
  await agreed(t, on)
})

t.test('a plane that signs two events under one number is believed no more', async (t) => {
  const on = await apart(t)
  for (const name of planes) await on.start(name)
  const { deal } = on.plane('keeper')
  const signed = async (mode: 'auto' | 'manual' | 'hybrid') => {
    const said = { act: 'keeper.mode', subject: 'mode', reason: '', with: { mode } } as const
    const data = { mode, by: 'alice', act: await deal.act({ as: 'alice', ...said }) }
    return { type: 'keeper.mode', subject: 'mode', data } as const
  }
  const first = await deal.emit('keeper', await signed('manual'))
  await on.during(told(on, (mode) => mode === 'manual'))
  // What a restored backup of the keeper's journal would say next.
  const end = { n: first.n - 1, digest: first.prev }
  const signer = deal.service('keeper')
  const clock = on.stages.get('keeper')?.clock as Clock
  const copy = auditEmitter({ role: 'keeper', workspace: 'my-infra', epoch: 9, signer, clock, end })
  for (const mode of ['auto', 'hybrid'] as const) {
    const { event } = copy.entry(await signed(mode))
    const body = event as unknown as JsonObject
    await on.bus.open().publish('ops.audit.my-infra', { id: event.id, body })
  }
  await on.stages.get('keeper')?.clock.advance(20_000)
  t.equal(on.plane('controller').deal.store.get().mode, 'manual', 'the second chain moved nothing')
  await deal.emit('keeper', await signed('auto'))
  await on.stages.get('keeper')?.clock.advance(20_000)
  t.equal(on.plane('controller').deal.store.get().mode, 'manual', 'nor does the first any more')
})

function told(on: Apart, is: (mode: string) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const mode = on.plane('controller').deal.store.select((model) => model.mode)
    const look = (now: string): void => {
      if (is(now)) resolve()
    }
    mode.subscribe(look)
    look(mode.get())
  })
}
