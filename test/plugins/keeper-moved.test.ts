/** What people agreed to ends when what it was about moves; a broken policy file is an alarm. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { bus } from '../../core/plugin/core-services.ts'
import { streams } from '../../core/protocol/subjects.ts'
import { codeOf } from '../../core/kit.ts'
import type { Life } from './stage.ts'
import { live, ready, usualPolicy } from './stage.ts'

const two = usualPolicy.replace(
  'require_manual = [',
  'require_manual = [{ id = "two", target_patterns = ["app/**"], quorum = { at_least = 2 } },',
)

/** Bodies of what was announced under a subject of the project, in order. */
async function told({ prov }: Life, scope: string, event: string, count: number) {
  const stream = streams.ecosystem
  const found: unknown[] = []
  const end = new AbortController()
  const name = `look-${scope}-${event}`
  await prov.service(bus).ensureConsumer({ stream, name })
  for await (const delivery of prov
    .service(bus)
    .pull(stream, name, { credits: 8, signal: end.signal })) {
    await delivery.ack()
    if (delivery.subject === `ecosystem.my-infra.${scope}.${event}`) found.push(delivery.body)
    if (found.length >= count) break
  }
  end.abort()
  return found
}

t.test(
  'state that moves between votes ends what counted on it, and names whose votes are void',
  async (t) => {
    const life = await ready(t, two)
    const { ops, desk, until, deal } = life
    const first = await ops.submit({ type: 'deploy', target: 'app/x', as: 'alice' })
    const second = await ops.submit({ type: 'deploy', target: 'other/y', as: 'alice' })
    const untouched = await ops.submit({ type: 'move', target: 'app/z', as: 'alice' })
    for (const { op } of [first, second, untouched]) await until(op, 'held')
    for (const { op } of [first, untouched]) {
      await desk.vote({ op, as: 'bob', decision: 'approve', reason: 'as it is now' })
    }
    await desk.vote({ op: second.op, as: 'bob', decision: 'approve', reason: 'go' })
    await until(second.op, 'applied')
    await until(first.op, 'refused')
    const row = deal.store.get().ops.get(first.op)
    t.equal(row?.code, 'PROV_OP_VERSION_MOVED')
    t.match(row?.why, /cluster moved: .* version 0, it is at 1; void: the votes of bob/)
    t.match(row?.remedy, /submit a new operation/)
    t.match(deal.store.get().ops.get(untouched.op), { phase: 'held', votes: [{ actor: 'bob' }] })
  },
)

t.test('a held operation is announced, with what it needs and nothing secret', async (t) => {
  const life = await ready(t, two)
  const { op } = await life.ops.submit({ type: 'deploy', target: 'app/x', as: 'alice' })
  await life.until(op, 'held')
  const [body] = await told(life, 'op', 'held', 1)
  t.same(body, {
    op,
    type: 'deploy',
    target: 'app/x',
    needs: '2 people',
    why: 'deploy of app/x is held: require_manual[0] (two) asks for people',
  })
})

t.test(
  'a policy file that broke while nothing ran is an alarm at the next start, once',
  async (t) => {
    const first = await ready(t)
    const file = join(first.on.workspace, 'keeper_policy.ncl')
    await first.close()
    writeFileSync(file, '{ policy = { version = 1, auto_sing = [] } }')
    const second = await live(first.on)
    const [body] = await told(second, 'policy', 'invalid', 1)
    t.match(body, {
      code: 'PROV_POLICY_INVALID',
      message: /auto_sing.*did you mean auto_sign/,
      kept: /^policy 1 /,
    })
    t.match(await second.prov.read('keeper'), {
      policy: { version: 1 },
      trouble: { code: 'PROV_POLICY_INVALID' },
      file: { state: 'broken', error: { code: 'PROV_POLICY_INVALID' } },
    })
    const { op } = await second.ops.submit({ type: 'restart', target: 'staging-1/a', as: 'alice' })
    await second.until(op, 'applied')
    await second.close()
    const third = await live(first.on)
    t.teardown(() => third.close())
    t.equal(await codeOf(third.desk.activatePolicy({ as: 'alice' })), 'PROV_POLICY_INVALID')
    const alarms = (await third.events()).filter(({ type }) => type === 'prov.policy.invalid')
    t.equal(alarms.length, 1, 'the same trouble is told once')
    writeFileSync(file, usualPolicy)
    await first.on.clock.advance(1_000)
    t.match(await third.desk.activatePolicy({ as: 'alice' }), { version: 2 })
    t.match(await third.prov.read('keeper'), { trouble: null, file: { state: 'good' } })
  },
)
