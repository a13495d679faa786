import t from 'tap'
import type { Address } from '../../core/actor/address.ts'
import { Recorder } from '../../core/actor/recorder.ts'

const off = { value: 'off' }
const on = { value: { power: 'on' } }
const a: Address = 'test.lamp/a'
const b: Address = 'test.lamp/b'

t.test('steps are read back oldest first, with their names', async (t) => {
  const recorder = new Recorder()
  recorder.note(a, 'press', on, 2, 1_000.5)
  recorder.note(b, 'press', on, 2, 1_001)
  recorder.failed(a, 'break', on, 2, 1_002)
  t.same(recorder.read(), [
    { timeMs: 1_000.5, address: a, event: 'press', state: { power: 'on' }, sequence: 2 },
    { timeMs: 1_001, address: b, event: 'press', state: { power: 'on' }, sequence: 2 },
    {
      timeMs: 1_002,
      address: a,
      event: 'break',
      state: { power: 'on' },
      sequence: 2,
      failed: true,
    },
  ])
})

t.test('one actor, or the newest few, can be asked for', async (t) => {
  const recorder = new Recorder(64)
  for (let n = 1; n <= 20; n++) recorder.note(n % 2 ? a : b, `e${n}`, off, n, n)
  t.same(
    recorder.read({ address: a, last: 3 }).map((entry) => entry.event),
    ['e15', 'e17', 'e19'],
  )
  t.same(
    recorder.read({ last: 2 }).map((entry) => entry.event),
    ['e19', 'e20'],
  )
  t.same(recorder.read({ address: 'test.lamp/none' }), [])
  t.same(recorder.read({ last: 0 }), [])
})

t.test('a full ring keeps the newest steps and goes on counting', async (t) => {
  const recorder = new Recorder(5)
  t.equal(recorder.capacity, 8, 'rounded up to a power of two')
  for (let n = 1; n <= 21; n++) recorder.note(a, `e${n}`, off, n, n)
  t.equal(recorder.count, 21)
  t.same(
    recorder.read().map((entry) => entry.sequence),
    [14, 15, 16, 17, 18, 19, 20, 21],
  )
})

t.test('a step that failed before the first commit is told from one that worked', async (t) => {
  const recorder = new Recorder(2)
  recorder.failed(a, 'break', off, 0, 1)
  t.match(recorder.read(), [{ sequence: 0, failed: true }])
})

t.test('noting allocates nothing', async (t) => {
  const recorder = new Recorder()
  const burst = (): number => {
    const before = process.memoryUsage().heapUsed
    for (let n = 0; n < 200_000; n++) recorder.note(a, 'press', on, n, 1_000 + n)
    return process.memoryUsage().heapUsed - before
  }
  for (let n = 0; n < 3; n++) burst()
  // A collection in between makes it smaller, never larger: one allocation a step would be 1.6 MB.
  t.ok(Math.min(burst(), burst(), burst()) < 400_000)
})
