/** Changes of keys need a root that lies offline, or M of N persons, once that was declared (D-39). */
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { codeOf } from '../../core/kit.ts'
import type { JsonObject } from '../../core/json.ts'
import type { KeyRecord, Signer } from '../../core/protocol/key.ts'
import type { KeyRule } from '../../core/protocol/key-rule.ts'
import { recordJson, ruleJson } from '../../core/protocol/keyring.ts'
import { makeKeyFile } from '../../core/protocol/keys.ts'
import type { ActName } from '../../core/protocol/op.ts'
import { joinSignatures } from '../../core/protocol/signatures.ts'
import { verifyTrail } from '../../core/protocol/trail.ts'
import { signedBy } from '../../plugins/keeper/act-file.ts'
import { live, people, ready } from './stage.ts'
import type { Life, Stage } from './stage.ts'

type Stood = Life & { readonly on: Stage }

interface Change {
  readonly act: ActName
  readonly subject: string
  readonly with: JsonObject
}
const enrolOf = (record: KeyRecord): Change => ({
  act: 'actor.enrol',
  subject: record.actor,
  with: recordJson(record),
})
const revokeOf = (life: Stood, actor: string): Change => ({
  act: 'actor.revoke',
  subject: actor,
  with: { kid: life.deal.keyring.actor(actor)?.kid ?? '' },
})
const ruleOf = (rule: KeyRule): Change => ({
  act: 'keys.govern',
  subject: 'keys',
  with: ruleJson(rule),
})
const peopleRule = (need: number, ...of: string[]): KeyRule => ({
  roots: [],
  people: { need, of: of.sort() },
})

/** An act as these sign it, for the key set of now or another one. */
async function signed(
  life: Stood,
  change: Change,
  signers: readonly Signer[],
  keys = life.deal.keyring.version,
): Promise<string> {
  const bound = { ...change, with: { ...change.with, keys }, reason: 'tested' }
  let file = {
    workspace: 'my-infra',
    journal: life.deal.journal,
    signatures: [],
    ...bound,
  } as never
  for (const signer of signers) file = (await signedBy(file, signer, life.on.clock)) as never
  return joinSignatures((file as { signatures: string[] }).signatures)
}
const change = async (
  life: Stood,
  ...given: Parameters<typeof signed> extends [unknown, ...infer R] ? R : never
) => codeOf(life.desk.handInAct(await signed(life, ...given)))

/** alice, bob, carol (with a laptop of hers), a robot, and whoever the test names. */
async function stood(t: Test) {
  const life = await ready(t)
  const keys = people(life.on)
  const make = (actor: string) => keys.create({ actor, kind: 'human', passphrase: '' })
  await life.deal.enrol({ record: await make('carol'), as: 'alice' })
  await life.deal.enrol({ record: await make('carol-laptop'), as: 'alice', person: 'carol' })
  const signer = (name: string) => keys.signer(name)
  const [alice, bob, carol, laptop, robot] = await Promise.all(
    ['alice', 'bob', 'carol', 'carol-laptop', 'robot'].map(signer),
  )
  const all = { alice, bob, carol, laptop, robot } as Readonly<
    Record<'alice' | 'bob' | 'carol' | 'laptop' | 'robot', Signer>
  >
  const root = (name = 'root') =>
    makeKeyFile(
      join(life.on.home, `${name}.key`),
      { actor: 'root', kind: 'human', role: 'root' },
      { passphrase: '', clock: life.on.clock },
    )
  return { ...life, keys, make, root, ...all }
}

