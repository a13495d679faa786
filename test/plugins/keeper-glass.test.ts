/** Breaking the glass: where the policy lets it, for a while, in everybody's sight (SAFE-14). */
import t from 'tap'
import { codeOf } from '../../core/kit.ts'
import { live, people, ready, usualPolicy } from './stage.ts'
import type { Life } from './stage.ts'

const minute = 60_000
const glassy = usualPolicy.replace(
  'require_manual = [',
  `break_glass = [{ id = "night", op_type = "deploy", groups = ["oncall"], at_most_minutes = 15 }],
   require_manual = [{ id = "three", op_type = "deploy", quorum = { at_least = 3 } },`,
)

async function team(t: Parameters<typeof ready>[0]) {
  const life = await ready(t, glassy)
  const { deal, on } = life
  for (const [actor, standing] of [
    ['carol', {}],
    ['dave', {}],
    // Other keys of those who asked and who will break it.
    ['alice-laptop', { person: 'alice', groups: ['oncall'] }],
    ['bob-laptop', { person: 'bob' }],
  ] as const) {
    const record = await people(on).create({ actor, kind: 'human', passphrase: '' })
    await deal.enrol({ record, as: 'alice', ...standing })
  }
  const { record: bob } = await people(on).signer('bob')
  await deal.enrol({ record: bob, as: 'alice', groups: ['oncall'] })
  const held = async (type = 'deploy', target = 'app/x') => {
    const { op } = await life.ops.submit({ type, target, as: 'alice' })
    await life.until(op, 'held')
    return op
  }
  return { ...life, held, row: (op: string) => deal.store.get().ops.get(op) }
}

const glass = (life: Pick<Life, 'desk'>, op: string, as: string, more: object = {}) =>
  life.desk.vote({
    op,
    as,
    decision: 'approve',
    reason: 'the site is down',
    breakGlassMs: 15 * minute,
    ...more,
  })

/** An operation whose glass bob broke while nobody could claim it, until his time was over. */
async function brokenInVain(life: Awaited<ReturnType<typeof team>>): Promise<string> {
  const { held, on } = life
  const op = await held()
  on.deaf = ['controller']
  await life.close()
  const alone = await live(on)
  await glass(alone, op, 'bob', { breakGlassMs: 5 * minute })
  await alone.until(op, 'approved')
  await alone.close()
  await on.clock.advance(5 * minute)
  on.deaf = []
  return op
}

t.test('who may break it, where, why and for how long: each refusal by name', async (t) => {
  const life = await team(t)
  const { held, desk, deal, on } = life
  const op = await held()
  const refused = (as: string, more = {}) => codeOf(glass(life, op, as, more))
  t.equal(await refused('robot'), 'PROV_OP_AGENT_APPROVAL')
  t.equal(await refused('alice'), 'PROV_OP_SELF_APPROVAL')
  t.equal(await refused('alice-laptop'), 'PROV_OP_SELF_APPROVAL', 'by another key')
  t.equal(await refused('carol'), 'PROV_OP_BREAK_GLASS', 'not of the group')
  t.equal(await refused('bob', { reason: ' ' }), 'PROV_OP_REASON_MISSING')
  t.equal(await refused('bob', { breakGlassMs: 16 * minute }), 'PROV_OP_BREAK_GLASS', 'too long')
  t.equal(await refused('bob', { decision: 'reject' }), 'PROV_OP_BREAK_GLASS')
  const other = await held('move', 'app/y')
  t.equal(await codeOf(glass(life, other, 'bob')), 'PROV_OP_BREAK_GLASS', 'no rule takes it')
  t.same(deal.store.get().unreviewed, [])
  const refusals = life.codes().filter((code) => code === 'PROV_OP_BREAK_GLASS')
  t.equal(refusals.length, 4, 'each is in the trail')
  t.equal(on.effects.size, 0)
  // Who agreed as one of three may still find that there is no time for the others.
  await desk.vote({ op, as: 'bob', decision: 'approve', reason: 'one of three' })
  await glass(life, op, 'bob')
  t.equal(await life.until(op, 'applied'), 'applied')
})

