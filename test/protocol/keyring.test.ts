import t from 'tap'
import { signTokenNow } from '../../core/protocol/tokens.ts'
import type { KeyRecord, Signer } from '../../core/protocol/key.ts'
import { recordJson } from '../../core/protocol/keyring.ts'
import { digestOf } from '../../core/json.ts'
import { opsModel } from '../../core/protocol/ops-model.ts'
import { ground, open } from './world.ts'

t.test('who vouches must be a person that is enrolled, for that very key and name', async (t) => {
  const soil = ground(t)
  const { deal, close } = await open(soil)
  t.teardown(close)
  const make = (actor: string, kind: 'human' | 'agent' = 'human') =>
    soil.keys.create({ actor, kind, passphrase: '' })
  await make('alice')
  const alice = await deal.signer('alice')
  await deal.enrol({ record: await make('robot', 'agent'), as: 'alice' })
  const robot = await soil.keys.signer('robot')
  const bob = await make('bob')
  const own = await soil.keys.signer('bob')
  const eve = await make('eve')
  const iat = Math.floor(soil.clock.now() / 1_000)
  const proof = (signer: Signer, about: KeyRecord, change: object = {}) =>
    signTokenNow(
      'act',
      {
        iss: signer.record.kid,
        sub: about.actor,
        aud: deal.journal,
        jti: 'j',
        iat,
        exp: iat + 60,
        workspace: 'my-infra',
        act: 'actor.enrol',
        reason: '',
        with: recordJson(about),
        ...change,
      },
      signer,
    )
  const enter = async (by: string, token: string) => {
    const { actor, kid, kind } = bob
    const data = { actor, kid, kind, by, record: bob, proof: token }
    await deal.emit('keeper', { type: 'actor.enrolled', subject: actor, data })
    return deal.keyring.key(kid) !== undefined
  }
  t.notOk(await enter('alice', proof(alice, eve, { sub: 'bob' })), 'another key')
  t.notOk(await enter('robot', proof(robot, bob)), 'an agent')
  t.notOk(await enter('bob', proof(own, bob)), 'themselves, when others are there already')
  t.notOk(await enter('carol', proof(alice, bob)), 'another name than the one that signed')
  t.notOk(await enter('alice', proof(alice, bob, { act: 'op.withdraw' })), 'another act')
  t.notOk(await enter('alice', proof(alice, bob, { aud: 'elsewhere' })), 'another journal')
  t.notOk(await enter('alice', proof(alice, bob, { iat: iat - 99, exp: iat - 9 })), 'too late')
  t.ok(await enter('alice', proof(alice, bob)))
})

t.test('a second key for a plane is not taken', async (t) => {
  const soil = ground(t)
  const { deal, close } = await open(soil)
  t.teardown(close)
  const other = await soil.keys.service('another journal', 'keeper')
  const record = { ...other.record, actor: 'service-keeper-2' }
  const { actor, kid, kind } = record
  const data = { actor, kid, kind, by: 'genesis', record }
  await deal.emit('keeper', { type: 'actor.enrolled', subject: actor, data })
  t.equal(deal.keyring.key(kid), undefined)
  t.equal(deal.keyring.service('keeper')?.kid, deal.service('keeper').record.kid)
})

t.test('a policy or a mode is in force because a person signed exactly that', async (t) => {
  const soil = ground(t)
  const { deal, close } = await open(soil)
  await soil.keys.create({ actor: 'alice', kind: 'human', passphrase: '' })
  await deal.signer('alice')
  const mode = async (to: 'auto' | 'manual', signed?: object) => {
    const request = { as: 'alice', act: 'keeper.mode', subject: 'mode', reason: '' } as const
    const act = signed && (await deal.act({ ...request, with: { mode: to }, ...signed }))
    const data = { mode: to, by: 'alice', ...(act !== undefined && { act }) }
    await deal.emit('keeper', { type: 'keeper.mode', subject: 'mode', data })
    return deal.store.get().mode
  }
  t.equal(await mode('auto'), 'hybrid', 'nobody signed it')
  t.equal(await mode('auto', { with: { mode: 'manual' } }), 'hybrid', 'another mode')
  t.equal(await mode('auto', { act: 'op.withdraw' }), 'hybrid', 'another act')
  t.equal(await mode('manual', {}), 'manual')
  const policy = (version: number) => ({ version, deny: [{ op_type: `x${version}` }] })
  const activate = async (version: number, inForce = policy(version)) => {
    const bound = { version, digest: digestOf({ policy: policy(version), sources: {} }) }
    const said = { act: 'policy.activate', subject: 'policy', reason: '' } as const
    const act = await deal.act({ ...said, as: 'alice', with: bound })
    const data = { ...bound, by: 'alice', policy: inForce, act }
    await deal.emit('keeper', { type: 'policy.activated', subject: 'keeper_policy.ncl', data })
    return deal.store.get().policy?.version
  }
  t.equal(await activate(2, policy(7)), undefined, 'the policy is not the one that was signed')
  t.equal(await activate(2), 2)
  t.equal(await activate(1), 2, 'an older one, however well signed')
  t.equal(await activate(2), 2)
  t.match(deal.store.get().policy?.policy, policy(2))
  // A reader without the lock, and a later life, see the same.
  await close()
  const again = await open(soil)
  t.teardown(again.close)
  t.match(again.deal.store.get(), { mode: 'manual', policy: { version: 2 } })
  const read = await opsModel(again.journal)
  t.match(read, { mode: 'manual', policy: { version: 2 } })
})
