import t from 'tap'
import type { PolicySubject } from '../../policies/match.ts'
import type { Policy, Rule } from '../../policies/policy.ts'
import { lintPolicy } from '../../policies/lint.ts'
import { compilePolicy, matchPolicy, traceLines } from '../../policies/match.ts'
import { emptyPolicy, readPolicy } from '../../policies/policy.ts'

const atMs = Date.parse('2026-03-04T10:00:00Z')
const deploy: PolicySubject = {
  opType: 'deploy',
  image: 'ghcr.io/acme/api:1.2',
  target: 'prod-eu/api',
  scope: ['deploy:prod', 'read:all'],
  actor: { name: 'alice', kind: 'human' },
  atMs,
}
const policy = (parts: Partial<Policy>): Policy => ({ ...emptyPolicy, ...parts })
const judge = (parts: Partial<Policy>, subject: Partial<PolicySubject> = {}) =>
  matchPolicy(compilePolicy(policy(parts)), { ...deploy, ...subject })

t.test('what no rule decides is held for one person', async (t) => {
  const decision = judge({})
  t.equal(decision.verdict, 'hold')
  t.equal(decision.by, undefined)
  t.same(decision.quorum, { at_least: 1 })
  t.same(decision.trace, [])
})

t.test('deny beats hold, hold beats auto-sign, whatever the order of the file', async (t) => {
  const rule = { op_type: 'deploy' }
  t.equal(judge({ auto_sign: [rule] }).verdict, 'auto-sign')
  t.equal(judge({ auto_sign: [rule], require_manual: [rule] }).verdict, 'hold')
  const all = judge({ auto_sign: [rule], require_manual: [rule], deny: [rule] })
  t.equal(all.verdict, 'deny')
  t.same(all.by, { list: 'deny', index: 0 })
})

t.test('every field of a rule must match, and each alone can refuse', async (t) => {
  const rule = {
    op_type: 'deploy',
    image_patterns: ['ghcr.io/acme/*'],
    target_patterns: ['staging-*', 'prod-eu/*'],
    scope_patterns: ['deploy:*'],
    actors: { kinds: ['human' as const], names: ['al*'] },
    windows: [{ zone: 'UTC', from: '09:00', to: '17:00' }],
    destructive: false,
  }
  t.equal(judge({ auto_sign: [rule] }).verdict, 'auto-sign')
  const misses: readonly [string, Partial<PolicySubject>][] = [
    ['op_type', { opType: 'restart' }],
    ['image_patterns', { image: 'evil.io/acme/api' }],
    ['image_patterns', { image: undefined }],
    ['target_patterns', { target: 'prod-us/api' }],
    ['scope_patterns', { scope: ['read:all'] }],
    ['scope_patterns', { scope: [] }],
    ['actors.kinds', { actor: { name: 'alice', kind: 'agent' } }],
    ['actors.names', { actor: { name: 'bob', kind: 'human' } }],
    ['windows', { atMs: atMs + 12 * 3_600_000 }],
    ['destructive', { destructive: true }],
  ]
  for (const [field, change] of misses) {
    const decision = judge({ auto_sign: [rule] }, change)
    t.equal(decision.verdict, 'hold', field)
    const failed = decision.trace[0]?.fields.filter((one) => !one.matched).map((one) => one.field)
    t.same(failed, [field], `only ${field} is to blame`)
  }
})

t.test('the trace shows every rule, also after the verdict is known', async (t) => {
  const decision = judge({
    deny: [{ id: 'no-drains', op_type: 'drain' }],
    require_manual: [{ target_patterns: ['prod-*/*'] }],
    auto_sign: [{ op_type: 'deploy' }],
  })
  t.same(
    traceLines(decision).map(({ rule, effect, matched }) => [rule, effect, matched]),
    [
      ['deny[0] (no-drains)', 'deny', false],
      ['require_manual[0]', 'hold', true],
      ['auto_sign[0]', 'auto-sign', true],
    ],
  )
  t.equal(traceLines(decision)[0]?.why, 'op type deploy is not taken by drain')
})

t.test('two manual rules that match ask for both quorums', async (t) => {
  const decision = judge({
    require_manual: [
      { op_type: 'deploy', quorum: { at_least: 2, from: ['ops'] } },
      {
        target_patterns: ['prod-*/*'],
        quorum: { at_least: 1, from: ['sec'], custody: 'separate' },
      },
    ],
  })
  t.same(decision.quorum, {
    all: [
      { at_least: 2, from: ['ops'] },
      { at_least: 1, from: ['sec'] },
    ],
    custody: 'separate',
  })
})

