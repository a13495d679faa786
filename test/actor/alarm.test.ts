import t from 'tap'
import { Alarm } from '../../core/actor/alarm.ts'
import type { AlarmHandle } from '../../core/actor/alarm.ts'
import { simulatedClock } from '../../core/clock.ts'

const hour = 3_600_000

/** Small and seeded: what fails once fails again. */
function dice(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

t.test('timers ring in order of their time, equal ones in the order they were set', async (t) => {
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
  t.equal(clock.nextDue(), undefined, 'and then nobody is waited for')
})

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
  t.equal(alarm.set(1_101, 'vain'), 0)
  t.equal(alarm.size, 0)
  await clock.advance(hour)
  t.same(rung, ['past', 'early'])
})

t.test(
  'setting, cancelling and ringing at random agree with a sorted list',
  { timeout: 900_000 },
  async (t) => {
    for (const seed of [1, 2, 3, 4]) {
      const roll = dice(seed)
      const clock = simulatedClock({ startMs: 5_000 })
      const rung: number[] = []
      const wanted: number[] = []
      const alarm = new Alarm<number>(clock, (item) => rung.push(item))
      let pending: { dueMs: number; item: number; handle: AlarmHandle }[] = []
      const gone: AlarmHandle[] = []
      for (let item = 0; item < 3_000; item++) {
        const act = roll(10)
        if (act < 6) {
          const dueMs = clock.now() - 5 + roll(200)
          pending.push({ dueMs, item, handle: alarm.set(dueMs, item) })
        } else if (act < 9 && pending.length > 0) {
          const [one] = pending.splice(roll(pending.length), 1)
          if (!alarm.cancel(one?.handle as number)) t.fail(`seed ${seed}: ${item} was pending`)
          gone.push(one?.handle as number)
        } else {
          await clock.advance(roll(20))
          const due = pending.filter((one) => one.dueMs <= clock.now())
          due.sort((a, b) => a.dueMs - b.dueMs || a.item - b.item)
          wanted.push(...due.map((one) => one.item))
          gone.push(...due.map((one) => one.handle))
          pending = pending.filter((one) => one.dueMs > clock.now())
          const wrong = gone.filter((handle) => alarm.cancel(handle))
          if (wrong.length > 0) t.fail(`seed ${seed}: a used handle cancelled another timer`)
        }
        if (alarm.size !== pending.length) t.fail(`seed ${seed}: ${alarm.size} pending`)
      }
      await clock.advance(hour)
      pending.sort((a, b) => a.dueMs - b.dueMs || a.item - b.item)
      wanted.push(...pending.map((one) => one.item))
      t.same(rung.toSorted(byNumber), wanted.toSorted(byNumber), `seed ${seed}: each once`)
      t.ok(rung.length > 500)
    }
  },
)

const byNumber = (a: number, b: number): number => a - b

t.test('what is left after many cancellations still rings in order', async (t) => {
  const roll = dice(7)
  const clock = simulatedClock({ startMs: 0 })
  const rung: { dueMs: number; item: number }[] = []
  const alarm = new Alarm<{ dueMs: number; item: number }>(clock, (one) => rung.push(one))
  const all = Array.from({ length: 20_000 }, (_, item) => ({ dueMs: roll(1_000), item }))
  const handles = all.map((one) => alarm.set(one.dueMs, one))
  const kept = all.filter((one) => roll(10) === 0 || !alarm.cancel(handles[one.item] ?? 0))
  t.ok(kept.length > 1_000 && kept.length < 3_000)
  t.equal(alarm.size, kept.length)
  await clock.advance(1_000)
  t.same(
    rung,
    kept.sort((a, b) => a.dueMs - b.dueMs || a.item - b.item),
  )
})

t.test('setting the wall clock neither rings early nor puts to sleep for ever', async (t) => {
  const clock = simulatedClock({ startMs: 0 })
  const rung: [string, number][] = []
  const alarm = new Alarm<string>(clock, (item) => rung.push([item, clock.monotonic()]))
  alarm.set(5 * hour, 'in five hours')
  clock.jump(100 * hour)
  await clock.advance(4 * hour)
  t.same(rung, [], 'set ahead: not early')
  alarm.set(clock.now() + 2 * hour, 'by the new clock')
  clock.jump(-1_000 * hour)
  await clock.advance(hour)
  t.same(rung, [['in five hours', 5 * hour]], 'set back: not late either')
  alarm.set(clock.now() + 10, 'by the newest clock')
  await clock.advance(hour)
  t.same(rung.slice(1), [
    ['by the newest clock', 5 * hour + 10],
    ['by the new clock', 6 * hour],
  ])
})

t.test(
  'nobody rings early on a wall clock of whole milliseconds, and equal times keep order',
  (t) => {
    let monotonic = 0.1
    const armed: { atMs: number; run: () => void }[] = []
    const clock = {
      now: () => 1_000 + Math.floor(monotonic),
      monotonic: () => monotonic,
      after(delayMs: number, run: () => void) {
        const one = { atMs: monotonic + delayMs, run }
        armed.push(one)
        return { cancel: () => void armed.splice(armed.indexOf(one), 1) }
      },
    }
    const rung: number[] = []
    const alarm = new Alarm<number>(clock, (item) => {
      t.ok(clock.now() >= 1_500, 'the wall shows it')
      rung.push(item)
    })
    for (let item = 0; item < 300; item++) {
      alarm.set(1_500, item)
      monotonic += (item % 7) / 10
    }
    for (let next = armed.shift(); next; next = armed.shift()) {
      monotonic = Math.max(monotonic, next.atMs)
      next.run()
    }
    t.same(
      rung,
      Array.from({ length: 300 }, (_, at) => at),
    )
    t.end()
  },
)

