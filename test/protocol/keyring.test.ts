import t from 'tap'
import { signTokenNow } from '../../core/protocol/tokens.ts'
import type { KeyRecord, Signer } from '../../core/protocol/key.ts'
import { recordJson } from '../../core/protocol/keyring.ts'
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
