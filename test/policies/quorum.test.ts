import t from 'tap'
import type { Quorum, Vote } from '../../policies/quorum.ts'
import { countVotes, quorumProblems } from '../../policies/quorum.ts'

const vote = (actor: string, groups: readonly string[] = [], more: Partial<Vote> = {}): Vote => ({
  actor,
  kind: 'human',
  groups,
  verdict: 'approve',
  custody: 'separate',
  ...more,
})
const ask = (quorum: Quorum, votes: readonly Vote[], requesterMayApprove = false) =>
  countVotes({ quorum, votes, requester: 'alice', requesterMayApprove })

t.test('the requester, agents, services and second votes never count', async (t) => {
  const answer = ask({ at_least: 2 }, [
    vote('alice'),
    vote('robot', [], { kind: 'agent' }),
    vote('cron', [], { kind: 'service' }),
    vote('bob'),
    vote('bob-laptop', [], { person: 'bob' }),
    vote('carol', [], { verdict: 'reject' }),
  ])
  t.equal(answer.met, false)
  t.same(answer.counted, ['bob'])
  t.same(answer.missing, ['1 person'])
  t.same(
    answer.uncounted.map(({ actor }) => actor),
    ['alice', 'robot', 'cron', 'bob-laptop', 'carol'],
  )
})

t.test('people may change their mind: the last word counts', async (t) => {
  const against = vote('bob', [], { verdict: 'reject' })
  t.equal(ask({ at_least: 1 }, [vote('bob'), against]).met, false)
  t.equal(ask({ at_least: 1 }, [against, vote('bob')]).met, true)
  const agent = vote('bob-bot', [], { person: 'bob', kind: 'agent', verdict: 'reject' })
  t.equal(ask({ at_least: 1 }, [vote('bob'), agent]).met, true, 'and nobody speaks for another')
})

t.test('the requester counts when the policy says so, an agent never', async (t) => {
  t.equal(ask({ at_least: 1 }, [vote('alice')], true).met, true)
  t.equal(ask({ at_least: 1 }, [vote('alice', [], { kind: 'agent' })], true).met, false)
})

t.test('shared custody does not count where separate is asked for', async (t) => {
  const shared = [vote('bob', [], { custody: 'shared' })]
  t.equal(ask({ at_least: 1 }, shared).met, true)
  const answer = ask({ at_least: 1, custody: 'separate' }, shared)
  t.equal(answer.met, false)
  t.match(answer.uncounted[0]?.why, /custody/)
})

t.test('all, any and groups', async (t) => {
  const two: Quorum = {
    all: [
      { at_least: 1, from: ['ops'] },
      { at_least: 1, from: ['sec'] },
    ],
  }
  t.equal(ask(two, [vote('bob', ['ops', 'sec'])]).met, true, 'one person may fill both')
  t.same(ask(two, [vote('bob', ['ops'])]).missing, ['1 person of sec'])
  const either: Quorum = {
    any: [
      { at_least: 2, from: ['ops'] },
      { at_least: 1, from: ['lead'] },
    ],
  }
  t.equal(ask(either, [vote('bob', ['lead'])]).met, true)
  t.same(ask(either, [vote('bob', ['ops'])]).missing, ['1 person of ops, or 1 person of lead'])
})

t.test('distinct seats people so that nobody counts twice, whatever the order', async (t) => {
  const quorum: Quorum = {
    distinct: [
      { at_least: 1, from: ['ops'] },
      { at_least: 1, from: ['sec'] },
    ],
  }
  const both = vote('bob', ['ops', 'sec'])
  const ops = vote('carol', ['ops'])
  t.equal(ask(quorum, [both]).met, false)
  t.equal(ask(quorum, [both, ops]).met, true, 'bob must move to sec')
  t.equal(ask(quorum, [ops, both]).met, true)
  t.equal(ask(quorum, [ops, vote('dan', ['ops'])]).met, false)
})

t.test('a quorum that cannot be meant is named', async (t) => {
  const problems = (quorum: unknown) => quorumProblems(quorum).map(({ path }) => path)
  t.same(problems({ at_least: 2, from: ['ops'], custody: 'separate' }), [])
  t.same(problems({ at_least: 1.5 }), ['at_least'])
  t.same(problems({ at_least: 1, all: [] }), [''])
  t.same(problems({ all: [{ at_least: 1, custody: 'separate' }] }), ['all[0].custody'])
  t.same(problems({ distinct: [null] }), ['distinct[0]', 'distinct[0]'])
  t.same(problems({ distinct: [{ any: [{ at_least: 1 }] }] }), ['distinct[0]'])
  t.same(problems({ at_least: 1, from: [] }), ['from'])
})
