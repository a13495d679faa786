/** Runs that are killed, cut off, misled: no step runs twice, no machine is left, nothing is guessed. */
import { writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { defineProvider, orchestrator, systemClock } from 'prov'
import type { Plugin, ProviderSpec } from 'prov'
import { localActs } from '../../extensions/provider-local/local.ts'
import { killProcessesIn } from '../support/machines.ts'
import { request, runUntil, step, world } from '../support/run-world.ts'
import type { World } from '../support/run-world.ts'

t.test('killed at a named point it goes on where it stopped: each step ran once', async (t) => {
  const points = ['effect.started', 'effect.done', 'effect.started:2', 'effect.done:2']
  const survive = async (point: string): Promise<void> => {
    const here = world(t)
    const asked = request([
      step('one', `echo one >>'${here.counter}'; sleep 0.3`),
      step('two', `echo two >>'${here.counter}'`, 'one'),
    ])
    const run = (crashAt: string) => runUntil(here, asked, crashAt)
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
  const machines = join(here.root, '.prov', 'machines')
  await killProcessesIn(machines)
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
    const cutOff = join(here.root, 'cut-off')
    const script = `echo ran >>'${here.counter}'; until [ -e '${cutOff}' ]; do sleep 0.05; done; echo end`
    const asked = request([step('long', script)], { provider: 'relayed' })
    const running = runtime.service(orchestrator).run(asked)
    while (here.counted().length === 0) await new Promise((turn) => setTimeout(turn, 20))
    t.ok(cut() > 0, 'the connection was cut')
    writeFileSync(cutOff, '')
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
    ttlMs: 600_000,
    signal: AbortSignal.timeout(600_000),
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
