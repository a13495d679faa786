/** Runs on real machines: what is applied, failed, unknown, and that no step ever runs twice. */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { createRuntime, defineProvider, orchestrator, streams, systemClock } from 'prov'
import type { OpStep, Orchestrator, Plugin, ProviderSpec, RunOutcome, Runtime } from 'prov'
import { processesOf } from '../../extensions/provider-local/liveness.ts'
import { localActs } from '../../extensions/provider-local/local.ts'
import providerLocal from '../../extensions/provider-local/index.ts'
import orchestratorPlugin from '../../plugins/orchestrator/index.ts'
import { runChild } from '../support/child.ts'
import { codeOf } from 'prov/testing'
import { temporaryFolder } from '../support/folder.ts'

type Request = Parameters<Orchestrator['run']>[0]

interface World {
  readonly root: string
  readonly home: string
  /** Outside of every machine: what plain machines count their effects in. */
  readonly counter: string
  /** Lines that steps wrote there. */
  counted(): readonly string[]
  open(plugins?: readonly Plugin[], config?: object): Promise<Runtime>
  /** Machines that are left, by id, and their processes. */
  left(): Promise<readonly string[]>
}

function world(t: Test): World {
  const { dir } = temporaryFolder(t)
  const root = join(dir, 'infra')
  mkdirSync(join(root, '.ontology'), { recursive: true })
  const counter = join(dir, 'count')
  const machines = join(root, '.prov', 'machines')
  return {
    root,
    home: join(dir, 'home'),
    counter,
    counted: () => (existsSync(counter) ? readFileSync(counter, 'utf8').trim().split('\n') : []),
    async open(plugins = [], config = { isolation: 'plain' }) {
      const runtime = await createRuntime({
        workspace: root,
        home: join(dir, 'home'),
        discover: false,
        strict: true,
        plugins: [providerLocal, ...plugins, orchestratorPlugin],
        config: { 'provider-local': config },
        log: () => {},
      })
      t.teardown(() => runtime.close())
      return runtime
    },
    async left() {
      const folders = existsSync(machines) ? readdirSync(machines) : []
      const alive = await Promise.all(
        folders.map(async (id) => `${id} ${(await processesOf(id)).length}`),
      )
      return alive
    },
  }
}

let count = 0
const request = (steps: readonly OpStep[], over: Partial<Request['run']> = {}): Request => ({
  op: `op_${++count}`,
  token: `sha256:${count}`,
  run: { provider: 'local', steps, ...over },
  labels: { op: `op_${count}` },
})