t.test('a policy says everything that is wrong with it', async (t) => {
  const reading = readPolicy({
    version: 2,
    auto_sign: [{}, { target_pattern: ['x'] }, { op_type: 'deploy', quorum: { at_least: 1 } }],
    require_manual: [
      { op_type: 'deploy', windows: [{ zone: 'Mars/Olympus' }] },
      { op_type: 'scale', target_patterns: [] },
      { op_type: 'drain', quorum: { at_least: 0 } },
    ],
    allow: [],
  })
  t.equal(reading.ok, false)
  const problems = reading.ok ? [] : reading.problems.map(({ path }) => path)
  t.same(problems, [
    'policy.allow',
    'policy.version',
    'policy.require_manual[0].windows[0].zone',
    'policy.require_manual[1].target_patterns',
    'policy.require_manual[2].quorum.at_least',
    'policy.auto_sign[0]',
    'policy.auto_sign[1].target_pattern',
    'policy.auto_sign[2].quorum',
  ])
  const misspelt = reading.ok ? '' : reading.problems.find((p) => p.path.endsWith('_pattern'))
  t.match(misspelt, { problem: /did you mean target_patterns/ })
})

t.test('a rule that matches everything must say so, in every disguise', async (t) => {
  for (const rule of [
    {},
    { op_type: '*' },
    { op_type: '**' },
    { target_patterns: ['*', 'x'], scope_patterns: ['*'] },
    {
      op_type: '*',
      image_patterns: ['***'],
      target_patterns: ['x', '**'],
      actors: { names: ['**'] },
    },
  ]) {
    t.equal(readPolicy({ auto_sign: [rule] }).ok, false, JSON.stringify(rule))
    t.equal(readPolicy({ auto_sign: [{ ...rule, matches_everything: true }] }).ok, true)
  }
  t.equal(readPolicy({ auto_sign: [{ op_type: 'scale' }] }).ok, true)
})

t.test('an empty policy is valid and holds everything', async (t) => {
  const reading = readPolicy({})
  t.ok(reading.ok)
  if (reading.ok) t.equal(matchPolicy(compilePolicy(reading.policy), deploy).verdict, 'hold')
})

t.test('the lint names rules that never decide and rules that decide too much', async (t) => {
  const findings = lintPolicy(
    policy({
      require_manual: [{ target_patterns: ['prod/**'] }],
      auto_sign: [
        { op_type: 'deploy', target_patterns: ['prod/eu/*'], destructive: false },
        { op_type: 'scale', destructive: false },
        { op_type: 'scale', target_patterns: ['staging'], destructive: false },
        { op_type: 'restart' },
        { op_type: 'dimension.*', destructive: false, actors: { kinds: ['human', 'agent'] } },
        { op_type: 'dimension.declare', destructive: false, actors: { kinds: ['human'] } },
      ],
    }),
  )
  t.same(
    findings.map(({ finding, rule, other }) => [finding, rule.index, other?.list]),
    [
      ['shadowed', 0, 'require_manual'],
      ['repeated', 2, 'auto_sign'],
      ['signs-destructive', 3, undefined],
      ['agents-declare', 4, undefined],
      ['repeated', 5, 'auto_sign'],
    ],
  )
})

t.test('a rule that is covered in part only is not called dead', async (t) => {
  const narrow = { op_type: 'scale', target_patterns: ['prod/a', 'staging/a'], destructive: false }
  const dead = (wide: Rule) =>
    lintPolicy(policy({ require_manual: [wide], auto_sign: [narrow] })).map((one) => one.finding)
  t.same(dead({ target_patterns: ['prod/*'] }), [])
  t.same(dead({ target_patterns: ['prod/*', 'staging/*'] }), ['shadowed'])
  t.same(dead({ op_type: 's*', destructive: false }), ['shadowed'])
  t.same(dead({ op_type: 's*', destructive: true }), [], 'other ops')
  t.same(dead({ op_type: 's*', actors: { kinds: ['human'] } }), [], 'other submitters')
  t.same(dead({ op_type: 's*', windows: [{ zone: 'UTC', to: '12:00' }] }), [], 'other hours')
})

t.test(
  'any JSON at all is judged without an exception, and what is accepted can be asked',
  async (t) => {
    const sound = {
      version: 1,
      auto_sign: [{ op_type: 'scale', target_patterns: ['a/*'], actors: { kinds: ['human'] } }],
      require_manual: [
        { windows: [{ zone: 'UTC', days: ['mon'], from: '09:00', holidays: ['2026-01-01'] }] },
        { destructive: true, quorum: { all: [{ at_least: 1, from: ['ops'] }] } },
      ],
      deny: [{ image_patterns: ['evil/*'], scope_patterns: ['x:*'] }],
    }
    let state = 3
    const below = (limit: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
      return state % limit
    }
    const junk = [null, 0, -1, 'x', '', '__proto__', [], {}, [null], true, Number.NaN]
    const mutated = (value: unknown): unknown => {
      if (typeof value !== 'object' || value === null || below(6) === 0)
        return junk[below(junk.length)]
      const keys = Object.keys(value)
      const key = keys[below(Math.max(1, keys.length))]
      if (key === undefined) return junk[below(junk.length)]
      const record = value as Record<string, unknown>
      record[key] = mutated(record[key])
      return value
    }
    let accepted = 0
    for (let round = 0; round < 5_000; round++) {
      const reading = readPolicy(mutated(structuredClone(sound)))
      if (!reading.ok) continue
      accepted++
      matchPolicy(compilePolicy(reading.policy), deploy)
      lintPolicy(reading.policy)
    }
    t.ok(accepted > 100, `${accepted} of 5,000 were still policies`)
  },
)
