/** What fails each time is set aside, told of, and sent again by a person; nothing else is blocked. */
import t from 'tap'
import { asProvError, opErrors } from 'prov'
import { ackResult } from '../../plugins/controller/answer.ts'
import { metricsOf, metricsText } from '../../plugins/controller/metrics.ts'
import type { ControllerView } from '../../plugins/controller/reads/controller.ts'
import { runErrors } from '../../plugins/orchestrator/errors.ts'
import { ready } from './stage.ts'

t.test('what the bus is told follows from the error and from how often it came', async (t) => {
  const refused = opErrors.PROV_OP_UNKNOWN({ op: 'op_1' })
  t.same(ackResult(refused, 1), { answer: 'term' })
  const broken = asProvError(new TypeError('x'))
  t.same(ackResult(broken, 1), { answer: 'nak', delayMs: 1_000 })
  const delays = [1, 2, 3, 4, 5, 6, 19].map((attempt) => {
    const result = ackResult(broken, attempt)
    return result.answer === 'nak' ? result.delayMs : undefined
  })
  t.same(delays, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000], 'later each time')
  t.same(ackResult(broken, 20), { answer: 'bury' })
  const waits = runErrors.PROV_RUN_STOPPING({ op: 'op_1' })
  t.not(ackResult(waits, 500).answer, 'bury', 'a world that is not ready says nothing about it')
})

t.test('a command that fails each time is set aside, and runs when it is sent again', async (t) => {
  const life = await ready(t)
  const { ops, desk, until, deal, on, prov } = life
  on.pause = async () => {
    throw new TypeError('the gates cannot be read')
  }
  const { op } = await ops.submit({ type: 'gated', target: 'app/x', as: 'alice' })
  await until(op, 'held')
  await desk.vote({ op, as: 'bob', decision: 'approve', reason: 'go' })
  await until(op, 'approved')
  const view = async () => (await prov.read('controller')) as ControllerView
  for (let turn = 0; turn < 200 && (await view()).letters.length === 0; turn++) {
    await on.clock.advance(10_000)
  }
  const [letter] = (await view()).letters
  t.match(letter, { id: 'command:1:1', code: 'PROV_INTERNAL', deliveries: 20, replays: 0 })
  t.match(metricsText(metricsOf(await view())), /^prov_dead_letters 1$/m)
  t.equal(deal.store.get().ops.get(op)?.phase, 'approved', 'nothing was decided')
  on.pause = async () => {}
  await life.control.replay({ id: 'command:1:1' })
  await until(op, 'applied', 'expired', 'approved')
  t.match((await view()).letters, [{ id: 'command:1:1', replays: 1 }])
  await t.rejects(life.control.replay({ id: 'no such' }), { code: 'PROV_CONTROLLER_NO_LETTER' })
})

t.test('metrics are text that a collector reads', async (t) => {
  const life = await ready(t)
  const { op } = await life.ops.submit({ type: 'restart', target: 'staging-1/api', as: 'alice' })
  await life.until(op, 'applied')
  const text = metricsText(metricsOf((await life.prov.read('controller')) as ControllerView))
  t.match(text, /^# TYPE prov_operations gauge$/m)
  t.match(text, /^prov_operations\{phase="applied"\} 1$/m)
  t.match(text, /^prov_keeper_seq 1$/m)
  for (const line of text.trimEnd().split('\n')) {
    t.match(line, /^(?:# (?:HELP|TYPE) [a-z_]+ .+|[a-z_]+(?:\{[a-z]+="[^"\n]*"\})? \d+)$/)
  }
})