const step = (id: string, script: string, ...dependsOn: string[]): OpStep => ({
  id,
  script,
  dependsOn,
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
  const script = `echo start >>'${here.counter}'; sleep 1; echo end >>'${here.counter}'`
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

t.test('killed at a named point it goes on where it stopped: each step ran once', async (t) => {
  const points = ['effect.started', 'effect.done', 'effect.started:2', 'effect.done:2']
  const survive = async (point: string): Promise<void> => {
    const here = world(t)
    const asked = request([
      step('one', `echo one >>'${here.counter}'; sleep 0.3`),
      step('two', `echo two >>'${here.counter}'`, 'one'),
    ])
    const run = async (crashAt: string): Promise<RunOutcome | undefined> => {
      process.env['PROV_CRASH_AT'] = crashAt
      const child = runChild('orchestrate', [here.root, here.home, JSON.stringify(asked)])
      delete process.env['PROV_CRASH_AT']
      const line = await child.line('outcome ').catch(() => undefined)
      await child.atLeast(Infinity)
      return line === undefined ? undefined : (JSON.parse(line.slice(8)) as RunOutcome)
    }
    t.equal(await run(point), undefined, `${point}: it was killed`)
    t.match(await run(''), { outcome: 'applied', detail: { done: 2 } }, `${point}: it went on`)
    t.same(here.counted(), ['one', 'two'], `${point}: nothing lost, nothing doubled`)
    t.same(await here.left(), [], `${point}: no machine left`)
  }
  await Promise.all(points.map(survive))
})

t.test('a machine that is gone while a step runs leaves the outcome unknown', async (t) => {
  const here = world(t)
  const runtime = await here.open()
  const asked = request([step('long', `echo long >>'${here.counter}'; sleep 60`)])
  const running = runtime.service(orchestrator).run(asked)
  while (here.counted().length === 0) await new Promise((turn) => setTimeout(turn, 20))
  const [folder] = readdirSync(join(here.root, '.prov', 'machines'))
  for (const pid of await processesOf(folder as string)) process.kill(pid, 'SIGKILL')
  const outcome = await running
  t.match(outcome, {
    outcome: 'unknown',
    code: 'PROV_PROVIDER_STEP_UNKNOWN',
    detail: { step: 'long' },
  })
  t.same(await runtime.service(orchestrator).run(asked), outcome, 'and it is not run again')
  t.same(here.counted(), ['long'])
  await runtime.close()
  t.same(await here.left(), [], 'what the machine left is removed')
})

t.test(
  'a lost connection is made again; the step is neither stopped nor started anew',
  async (t) => {
    const here = world(t)
    const { relay, cut } = await cuttable(t)
    const runtime = await here.open([relay(here)])
    const asked = request([step('long', `echo ran >>'${here.counter}'; sleep 1.5; echo end`)], {
      provider: 'relayed',
    })
    const running = runtime.service(orchestrator).run(asked)
    while (here.counted().length === 0) await new Promise((turn) => setTimeout(turn, 20))
    t.ok(cut() > 0, 'the connection was cut')
    t.match(await running, { outcome: 'applied' })
    t.same(here.counted(), ['ran'])
  },
)

t.test('another host key than the one that was delivered stops everything', async (t) => {
  const here = world(t)
  const other = localActs({ dir: join(here.root, '..', 'other'), clock: systemClock })
  const decoy = await other.create({
    token: 'decoy',
    tier: 's',
    labels: {},
    ttlMs: 60_000,
    signal: AbortSignal.timeout(20_000),
  })
  t.teardown(() => other.destroy({ id: decoy.id }))
  const runtime = await here.open([
    wrapped('misled', here, (machine) => ({ ...machine, port: decoy.port })),
  ])
  const asked = request([step('a', `echo ran >>'${here.counter}'`)], { provider: 'misled' })
  t.match(await runtime.service(orchestrator).run(asked), {
    outcome: 'failed',
    code: 'PROV_RUN_NO_MACHINE',
    message: /PROV_RUN_HOST_KEY/,
  })
  t.same(here.counted(), [])
})

t.test('a provider that makes nothing fails the run with its own code', async (t) => {
  const here = world(t)
  const runtime = await here.open([], { isolation: 'bubblewrap' })
  const path = process.env['PATH']
  process.env['PATH'] = here.root
  t.teardown(() => (process.env['PATH'] = path))
  t.match(await runtime.service(orchestrator).run(request([step('a', 'true')])), {
    outcome: 'failed',
    code: 'PROV_RUN_NO_MACHINE',
    message: /PROV_PROVIDER_LOCAL_NO_ISOLATION/,
  })
})

t.test('while steps run their tasks are told on the bus', async (t) => {
  const here = world(t)
  const told: string[] = []
  const { definePlugin, bus } = await import('prov')
  const listener = definePlugin({
    name: 'listener',
    api: 1,
    needs: { bus },
    async setup({ needs, signal }) {
      await needs.bus.ensureConsumer({ stream: streams.tasks, name: 'listener' })
      void (async () => {
        for await (const delivery of needs.bus.pull(streams.tasks, 'listener', { signal })) {
          told.push(`${delivery.subject} ${JSON.stringify(delivery.body)}`)
          await delivery.ack()
        }
      })()
    },
  })
  const runtime = await here.open([listener])
  const asked = request([step('a', 'exit 0')])
  await runtime.service(orchestrator).run(asked)
  while (told.length < 2) await new Promise((turn) => setTimeout(turn, 10))
  t.same(told, [
    `tasks.infra.step.started {"op":"${asked.op}","step":"a"}`,
    `tasks.infra.step.done {"op":"${asked.op}","step":"a","exit":0}`,
  ])
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

/** A local provider whose machines are handed out changed. */
function wrapped(
  name: string,
  here: World,
  change: (machine: Awaited<ReturnType<ProviderSpec['create']>>) => typeof machine,
): Plugin {
  const acts = localActs({
    dir: join(here.root, '.prov', 'machines'),
    clock: systemClock,
    isolation: 'plain',
  })
  return defineProvider({
    ...acts,
    name,
    class: 'keyed',
    create: async (asked) => change(await acts.create(asked)),
    find: async (query) => {
      const { machine, authoritative } = await acts.find(query)
      return { machine: machine && change(machine), authoritative }
    },
  })
}

/** A relay in front of the machines whose connections can be cut. */
async function cuttable(t: Test) {
  const open = new Set<Socket>()
  let target = 0
  const server = createServer((socket) => {
    const onward = connect({ host: '127.0.0.1', port: target })
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      one.on('error', () => other.destroy())
      one.once('close', () => other.destroy())
      one.pipe(other)
    }
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  t.teardown(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  const { port } = server.address() as { port: number }
  return {
    relay: (here: World) =>
      wrapped('relayed', here, (machine) => {
        target = machine.port
        return { ...machine, port }
      }),
    cut() {
      const count = open.size
      for (const socket of open) socket.destroy()
      return count
    },
  }
}

const grep = (text: string, dir: string): Promise<{ stdout: string }> =>
  new Promise((resolve) =>
    execFile('grep', ['-r', '-a', '-l', text, dir], (_error, stdout) => resolve({ stdout })),
  )