t.test('under two of three, distinct persons sign a change or it does not count', async (t) => {
  const life = await stood(t)
  const { alice, bob, carol, laptop, robot, deal } = life
  const dave = enrolOf(await life.make('dave'))
  t.equal(
    await change(life, ruleOf(peopleRule(2, 'alice', 'bob', 'carol')), [alice, carol]),
    'none',
  )
  t.match(deal.keyring.rule, { people: { need: 2, of: ['alice', 'bob', 'carol'] } })

  const refused: readonly (readonly [string, Promise<string>, string])[] = [
    ['one alone', change(life, dave, [alice]), 'PROV_KEY_SIGNATURES'],
    ['one person with two keys', change(life, dave, [carol, laptop]), 'PROV_KEY_SIGNATURES'],
    ['one key twice', change(life, dave, [alice, alice]), 'PROV_TOKEN_CLAIM'],
    ['an agent beside two persons', change(life, dave, [alice, bob, robot]), 'PROV_KEY_SIGNATURES'],
    [
      'an older key set',
      change(life, dave, [alice, bob], deal.keyring.version - 1),
      'PROV_KEY_SIGNATURES',
    ],
    [
      'a later one',
      change(life, dave, [alice, bob], deal.keyring.version + 1),
      'PROV_KEY_SIGNATURES',
    ],
  ]
  for (const [who, code, expected] of refused) t.equal(await code, expected, who)
  const one = await signed(life, dave, [alice])
  const other = await signed(life, enrolOf(await life.make('erin')), [bob])
  t.equal(
    await codeOf(life.desk.handInAct(joinSignatures([one, other]))),
    'PROV_TOKEN_CLAIM',
    'each signed something else',
  )
  t.equal(
    await codeOf(deal.enrol({ record: await life.make('frank'), as: 'alice' })),
    'PROV_KEY_SIGNATURES',
  )
  t.equal(
    await codeOf(life.desk.revoke({ actor: 'bob', reason: 'lost', as: 'alice' })),
    'PROV_KEY_SIGNATURES',
  )
  t.equal(await codeOf(life.desk.rotate({ as: 'alice' })), 'PROV_KEY_SIGNATURES')
  t.equal(deal.keyring.actor('dave'), undefined)
  // Each that was handed in, one by one, stands in the trail under its code.
  t.equal(life.codes().filter((code) => code === 'PROV_KEY_SIGNATURES').length, 7)
  t.equal(life.codes().filter((code) => code === 'PROV_TOKEN_CLAIM').length, 2)

  const act = await signed(life, dave, [laptop, bob])
  t.equal(await codeOf(life.desk.handInAct(act)), 'none', 'any key of a person is their voice')
  t.equal(deal.keyring.actor('dave')?.actor, 'dave')
  t.equal(await codeOf(life.desk.handInAct(act)), 'none', 'it stands already')
  t.equal(await change(life, revokeOf(life, 'dave'), [alice, bob]), 'none')
  t.equal(await codeOf(life.desk.handInAct(act)), 'PROV_KEY_SIGNATURES', 'an act counts once')
  const { next, current: from } = await life.desk.rotation()
  const rotate = {
    act: 'keeper.rotate',
    subject: 'keeper',
    with: { from, ...recordJson(next) },
  } as const
  t.equal(await change(life, rotate, [alice, bob]), 'none')
  t.equal(deal.service('keeper').record.kid, next.kid)
  const trail = { journal: deal.journal, workspace: 'my-infra' }
  t.same((await verifyTrail(await life.events(), trail)).findings, [])
})

t.test('nobody signs for their own groups, and nobody may leave too few', async (t) => {
  const life = await stood(t)
  const { alice, bob, carol, laptop, deal } = life
  t.equal(await change(life, ruleOf(peopleRule(2, 'alice', 'bob', 'carol')), [alice, bob]), 'none')
  const ops = enrolOf({ ...carol.record, groups: ['ops'] })
  t.equal(await change(life, ops, [carol, bob]), 'PROV_KEY_SIGNATURES')
  t.equal(await change(life, ops, [laptop, bob]), 'PROV_KEY_SIGNATURES')
  t.equal(await change(life, ops, [alice, bob]), 'none')
  t.same(deal.keyring.actor('carol')?.groups, ['ops'])
  t.equal(await change(life, revokeOf(life, 'bob'), [alice, carol]), 'none')
  t.equal(await change(life, revokeOf(life, 'alice'), [alice, carol]), 'PROV_KEY_REVOKE_REFUSED')
  const renamed = enrolOf({ ...alice.record, person: 'someone' })
  t.equal(await change(life, renamed, [carol, alice]), 'PROV_KEY_SIGNATURES', 'of themselves')
})

