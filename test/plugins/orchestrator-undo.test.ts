/** What fails is tried again where that is declared, and taken back where it is: each undo once. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { orchestrator } from 'prov'
import type { OpStep } from 'prov'
import { killProcessesIn } from '../support/machines.ts'
import { request, runUntil, step, world } from '../support/run-world.ts'
import type { World } from '../support/run-world.ts'

/** A step that counts itself and its undo. */
const counted = (here: World, id: string, ...dependsOn: string[]): OpStep => ({
  ...step(id, `echo ${id} >>'${here.counter}'`, ...dependsOn),
  undo: `echo undo ${id} >>'${here.counter}'`,
})

t.test('a step is tried again as often as it declares, after known failures alone', async (t) => {
  const here = world(t)
  const runtime = await here.open()
  const { run } = runtime.service(orchestrator)
  const third = `echo try >>'${here.counter}'; test "$(wc -l <'${here.counter}')" -ge 3`
  const good = await run(request([{ ...step('a', third), attempts: 3 }, step('b', 'true', 'a')]))
  t.match(good, { outcome: 'applied', detail: { done: 2 } })
  t.equal(here.counted().length, 3)
  const few = { ...step('a', `echo few >>'${here.counter}'; exit 4`), attempts: 2 }
  t.match(await run(request([few])), { outcome: 'failed', code: 'PROV_RUN_STEP_FAILED' })
  t.equal(here.counted().filter((line) => line === 'few').length, 2)
  const never = { ...step('a', `echo no >>'${here.counter}'; exit 4`), attempts: 9, giveUpOn: [4] }
  t.match(await run(request([never])), { outcome: 'failed', detail: { exit: 4 } })
  t.equal(here.counted().filter((line) => line === 'no').length, 1)
  const once = step('a', `echo once >>'${here.counter}'; exit 4`)
  t.match(await run(request([once])), { outcome: 'failed' })
  t.equal(here.counted().filter((line) => line === 'once').length, 1, 'nothing declared, no more')
})

t.test('when a step fails what was done is taken back, the last one first', async (t) => {
  const here = world(t)
  const runtime = await here.open()
  const outcome = await runtime
    .service(orchestrator)
    .run(
      request([
        counted(here, 'one'),
        step('kept', 'true', 'one'),
        counted(here, 'two', 'kept'),
        { ...counted(here, 'bad', 'two'), script: 'exit 3' },
        counted(here, 'never', 'bad'),
      ]),
    )
  t.match(outcome, {
    outcome: 'failed',
    code: 'PROV_RUN_STEP_FAILED',
    detail: { step: 'bad', exit: 3, compensated: 2, not_compensated: 1 },
  })
  t.same(here.counted(), ['one', 'two', 'undo two', 'undo one'])
})

t.test('an undo that fails leaves the rest to a person', async (t) => {
  const here = world(t)
  const runtime = await here.open()
  const asked = request([
    counted(here, 'one'),
    { ...counted(here, 'two', 'one'), undo: 'exit 7' },
    counted(here, 'three', 'two'),
    step('bad', 'exit 1', 'three'),
  ])
  const outcome = await runtime.service(orchestrator).run(asked)
  t.match(outcome, {
    outcome: 'unknown',
    code: 'PROV_RUN_UNDO_FAILED',
    message: /exit code 7/,
    detail: { undo: 'two' },
  })
  t.same(here.counted(), ['one', 'two', 'three', 'undo three'])
  t.same(await runtime.service(orchestrator).run(asked), outcome, 'and it is not tried again')
})

t.test('what ended in doubt is not walked back from', async (t) => {
  const here = world(t)
  const runtime = await here.open()
  const started = join(here.root, 'started')
  const long = step('long', `: >'${started}'; sleep 60`, 'one')
  const running = runtime.service(orchestrator).run(request([counted(here, 'one'), long]))
  while (!existsSync(started)) await new Promise((turn) => setTimeout(turn, 20))
  await killProcessesIn(join(here.root, '.prov', 'machines'))
  t.match(await running, { outcome: 'unknown', code: 'PROV_PROVIDER_STEP_UNKNOWN' })
  t.same(here.counted(), ['one'])
})

t.test('a rollback that is interrupted at any step goes on: each inverse ran once', async (t) => {
  const points = [1, 2, 3].flatMap((nth) => [`undo.started:${nth}`, `undo.done:${nth}`])
  const survive = async (point: string): Promise<void> => {
    const here = world(t)
    const asked = request([
      counted(here, 'one'),
      counted(here, 'two', 'one'),
      counted(here, 'three', 'two'),
      step('bad', `echo bad >>'${here.counter}'; exit 1`, 'three'),
      step('never', `echo never >>'${here.counter}'`, 'bad'),
    ])
    const run = (crashAt: string) => runUntil(here, asked, crashAt)
    t.equal(await run(point), undefined, `${point}: it was killed`)
    t.match(
      await run(''),
      { outcome: 'failed', code: 'PROV_RUN_STEP_FAILED', detail: { compensated: 3 } },
      `${point}: it went on`,
    )
    const all = ['one', 'two', 'three', 'bad', 'undo three', 'undo two', 'undo one']
    t.same(here.counted(), all, `${point}: nothing lost, nothing doubled`)
    t.same(await here.left(), [], `${point}: no machine left`)
  }
  await Promise.all(points.map(survive))
})

t.test('beside a failing step nothing is begun any more', async (t) => {
  const here = world(t)
  const failed = join(here.root, 'failed')
  // Four slots: three are kept busy until the failing one has ended.
  const busy = (id: string): OpStep => ({
    ...counted(here, id),
    script: `echo ${id} >>'${here.counter}'; until [ -e '${failed}' ]; do sleep 0.05; done`,
  })
  const bad = step('bad', `: >'${failed}'; exit 1`)
  const asked = request([
    busy('a'),
    busy('b'),
    busy('c'),
    bad,
    ...Array.from({ length: 6 }, (_, nth) => counted(here, `later${nth}`)),
  ])
  const runtime = await here.open()
  const outcome = await runtime.service(orchestrator).run(asked)
  t.equal(outcome.outcome, 'failed')
  const forward = here.counted().filter((line) => !line.startsWith('undo'))
  const back = here.counted().filter((line) => line.startsWith('undo'))
  t.equal(back.length, forward.length, 'what had begun beside it was taken back')
  t.ok(forward.length < 9, 'and what waited for a slot was not begun')
})
