import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { judgeBound, readBudget } from '../../bench/budget.ts'
import type { Bound } from '../../bench/budget.ts'
import type { Sample } from '../../bench/kernel/cell.ts'
import { thisRoot } from '../../bench/kernel/runner.ts'
import type { CellResult } from '../../bench/kernel/runner.ts'
import { subjects } from '../../bench/kernel/subjects.ts'

const subject = (name: string) => subjects.find((one) => one.name === name) as (typeof subjects)[0]

function cell(name: string, arm: string, costs: readonly number[], failed?: string): CellResult {
  const samples = costs.map((cpuNs): Sample => ({
    cpuNs,
    processNs: cpuNs,
    wallNs: cpuNs,
    times: 1,
    figures: { bytesPerEvent: cpuNs },
    clock: 'thread',
  }))
  const column = { name: arm, arm, root: thisRoot }
  return { subject: subject(name), column, samples, ...(failed !== undefined && { failed }) }
}

const related: Bound = {
  what: 'send',
  of: ['burst', 'ours'],
  against: ['burst', 'limit'],
  was: 3,
  atMost: 6,
}

t.test('every line of the budget names what the bench measures', async (t) => {
  for (const { what, of, against } of readBudget()) {
    for (const [name, arm] of against ? [of, against] : [of]) {
      t.ok(subject(name)?.arms.includes(arm), `${what}: ${name} ${arm}`)
    }
  }
})

t.test('every bound leaves what was measured inside', async (t) => {
  for (const { what, was, atMost, atLeast = 0 } of readBudget()) {
    t.ok(was <= atMost && was >= atLeast, what)
  }
})

t.test('a ratio is formed within its round, so a slow round is no regression', async (t) => {
  const cells = [cell('burst', 'ours', [30, 300, 30]), cell('burst', 'limit', [10, 100, 10])]
  t.match(judgeBound(related, cells), { value: 3, kept: true })
})

t.test('a cost beyond its bound is lost', async (t) => {
  const cells = [cell('burst', 'ours', [70, 70]), cell('burst', 'limit', [10, 10])]
  t.match(judgeBound(related, cells), { value: 7, kept: false })
})

t.test('a count that falls below what the work needs is lost as well', async (t) => {
  const bound = { ...related, figure: 'bytesPerEvent', atLeast: 60, atMost: 80 }
  const { against: _, ...counted } = bound
  t.match(judgeBound(counted, [cell('burst', 'ours', [10])]), { value: 10, kept: false })
})

t.test('an arm that failed has no figure and keeps nothing', async (t) => {
  const cells = [cell('burst', 'ours', [], 'events: 9 instead of 10'), cell('burst', 'limit', [10])]
  t.match(judgeBound(related, cells), { kept: false, why: 'events: 9 instead of 10' })
})

t.test('the peers are pinned by a lock file that names no registry', async (t) => {
  const folder = join(thisRoot, 'bench/peers')
  t.ok(existsSync(join(folder, 'package.json')))
  t.notMatch(readFileSync(join(folder, 'package-lock.json'), 'utf8'), /"resolved"/)
})
