import t from 'tap'
import { lastValueFrom, map, toArray } from 'rxjs'
import { changes$ } from '../../core/actor/changes.ts'
import { counter, House } from './counter.ts'

t.test('an actor is a stream of its states that ends when it is done', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const def = counter()
  system.register(def)
  const ref = await system.spawn(def, 'a')
  const states = lastValueFrom(
    changes$(ref).pipe(
      map((state) => `${state.value as string} ${state.context.count}`),
      toArray(),
    ),
  )
  await ref.apply({ type: 'add' })
  await ref.apply({ type: 'sleep' })
  const gone = changes$(ref).subscribe(() => {})
  gone.unsubscribe()
  await ref.apply({ type: 'finish' })
  t.same(await states, ['awake 0', 'awake 1', 'asleep 1', 'finished 1'])
})
