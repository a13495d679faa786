/**
 * Somebody has the keeper's key and its way to the server. They sign approvals for what nobody agreed to,
 * with the next number, one ahead, one that is taken, and votes that nobody cast. Nothing runs; the keeper
 * finds out; and a new epoch and another key end it.
 */
import t from 'tap'
import type { Clock } from '../../core/clock.ts'
import type { JsonObject } from '../../core/json.ts'
import { digestOfText } from '../../core/json.ts'
import type { AuditDraft, AuditEmitter } from '../../core/protocol/emitter.ts'
import { auditEmitter } from '../../core/protocol/emitter.ts'
import type { ApprovalNote } from '../../core/protocol/op.ts'
import { subjects } from '../../core/protocol/subjects.ts'
import { signedApproval } from '../plugins/stage.ts'
import type { Stage } from '../plugins/stage.ts'
import { apart, waitUntil } from './planes-stage.ts'
import type { Apart } from './planes-stage.ts'

const planes = ['submitter', 'keeper', 'controller'] as const
const restart = { type: 'restart', target: 'staging-1/api', as: 'alice' } as const
const deploy = { type: 'deploy', target: 'app/x', as: 'alice' } as const

/** What one can do with a copy of the keeper's key and what it said so far. */
function thief(on: Apart) {
  const keeper = on.plane('keeper')
  const stage = on.stages.get('keeper') as Stage
  const { deal, desk, events } = keeper
  const signer = deal.service('keeper')
  const clock: Clock = stage.clock
  const end = deal.ends.get('keeper') ?? { n: 0, digest: null }
  const pen = auditEmitter({ role: 'keeper', workspace: 'my-infra', epoch: 1, signer, clock, end })
  let messages = 0
  const publish = (subject: string, body: JsonObject) =>
    on.bus.open().publish(subject, { id: `thief:${++messages}`, body })
  const say = async (draft: AuditDraft, by: AuditEmitter = pen): Promise<void> => {
    const { event } = by.entry(draft)
    await publish('ops.audit.my-infra', event as unknown as JsonObject)
  }
  return {
    signer,
    pen,
    say,
    command: (token: string) => publish(subjects.command('my-infra'), { kind: 'command', token }),
    /** An approval of what is held, on behalf of nobody. */
    approval: (op: string, seq: number, approvals: readonly ApprovalNote[] = []) =>
      signedApproval({ deal, desk, events, on: stage }, op, {
        jti: `jti_${op}_${seq}`,
        seq,
        approvals,
      }),
    approved: (op: string, seq: number, token: string, approvals: readonly ApprovalNote[] = []) =>
      say({
        type: 'op.approved',
        subject: op,
        data: {
          seq,
          keeper_epoch: 1,
          policy_digest: deal.store.get().policy?.digest ?? '',
          approvals,
          auto: approvals.length === 0,
          approval: digestOfText(token),
        },
      }),
  }
}

/** One that ran, with number 1, and one that is held for people. */
async function begun(on: Apart): Promise<string> {
  for (const name of planes) await on.start(name)
  const first = await on.plane('submitter').ops.submit(restart)
  for (const name of planes) await on.during(on.plane(name).until(first.op, 'applied'))
  const { op } = await on.plane('submitter').ops.submit(deploy)
  for (const name of planes) await on.during(on.plane(name).until(op, 'held'))
  return op
}

const effects = (on: Apart, op: string) => on.stages.get('controller')?.effects.get(op) ?? 0
const lapsed = (on: Apart, op: string, code: string): boolean =>
  on
    .plane('controller')
    .deal.store.get()
    .ops.get(op)
    ?.notes.some((note) => note.code === code) === true

