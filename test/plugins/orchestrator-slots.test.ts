/** Who may run a step now: the higher priority, and nobody waits for ever. */
import t from 'tap'
import { passedOverAtMost, Slots } from '../../plugins/orchestrator/slots.ts'

const turns = (): Promise<void> => new Promise((turn) => setImmediate(turn))

t.test('higher priorities go first, equals in the order they came', async (t) => {
  const { signal } = new AbortController()
  const slots = new Slots(1)
  const order: string[] = []
  const first = await slots.take(0, signal)
  for (const [name, priority] of [
    ['low 1', 0],
    ['low 2', 0],
    ['high', 9],
    ['undo', 10],
  ] as const) {
    void slots.take(priority, signal).then((giveBack) => {
      order.push(name)
      giveBack()
      giveBack()
    })
  }
  t.same(order, [])
  first()
  await turns()
  t.same(order, ['undo', 'high', 'low 1', 'low 2'])
  const again = await slots.take(0, signal)
  let second = false
  void slots.take(0, signal).then(() => (second = true))
  await turns()
  t.notOk(second, 'a slot that was given back twice counts once')
  again()
})

t.test('under endless higher work a lower one waits for so many turns and no more', async (t) => {
  const { signal } = new AbortController()
  const slots = new Slots(1)
  let giveBack = await slots.take(9, signal)
  let low = false
  void slots.take(0, signal).then((mine) => {
    low = true
    mine()
  })
  let passed = 0
  for (; !low && passed < 100; passed++) {
    const next = slots.take(9, signal)
    giveBack()
    giveBack = await next
  }
  t.equal(passed, passedOverAtMost + 1)
})

t.test('who leaves the queue leaves it', async (t) => {
  const slots = new Slots(1)
  const giveBack = await slots.take(0, new AbortController().signal)
  const leaving = new AbortController()
  const left = slots.take(5, leaving.signal)
  leaving.abort(new Error('gone'))
  await t.rejects(left, { message: 'gone' })
  await t.rejects(slots.take(5, leaving.signal), { message: 'gone' })
  let third = false
  void slots.take(0, new AbortController().signal).then(() => (third = true))
  giveBack()
  await turns()
  t.ok(third)
})
