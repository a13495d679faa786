/** Random quorums in a policy, random hands on their operations: the keeper signs when an oracle would. */
import t from 'tap'
import { codeOf } from '../../core/kit.ts'
import { seeded, seedFor } from '../../core/seed.ts'
import { drawer, groups, holds } from '../support/quorums.ts'
import { people, ready } from './stage.ts'

const seed = seedFor('ballots')
const { one, some, tree } = drawer(seeded(seed))
const count = process.env['PROV_SOAK'] ? 300 : 40

t.test('what is signed is what enough people agreed to, whoever else tried', async (t) => {
  const quorums = Array.from({ length: count }, () => tree(2))
  const rules = quorums.map((quorum, at) => ({
    op_type: 'spread',
    target_patterns: [`app/q${at}`],
    quorum,
  }))
  const text = JSON.stringify({ policy: { version: 1, require_manual: rules } })
  // Nickel writes records with `=`.
  const life = await ready(t, text.replaceAll(/"([a-z_]+)":/g, '$1 = '))
  const { deal, desk, ops, on } = life
  const keys = people(on)
  const persons = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank']
  const groupsOf = new Map<string, readonly string[]>()
  for (const person of persons) {
    for (const actor of [person, `${person}-laptop`]) {
      const record =
        deal.keyring.actor(actor) ?? (await keys.create({ actor, kind: 'human', passphrase: '' }))
      const of = some(groups)
      groupsOf.set(actor, of)
      if (actor === 'alice') await deal.enrol({ record, as: 'bob', groups: of })
      else await deal.enrol({ record, as: 'alice', person, groups: of })
    }
  }
  const revoked = new Set<string>()
  const held = new Map<string, Map<string, string>>()
  const phase = (op: string) => deal.store.get().ops.get(op)?.phase

  /** What the keeper answers to a vote of that key, by the rules as the README says them. */
  const expected = (votes: ReadonlyMap<string, string>, actor: string): string => {
    if (revoked.has(actor)) return 'PROV_KEY_REVOKED'
    if (actor === 'robot') return 'PROV_OP_AGENT_APPROVAL'
    const [person = ''] = actor.split('-')
    if (person === 'alice') return 'PROV_OP_SELF_APPROVAL'
    return votes.has(person) ? 'PROV_OP_VOTED' : 'none'
  }
  const tally = (votes: ReadonlyMap<string, string>) =>
    new Map([...votes].map(([person, key]) => [person, groupsOf.get(key) ?? []]))

  let signed = 0
  for (const [at, quorum] of quorums.entries()) {
    const says = `seed ${seed}, quorum ${at}: ${JSON.stringify(quorum)}`
    const { op } = await ops.submit({ type: 'spread', target: `app/q${at}`, as: 'alice' })
    await life.until(op, 'held')
    const votes = new Map<string, string>()
    held.set(op, votes)
    for (let hand = 0; hand < 8 && held.has(op); hand++) {
      const as = one([...groupsOf.keys(), 'robot'])
      const want = expected(votes, as)
      const got = await codeOf(desk.vote({ op, as, decision: 'approve', reason: 'ok' }))
      if (got !== want) return t.fail(`${as}: ${got} and not ${want}; ${says}`)
      if (want === 'none') votes.set(as.split('-')[0] ?? '', as)
      const enough = holds(quorum, tally(votes))
      if (enough === (phase(op) === 'held')) {
        return t.fail(`${phase(op)} after ${[...votes.values()].join()}; ${says}`)
      }
      if (!enough) continue
      await life.until(op, 'applied')
      held.delete(op)
      signed++
    }
    // Now and then somebody leaves; what they agreed to is void, and the others are asked anew.
    const leaves = `${persons[at / 8] ?? ''}-laptop`
    if (at === 0 || !groupsOf.has(leaves)) continue
    await desk.revoke({ actor: leaves, reason: 'left', as: 'bob' })
    revoked.add(leaves)
    for (const [id, before] of held) {
      const rests = [...before.values()].includes(leaves)
      if (rests) before.clear()
      const left = deal.store
        .get()
        .ops.get(id)
        ?.votes.map(({ actor }) => actor)
      if ([...before.values()].sort().join() !== [...(left ?? [])].sort().join()) {
        return t.fail(`${left?.join()} and not ${[...before.values()].join()} after ${leaves} left`)
      }
    }
  }
  t.ok(signed > 4 && held.size > 4, `${signed} signed, ${held.size} not; ${revoked.size} keys gone`)
  t.equal(on.effects.size, signed, 'and nothing else ran')
})
