/** Runs on real machines: what is applied, what fails and how, what is told and kept. */
import { execFile } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { bus, definePlugin, orchestrator, streams } from 'prov'
import { codeOf, pluginKit } from 'prov/testing'
import orchestratorPlugin from '../../plugins/orchestrator/index.ts'
import { request, step, world } from '../support/run-world.ts'
import type { Request } from '../support/run-world.ts'

t.test('it keeps the contract of plugins', async (t) => {
  void pluginKit(t, () => orchestratorPlugin, {
    sampleConfig: { parallel: 2, stepTimeout: '5m' },
    badConfigs: [{ parallel: 0 }, { steps: 1 }],
  })
})

t.test('steps run in order of their needs on one machine, which is gone afterwards', async (t) => {
  const here = world(t)
  const runtime = await here.open([], {})
  const graph = [
    step('last', 'cat left right > both; test "$(wc -l < both)" = 2', 'left', 'right'),
    step('left', 'sed s/base/left/ base > left', 'base'),
    step('right', 'sed s/base/right/ base > right', 'base'),
    step('base', 'echo base > base; echo "some output"'),
  ]
  const asked = request(graph)
  const outcome = await runtime.service(orchestrator).run(asked)
  t.match(outcome, { outcome: 'applied', detail: { provider: 'local', steps: 4, done: 4 } })
  t.match(outcome.detail['isolation'], /bubblewrap|plain child process/)
  t.same(await runtime.service(orchestrator).run(asked), outcome, 'the same token, the same answer')
  const logs = join(here.root, '.prov', 'runs')
  const folder = readdirSync(logs)[0] as string
  t.equal(readFileSync(join(logs, folder, 'base.log'), 'utf8'), 'some output\n')
  await runtime.close()
  t.same(await here.left(), [], 'also when Prov is closed at once')
})

t.test('independent steps run side by side, no more than allowed', async (t) => {
  const here = world(t)
  const runtime = await here.open()
  const script = `echo start >>'${here.counter}'; sleep 0.5; echo end >>'${here.counter}'`
  const outcome = await runtime
    .service(orchestrator)
    .run(request(['a', 'b', 'c', 'd', 'e'].map((id) => step(id, script))))
  t.equal(outcome.outcome, 'applied')
  t.same(here.counted().slice(0, 4), ['start', 'start', 'start', 'start'])
  t.equal(here.counted()[4], 'end', 'the fifth waits')
})

t.test(
  'a failing step ends the run, names itself and keeps its output out of the answer',
  async (t) => {
    const here = world(t)
    const runtime = await here.open()
    const outcome = await runtime
      .service(orchestrator)
      .run(
        request([
          step('good', 'true'),
          step('bad', 'echo password=hunter2; exit 9', 'good'),
          step('never', `echo never >>'${here.counter}'`, 'bad'),
        ]),
      )
    t.match(outcome, {
      outcome: 'failed',
      code: 'PROV_RUN_STEP_FAILED',
      detail: { step: 'bad', exit: 9, done: 2 },
    })
    t.same(here.counted(), [])
    t.notMatch(JSON.stringify(outcome), /hunter2/)
    const log = readFileSync(join(here.root, String(outcome.detail['log'])), 'utf8')
    t.match(log, /hunter2/)
    await runtime.close()
    const { stdout } = await grep('hunter2', join(here.root, '.prov', 'journal'))
    t.equal(stdout, '', 'nor is it in the journal')
    t.same(await here.left(), [])
  },
)

t.test('a step over its time fails by name', async (t) => {
  const runtime = await world(t).open()
  const slow = { ...step('slow', 'sleep 60'), timeoutMs: 1_000 }
  const outcome = await runtime.service(orchestrator).run(request([slow]))
  t.match(outcome, { outcome: 'failed', code: 'PROV_RUN_STEP_TIMEOUT', detail: { step: 'slow' } })
})