t.test(
  'a rule needs those in charge before it, and shows that those after it can sign',
  async (t) => {
    const life = await stood(t)
    const { alice, bob, carol, robot, deal } = life
    const root = await life.root()
    const rooted: KeyRule = { roots: [root.record], people: null }
    const wrong: readonly (readonly [string, KeyRule, readonly Signer[]])[] = [
      ['an agent declares it', peopleRule(1, 'alice'), [robot]],
      ['a stranger is named', peopleRule(1, 'alice', 'mallory'), [alice]],
      ['those who are to sign did not', peopleRule(2, 'bob', 'carol'), [alice, bob]],
      ['the root did not sign', rooted, [alice]],
      ['nobody in charge signed', rooted, [root]],
      ['more are asked for than there are', peopleRule(3, 'alice', 'bob'), [alice, bob]],
      ['nobody could sign', { roots: [], people: null }, [alice]],
      ['a person is the root', { roots: [alice.record], people: null }, [alice]],
      ['a field is strange', { ...rooted, more: 1 } as never, [alice, root]],
    ]
    for (const [what, rule, signers] of wrong) {
      t.not(await change(life, ruleOf(rule), signers), 'none', what)
    }
    t.equal(deal.keyring.rule, undefined)
    t.equal(await change(life, ruleOf(rooted), [alice, root]), 'none')
    t.equal(await change(life, ruleOf(peopleRule(1, 'alice')), [alice]), 'PROV_KEY_SIGNATURES')
    t.equal(
      await change(life, enrolOf(await life.make('dave')), [alice, bob, carol]),
      'PROV_KEY_SIGNATURES',
    )
    t.equal(await change(life, enrolOf(await life.make('erin')), [root]), 'none')
    // Everybody's key was stolen: the root still lets others in.
    for (const name of ['alice', 'bob', 'carol', 'carol-laptop', 'erin']) {
      t.equal(await change(life, revokeOf(life, name), [root]), 'none', name)
    }
    t.equal(await change(life, enrolOf(await life.make('grace')), [root]), 'none')
    t.match(deal.keyring.list().at(-1), { by: 'root key', record: { actor: 'grace' } })
  },
)

t.test(
  'a root key signs changes of keys and nothing else; another root may follow it',
  async (t) => {
    const life = await stood(t)
    const { alice, deal, on } = life
    const root = await life.root()
    t.equal(
      await change(life, ruleOf({ roots: [root.record], people: null }), [alice, root]),
      'none',
    )
    const mode = { act: 'keeper.mode', subject: 'mode', with: { mode: 'manual' } } as const
    t.equal(await change(life, mode, [root]), 'PROV_TOKEN_UNKNOWN_KEY')
    t.equal(await change(life, enrolOf(root.record), [root]), 'PROV_KEY_ENROL_REFUSED')
    const keeping = { ...(await life.make('zoe')), role: 'keeper' }
    t.equal(
      await change(life, enrolOf(keeping), [root]),
      'PROV_KEY_ENROL_REFUSED',
      'nor gives roles',
    )
    const next = await life.root('next')
    const follows = ruleOf({ roots: [next.record], people: { need: 1, of: ['alice'] } })
    t.equal(await change(life, follows, [next]), 'PROV_KEY_SIGNATURES')
    t.equal(await change(life, follows, [root, next]), 'none')
    t.equal(
      await change(life, revokeOf(life, 'bob'), [root]),
      'PROV_TOKEN_UNKNOWN_KEY',
      'the old one',
    )
    t.equal(await codeOf(life.desk.revoke({ actor: 'bob', reason: 'left', as: 'alice' })), 'none')

    // The keeper on its own puts no rule in force, also in a later life.
    const forged = { rule: peopleRule(1, 'carol'), by: 'carol', reason: '', act: 'a.b.c' }
    await deal.emit('keeper', { type: 'keys.governed', subject: 'keys', data: forged })
    const { version } = deal.keyring
    t.match(deal.keyring.rule, { people: { of: ['alice'] } })
    await deal.keep()
    await life.close()
    const second = await live(on)
    t.teardown(() => second.close())
    t.match(second.deal.keyring.rule, {
      people: { of: ['alice'] },
      roots: [{ kid: next.record.kid }],
    })
    t.equal(second.deal.keyring.version, version)
  },
)

t.test('who holds a plane’s role is never enrolled by people', async (t) => {
  const life = await stood(t)
  const record = { ...(await life.make('eve')), role: 'keeper' }
  const before = life.deal.keyring.service('keeper')?.kid
  t.equal(await codeOf(life.deal.enrol({ record, as: 'alice' })), 'PROV_KEY_ENROL_REFUSED')
  t.equal(life.deal.keyring.service('keeper')?.kid, before)
})
