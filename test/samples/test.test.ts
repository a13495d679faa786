/** The fourth sample of the face: a test. */
import t from 'tap'
import { simulate } from 'prov/testing'
import type { SimulateOptions } from 'prov/testing'
import plugin from './acme-quota/index.ts'

t.test('a quota spent twice in a crash is spent once', async (t) => {
  const world = simulate({ seed: 7, plugins: [plugin], crashAt: 'effect.done' })
  await world.run(async ({ submit }) => submit({ type: 'acme.spend', target: 'eu' }))
  t.equal(world.count('acme.spend applied'), 1)
  t.equal(world.starts, 2, 'and it did crash')
})

const points = ['submit', 'claim', 'effect.started', 'effect.done', 'result'] as const

t.test('wherever it dies, it is spent once, and the runtime goes on', async (t) => {
  for (const crashAt of points satisfies readonly SimulateOptions['crashAt'][]) {
    const world = simulate({ seed: 7, plugins: [plugin], crashAt })
    const op = await world.run(({ submit }) => submit({ type: 'acme.spend', target: 'eu' }))
    t.equal(world.starts, 2, `it died at ${crashAt}`)
    t.equal(world.count('acme.spend submitted'), 1, crashAt)
    t.equal(world.count('acme.spend applied'), 1, crashAt)
    t.match(world.model().ops.get(op.id), { phase: 'applied', by: 'alice' })
    t.same(await world.run(({ read }) => read('quota')), { eu: 1 }, crashAt)
    world.close()
  }
})
