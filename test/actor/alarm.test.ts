import t from 'tap'
import { Alarm } from '../../core/actor/alarm.ts'
import { simulatedClock } from '../../core/clock.ts'

const hour = 3_600_000

t.test(
  'a thousand timers ring in order of their time, equal ones in order of setting',
  async (t) => {
    const clock = simulatedClock({ startMs: 0 })
    const rung: [number, number][] = []
    const due = Array.from({ length: 1_000 }, (_, at) => (at * 7_919) % 97)
    const alarm = new Alarm<number>(clock, (item) => rung.push([due[item] as number, item]))
    for (const [item, dueMs] of due.entries()) alarm.set(dueMs, item)
    await clock.advance(50)
    t.ok(rung.every(([dueMs]) => dueMs <= 50))
    await clock.advance(50)
    const wanted = due.map((dueMs, item): [number, number] => [dueMs, item])
    t.same(
      rung,
      wanted.sort((a, b) => a[0] - b[0] || a[1] - b[1]),
    )
    t.equal(clock.nextDue(), undefined)
  },
)

t.test('an earlier timer goes first, a past one at once, a stopped alarm never', async (t) => {
  const clock = simulatedClock({ startMs: 1_000 })
  const rung: string[] = []
  const alarm = new Alarm<string>(clock, (item) => rung.push(item))
  alarm.set(1_500, 'late')
  alarm.set(1_100, 'early')
  alarm.set(10, 'past')
  await clock.advance(0)
  t.same(rung, ['past'])
  await clock.advance(100)
  t.same(rung, ['past', 'early'])
  alarm.stop()
  await clock.advance(hour)
  t.same(rung, ['past', 'early'])
})

t.test('when the wall clock is set, timers keep to the wall', async (t) => {
  const clock = simulatedClock({ startMs: 0 })
  const rung: number[] = []
  const alarm = new Alarm<string>(clock, () => rung.push(clock.now()))
  alarm.set(5 * hour, 'noon')
  clock.jump(4 * hour)
  await clock.advance(hour)
  t.same(rung, [5 * hour], 'set ahead: noticed within the hour')
  alarm.set(6 * hour, 'later')
  clock.jump(-hour)
  await clock.advance(hour)
  t.equal(rung.length, 1, 'set back: it does not ring early')
  await clock.advance(hour)
  t.same(rung, [5 * hour, 6 * hour])
})

t.test('timers that are set anew all the time do not pile up', async (t) => {
  const clock = simulatedClock({ startMs: 0 })
  const rung: number[] = []
  let newest = 0
  const alarm = new Alarm<number>(
    clock,
    (item) => rung.push(item),
    (item) => item === newest || item % 1_000 === 0,
  )
  for (let item = 1; item <= 10_000; item++) {
    newest = item
    alarm.set(hour + item, item)
  }
  t.ok(alarm.size <= 128, `${alarm.size} entries for 10 timers`)
  await clock.advance(2 * hour)
  t.same(
    rung.filter((item) => item % 1_000 === 0),
    Array.from({ length: 10 }, (_, at) => (at + 1) * 1_000),
  )
})
