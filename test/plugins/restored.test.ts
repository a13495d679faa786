/**
 * A restored backup, a copied workspace and an empty standby, each fed a token that was used already:
 * nothing runs a second time. And a history that a person adopts: old tokens have no force, what was
 * under way is in doubt, the trail stays whole.
 */
import { cpSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { adoptJournal } from '../../core/journal/adopt.ts'
import { openJournal } from '../../core/journal/file.ts'
import type { JsonObject } from '../../core/json.ts'
import { codeOf } from '../../core/kit.ts'
import { signAdoption } from '../../core/protocol/adoption.ts'
import { subjects } from '../../core/protocol/subjects.ts'
import { verifyTrail } from '../../core/protocol/trail.ts'
import * as services from '../../core/plugin/core-services.ts'
import { live, people, stage } from './stage.ts'
import type { Life, Stage } from './stage.ts'

const vote = { as: 'bob', decision: 'approve', reason: 'go' } as const

/** A stage whose journal lies on disk, with people, and a place for copies of it. */
async function onDisk(t: Test) {
  const on = stage(t)
  const folder = dirname(on.workspace)
  const anchors = join(folder, 'anchors')
  const at = (name: string) => join(folder, name, 'journal')
  const opens = (name: string) => {
    on.open = () => openJournal({ dir: at(name), anchors, clock: on.clock })
  }
  opens('origin')
  const keys = people(on)
  const first = await live(on)
  for (const actor of ['alice', 'bob'] as const) {
    const record = await keys.create({ actor, kind: 'human', passphrase: '' })
    await first.deal.enrol({ record, as: 'alice' })
  }
  await first.desk.activatePolicy({ as: 'alice' })
  return {
    on,
    first,
    opens,
    /** As a backup would: the files as they are now. */
    copy(from: string, to: string) {
      rmSync(at(to), { recursive: true, force: true })
      cpSync(at(from), at(to), { recursive: true })
      rmSync(join(at(to), 'lock'), { recursive: true, force: true })
    },
    adopt: async (name: string) => {
      const signer = await keys.signer('alice')
      return adoptJournal({
        dir: at(name),
        anchors,
        clock: on.clock,
        sign: async (adoption) =>
          (await signAdoption({
            signer,
            workspace: 'my-infra',
            clock: on.clock,
            reason: 'restored',
            adoption,
          })) as unknown as JsonObject,
      })
    },
  }
}

/** The approval that an operation was claimed with. */
function tokenOf(life: Life, op: string): string {
  const ref = life.prov.actors.ref(`controller/${op}`)
  if (!ref) throw new Error(`${op} was never claimed`)
  return (ref.snapshot().context as { token: string }).token
}

const effects = (on: Stage): number => [...on.effects.values()].reduce((sum, n) => sum + n, 0)

async function feed(life: Life, token: string, id: string): Promise<void> {
  const subject = subjects.command(life.deal.workspace)
  await life.prov.service(services.bus).publish(subject, { id, body: { kind: 'command', token } })
}

t.test('a restored backup and a copied workspace do not even start', async (t) => {
  const { on, first, opens, copy } = await onDisk(t)
  const { op } = await first.ops.submit({ type: 'deploy', target: 'app/x', as: 'alice' })
  await first.until(op, 'held')
  copy('origin', 'backup')
  await first.desk.vote({ op, ...vote })
  await first.until(op, 'applied')
  await first.close()
  copy('origin', 'copy')
  opens('copy')
  t.equal(await codeOf(live(on)), 'PROV_JOURNAL_COPIED')
  copy('backup', 'origin')
  opens('origin')
  t.equal(await codeOf(live(on)), 'PROV_JOURNAL_BEHIND')
  t.equal(effects(on), 1)
})

t.test('a backup from before the claim is refused however suddenly the claimer died', async (t) => {
  const { on, first, opens, copy } = await onDisk(t)
  const { op } = await first.ops.submit({ type: 'deploy', target: 'app/x', as: 'alice' })
  await first.until(op, 'held')
  copy('origin', 'backup')
  let started = false
  let answer = (): void => {}
  on.run = async () => {
    // In the middle of the effect: whatever is on the disk now is all that a killed process leaves.
    const anchors = join(dirname(on.workspace), 'anchors')
    cpSync(anchors, `${anchors}-then`, { recursive: true })
    started = true
    await new Promise<void>((resolve) => (answer = resolve))
    return { outcome: 'applied', detail: {} }
  }
  await first.desk.vote({ op, ...vote })
  while (!started) await new Promise((resolve) => setImmediate(resolve))
  answer()
  await first.until(op, 'applied')
  await first.close()
  const anchors = join(dirname(on.workspace), 'anchors')
  rmSync(anchors, { recursive: true })
  cpSync(`${anchors}-then`, anchors, { recursive: true })
  copy('backup', 'origin')
  opens('origin')
  t.equal(await codeOf(live(on)), 'PROV_JOURNAL_BEHIND')
  t.equal(effects(on), 1)
})

t.test('an empty standby knows nobody and no token', async (t) => {
  const { on, first, opens } = await onDisk(t)
  const { op } = await first.ops.submit({ type: 'deploy', target: 'app/x', as: 'alice' })
  await first.until(op, 'held')
  await first.desk.vote({ op, ...vote })
  await first.until(op, 'applied')
  const token = tokenOf(first, op)
  await first.close()
  opens('standby')
  const standby = await live(on)
  t.teardown(() => standby.close())
  await feed(standby, token, 'used')
  await standby.refused('PROV_TOKEN_UNKNOWN_KEY')
  t.equal(effects(on), 1)
})

t.test('after an adoption old tokens are nothing and new work goes on', async (t) => {
  const { on, first, opens, copy, adopt } = await onDisk(t)
  const { op } = await first.ops.submit({ type: 'deploy', target: 'app/x', as: 'alice' })
  await first.until(op, 'held')
  copy('origin', 'backup')
  await first.desk.vote({ op, ...vote })
  await first.until(op, 'applied')
  const token = tokenOf(first, op)
  const { journal } = first.deal
  await first.close()
  copy('backup', 'origin')
  const { from, to } = await adopt('origin')
  t.equal(from, journal)
  opens('origin')
  const second = await live(on)
  t.equal(second.deal.journal, to)
  await second.until(op, 'refused')
  t.match(second.deal.store.get().ops.get(op), { code: 'PROV_OP_ADOPTED' }, 'it says what is open')
  await feed(second, token, 'command:1:1')
  await second.refused('PROV_TOKEN_AUDIENCE')
  t.equal(effects(on), 1, 'nothing ran twice')
  const again = await second.ops.submit({ type: 'deploy', target: 'app/y', as: 'alice' })
  await second.until(again.op, 'held')
  await second.desk.vote({ op: again.op, ...vote })
  await second.until(again.op, 'applied')
  t.equal(effects(on), 2)
  t.match(second.deal.store.get().ops.get(again.op), { seq: 1, keeperEpoch: 2 })
  await second.close()
  const third = await live(on)
  t.teardown(() => third.close())
  const where = { journal, workspace: 'my-infra' }
  t.same((await verifyTrail(third.deal.events(), where)).findings, [], 'one trail, over both ids')
  t.equal((await third.events()).filter(({ type }) => type === 'prov.journal.adopted').length, 1)
})

t.test(
  'what was claimed when the journal was adopted is in doubt until a person looks',
  async (t) => {
    const { on, first, opens, copy, adopt } = await onDisk(t)
    let answer = (): void => {}
    on.run = async () => {
      await new Promise<void>((resolve) => (answer = resolve))
      return { outcome: 'applied', detail: {} }
    }
    const { op } = await first.ops.submit({ type: 'deploy', target: 'app/x', as: 'alice' })
    await first.until(op, 'held')
    await first.desk.vote({ op, ...vote })
    while (effects(on) === 0) await new Promise((resolve) => setImmediate(resolve))
    copy('origin', 'copy')
    answer()
    await first.until(op, 'applied')
    await first.close()
    await adopt('copy')
    opens('copy')
    const second = await live(on)
    t.teardown(() => second.close())
    await second.until(op, 'in_doubt')
    t.equal(effects(on), 1, 'a provider would not know the second run from the first')
    await second.control.resolve({ op, as: 'bob', outcome: 'applied', reason: 'it is there' })
    await second.until(op, 'applied')
    opens('origin')
    const original = await live(on)
    t.teardown(() => original.close())
    t.not(original.deal.journal, second.deal.journal, 'the original goes on as it was')
  },
)

t.test('an adoption that nobody signed does not open the contract', async (t) => {
  const { on, first, opens, copy } = await onDisk(t)
  await first.close()
  copy('origin', 'copy')
  const anchors = join(dirname(on.workspace), 'anchors')
  const dir = join(dirname(on.workspace), 'copy', 'journal')
  const sign = async (adoption: object) => ({ ...adoption, by: 'alice' }) as JsonObject
  await adoptJournal({ dir, anchors, clock: on.clock, sign })
  opens('copy')
  t.equal(await codeOf(live(on)), 'PROV_KEY_ADOPTION_REFUSED')
})
