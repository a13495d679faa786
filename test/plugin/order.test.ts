/** Start order by needs: pure. */
import t from 'tap'
import { startOrder } from '../../core/plugin/order.ts'

const one = (name: string, needs: string[] = [], provides: string[] = []) => ({
  name,
  needs,
  provides,
})

t.test('who provides starts before who needs, whatever order they were found in', (t) => {
  const { order } = startOrder(
    [one('c', ['b'], ['c']), one('a', ['core'], ['a']), one('b', ['a'], ['b'])],
    new Set(['core']),
  )
  t.same(
    order.map(({ name }) => name),
    ['a', 'b', 'c'],
  )
  t.end()
})

t.test('plugins that do not need each other start as they were found', (t) => {
  const { order } = startOrder([one('z'), one('m'), one('a')], new Set())
  t.same(
    order.map(({ name }) => name),
    ['z', 'm', 'a'],
  )
  t.end()
})

t.test('who adds to extension points starts before who may go on with old work', (t) => {
  const adding = { ...one('provider', ['core']), plugin: { contributes: [{}] } }
  const { order } = startOrder([one('a', ['core'], ['a']), adding], new Set(['core']))
  t.same(
    order.map(({ name }) => name),
    ['provider', 'a'],
  )
  t.end()
})

t.test('a missing service refuses everyone downstream, each with its own reason', (t) => {
  const { order, missing } = startOrder(
    [one('far', ['b']), one('near', ['a'], ['b']), one('free')],
    new Set(),
  )
  t.same(
    order.map(({ name }) => name),
    ['free'],
  )
  t.same(missing.map(({ plugin, service, reason }) => [plugin.name, service, reason]).sort(), [
    ['far', 'b', 'near was refused'],
    ['near', 'a', 'no plugin provides it'],
  ])
  t.end()
})

t.test('a circle of needs is named whole, and who merely waits for it is told so', (t) => {
  const { order, cycles, missing } = startOrder(
    [one('a', ['c'], ['a']), one('b', ['a'], ['b']), one('c', ['b'], ['c']), one('d', ['a'])],
    new Set(),
  )
  t.same(order, [])
  t.same(cycles.find(({ plugin }) => plugin.name === 'a')?.cycle, ['a', 'c', 'b', 'a'])
  t.equal(cycles.length, 3)
  t.same(
    missing.map(({ plugin, service }) => [plugin.name, service]),
    [['d', 'a']],
  )
  t.end()
})

t.test('a plugin that needs what it provides stands in a circle with itself', (t) => {
  const { cycles } = startOrder([one('self', ['x'], ['x'])], new Set())
  t.same(cycles[0]?.cycle, ['self', 'self'])
  t.end()
})