t.test('it is claimed at once, and flagged until somebody else looked', async (t) => {
  const life = await team(t)
  const { held, desk, deal, on, row } = life
  const op = await held()
  await glass(life, op, 'bob')
  await life.until(op, 'applied')
  t.match(row(op), {
    glass: { by: 'bob', reason: 'the site is down', rule: 'break_glass[0] (night)' },
  })
  const events = await life.events(op)
  const approved = events.find(({ type }) => type === 'prov.op.approved')
  t.match(approved?.data, { auto: false, break_glass: { by: 'bob' } })
  t.match(deal.store.get().unreviewed, [{ op, by: 'bob', requester: 'alice' }])
  const review = (as: string, reason = 'it was down indeed') => desk.review({ op, as, reason })
  t.equal(await codeOf(review('bob')), 'PROV_OP_REVIEW', 'who broke it')
  t.equal(await codeOf(review('alice')), 'PROV_OP_REVIEW', 'who asked')
  t.equal(await codeOf(review('bob-laptop')), 'PROV_OP_REVIEW', 'who broke it, by another key')
  t.equal(await codeOf(review('alice-laptop')), 'PROV_OP_REVIEW', 'who asked, by another key')
  await desk.revoke({ actor: 'dave', reason: 'left', as: 'alice' })
  t.equal(await codeOf(review('dave')), 'PROV_KEY_REVOKED')
  t.equal(await codeOf(review('robot')), 'PROV_POLICY_ACTIVATION')
  t.equal(await codeOf(review('carol', '')), 'PROV_OP_REASON_MISSING')
  // A keeper that says so without anybody's signature says nothing.
  const { approval } = deal.store.get().unreviewed[0] ?? { approval: '' }
  const act = await deal.act({
    as: 'bob',
    act: 'op.review',
    subject: op,
    reason: 'mine',
    with: { approval },
  })
  for (const by of ['carol', 'bob']) {
    const data = { by, reason: 'mine', approval, act }
    await deal.emit('keeper', { type: 'op.reviewed', subject: op, data })
  }
  const elsewhere = desk as typeof desk & { handInAct(token: string): Promise<void> }
  const said = { as: 'carol', act: 'op.review', subject: op, reason: ' ' } as const
  const silent = await deal.act({ ...said, with: { approval } })
  t.equal(await codeOf(elsewhere.handInAct(silent)), 'PROV_OP_REASON_MISSING', 'signed elsewhere')
  t.equal(deal.store.get().unreviewed.length, 1)
  await life.close()
  const second = await live(on)
  t.equal(second.deal.store.get().unreviewed.length, 1, 'also after a start')
  await second.desk.review({ op, as: 'carol', reason: 'it was down indeed' })
  t.same(second.deal.store.get().unreviewed, [])
  t.equal(await codeOf(second.desk.review({ op, as: 'carol', reason: 'again' })), 'PROV_OP_REVIEW')
  t.equal(second.deal.store.get().ops.get(op)?.phase, 'applied')
  await second.close()
  const third = await live(on)
  t.teardown(() => third.close())
  t.same(third.deal.store.get().unreviewed, [])
})

t.test('broken more than once, it is reviewed by nobody who broke it', async (t) => {
  const life = await team(t)
  const { deal, on } = life
  const { record: carol } = await people(on).signer('carol')
  await deal.enrol({ record: carol, as: 'alice', groups: ['oncall'] })
  const op = await brokenInVain(life)
  const second = await live(on)
  t.teardown(() => second.close())
  await second.until(op, 'held')
  await glass(second, op, 'carol')
  await second.until(op, 'applied')
  t.match(second.deal.store.get().unreviewed, [{ op, by: 'carol', earlier: ['bob'] }])
  const review = (as: string) => second.desk.review({ op, as, reason: 'looked' })
  t.equal(await codeOf(review('carol')), 'PROV_OP_REVIEW')
  t.equal(await codeOf(review('bob')), 'PROV_OP_REVIEW', 'their own was before')
  t.equal(await codeOf(review('bob-laptop')), 'PROV_OP_REVIEW')
  await review('dave')
  t.same(second.deal.store.get().unreviewed, [])
})

t.test('its time is over: nothing is claimed by it any more, people are asked again', async (t) => {
  const life = await team(t)
  const { on } = life
  const op = await brokenInVain(life)
  const again = await live(on)
  t.teardown(() => again.close())
  await again.until(op, 'held')
  const late = again.deal.store.get().ops.get(op)
  t.match(late, { votes: [], why: /the time of the broken glass is over; void: the votes of bob/ })
  t.equal(on.effects.get(op), undefined)
  t.equal(again.deal.store.get().unreviewed.length, 1, 'it was broken all the same')
})
