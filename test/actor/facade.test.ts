import t from 'tap'
import { toPromise, waitFor } from 'xstate'
import { counter, House, settle } from './counter.ts'

t.test('waitFor and toPromise take an actor of the kernel as one of their own', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const def = counter([], { supervision: { onFailure: 'escalate' } })
  system.register(def)
  const ref = await system.spawn(def, 'a')
  const actor = ref.asXState()
  const rested = waitFor(actor, (snapshot) => snapshot.hasTag('resting'))
  actor.send({ type: 'add' })
  actor.send({ type: 'sleep' })
  t.same((await rested).context.count, 1)
  t.ok(actor.getSnapshot().matches('asleep'))
  const done = toPromise(actor)
  actor.send({ type: 'finish' })
  t.equal(await done, undefined)
  t.equal(actor.getSnapshot().status, 'done')

  const other = (await system.spawn(def, 'b')).asXState()
  const failed = toPromise(other).then(
    () => 'none',
    (error: { code: string }) => error.code,
  )
  other.send({ type: 'break' })
  await settle()
  t.equal(await failed, 'PROV_ACTOR_STEP_FAILED')
})
