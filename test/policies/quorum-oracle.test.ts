/**
 * Thousands of quorums and ballots, drawn by chance, against an oracle that knows no algorithm: it reads
 * the sentence of each rule and tries every way to seat people.
 */
import t from 'tap'
import { seeded, seedFor } from '../../core/seed.ts'
import type { Quorum, Vote } from '../../policies/quorum.ts'
import { countVotes, quorumProblems } from '../../policies/quorum.ts'
import { drawer, groups, holds } from '../support/quorums.ts'

const rounds = process.env['PROV_SOAK'] ? 200_000 : 8_000
const seed = seedFor('quorums')
const next = seeded(seed)
const { one, some, several, tree } = drawer(next)

/** Six people at most, some with two keys of different groups, some agents in their name. */
function ballot(): readonly Vote[] {
  const people = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank']
  const keys = people.flatMap((person) =>
    several(2, () => person).map((_, at) => ({
      actor: at === 0 ? person : `${person}-laptop`,
      ...(at > 0 && { person }),
      groups: some(groups),
    })),
  )
  return Array.from({ length: next(10) }, () => ({
    ...one(keys),
    kind: next(8) === 0 ? one(['agent', 'service'] as const) : ('human' as const),
    verdict: next(6) === 0 ? ('reject' as const) : ('approve' as const),
    custody: next(4) === 0 ? ('shared' as const) : ('separate' as const),
  }))
}

interface Case {
  readonly quorum: Quorum
  readonly votes: readonly Vote[]
  readonly requester: string
  readonly requesterMayApprove: boolean
}

/** Who agreed, and as a member of what: person by person, by their own votes alone. */
function agreed({ quorum, votes, requester, requesterMayApprove }: Case) {
  const people = [...new Set(votes.map((vote) => vote.person ?? vote.actor))]
  const found = people.flatMap((person) => {
    if (person === requester && !requesterMayApprove) return []
    const said = votes.filter(
      (vote) => (vote.person ?? vote.actor) === person && vote.kind === 'human',
    )
    const after = said.findLastIndex(({ verdict }) => verdict === 'reject')
    const counts = said
      .slice(after + 1)
      .find(({ custody }) => quorum.custody !== 'separate' || custody === 'separate')
    return counts ? [[person, counts.groups] as const] : []
  })
  return new Map(found)
}

function draw(): Case {
  const custody = next(4) === 0 ? ({ custody: 'separate' } as const) : {}
  return {
    quorum: { ...tree(3), ...custody },
    votes: ballot(),
    requester: one(['alice', 'bob']),
    requesterMayApprove: next(4) === 0,
  }
}

t.test('who agreed and whether it suffices is what trying every seating says', async (t) => {
  const met = { yes: 0, no: 0 }
  for (let round = 0; round < rounds; round++) {
    const drawn = draw()
    const answer = countVotes(drawn)
    const people = agreed(drawn)
    const wanted = holds(drawn.quorum, people)
    const says = `seed ${seed}, round ${round}: ${JSON.stringify(drawn)}`
    if (quorumProblems(drawn.quorum).length > 0) return t.fail(`not a quorum: ${says}`)
    if (answer.met !== wanted || answer.met !== (answer.missing.length === 0)) return t.fail(says)
    if ([...answer.counted].sort().join() !== [...people.keys()].sort().join()) {
      return t.fail(`${answer.counted.join()} and not ${[...people.keys()].join()}: ${says}`)
    }
    met[wanted ? 'yes' : 'no']++
  }
  t.ok(met.yes > rounds / 10 && met.no > rounds / 10, `both happen: ${JSON.stringify(met)}`)
})

t.test('one more person who agrees never takes an agreement away', async (t) => {
  for (let round = 0; round < rounds / 4; round++) {
    const drawn = draw()
    const more: Vote = {
      actor: 'zoe',
      kind: 'human',
      groups: some(groups),
      verdict: 'approve',
      custody: 'separate',
    }
    const after = countVotes({ ...drawn, votes: [...drawn.votes, more] })
    if (countVotes(drawn).met && !after.met) {
      return t.fail(`seed ${seed}, round ${round}: ${JSON.stringify({ drawn, more })}`)
    }
  }
  t.pass()
})

t.test('in which order different people vote changes nothing', async (t) => {
  for (let round = 0; round < rounds / 4; round++) {
    const drawn = draw()
    // Each keeps their own order: who changes their mind has the last word.
    const queues = new Map<string, Vote[]>()
    for (const vote of drawn.votes) {
      const person = vote.person ?? vote.actor
      queues.set(person, [...(queues.get(person) ?? []), vote])
    }
    const votes: Vote[] = []
    while (queues.size > 0) {
      const person = one([...queues.keys()])
      votes.push(queues.get(person)?.shift() as Vote)
      if (queues.get(person)?.length === 0) queues.delete(person)
    }
    if (countVotes({ ...drawn, votes }).met !== countVotes(drawn).met) {
      return t.fail(`seed ${seed}, round ${round}: ${JSON.stringify({ drawn, votes })}`)
    }
  }
  t.pass()
})
