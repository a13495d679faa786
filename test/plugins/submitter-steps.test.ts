/** What a submitter's own instance of an operation writes on its way to the end. */
import t from 'tap'
import { stepsOf } from '../../core/actor/ledger.ts'
import type { JsonObject } from '../../core/json.ts'
import { journal } from '../../core/plugin/core-services.ts'
import { ready } from './stage.ts'
import type { Life } from './stage.ts'

/** Names of the facts that its submitter's instance took, in order, once it ended. */
async function facts({ prov }: Life, op: string): Promise<readonly string[]> {
  const ref = prov.actors.ref(`submitter/${op}`)
  while (ref?.snapshot().status !== 'done') await new Promise((resolve) => setImmediate(resolve))
  const found: string[] = []
  for await (const { type, body } of prov.service(journal).read({ partition: 'kernel' })) {
    if ((body as JsonObject)['address'] !== ref.address) continue
    if (type === 'actor.stepped') found.push(String(Object((body as JsonObject)['event']).type))
    if (type === 'actor.turned') found.push(...stepsOf(body).map(({ event }) => event.type))
  }
  return found
}

t.test('what nobody holds goes from its beginning to its end in one step', async (t) => {
  const life = await ready(t)
  const { op } = await life.ops.submit({ type: 'restart', target: 'staging-1/api', as: 'alice' })
  await life.until(op, 'applied')
  t.same(await facts(life, op), ['op.applied'])
  const { trail } = Object(life.prov.actors.ref(`submitter/${op}`)?.snapshot().context) as {
    readonly trail: readonly { readonly fact: string }[]
  }
  t.same(
    trail.map(({ fact }) => fact),
    ['op.submitted', 'op.applied'],
  )
  t.equal(life.deal.store.get().ops.get(op)?.notes.length, 5, 'its row has the whole way')
})

t.test('what waits for people is followed from the moment that it waits', async (t) => {
  const life = await ready(t)
  const { op } = await life.ops.submit({ type: 'deploy', target: 'app/x', as: 'alice' })
  await life.until(op, 'held')
  t.equal((await life.events(op)).length, 3)
  const held = life.prov.actors.ref(`submitter/${op}`)
  while (held?.snapshot().value !== 'held') await new Promise((resolve) => setImmediate(resolve))
  await life.ops.withdraw({ op, as: 'alice', reason: 'no more wanted' })
  t.same(await facts(life, op), ['op.held', 'op.withdrawn'])
})
