/**
 * The power goes while an operation is under way, at steps of the disk that a seed chooses: what was
 * accepted is finished after the restart, once, and its trail is whole.
 */
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { openJournal } from '../../core/journal/file.ts'
import { simulatedDisk } from '../../core/journal/simulated-disk.ts'
import { verifyTrail } from '../../core/protocol/trail.ts'
import { seeded } from '../support/power.ts'
import { live, people, stage } from './stage.ts'

const seeds = process.env['PROV_SOAK'] ? 200 : 12
const processes = {
  self: () => ({ bootId: 'b', pidNamespace: 'n', pid: 1, startTime: '1', host: 'h' }),
  look: () => 'dead' as const,
}

// A slow machine, and more rounds on demand, take as long as they take.
t.setTimeout(1_800_000)

t.test('wherever the power goes, an accepted operation ends once', async (t) => {
  let cuts = 0
  for (let seed = 1; seed <= seeds; seed++) {
    const on = stage(t)
    const folder = join(dirname(on.workspace), 'disk')
    mkdirSync(folder)
    const opens = (cutAt?: number) => {
      const disk = simulatedDisk({ folder, random: seeded(seed), cutAt })
      const at = { dir: join(folder, 'journal'), anchors: join(folder, 'anchors') }
      on.open = () => openJournal({ ...at, clock: on.clock, files: disk.files, processes })
      return disk
    }
    const tokens = new Map<string, number>()
    on.run = async (_, token) => {
      tokens.set(token, (tokens.get(token) ?? 0) + 1)
      return { outcome: 'applied', detail: {} }
    }
    opens()
    const keys = people(on)
    const setup = await live(on)
    for (const actor of ['alice', 'bob'] as const) {
      const record = await keys.create({ actor, kind: 'human', passphrase: '' })
      await setup.deal.enrol({ record, as: 'alice' })
    }
    await setup.desk.activatePolicy({ as: 'alice' })
    await setup.close()

    // An opening takes some twenty steps, an operation some eighty.
    const cutAt = 1 + Math.floor(seeded(seed)() * 100)
    const disk = opens(cutAt)
    const proposal = { type: 'deploy', target: 'app/x', as: 'alice', opId: 'op_1' }
    const vote = { op: 'op_1', as: 'bob', decision: 'approve', reason: 'go' } as const
    let accepted = false
    const whole = (async () => {
      const first = await live(on)
      await first.ops.submit(proposal)
      accepted = true
      await first.until('op_1', 'held')
      await first.desk.vote(vote)
      await first.until('op_1', 'applied')
      await first.close()
    })().catch(() => {})
    while (!disk.isOff && !(await Promise.race([whole.then(() => true), soon()])));
    if (disk.isOff) cuts++

    opens()
    const second = await live(on)
    if (accepted) t.ok(second.deal.store.get().ops.get('op_1'), `seed ${seed}: it is remembered`)
    await second.ops.submit(proposal)
    const phase = await second.until('op_1', 'held', 'approved', 'claimed', 'applied')
    if (phase === 'held') await second.desk.vote(vote).catch(() => {})
    await second.until('op_1', 'applied')
    const events = await second.events('op_1')
    const count = (type: string) => events.filter((event) => event.type === `prov.${type}`).length
    t.same(
      ['op.submitted', 'op.approved', 'op.claimed', 'op.applied'].map(count),
      [1, 1, 1, 1],
      `seed ${seed}, cut at step ${cutAt}`,
    )
    t.equal(tokens.size, 1, 'one token, however often it was asked for')
    const where = { journal: second.deal.journal, workspace: 'my-infra' }
    t.same((await verifyTrail(second.deal.events(), where)).findings, [])
    await second.close()
  }
  t.ok(cuts > seeds / 2, `${cuts} cuts`)
})

const soon = (): Promise<boolean> => new Promise((resolve) => setImmediate(resolve, false))
