/** Quorums count people: their groups and whose key it is stand in the record that was vouched for. */
import t from 'tap'
import type { Test } from 'tap'
import type { JsonObject } from '../../core/json.ts'
import { codeOf } from '../../core/kit.ts'
import type { KeyRecord } from '../../core/protocol/key.ts'
import { people, ready } from './stage.ts'

const policyWith = (quorum: string) =>
  `{ policy = { version = 1, require_manual = [{ id = "q", op_type = "deploy", quorum = ${quorum} }] } }\n`

/** A stage with that quorum, a held operation of alice's, and whom the test names. */
async function counted(
  t: Test,
  quorum: string,
  voters: Readonly<Record<string, { groups?: readonly string[]; person?: string }>>,
) {
  const life = await ready(t, policyWith(quorum))
  const keys = people(life.on)
  for (const [actor, standing] of Object.entries(voters)) {
    const record = await keys.create({ actor, kind: 'human', passphrase: '' })
    await life.deal.enrol({ record, as: 'alice', ...standing })
  }
  const { op } = await life.ops.submit({ type: 'deploy', target: 'app/x', as: 'alice' })
  await life.until(op, 'held')
  const vote = async (as: string) => life.desk.vote({ op, as, decision: 'approve', reason: 'ok' })
  const phase = () => life.deal.store.get().ops.get(op)?.phase
  return { ...life, keys, op, vote, phase }
}

t.test('only people of the named group count', async (t) => {
  const { vote, phase, until, op } = await counted(t, '{ at_least = 2, from = ["ops"] }', {
    carol: { groups: ['ops'] },
    dave: { groups: ['dev', 'ops'] },
    erin: { groups: ['dev'] },
  })
  t.match((await vote('carol')).why, /1 person of ops/, 'who is still missing')
  t.match((await vote('erin')).why, /1 person of ops/, 'erin is of another group')
  t.equal(phase(), 'held')
  await vote('dave')
  await until(op, 'applied')
})

t.test('two keys of one person are one voice', async (t) => {
  const life = await counted(t, '{ at_least = 2 }', {
    carol: {},
    'carol-laptop': { person: 'carol' },
    'alice-laptop': { person: 'alice' },
  })
  const { vote, phase, op, until } = life
  await vote('carol')
  t.equal(await codeOf(vote('carol-laptop')), 'PROV_OP_VOTED')
  t.equal(await codeOf(vote('alice-laptop')), 'PROV_OP_SELF_APPROVAL', 'the requester')
  t.equal(phase(), 'held')
  await vote('bob')
  await until(op, 'applied')
})

t.test('under distinct one person fills one seat; all asks for every part', async (t) => {
  const both = { groups: ['dev', 'ops'] }
  const seats = '[{ at_least = 1, from = ["ops"] }, { at_least = 1, from = ["dev"] }]'
  const apart = await counted(t, `{ distinct = ${seats} }`, { carol: both, dave: both })
  await apart.vote('carol')
  t.equal(apart.phase(), 'held', 'carol is of both groups and one person')
  await apart.vote('dave')
  await apart.until(apart.op, 'applied')
  const all = await counted(t, `{ all = ${seats} }`, { carol: both })
  await all.vote('carol')
  await all.until(all.op, 'applied')
  const any = await counted(t, `{ any = ${seats} }`, { dave: { groups: ['dev'] } })
  await any.vote('bob')
  t.equal(any.phase(), 'held', 'bob is of no group')
  await any.vote('dave')
  await any.until(any.op, 'applied')
})

t.test(
  'nobody puts themselves into a group; somebody else may, and it counts at once',
  async (t) => {
    const life = await counted(t, '{ at_least = 1, from = ["ops"] }', {})
    const { deal, keys, vote, phase, until, op } = life
    const bob = (await keys.signer('bob')).record
    const join = (as: string, groups: readonly string[], record: KeyRecord = bob) =>
      codeOf(deal.enrol({ record, as, groups }))
    t.equal(await join('bob', ['ops']), 'PROV_KEY_ENROL_REFUSED')
    t.equal(await join('robot', ['ops']), 'PROV_KEY_ENROL_REFUSED')
    t.equal(await join('alice', ['No Group']), 'PROV_KEY_ENROL_REFUSED')
    t.equal(await join('alice', ['ops'], { ...bob, kind: 'agent' }), 'PROV_KEY_ENROL_REFUSED')
    t.equal(await join('alice', ['ops', 'ops']), 'none')
    t.same(deal.keyring.actor('bob')?.groups, ['ops'])
    t.equal(await join('alice', []), 'none')
    t.equal(deal.keyring.actor('bob')?.groups, undefined)
    await vote('bob')
    t.equal(phase(), 'held', 'of no group when it was counted')
    t.equal(await join('alice', ['ops']), 'none')
    t.equal(deal.keyring.list().filter(({ record }) => record.actor === 'bob').length, 1)
    await until(op, 'applied')
  },
)

t.test('what somebody vouched for once is not brought back by the same act', async (t) => {
  const { deal, desk, on } = await ready(t)
  const record = await people(on).create({ actor: 'carol', kind: 'human', passphrase: '' })
  const vouch = (groups: readonly string[]) => {
    const given = { ...record, groups } as unknown as JsonObject
    return deal.act({ as: 'alice', act: 'actor.enrol', subject: 'carol', reason: '', with: given })
  }
  const first = await vouch(['ops'])
  await desk.handInAct(first)
  await desk.handInAct(await vouch(['dev']))
  t.equal(await codeOf(desk.handInAct(first)), 'PROV_TOKEN_REPLAYED')
  t.same(deal.keyring.actor('carol')?.groups, ['dev'])
})
