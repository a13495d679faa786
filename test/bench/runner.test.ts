import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { runCells, thisRoot } from '../../bench/kernel/runner.ts'
import { subjects } from '../../bench/kernel/subjects.ts'
import { judge, middle, rowOf } from '../../bench/kernel/table.ts'

const subject = (name: string) => subjects.find((one) => one.name === name) as (typeof subjects)[0]
const column = (arm: string) => ({ name: arm, arm, root: thisRoot })
const quick = { rounds: 1, sampleMs: 5, warmMs: 1 }

t.test('a cell runs in a process of its own and says what one operation costs', async (t) => {
  const chain = { ...subject('chain'), times: 2_000, actors: 20, repeats: 2 }
  const plans = [{ subject: chain, columns: [column('limit'), column('ours')] }]
  const cells = await runCells(plans, quick)
  const row = rowOf(cells[1] as (typeof cells)[0], cells)
  t.notOk(row.failed)
  t.ok((row.median as number) > 0, 'it took time')
  t.ok((row.against['limit'] as number) > 0, 'and is told against the limit')
})

t.test(
  'a cell whose arm is not there is left out by name, and no goal is judged by it',
  async (t) => {
    const plans = [{ subject: subject('burst'), columns: [column('nobody'), column('ours')] }]
    const cells = await runCells(plans, quick)
    t.match(rowOf(cells[0] as (typeof cells)[0], cells), { failed: /nobody/, rounds: 0 })
    const goal = {
      what: 'x',
      left: ['burst', 'ours'],
      right: ['burst', 'nobody'],
      atMost: 1,
    } as const
    t.equal(judge(goal, cells), undefined)
  },
)

t.test('an arm that loses work has no figure: XState dies on a long chain', async (t) => {
  const chain = { ...subject('chain'), times: 20_000, actors: 5_000, repeats: 1 }
  const cells = await runCells([{ subject: chain, columns: [column('xstate')] }], quick)
  t.match(cells[0]?.failed, /RangeError/)
})

t.test('the median of an even number of rounds leans to neither side', async (t) => {
  t.equal(middle([4, 1]), 2.5)
  t.equal(middle([9, 1, 2]), 2)
  t.ok(Number.isNaN(middle([])))
})

t.test('a bench that is not there is no success, and those there are are named', (t) => {
  const bench = (...words: string[]) =>
    spawnSync(process.execPath, [join(thisRoot, 'dist/bench/run.js'), ...words], {
      encoding: 'utf8',
    })
  t.match(bench('nosuch'), { status: 64, stderr: /no bench is called nosuch; there are .*journal/ })
  t.match(bench('kernel', 'nosuch'), { status: 64, stderr: /is called nosuch; there are burst/ })
  t.end()
})
