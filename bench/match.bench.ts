/** Measures: one op against a policy of 50 rules, with the full trace. Not: reading or compiling the policy. */
import { compilePolicy, matchPolicy } from '../policies/match.ts'
import { emptyPolicy, type Rule } from '../policies/policy.ts'
import { bench } from './harness.ts'

const rules: readonly Rule[] = Array.from({ length: 50 }, (_, n) => ({
  op_type: n % 2 ? 'deploy' : 'scale',
  image_patterns: [`registry/team-${n}/*`],
  target_patterns: [`zone-${n}-*/web-*`, `zone-${n}/**`],
}))
const policy = compilePolicy({
  ...emptyPolicy,
  auto_sign: rules.slice(0, 25),
  require_manual: rules.slice(25),
})
const subjects = rules.map((_, n) => ({
  opType: 'deploy',
  image: `registry/team-${n}/app:1.2`,
  target: `zone-${n}-a/web-7`,
  atMs: 0,
}))
const patterns = rules.map((_, n) => new RegExp(`^zone-${n}-[^/]*/web-[^/]*$`))

export default bench('match', [
  {
    name: 'floor: 50 regular expressions on the target',
    run: (times) => {
      let hits = 0
      for (let n = 0; n < times; n++) {
        const { target } = subjects[n % subjects.length] as { target: string }
        for (const pattern of patterns) if (pattern.test(target)) hits++
      }
      return hits
    },
  },
  {
    name: 'matchPolicy: 50 rules, traced',
    run: (times) => {
      let held = 0
      for (let n = 0; n < times; n++) {
        const subject = subjects[n % subjects.length] as (typeof subjects)[number]
        if (matchPolicy(policy, subject).verdict === 'hold') held++
      }
      return held
    },
  },
])
