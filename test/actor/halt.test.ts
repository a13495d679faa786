/** The first act of a stop: effects are given up, and owed. */
import t from 'tap'
import { counter, House, settle } from './counter.ts'
import type { Charge } from './counter.ts'

t.test(
  'what is halted gives no answer, also not by returning, and runs after the next start',
  async (t) => {
    const house = new House()
    const begun: string[] = []
    const system = await house.start()
    const leaving = counter([], {
      effects: {
        charge: (_: unknown, { id, signal }) => {
          begun.push(id)
          return new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
        },
      },
    })
    system.register(leaving)
    const ref = await system.spawn(leaving, 'a')
    await ref.apply({ type: 'pay', amount: 3 })
    await settle()
    system.halt()
    await settle()
    t.same(
      ref.snapshot().context.log,
      [],
      'whoever returned because it was told to has not answered',
    )
    await ref.apply({ type: 'pay', amount: 4 })
    await settle()
    t.same(begun, ['test.counter/a:2:0'], 'steps go on, but nothing new is started')
    await system.close()

    const charges: Charge[] = []
    const second = await house.start()
    t.teardown(() => second.close())
    second.register(counter(charges))
    await settle()
    t.same(charges, [
      { id: 'test.counter/a:2:0', amount: 3 },
      { id: 'test.counter/a:3:0', amount: 4 },
    ])
  },
)