t.test('what cannot be run is refused before anything is made', async (t) => {
  const here = world(t)
  const runtime = await here.open()
  const { run } = runtime.service(orchestrator)
  const bad: [string, Request][] = [
    ['PROV_RUN_PROVIDER_UNKNOWN', request([step('a', 'true')], { provider: 'nowhere' })],
    ['PROV_RUN_GRAPH_CYCLE', request([step('a', 'true', 'b'), step('b', 'true', 'a')])],
    ['PROV_RUN_GRAPH_INVALID', request([step('a', 'true'), step('a', 'true')])],
  ]
  for (const [code, asked] of bad) t.match(await run(asked), { outcome: 'failed', code })
  t.same(await here.left(), [])
})

t.test('a token stands for one graph for ever', async (t) => {
  const here = world(t)
  const runtime = await here.open()
  const used = request([step('a', 'true')])
  const other = { ...used, run: { ...used.run, steps: [step('a', 'false')] } }
  t.match(await runtime.service(orchestrator).run(used), { outcome: 'applied' })
  t.equal(await codeOf(runtime.service(orchestrator).run(other)), 'PROV_RUN_TOKEN_REUSED')
  await runtime.close()
  const again = await here.open()
  t.equal(await codeOf(again.service(orchestrator).run(other)), 'PROV_RUN_TOKEN_REUSED')
  t.match(await again.service(orchestrator).run(used), { outcome: 'applied' })
  t.same(await here.left(), [])
})

t.test('while steps run their tasks are told on the bus', async (t) => {
  const here = world(t)
  interface Told {
    readonly type: string
    readonly subject: string
    readonly specversion: string
    readonly data: Readonly<Record<string, unknown>>
  }
  const told: Told[] = []
  const listener = definePlugin({
    name: 'listener',
    api: 1,
    needs: { bus },
    async setup({ needs, signal }) {
      await needs.bus.ensureConsumer({ stream: streams.tasks, name: 'listener' })
      void (async () => {
        for await (const delivery of needs.bus.pull(streams.tasks, 'listener', { signal })) {
          told.push(delivery.body as unknown as Told)
          await delivery.ack()
        }
      })()
    },
  })
  const runtime = await here.open([listener])
  const asked = request([
    { ...step('a', 'exit 0'), undo: 'true' },
    { ...step('b', 'exit 1', 'a'), attempts: 2 },
  ])
  await runtime.service(orchestrator).run(asked)
  while (told.length < 9) await new Promise((turn) => setTimeout(turn, 10))
  const { op } = asked
  t.same(
    told.map(({ type, data }) => [type, data]),
    [
      ['prov.task.queued', { op, steps: 2, priority: 0 }],
      ['prov.step.started', { op, step: 'a', attempt: 1 }],
      ['prov.step.done', { op, step: 'a', exit: 0 }],
      ['prov.step.started', { op, step: 'b', attempt: 1 }],
      ['prov.step.retried', { op, step: 'b', exit: 1, attempt: 2 }],
      ['prov.step.started', { op, step: 'b', attempt: 2 }],
      ['prov.step.done', { op, step: 'b', exit: 1 }],
      ['prov.step.compensated', { op, step: 'a' }],
      ['prov.task.ended', { op, outcome: 'failed' }],
    ],
  )
  t.ok(told.every(({ specversion, subject }) => specversion === '1.0' && subject === op))
})

t.test('config is parsed at the door', (t) => {
  const parse = orchestratorPlugin.config as (raw: unknown) => unknown
  t.same(parse(undefined), { parallel: 4, stepTimeoutMs: 1_800_000, machineTtlMs: 1_800_000 })
  t.match(parse({ parallel: 1, stepTimeout: '5m' }), { parallel: 1, stepTimeoutMs: 300_000 })
  for (const bad of [
    [],
    { paralel: 2 },
    { parallel: 0 },
    { stepTimeout: 30 },
    { machineTtl: '1ms' },
  ]) {
    t.throws(() => parse(bad), { code: 'PROV_RUN_CONFIG' }, JSON.stringify(bad))
  }
  t.end()
})

const grep = (text: string, dir: string): Promise<{ stdout: string }> =>
  new Promise((resolve) =>
    execFile('grep', ['-r', '-a', '-l', text, dir], (_error, stdout) => resolve({ stdout })),
  )
