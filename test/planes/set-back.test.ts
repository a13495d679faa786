/**
 * A controller whose journal is set back to before a claim, with nothing outside that remembers it: no
 * anchor, no lease, no ledger. The planes elsewhere followed its chain, and say so before anything runs.
 */
import t from 'tap'
import { codeOf } from '../../core/kit.ts'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { subjects } from '../../core/protocol/subjects.ts'
import { apart, copyOf, diskOf, putBack, waitUntil } from './planes-stage.ts'
import type { Apart } from './planes-stage.ts'

/** An operation with steps, which policy signs. */
const spread = (target: string) => ({ type: 'spread', target, as: 'alice' }) as const
const policy = `{ policy = { version = 1, auto_sign = [{ id = "all", op_type = "spread" }] } }\n`
const command = subjects.command('my-infra')

/**
 * An operation is signed while the controller is away, claimed and applied once it is back, and heard by
 * all; then the controller stops. Answers with a copy of its journal from before the claim, and with the
 * message that was claimed: everything that the token says was known to that copy.
 */
async function used(on: Apart) {
  const bodies: JsonValue[] = []
  on.bus.loses = (subject, { body }) => {
    if (subject === command && Object(body).kind === 'command') bodies.push(body)
    return false
  }
  for (const plane of ['submitter', 'keeper', 'controller'] as const) await on.start(plane)
  const before = await on.plane('submitter').ops.submit(spread('first'))
  await on.during(on.plane('keeper').until(before.op, 'applied'))
  bodies.length = 0
  await on.stop('controller')
  const { op } = await on.plane('submitter').ops.submit(spread('second'))
  await on.during(on.plane('keeper').until(op, 'approved'))
  const backup = copyOf(diskOf(on, 'controller'))
  await on.start('controller')
  for (const plane of ['submitter', 'keeper'] as const) {
    await on.during(on.plane(plane).until(op, 'applied'))
  }
  await on.stop('controller')
  return { op, backup, body: bodies[0] ?? null }
}

const effects = (on: Apart, op: string) => on.stages.get('controller')?.effects.get(op)

for (const witnesses of [['keeper'], ['submitter'], ['submitter', 'keeper']] as const) {
  t.test(`a used token is not run again when ${witnesses.join(' and ')} heard of it`, async (t) => {
    const on = await apart(t, { policy })
    const { op, backup, body } = await used(on)
    for (const plane of ['submitter', 'keeper'] as const) {
      if (!(witnesses as readonly string[]).includes(plane)) await on.stop(plane)
    }
    putBack(on, 'controller', backup)
    await on.bus.open().publish(command, { id: 'used', body })
    const { prov, deal } = await on.start('controller')
    await waitUntil(on, () => prov.over.aborted || effects(on, op) !== 1)
    t.match(prov.over.reason, {
      code: 'PROV_PLANE_SET_BACK',
      detail: { plane: 'controller' },
      remedy: /prov plane run/,
    })
    t.equal(await codeOf(deal.sure()), 'PROV_PLANE_SET_BACK')
    t.equal(await codeOf(deal.anchor()), 'PROV_PLANE_SET_BACK', 'what was claimed is not asked for')
    t.throws(() => deal.claimEpoch(), { code: 'PROV_PLANE_SET_BACK' })
    await on.stages.get('controller')?.clock.advance(60_000)
    t.equal(effects(on, op), 1, 'it ran once')
  })
}

t.test('nothing is claimed before a plane that could know better was heard', async (t) => {
  const on = await apart(t, { policy })
  const { op, backup, body } = await used(on)
  await on.stop('submitter')
  await on.stop('keeper')
  putBack(on, 'controller', backup)
  await on.bus.open().publish(command, { id: 'used', body })
  const { prov, deal } = await on.start('controller')
  await on.stages.get('controller')?.clock.advance(60_000)
  t.throws(() => deal.claimEpoch(), { code: 'PROV_PLANE_UNVOUCHED' })
  t.equal(effects(on, op), 1)
  await on.start('keeper')
  await waitUntil(on, () => prov.over.aborted || effects(on, op) !== 1)
  t.match(prov.over.reason, { code: 'PROV_PLANE_SET_BACK' })
  t.equal(effects(on, op), 1)
})

t.test(
  'the newest journal goes on as soon as the keeper answered, whatever others say',
  async (t) => {
    const on = await apart(t, { policy })
    const { op } = await used(on)
    await on.stop('submitter')
    await on.stop('keeper')
    const say = (body: JsonObject, id: string) =>
      on.bus.open().publish(subjects.ask('my-infra'), { id, body })
    // Answers without a signature, and more than there is: anybody on the bus may say so.
    on.bus.loses = (subject, { id, body }) => {
      const { standing } = Object(body) as JsonObject
      if (subject !== subjects.ask('my-infra') || standing === undefined) return false
      for (const n of [0, 5_000]) {
        const stands = { ...(standing as JsonObject), n, by: 'keeper', signature: 'A'.repeat(86) }
        void say({ stands, by: 'keeper' }, `${id}-${n}`)
      }
      return false
    }
    const { prov, deal } = await on.start('controller')
    await on.stages.get('controller')?.clock.advance(30_000)
    t.throws(() => deal.claimEpoch(), { code: 'PROV_PLANE_UNVOUCHED' })
    t.notOk(prov.over.aborted, 'what nobody signed ends nothing')
    await on.start('keeper')
    await on.during(deal.sure())
    await on.start('submitter')
    const after = await on.plane('submitter').ops.submit(spread('third'))
    await on.during(on.plane('submitter').until(after.op, 'applied'))
    t.equal(effects(on, op), 1)
    t.equal(effects(on, after.op), 1)
  },
)
