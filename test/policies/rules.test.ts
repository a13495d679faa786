import t from 'tap'
import { exitCodes } from '../../core/errors.ts'
import { commandExpiryMs, expiries, expiryProblem, voteExpiryMs } from '../../policies/expiry.ts'
import { keeperMode, mayAutoSign, modeSwitches } from '../../policies/mode.ts'
import { emptyPolicy, type Policy } from '../../policies/policy.ts'
import { busAnswer } from '../../policies/redelivery.ts'
import { givesUp, restarts } from '../../policies/restart.ts'
import { mayForget, retentions } from '../../policies/retention.ts'
import { retries, retryDelayMs } from '../../policies/retry.ts'

t.test('a mode is what running, switch and policy amount to', async (t) => {
  const narrow: Policy = { ...emptyPolicy, auto_sign: [{ op_type: 'scale' }] }
  const wide: Policy = { ...emptyPolicy, auto_sign: [{ matches_everything: true }] }
  const mode = (running: boolean, autoSign: boolean, policy = narrow) =>
    keeperMode({ running, autoSign, policy }).mode
  t.equal(mode(true, true, emptyPolicy), 'manual')
  t.equal(mode(true, true), 'hybrid')
  t.equal(mode(true, true, wide), 'auto')
  t.equal(mode(true, true, { ...wide, require_manual: [{ op_type: 'drain' }] }), 'hybrid')
  t.equal(mode(false, true, wide), 'manual')
  t.equal(mode(true, false, wide), 'manual')
  t.equal(mayAutoSign({ running: true, ...modeSwitches.switch_to_vm_ops }), true)
  t.equal(mayAutoSign({ running: true, ...modeSwitches.switch_to_operator_only }), false)
})

t.test('retries wait longer and longer, up to a cap, and then stop', async (t) => {
  const retry = { attempts: 5, firstMs: 100, factor: 2, maxMs: 300, jitter: 0 }
  const delay = (attempt: number, random = 0, retryAfterMs = 0) =>
    retryDelayMs({ ...retry, jitter: 0.5 }, { attempt, random, retryAfterMs })
  t.same(
    [2, 3, 4, 5, 6].map((attempt) => delay(attempt)),
    [100, 200, 300, 300, undefined],
  )
  t.equal(delay(2, 0.999), 50, 'jitter takes at most its share')
  t.equal(delay(2, 0, 5_000), 5_000, 'what the server asked for wins')
  t.equal(delay(1), undefined, 'the first attempt is no retry')
  t.equal(retryDelayMs(retries.destroy, { attempt: 1_000, random: 0 }), 60_000)
  t.equal(retryDelayMs(retries.outOfMemory, { attempt: 2, random: 0 }), 0)
  t.equal(retryDelayMs(retries.outOfMemory, { attempt: 3, random: 0 }), undefined)
})

t.test('a supervisor gives up when failures crowd, not when they are spread', async (t) => {
  const rule = { intensity: 3, periodMs: 1_000 }
  t.equal(givesUp(rule, { failuresAtMs: [100, 200], nowMs: 300 }), false)
  t.equal(givesUp(rule, { failuresAtMs: [100, 200, 250], nowMs: 300 }), true)
  t.equal(givesUp(rule, { failuresAtMs: [100, 900, 1_800], nowMs: 2_000 }), false)
  t.equal(restarts.operation.onFailure, 'park')
  t.equal(restarts.gate.onFailure, 'restart')
})

t.test('every disposition has an answer for the bus, and unknown is never acked', async (t) => {
  for (const disposition of Object.keys(exitCodes) as (keyof typeof exitCodes)[]) {
    t.ok(busAnswer(disposition).answer, disposition)
  }
  t.same(busAnswer(undefined), { answer: 'ack' })
  t.same(busAnswer('unknown'), { answer: 'silence' })
  t.same(busAnswer('refuse'), { answer: 'term', audit: true })
  t.same(busAnswer('retry', { retryAfterMs: 9_000 }), { answer: 'nak', delayMs: 9_000 })
})

t.test('audit is kept until it is confirmed, other things by age or number', async (t) => {
  t.equal(mayForget(retentions.audit, { ageMs: 1e12, newer: 1e9 }), false)
  t.equal(mayForget(retentions.audit, { ageMs: 0, newer: 0, confirmed: true }), true)
  t.equal(mayForget(retentions.ecosystem, { ageMs: 30 * 86_400_000, newer: 0 }), true)
  t.equal(mayForget(retentions.ecosystem, { ageMs: 30 * 86_400_000 - 1, newer: 1e9 }), false)
  t.equal(mayForget(retentions.deadLetters, { ageMs: 0, newer: 10_000 }), true)
})

t.test(
  'three clocks: intents in days, votes within their intent, commands in minutes',
  async (t) => {
    const nowMs = 1_000_000_000
    const problem = (issuedAtMs: number, expiresAtMs: number) =>
      expiryProblem({ issuedAtMs, expiresAtMs }, { nowMs, longestMs: expiries.intentMs })
    t.equal(problem(nowMs, nowMs + expiries.intentMs), undefined)
    t.equal(problem(nowMs, nowMs + expiries.intentMs + 1), 'too-long')
    t.equal(problem(nowMs - 10, nowMs), 'expired')
    t.equal(problem(nowMs, nowMs), 'backwards')
    t.equal(problem(nowMs + 60_001, nowMs + 120_000), 'from-the-future')
    t.equal(problem(nowMs + 60_000, nowMs + 120_000), undefined)
    t.equal(voteExpiryMs(500, 900), 500)
    t.equal(voteExpiryMs(500, undefined), 500)
    t.equal(commandExpiryMs({ nowMs: 0, intentExpiresAtMs: 1e9 }), 600_000)
    t.equal(commandExpiryMs({ nowMs: 0, intentExpiresAtMs: 5_000 }), 5_000)
  },
)