for (const [what, seq] of [
  ['the next number', 2],
  ['a number ahead', 9],
] as const) {
  t.test(`${what}, signed by somebody who has the keeper's key, lets nothing run`, async (t) => {
    const on = await apart(t)
    const op = await begun(on)
    const stolen = thief(on)
    const { prov } = on.plane('keeper')
    const token = await stolen.approval(op, seq)
    await stolen.approved(op, seq, token)
    await stolen.command(token)
    await waitUntil(on, () => effects(on, op) > 0 || lapsed(on, op, 'PROV_OP_UNBACKED'))
    t.equal(effects(on, op), 0, 'nobody agreed, so it did not run')
    const { numbers } = on.plane('controller').deal.store.get()
    const used = Array.from({ length: seq - 1 }, (_, at) => numbers.get(1, at + 2)?.used)
    t.same(used, [...used.slice(1).map(() => 'seq.skipped'), 'op.expired'], 'each has one record')
    // The others believed the thief, so the keeper itself goes on no more.
    await waitUntil(on, () => prov.over.aborted)
    t.match(prov.over.reason, { code: 'PROV_PLANE_SET_BACK', remedy: /prov keeper rotate/ })

    await on.stop('keeper')
    await on.stop('controller')
    await on.loseKeeper()
    for (const name of ['controller', 'keeper'] as const) await on.start(name)
    const { desk, until, deal } = on.plane('keeper')
    const { kid } = await on.during(desk.rotate({ as: 'alice' }))
    await waitUntil(on, () => deal.service('keeper').record.kid === kid)
    await on.during(on.plane('controller').until(op, 'held'))
    // The very same once more, and what they would say next.
    await stolen.command(await stolen.approval(op, seq + 1))
    await stolen.approved(op, seq + 1, token)
    await on.during(on.plane('controller').refused('PROV_TOKEN_KEY_RETIRED'))
    t.equal(effects(on, op), 0)
    await on.during(until(op, 'held'))
    await on.during(desk.vote({ op, as: 'bob', decision: 'approve', reason: 'looked at it' }))
    await on.during(on.plane('submitter').until(op, 'applied'))
    t.equal(effects(on, op), 1, 'people let it go, once')
  })
}

t.test(
  'a command without a word in the trail takes no number, and the real one has it',
  async (t) => {
    const on = await apart(t)
    const op = await begun(on)
    const stolen = thief(on)
    for (const seq of [2, 5]) await stolen.command(await stolen.approval(op, seq))
    await on.stages.get('controller')?.clock.advance(60_000)
    t.notOk(on.plane('controller').deal.store.get().numbers.has(1, 2), 'nobody gave it out')
    const real = await on.plane('submitter').ops.submit({ ...restart, target: 'staging-1/other' })
    await on.during(on.plane('submitter').until(real.op, 'applied'))
    t.equal(on.plane('controller').deal.store.get().numbers.get(1, 2)?.op, real.op)
    // What bears a number that is taken is refused by name.
    await on.during(on.plane('controller').refused('PROV_OP_SEQ_REUSED'))
    t.equal(effects(on, op), 0)
    await on.during(
      on.plane('keeper').desk.vote({ op, as: 'bob', decision: 'approve', reason: 'looked at it' }),
    )
    await on.during(on.plane('submitter').until(op, 'applied'))
    t.equal(effects(on, op), 1)
  },
)

t.test('a vote that nobody signed is none, whatever the keeper’s key says', async (t) => {
  const on = await apart(t)
  const op = await begun(on)
  const stolen = thief(on)
  const bob = on.plane('keeper').deal.keyring.actor('bob')
  const token = `${Buffer.from('{}').toString('base64url')}.e30.AAAA`
  const cast = {
    actor: 'bob',
    kid: bob?.kid ?? '',
    custody: 'shared',
    vote: digestOfText(token),
  } as const
  const data = { ...cast, decision: 'approve', reason: 'looked at it', token } as const
  await stolen.say({ type: 'op.vote', subject: op, data })
  const approval = await stolen.approval(op, 2, [cast])
  await stolen.approved(op, 2, approval, [cast])
  await stolen.command(approval)
  await waitUntil(on, () => effects(on, op) > 0 || lapsed(on, op, 'PROV_OP_UNBACKED'))
  t.equal(effects(on, op), 0)
  t.same(on.plane('controller').deal.store.get().ops.get(op)?.votes, [])
})
