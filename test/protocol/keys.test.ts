import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import nacl from 'tweetnacl'
import t from 'tap'
import { codeOf } from '../../core/kit.ts'
import {
  custodyBetween,
  parseKeyRecord,
  thumbprint,
  verifySignature,
} from '../../core/protocol/key.ts'
import { openKeyStore } from '../../core/protocol/keys.ts'
import { ground } from './world.ts'

t.test(
  'a key is made, kept for its owner only, and signs what node and tweetnacl accept',
  async (t) => {
    const { keys, home } = ground(t)
    const record = await keys.create({ actor: 'alice', kind: 'human', passphrase: '' })
    t.equal(record.kid, thumbprint(record.publicKey))
    t.equal(statSync(join(home, 'keys/alice.json')).mode & 0o777, 0o600)
    t.equal(statSync(join(home, 'keys')).mode & 0o777, 0o700)
    const signer = await keys.signer('alice')
    const signature = signer.sign('hello')
    t.ok(verifySignature(record.publicKey, 'hello', signature))
    t.notOk(verifySignature(record.publicKey, 'hullo', signature))
    t.notOk(verifySignature(record.publicKey, 'hello', `${signature}A`))
    const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64url'))
    const good = nacl.sign.detached.verify(
      new Uint8Array(Buffer.from('hello')),
      bytes(signature),
      bytes(record.publicKey.x),
    )
    t.ok(good, 'another implementation accepts the signature')
  },
)

t.test('a passphrase seals the file, and only it opens the key', async (t) => {
  const { home, clock, keys } = ground(t)
  await keys.create({ actor: 'alice', kind: 'human', passphrase: 'correct horse' })
  await keys.create({ actor: 'bob', kind: 'human', passphrase: '' })
  t.same(
    (await keys.list()).map(({ actor, sealed }) => [actor, sealed]),
    [
      ['alice', true],
      ['bob', false],
    ],
  )
  const answers = ['wrong', 'correct horse']
  const asking = openKeyStore({ home, clock, passphrase: async () => answers.shift() })
  t.equal(await codeOf(asking.signer('alice')), 'PROV_KEY_SEALED')
  t.equal((await asking.signer('alice')).record.actor, 'alice')
  t.equal(await codeOf(keys.signer('alice')), 'PROV_KEY_SEALED', 'nobody to ask')
  const file = JSON.parse(readFileSync(join(home, 'keys/alice.json'), 'utf8')) as { secret: string }
  t.equal(Buffer.from(file.secret, 'base64url').length, 48, 'a sealed box, not a seed')
})

t.test('nobody bears the name of a plane', async (t) => {
  const { keys } = ground(t)
  for (const actor of ['keeper', 'genesis', 'policy', 'service-keeper', '../x', '', 'A']) {
    const made = keys.create({ actor, kind: 'human', passphrase: '' })
    t.equal(await codeOf(made), 'PROV_KEY_NAME_INVALID', actor)
  }
})

t.test('a name has one key, and a person with several says which', async (t) => {
  const { keys } = ground(t)
  t.equal(await codeOf(keys.signer()), 'PROV_KEY_ABSENT')
  await keys.create({ actor: 'alice', kind: 'human', passphrase: '' })
  await keys.create({ actor: 'robot', kind: 'agent', passphrase: '' })
  t.equal((await keys.signer()).record.actor, 'alice', 'the only person')
  await keys.create({ actor: 'bob', kind: 'human', passphrase: '' })
  t.equal(await codeOf(keys.signer()), 'PROV_KEY_AMBIGUOUS')
  const again = keys.create({ actor: 'alice', kind: 'human', passphrase: '' })
  t.equal(await codeOf(again), 'PROV_KEY_EXISTS')
  const odd = keys.create({ actor: '../eve', kind: 'human', passphrase: '' })
  t.equal(await codeOf(odd), 'PROV_KEY_NAME_INVALID')
})

t.test('a file that others can read or that was damaged is refused by name', async (t) => {
  const { home, clock, keys } = ground(t)
  await keys.create({ actor: 'alice', kind: 'human', passphrase: '' })
  const file = join(home, 'keys/alice.json')
  chmodSync(file, 0o644)
  const fresh = () => openKeyStore({ home, clock }).signer('alice')
  t.equal(await codeOf(fresh()), 'PROV_KEY_FILE_OPEN')
  chmodSync(file, 0o600)
  const content = JSON.parse(readFileSync(file, 'utf8')) as { record: { kid: string } }
  content.record.kid = 'another'
  writeFileSync(file, JSON.stringify(content))
  t.equal(await codeOf(fresh()), 'PROV_KEY_FILE_INVALID')
  writeFileSync(file, '{"secret":"hush')
  const refused = await fresh().catch((thrown: unknown) => thrown)
  t.notOk(JSON.stringify(refused).includes('hush'), 'what the file holds is not told')
})

t.test('custody tells keys of one user from keys of two', async (t) => {
  const one = ground(t)
  const two = ground(t)
  const other = openKeyStore({ home: two.home, clock: two.clock, custody: 'elsewhere' })
  const alice = await one.keys.create({ actor: 'alice', kind: 'human', passphrase: '' })
  const bob = await one.keys.create({ actor: 'bob', kind: 'human', passphrase: '' })
  const carol = await other.create({ actor: 'carol', kind: 'human', passphrase: '' })
  t.equal(custodyBetween(alice, bob), 'shared')
  t.equal(custodyBetween(alice, carol), 'separate')
})

t.test('a record whose name is not its thumbprint is not a key record', async (t) => {
  const { keys } = ground(t)
  const record = await keys.create({ actor: 'alice', kind: 'human', passphrase: '' })
  t.same(parseKeyRecord({ ...record } as never), record)
  t.equal(parseKeyRecord({ ...record, kid: 'x' } as never), undefined)
  t.equal(parseKeyRecord({ ...record, kind: 'admin' } as never), undefined)
})
