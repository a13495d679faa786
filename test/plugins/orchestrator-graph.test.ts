import t from 'tap'
import type { OpStep } from 'prov'
import { startWalk, stepGraph as graphOf } from '../../plugins/orchestrator/graph.ts'

const stepGraph = (steps: readonly OpStep[]) => graphOf({ steps })
const step = (id: string, ...dependsOn: string[]): OpStep => ({ id, script: 'true', dependsOn })

t.test('steps come when all that they wait for has ended, in the order they were written', (t) => {
  const walk = startWalk(
    stepGraph([step('d', 'b', 'c'), step('a'), step('b', 'a'), step('c', 'a')]),
  )
  t.equal(walk.next()?.id, 'a')
  t.equal(walk.next(), undefined)
  walk.ended('a')
  t.same([walk.next()?.id, walk.next()?.id, walk.next()], ['b', 'c', undefined])
  walk.ended('c')
  walk.ended('c')
  t.equal(walk.next(), undefined, 'one end counts once')
  walk.ended('b')
  t.equal(walk.next()?.id, 'd')
  t.equal(walk.done, 3)
  t.end()
})

t.test('a circle is refused and named', (t) => {
  const cycleOf = (...steps: OpStep[]): unknown => {
    try {
      stepGraph(steps)
      return 'none'
    } catch (error) {
      const { code, detail } = error as { code: string; detail: { cycle: unknown } }
      t.equal(code, 'PROV_RUN_GRAPH_CYCLE')
      return detail.cycle
    }
  }
  t.same(cycleOf(step('a', 'a')), ['a', 'a'])
  t.same(cycleOf(step('ok'), step('a', 'c', 'ok'), step('b', 'a'), step('c', 'b')), [
    'a',
    'c',
    'b',
    'a',
  ])
  t.same(
    cycleOf(step('x', 'a'), step('a', 'b'), step('b', 'a')),
    ['a', 'b', 'a'],
    'not those behind it',
  )
  t.equal(cycleOf(step('a'), step('b', 'a')), 'none')
  t.equal(cycleOf(), 'none')
  t.end()
})

t.test('what a step cannot be is refused with its name', (t) => {
  const bad: [string, OpStep[]][] = [
    ['two with this id', [step('a'), step('a')]],
    ['not there', [step('a', 'nobody')]],
    ['no script', [{ id: 'a', script: ' \n' }]],
    ['its id', [step('../a')]],
    ['its id', [step('')]],
    ['256 KiB', [{ id: 'a', script: 'x'.repeat(262_145) }]],
    ['its undo is empty', [{ ...step('a'), undo: ' ' }]],
    ['undo is over', [{ ...step('a'), undo: 'x'.repeat(262_145) }]],
    ['from 1 to 10', [{ ...step('a'), attempts: 11 }]],
    ['exit codes', [{ ...step('a'), giveUpOn: [0] }]],
  ]
  for (const [what, steps] of bad) {
    t.throws(() => stepGraph(steps), { code: 'PROV_RUN_GRAPH_INVALID', message: new RegExp(what) })
  }
  t.end()
})

t.test('a chain of 100,000 steps, and one step that 100,000 wait for, cost no stack', (t) => {
  const many = 100_000
  const ids = Array.from({ length: many }, (_, at) => `s${at}`)
  const chain = ids.map((id, at) => (at === 0 ? step(id) : step(id, ids[at - 1] as string)))
  const fan = [step('hub'), ...ids.map((id) => step(id, 'hub'))]
  for (const steps of [chain, [...chain].reverse(), fan]) {
    const walk = startWalk(stepGraph(steps))
    for (let next = walk.next(); next; next = walk.next()) walk.ended(next.id)
    t.equal(walk.done, steps.length)
  }
  const last = chain[many - 1] as OpStep
  const closed = [{ ...(chain[0] as OpStep), dependsOn: [last.id] }, ...chain.slice(1)]
  t.throws(() => stepGraph(closed), { code: 'PROV_RUN_GRAPH_CYCLE' })
  t.end()
})
