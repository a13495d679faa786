/** What a bus took and lost goes out again while everything runs, and the operation runs once. */
import t from 'tap'
import type { Test } from 'tap'
import { live, people, stage } from '../plugins/stage.ts'
import { lossyBus } from './lossy-bus.ts'

/** A life over a bus that may lose what it took, with a policy in force. */
async function lossy(t: Test) {
  const on = stage(t)
  const bus = await lossyBus(on.clock)
  t.teardown(() => bus.close())
  on.bus = async () => bus.open()
  const life = await live(on)
  t.teardown(() => life.close())
  await people(on).create({ actor: 'alice', kind: 'human', passphrase: '' })
  await life.deal.signer('alice')
  await life.desk.activatePolicy({ as: 'alice' })
  return { on, bus, life }
}

for (const lost of ['ops.pending', 'ops.cmd']) {
  t.test(`a message on ${lost} that the bus took and lost goes out again`, async (t) => {
    const { on, bus, life } = await lossy(t)
    let left = 2
    bus.loses = (subject) => subject.startsWith(lost) && left-- > 0
    const { op } = await life.ops.submit({
      type: 'restart',
      target: 'staging-1/api',
      as: 'alice',
    })
    const done = life.until(op, 'applied')
    let over = false
    void done.finally(() => (over = true)).catch(() => {})
    while (!over) await on.clock.advance(500)
    t.equal(await done, 'applied')
    t.ok(left < 0, 'both were lost, the third one came')
    const claims = (await life.events(op)).filter(({ type }) => type === 'prov.op.claimed')
    t.equal(claims.length, 1)
    const id = lost === 'ops.cmd' ? 'command:1:1' : `intent:${op}`
    const sent = bus.count(id)
    await on.clock.advance(120_000)
    t.equal(bus.count(id), sent, 'what is confirmed goes out no more')
    t.same(life.codes(), [], 'and nobody took it for a replay')
  })
}

t.test('a clock that is set back does not keep a lost message waiting', async (t) => {
  const { on, bus, life } = await lossy(t)
  let lost = false
  bus.loses = (subject) => subject.startsWith('ops.cmd') && !lost && (lost = true)
  const { op } = await life.ops.submit({ type: 'restart', target: 'staging-1/api', as: 'alice' })
  while (!lost) await new Promise((turn) => setImmediate(turn))
  const sinceMs = on.clock.monotonic()
  // As far as clocks of planes may differ: what it signed before is no stranger's token yet.
  on.clock.jump(-55_000)
  while (bus.count('command:1:1') < 2) await on.clock.advance(250)
  t.ok(on.clock.monotonic() - sinceMs < 50_000, 'it went out again after its pause')
  t.equal(await life.until(op, 'applied'), 'applied')
})

t.test('what nobody has fetched yet is not sent on top of itself', async (t) => {
  const on = stage(t)
  const bus = await lossyBus(on.clock)
  t.teardown(() => bus.close())
  on.bus = async () => bus.open()
  on.deaf = ['keeper']
  const life = await live(on)
  t.teardown(() => life.close())
  await people(on).create({ actor: 'alice', kind: 'human', passphrase: '' })
  await life.deal.signer('alice')
  const { op } = await life.ops.submit({ type: 'restart', target: 'staging-1/api' })
  await on.clock.advance(20_000)
  t.equal(bus.count(`intent:${op}`), 1)
  await on.clock.advance(7_200_000)
  t.ok(bus.count(`intent:${op}`) < 25, `${bus.count(`intent:${op}`)} times in two hours`)
})
