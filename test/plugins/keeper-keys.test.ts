/** Revocation acts by journal position: what was not claimed ends, what was claimed finishes (D-39). */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { codeOf } from '../../core/kit.ts'
import { bus } from '../../core/plugin/core-services.ts'
import { subjects } from '../../core/protocol/subjects.ts'
import { verifyTrail } from '../../core/protocol/trail.ts'
import { auditEmitter } from '../../core/protocol/emitter.ts'
import { genuine } from '../../core/protocol/follow.ts'
import { recordJson } from '../../core/protocol/keyring.ts'
import type { Contract } from '../../core/protocol/contract.ts'
import type { Stage } from './stage.ts'
import { people, live, ready, signedApproval, usualPolicy } from './stage.ts'

const two = usualPolicy.replace(
  'require_manual = [',
  'require_manual = [{ id = "two", target_patterns = ["app/**"], quorum = { at_least = 2 } },',
)

t.test(
  'what a revoked key asked for and nobody claimed ends by name; what runs finishes',
  async (t) => {
    const life = await ready(t)
    const { ops, desk, until, deal, on } = life
    let finish: () => void = () => {}
    on.run = () =>
      new Promise((resolve) => (finish = () => resolve({ outcome: 'applied', detail: {} })))
    const running = await ops.submit({ type: 'deploy', target: 'app/x', as: 'bob' })
    await until(running.op, 'held')
    await desk.vote({ op: running.op, as: 'alice', decision: 'approve', reason: 'go' })
    await until(running.op, 'claimed')
    const waiting = await ops.submit({ type: 'move', target: 'app/y', as: 'bob' })
    await until(waiting.op, 'held')
    await desk.revoke({ actor: 'bob', reason: 'laptop lost', as: 'alice' })
    await until(waiting.op, 'refused')
    t.equal(deal.store.get().ops.get(waiting.op)?.code, 'PROV_TOKEN_KEY_REVOKED')
    finish()
    await until(running.op, 'applied')
    t.equal(
      await codeOf(ops.submit({ type: 'restart', target: 'staging-1/a', as: 'bob' })),
      'PROV_KEY_REVOKED',
    )
    const trail = await verifyTrail(await life.events(), {
      journal: deal.journal,
      workspace: 'my-infra',
    })
    t.same(trail.findings, [], 'the trail of before stays good')
  },
)

t.test(
  'a command that was signed and not claimed dies with the key that asked for it',
  async (t) => {
    const life = await ready(t)
    const { ops, desk, until, deal, on } = life
    on.pause = async () => {
      on.pause = async () => {}
      await desk.revoke({ actor: 'bob', reason: 'laptop lost', as: 'alice' })
    }
    const { op } = await ops.submit({ type: 'gated', target: 'x', as: 'bob' })
    await until(op, 'held')
    await desk.vote({ op, as: 'alice', decision: 'approve', reason: 'go' })
    await until(op, 'refused')
    t.match(deal.store.get().ops.get(op), { code: 'PROV_TOKEN_KEY_REVOKED', seq: 1 })
    t.equal(on.effects.get(op), undefined)
    const next = await ops.submit({ type: 'restart', target: 'staging-1/a', as: 'alice' })
    await until(next.op, 'applied')
    t.equal(deal.store.get().ops.get(next.op)?.seq, 2, 'its number holds nobody up')
  },
)