t.test('a timer years ahead is looked at every hour and kept', async (t) => {
  const clock = simulatedClock({ startMs: 0 })
  const rung: number[] = []
  const alarm = new Alarm<string>(clock, () => rung.push(clock.now()))
  alarm.set(100 * hour + 5, 'far')
  t.equal(clock.nextDue(), hour)
  await clock.advance(100 * hour)
  t.same(rung, [])
  await clock.advance(hour)
  t.same(rung, [100 * hour + 5])
})

t.test('what is set while timers ring waits its turn, whatever its time', async (t) => {
  const clock = simulatedClock({ startMs: 0 })
  const rung: number[] = []
  const alarm: Alarm<number> = new Alarm<number>(clock, (item) => {
    rung.push(item)
    if (item < 10) alarm.set(0, item + 1)
  })
  alarm.set(0, 0)
  await clock.advance(0)
  t.same(
    rung,
    Array.from({ length: 11 }, (_, at) => at),
  )
  t.equal(clock.nextDue(), undefined)
})

t.test('a time that is no number is now, and costs no other its order', async (t) => {
  const clock = simulatedClock({ startMs: 0 })
  const rung: number[] = []
  const alarm = new Alarm<number>(clock, (item) => rung.push(item))
  const due = [50, NaN, 10, 40, NaN, 30, 20, NaN, 5, 45, 15, 25, 35]
  for (const dueMs of due) alarm.set(dueMs, dueMs)
  await clock.advance(0)
  t.same(rung, [NaN, NaN, NaN])
  await clock.advance(50)
  t.same(rung.slice(3), due.filter((dueMs) => !Number.isNaN(dueMs)).toSorted(byNumber))
})

t.test('when one ring fails the others still come', async (t) => {
  const runs: (() => void)[] = []
  const rung: string[] = []
  const clock = {
    now: () => 0,
    monotonic: () => 0,
    after: (_: number, run: () => void) => (runs.push(run), { cancel: () => {} }),
  }
  const alarm = new Alarm<string>(clock, (item) => {
    rung.push(item)
    if (item === 'bad') throw new Error('bad')
  })
  for (const item of ['good', 'bad', 'late']) alarm.set(0, item)
  t.throws(() => runs.shift()?.(), /bad/)
  runs.shift()?.()
  t.same(rung, ['good', 'bad', 'late'])
})

t.test(
  'a million timers: one timer of the clock, 32 bytes each, given back afterwards',
  { timeout: 900_000 },
  async (t) => {
    const roll = dice(11)
    const clock = simulatedClock({ startMs: 0 })
    let [last, rung, inOrder] = [-1, 0, true]
    const due = new Float64Array(1_000_000)
    const alarm = new Alarm<number>(clock, (item) => {
      inOrder &&= (due[item] as number) >= last
      last = due[item] as number
      rung++
    })
    const handles = new Float64Array(due.length)
    for (let item = 0; item < due.length; item++) {
      due[item] = roll(2 ** 30)
      handles[item] = alarm.set(due[item] as number, item)
    }
    t.equal(alarm.size, due.length)
    t.ok(alarm.bytes / due.length <= 32, `${alarm.bytes / due.length} bytes each`)
    let cancelled = 0
    for (let item = 0; item < due.length; item += 2) {
      if (alarm.cancel(handles[item] as number)) cancelled++
    }
    t.equal(cancelled, due.length / 2)
    await clock.advance(2 ** 29)
    t.equal(alarm.size + rung, due.length / 2)
    await clock.advance(2 ** 29)
    t.equal(rung, due.length / 2)
    t.ok(inOrder)
    t.ok(alarm.bytes < 30_000, `${alarm.bytes} bytes for none`)
  },
)

t.test('a timer that is set anew all the time leaves nothing behind', async (t) => {
  const clock = simulatedClock({ startMs: 0 })
  const rung: number[] = []
  const alarm = new Alarm<number>(clock, (item) => rung.push(item))
  const keep = alarm.set(hour, -1)
  let handle = 0
  for (let item = 0; item < 100_000; item++) {
    alarm.cancel(handle)
    handle = alarm.set(hour + item, item)
  }
  t.equal(alarm.size, 2)
  t.ok(alarm.bytes < 30_000)
  t.ok(alarm.cancel(keep))
  await clock.advance(2 * hour)
  t.same(rung, [99_999])
})

t.test('nothing that rang or was cancelled is held in memory', async (t) => {
  const { setFlagsFromString } = await import('node:v8')
  const { runInNewContext } = await import('node:vm')
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const clock = simulatedClock({ startMs: 0 })
  const alarm = new Alarm<object>(clock, () => {})
  alarm.set(2 * hour, {})
  const watched: WeakRef<object>[] = []
  const handles: AlarmHandle[] = []
  const fill = (): void => {
    for (let at = 0; at < 100; at++) {
      const item = { at }
      watched.push(new WeakRef(item))
      handles.push(alarm.set(at, item))
    }
  }
  fill()
  for (const handle of handles.slice(50)) alarm.cancel(handle)
  await clock.advance(hour)
  collect()
  t.equal(watched.filter((one) => one.deref()).length, 0)
  t.equal(alarm.size, 1)
})
