/** Revocation acts by journal position: what was not claimed ends, what was claimed finishes (D-39). */
import t from 'tap'
import { codeOf } from '../../core/kit.ts'
import { bus } from '../../core/plugin/core-services.ts'
import { subjects } from '../../core/protocol/subjects.ts'
import { verifyTrail } from '../../core/protocol/trail.ts'
import { people, live, ready, usualPolicy } from './stage.ts'

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
