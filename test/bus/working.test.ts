import t from 'tap'
import { embeddedBus } from '../../core/bus/embedded.ts'
import { whileWorking } from '../../core/bus/working.ts'
import { simulatedClock } from '../../core/clock.ts'
import { memoryJournal } from '../../core/journal/memory.ts'

t.test('long work keeps its message, and gives it up when it is over', async (t) => {
  const clock = simulatedClock()
  const bus = await embeddedBus({ journal: memoryJournal({ clock }), clock })
  t.teardown(() => bus.close())
  await bus.ensureStream({ name: 'W', subjects: ['w'], retention: 'workqueue' })
  await bus.ensureConsumer({ stream: 'W', name: 'c', ackWaitMs: 3_000 })
  await bus.publish('w', { id: '1', body: 1 })
  const end = new AbortController()
  const pull = bus.pull('W', 'c', { signal: end.signal })[Symbol.asyncIterator]()
  const first = (await pull.next()).value
  let again = false
  const second = pull.next().then(({ value }) => {
    again = true
    return value
  })
  let finish = (): void => {}
  const work = new Promise<string>((resolve) => (finish = () => resolve('done')))
  const result = whileWorking(first, () => work, { clock, ackWaitMs: 3_000 })
  await clock.advance(30_000)
  t.equal(again, false, 'ten times its ackWait long nobody else has it')
  finish()
  t.equal(await result, 'done')
  await clock.advance(3_000)
  t.equal((await second).attempt, 2, 'unanswered it comes again')
  const failing = whileWorking(first, () => Promise.reject(new Error('no')), { clock })
  await t.rejects(failing, /no/)
  end.abort()
})