t.test('what a revoked key agreed to is void, before the signature and after it', async (t) => {
  const life = await ready(t, two)
  const { ops, desk, until, deal, on } = life
  const carol = await people(on).create({ actor: 'carol', kind: 'human', passphrase: '' })
  await deal.enrol({ record: carol, as: 'alice' })
  const held = await ops.submit({ type: 'deploy', target: 'app/x', as: 'alice' })
  await until(held.op, 'held')
  await desk.vote({ op: held.op, as: 'bob', decision: 'approve', reason: 'go' })
  const gated = await ops.submit({ type: 'gated', target: 'x', as: 'alice' })
  await until(gated.op, 'held')
  on.pause = async () => {
    on.pause = async () => {}
    await desk.revoke({ actor: 'bob', reason: 'left', as: 'alice' })
  }
  await desk.vote({ op: gated.op, as: 'bob', decision: 'approve', reason: 'go' })
  const why = (op: string) => deal.store.get().ops.get(op)?.why
  while (!/the key of bob was revoked/.test(why(gated.op) ?? '')) {
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.match(deal.store.get().ops.get(gated.op), { phase: 'held', votes: [] })
  t.match(why(held.op), /the key of bob was revoked; void: the votes of bob/)
  t.equal(on.effects.get(gated.op), undefined)
  await desk.vote({ op: gated.op, as: 'carol', decision: 'approve', reason: 'looked again' })
  await until(gated.op, 'applied')
  t.equal(
    await codeOf(desk.vote({ op: held.op, as: 'bob', decision: 'approve', reason: 'x' })),
    'PROV_KEY_REVOKED',
  )
})

t.test('who may revoke, and whom: each refusal by name, nothing in the trail', async (t) => {
  const life = await ready(t)
  const revoke = (actor: string, as = 'alice', reason = 'lost') =>
    codeOf(life.desk.revoke({ actor, as, reason }))
  t.equal(await revoke('nobody'), 'PROV_KEY_REVOKE_REFUSED')
  t.equal(await revoke('service-keeper'), 'PROV_KEY_REVOKE_REFUSED')
  t.equal(await revoke('bob', 'robot'), 'PROV_KEY_REVOKE_REFUSED', 'an agent revokes nobody')
  t.equal(await revoke('bob', 'alice', ' '), 'PROV_KEY_REVOKE_REFUSED')
  const kid = life.deal.keyring.actor('bob')?.kid ?? ''
  const silent = { as: 'alice', act: 'actor.revoke', subject: 'bob', reason: '' } as const
  const token = await life.deal.act({ ...silent, with: { kid } })
  t.equal(await codeOf(life.deal.changeKeys(token)), 'PROV_KEY_REVOKE_REFUSED', 'signed elsewhere')
  t.notOk((await life.events()).some(({ type }) => type === 'prov.actor.revoked'))
  t.equal(await revoke('bob'), 'none')
  t.equal(await revoke('bob'), 'PROV_KEY_REVOKE_REFUSED', 'once')
  t.equal(await revoke('alice'), 'PROV_KEY_REVOKE_REFUSED', 'the last person stays')
  t.equal(await revoke('robot', 'bob'), 'PROV_KEY_REVOKED')
  const { record } = await people(life.on).signer('bob')
  t.equal(
    await codeOf(life.deal.enrol({ record, as: 'alice', groups: ['ops'] })),
    'PROV_KEY_ENROL_REFUSED',
  )
})

t.test(
  'a token of a revoked key that comes in by the bus is refused by name, once, also after a start',
  async (t) => {
    const first = await ready(t)
    const { op } = await first.ops.submit({ type: 'restart', target: 'staging-1/a', as: 'bob' })
    await first.until(op, 'applied')
    const submitted = (await first.events(op)).find(({ type }) => type === 'prov.op.submitted')
    const { intent } = Object(submitted?.data) as { intent: string }
    await first.desk.revoke({ actor: 'bob', reason: 'lost', as: 'alice' })
    await first.close()
    const second = await live(first.on)
    t.teardown(() => second.close())
    await second.prov.service(bus).publish(subjects.pending('my-infra', 'restart'), {
      id: 'again',
      body: { kind: 'intent', token: intent },
    })
    await second.refused('PROV_TOKEN_KEY_REVOKED')
    t.equal(second.codes().filter((code) => code === 'PROV_TOKEN_KEY_REVOKED').length, 1)
    t.equal(
      first.on.effects.get(op),
      undefined,
      'it ran as often as before: a restart without steps',
    )
  },
)

/** The keeper's key files: its own, and the one that is to follow. */
const keyFiles = ({ on, deal }: { on: Stage; deal: Contract }) => {
  const folder = join(on.home, 'keys/services', deal.journal)
  return { own: join(folder, 'keeper.json'), next: join(folder, 'keeper.next.json') }
}

t.test('fifty under way while the key changes: each ends once, by whichever key', async (t) => {
  const auto = usualPolicy.replace('op_type = "restart", target', 'target')
  const everything = '["**"], matches_everything = true'
  const life = await ready(t, auto.replace('["staging-*/**"]', everything))
  const { ops, desk, until, deal, on } = life
  const before = deal.service('keeper').record.kid
  const runs: (() => void)[] = []
  on.run = () =>
    new Promise((resolve) => runs.push(() => resolve({ outcome: 'applied', detail: {} })))
  const submit = (at: number) => ops.submit({ type: 'spread', target: `d${at}`, as: 'alice' })
  const first = await Promise.all(Array.from({ length: 25 }, (_, at) => submit(at)))
  const [rotated, second] = await Promise.all([
    desk.rotate({ as: 'alice' }),
    Promise.all(Array.from({ length: 25 }, (_, at) => submit(25 + at))),
  ])
  t.match(rotated, { from: before, done: true })
  const third = await ops.submit({ type: 'restart', target: 'x', as: 'alice' })
  await until(third.op, 'applied')
  const all = [...first, ...second]
  await Promise.all(all.map(({ op }) => until(op, 'claimed', 'applying')))
  for (const finish of runs) finish()
  await Promise.all(all.map(({ op }) => until(op, 'applied')))
  t.same(new Set(on.effects.values()), new Set([1]), 'each ran once')
  t.equal(on.effects.size, 50)
  const events = await life.events()
  const signed = new Set(events.filter(({ emitter }) => emitter === 'keeper').map(({ kid }) => kid))
  t.same(signed, new Set([before, rotated.kid]))
  const offer = events.findIndex(({ type }) => type === 'prov.key.confirmed')
  const firstOfNew = events.findIndex(({ kid }) => kid === rotated.kid)
  t.ok(offer < firstOfNew, 'it signs nothing before the controller knows it')
  const trail = { journal: deal.journal, workspace: 'my-infra' }
  t.same((await verifyTrail(events, trail)).findings, [])
  // What the ledger may hold: each plane in its order, planes in any order.
  const apart = ['keeper', 'submitter', 'controller'].flatMap((emitter) =>
    events.filter((event) => event.emitter === emitter),
  )
  t.same((await verifyTrail(apart, trail)).findings, [])
  t.notOk(existsSync(keyFiles(life).next))
  t.notMatch(readFileSync(keyFiles(life).own, 'utf8'), new RegExp(before), 'the old half is gone')
  t.same(life.codes(), [])
})

t.test('whoever kept a copy of the old key signs nothing that counts', async (t) => {
  const first = await ready(t)
  const { deal, on } = first
  const old = deal.service('keeper')
  const { op } = await first.ops.submit({ type: 'restart', target: 'staging-1/a', as: 'alice' })
  await first.until(op, 'applied')
  const kept = (await first.events()).filter(({ emitter }) => emitter === 'keeper').at(-1)
  const files = keyFiles(first)
  const copy = readFileSync(files.own)
  t.match(await first.desk.rotate({ as: 'alice' }), { done: true })
  const { record } = deal.service('keeper')
  t.not(record.kid, old.record.kid)
  const next = await first.ops.submit({ type: 'restart', target: 'staging-1/b', as: 'alice' })
  await first.until(next.op, 'applied')

  const life = { ...first, deal: { ...deal, service: () => old } as Contract }
  const token = await signedApproval(life, op, { jti: 'jti_copy', seq: 3 })
  const stream = first.prov.service(bus)
  await stream.publish(subjects.command('my-infra'), {
    id: 'copy',
    body: { kind: 'command', token },
  })
  await first.refused('PROV_TOKEN_KEY_RETIRED')
  const retired = first.codes().filter((code) => code === 'PROV_TOKEN_KEY_RETIRED')
  t.equal(retired.length, 1, 'audited once')
  const pen = auditEmitter({
    role: 'keeper',
    workspace: 'my-infra',
    epoch: 1,
    signer: old,
    clock: on.clock,
    end: { n: 500, digest: null },
  })
  const said = { remedy: 'none', message: 'no', code: 'PROV_OP_DENIED' }
  const { event } = pen.entry({ type: 'op.refused', subject: next.op, data: said })
  t.equal(await genuine(deal, { id: event.id, body: event as never }), undefined)
  t.ok(await genuine(deal, { id: 'kept', body: kept as never }), 'what it said before still holds')

  // It ended after the new key's first word and before its file was put in place.
  await first.close()
  renameSync(files.own, files.next)
  writeFileSync(files.own, copy, { mode: 0o600 })
  const second = await live(on)
  t.equal(second.deal.service('keeper').record.kid, record.kid)
  t.notOk(existsSync(files.next))
  const third = await second.ops.submit({ type: 'restart', target: 'staging-1/c', as: 'alice' })
  await second.until(third.op, 'applied')
  await second.close()
})

t.test('who may give the keeper another key, and what waits without a controller', async (t) => {
  const first = await ready(t)
  const { on } = first
  t.equal(await codeOf(first.desk.rotate({ as: 'robot' })), 'PROV_POLICY_ACTIVATION')
  const { next, current } = await first.desk.rotation()
  const said = { act: 'keeper.rotate', subject: 'keeper', reason: '', as: 'alice' } as const
  const other = await people(on).service('elsewhere', 'keeper')
  for (const given of [
    { from: current, ...recordJson(other.record) },
    { from: next.kid, ...recordJson(next) },
  ]) {
    const act = await first.deal.act({ ...said, with: given })
    t.equal(await codeOf(first.desk.handInAct(act)), 'PROV_KEY_ROTATION_REFUSED')
  }
  t.notOk((await first.events()).some(({ type }) => type === 'prov.key.offered'))
  await first.close()
  on.deaf = ['controller']
  const alone = await live(on)
  const waiting = alone.desk.rotate({ as: 'alice' })
  while (!alone.deal.keyring.offered('keeper')) await new Promise((turn) => setImmediate(turn))
  await on.clock.advance(6_000)
  t.match(await waiting, { done: false, kid: next.kid })
  t.equal(alone.deal.service('keeper').record.kid, current, 'the old one goes on')
  await alone.close()
  on.deaf = []
  const together = await live(on)
  t.teardown(() => together.close())
  while (together.deal.service('keeper').record.kid !== next.kid) {
    await new Promise((turn) => setImmediate(turn))
  }
  const { op } = await together.ops.submit({ type: 'restart', target: 'staging-1/a', as: 'alice' })
  await together.until(op, 'applied')
})
