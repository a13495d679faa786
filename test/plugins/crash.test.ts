/**
 * The process dies at each sync of the journal, one after the other, and starts again: what was
 * accepted is finished, once.
 */
import t from 'tap'
import { verifyTrail } from '../../core/protocol/trail.ts'
import { live, people, stage } from './stage.ts'

t.test('wherever it dies, an accepted operation ends once and no number is lost', async (t) => {
  let finished = false
  let crashes = 0
  for (let at = 1; !finished && at < 60; at++) {
    const on = stage(t)
    const tokens = new Map<string, number>()
    on.run = async (_, token) => {
      tokens.set(token, (tokens.get(token) ?? 0) + 1)
      return { outcome: 'applied', detail: {} }
    }
    const keys = people(on)
    await keys.create({ actor: 'alice', kind: 'human', passphrase: '' })
    await keys.create({ actor: 'bob', kind: 'human', passphrase: '' })
    const first = await live(on)
    await first.deal.signer('alice')
    const record = (await keys.signer('bob')).record
    await first.deal.enrol({ record, as: 'alice' })
    await first.desk.activatePolicy({ as: 'alice' })
    let syncs = 0
    const died = new Promise<boolean>((resolve) => {
      on.disk.beforeSync = () => {
        if (++syncs < at) return
        resolve(false)
        throw new Error('power is gone')
      }
    })
    const proposal = { type: 'deploy', target: 'app/x', as: 'alice', opId: 'op_1' }
    const whole = (async () => {
      await first.ops.submit(proposal)
      await first.until('op_1', 'held')
      await first.desk.vote({ op: 'op_1', as: 'bob', decision: 'approve', reason: 'go' })
      await first.until('op_1', 'applied')
      return true
    })()
    finished = await Promise.race([whole.catch(() => false), died])
    if (!finished) crashes++
    // Dead: nothing it still does reaches the disk.
    on.disk.beforeSync = undefined
    on.disk.held = false

    const second = await live(on)
    await second.ops.submit(proposal)
    await second.until('op_1', 'held', 'approved', 'claimed', 'applied')
    if (second.deal.store.get().ops.get('op_1')?.phase === 'held') {
      const vote = { op: 'op_1', as: 'bob', decision: 'approve', reason: 'go' } as const
      await second.desk.vote(vote).catch(() => {})
    }
    await second.until('op_1', 'applied')
    const events = await second.events('op_1')
    const count = (type: string) => events.filter((event) => event.type === `prov.${type}`).length
    t.same(
      ['op.submitted', 'op.approved', 'op.claimed', 'op.applied'].map(count),
      [1, 1, 1, 1],
      `died at sync ${at}`,
    )
    t.equal(tokens.size, 1, 'one token, however often it was asked for')
    t.match(second.deal.store.get().positions['cluster'], { state: 'up', version: 1 })
    t.match(await second.desk.status(), { nextSeq: 2 })
    const where = { journal: second.deal.journal, workspace: 'my-infra' }
    t.same((await verifyTrail(second.deal.events(), where)).findings, [])
    await second.close()
  }
  t.ok(finished, 'the last run met no crash')
  // Its frames alone need eight syncs; what rides along with them has none of its own.
  t.ok(crashes >= 8, `${crashes} places to die at`)
})
