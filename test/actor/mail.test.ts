/** Mailboxes as a queue that keeps its order, whatever comes and goes. */
import t from 'tap'
import { Ring } from '../../core/actor/mail.ts'
import { seeded } from '../../core/seed.ts'

t.test('a ring is a queue, however it wraps and grows', async (t) => {
  for (const seed of [1, 2, 3]) {
    const random = seeded(seed)
    const ring = new Ring(2)
    const queue: object[] = []
    for (let at = 0; at < 3_000; at++) {
      if (random(5) < 3 - Number(queue.length > 40)) {
        const item = { type: `e${at}` }
        ring.push(item)
        queue.push(item)
      } else if (ring.take() !== queue.shift()) t.fail(`seed ${seed}: another one at ${at}`)
      if (ring.size !== queue.length || ring.first !== queue[0]) t.fail(`seed ${seed}: at ${at}`)
    }
    t.same(ring.toArray(), queue)
    t.ok(ring.slots > 2, 'it has grown')
  }
})
