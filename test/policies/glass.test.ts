import t from 'tap'
import { mayBreakGlass } from '../../policies/glass.ts'
import { readPolicy } from '../../policies/policy.ts'

const subject = { opType: 'deploy', target: 'app/x', scope: [], atMs: 0 }

function answer(rules: readonly object[], groups: readonly string[] = []) {
  const reading = readPolicy({ version: 1, break_glass: rules })
  return reading.ok
    ? mayBreakGlass(reading.policy, subject, groups)
    : reading.problems.map(({ path, problem }) => `${path}: ${problem}`)
}

t.test('glass is broken only where a rule lets these hands, for so long', async (t) => {
  t.match(mayBreakGlass(undefined, subject, ['oncall']), { allowed: false })
  t.match(answer([]), { allowed: false, why: /no policy/ })
  t.match(answer([{ op_type: 'restart' }]), { allowed: false, why: /no rule of break_glass/ })
  t.same(answer([{ op_type: 'deploy' }]), {
    allowed: true,
    rule: 'break_glass[0]',
    atMostMs: 3_600_000,
  })
  const oncall = { id: 'night', op_type: 'deploy', groups: ['oncall'], at_most_minutes: 15 }
  t.match(answer([oncall]), { allowed: false, why: /asks for somebody of oncall/ })
  t.match(answer([oncall], ['ops', 'oncall']), {
    rule: 'break_glass[0] (night)',
    atMostMs: 900_000,
  })
  t.match(answer([oncall, { target_patterns: ['app/**'] }]), { rule: 'break_glass[1]' })
})

t.test('a rule that is wrong makes the policy wrong, and says where', async (t) => {
  t.match(answer([{}]), [/matches every op/])
  t.match(answer([{ op_type: 'x', at_most_minutes: 0 }]), [/at_most_minutes: not a whole number/])
  t.match(answer([{ op_type: 'x', at_most_minutes: 481 }]), [/1 to 480/])
  t.match(answer([{ op_type: 'x', groups: [] }]), [/groups: not a list/])
  t.match(answer([{ op_type: 'x', group: ['a'] }]), [/did you mean groups/])
  t.match(answer([{ op_type: 'x', quorum: { at_least: 2 } }]), [/only rules of require_manual/])
})
