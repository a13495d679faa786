/** New code of a plugin comes in while everything goes on; code that is no better than the old one goes again. */
import t from 'tap'
import type { ActorDef } from '../../../core/actor/define.ts'
import type { ActorRef } from '../../../core/actor/system.ts'
import { codeOf } from '../../../core/kit.ts'
import { serviceRef } from '../../../core/plugin/service.ts'
import { counted, impatient, world } from './world.ts'

interface Desk {
  by(): Promise<number>
}
const desk = serviceRef<Desk>('guest.desk')

interface Code {
  /** What an `ok` adds. */
  readonly by: number
  /** Name of the state in which it counts. */
  readonly state?: string
  readonly guard?: string
  readonly setup?: string
  readonly first?: string
  readonly version?: number
}

const code = ({ by, state = 'on', guard = 'true', setup = '', first = '', version = 1 }: Code) => `
import { defineActor, definePlugin, serviceRef } from 'prov'
import { assign, setup } from 'xstate'
${first}
const machine = setup({
  guards: { may: ({ event }) => { ${guard === 'true' ? 'return true' : guard} } },
  actions: { add: assign(({ context }) => ({ n: context.n + ${by} })) },
}).createMachine({
  context: { n: 0 }, initial: '${state}',
  states: { ${state}: { on: { ok: { guard: 'may', actions: 'add' } } } },
})
const counter = defineActor({ type: 'guest.counter', version: ${version}, machine, supervision: { onFailure: 'resume' } })
/* the one */ export default definePlugin({
  name: 'guest', api: 1, provides: { desk: serviceRef('guest.desk') }, actors: { counter },
  setup: ({ provide, log, signal }) => {
    ${setup}
    log.info('begins ${by}')
    signal.addEventListener('abort', () => log.info('ends ${by}'))
    provide.desk({ by: async () => ${by} })
  },
})`

/** One that runs with an actor at work, and a way to put other code in its place. */
async function running(t: Parameters<typeof world>[0]) {
  const here = await world(t, { install: { 'index.js': code({ by: 1 }) }, limits: impatient })
  const ref: ActorRef = await here.actors.spawn({ type: 'guest.counter' } as ActorDef, 'a')
  await ref.apply({ type: 'ok' })
  const write = (next: Code) => {
    here.folder.write('ws/node_modules/guest/index.js', code(next))
  }
  const put = (next: Code) => {
    write(next)
    here.trust()
  }
  const said = () =>
    here.lines.filter(({ text }) => /^(begins|ends)/.test(text)).map(({ text }) => text)
  return { ...here, ref, write, put, said, held: here.host.service(desk) }
}

t.test('changed code is trusted first, then comes in between two messages', async (t) => {
  const { host, ref, write, trust, held, row, said } = await running(t)
  write({ by: 10 })
  t.equal(await codeOf(host.reload('guest')), 'PROV_PLUGIN_UNTRUSTED')
  trust()

  const took: Promise<unknown>[] = []
  let over = false
  const flow = (async () => {
    while (!over) {
      took.push(ref.apply({ type: 'ok' }))
      await new Promise((turn) => setTimeout(turn, 1))
    }
  })()
  t.match(await host.reload('guest'), { generation: 2, checked: 1 })
  over = true
  await flow
  await Promise.all(took)
  const before = counted(ref)
  t.equal(ref.snapshot().sequence, took.length + 2, 'nothing that was sent meanwhile is lost')
  await ref.apply({ type: 'ok' })
  t.equal(counted(ref), before + 10, 'and from now on the new code counts')
  t.equal(await held.by(), 10, 'who held its service holds the new one')
  t.same(said(), ['begins 1', 'ends 1', 'begins 10'])
  t.match(row(), { state: 'running', error: undefined })
})

t.test('code that cannot come in leaves everything as it was, and says why', async (t) => {
  const { host, ref, put, held, row, said } = await running(t)
  for (const [next, why] of [
    [{ by: 5, first: 'throw new Error("at import")' }, /at import/],
    [{ by: 5, state: 'elsewhere' }, /not reloaded: .*(on|state)/],
    [{ by: 5, version: 2 }, /the version of guest.counter is another one/],
    [{ by: 5, setup: 'throw new Error("at setup")' }, /at setup/],
  ] as const) {
    put(next)
    await t.rejects(host.reload('guest'), { code: 'PROV_PLUGIN_RELOAD_FAILED', message: why })
    const before = counted(ref)
    await ref.apply({ type: 'ok' })
    t.equal(counted(ref), before + 1)
    t.equal(await held.by(), 1)
  }
  t.equal(row().state, 'running')
  t.same(
    said(),
    ['begins 1', 'ends 1', 'begins 1'],
    'its life began again once, after the bad setup',
  )
  t.equal(await codeOf(host.reload('nobody')), 'PROV_PLUGIN_UNKNOWN')
  t.equal(await codeOf(host.reload('neighbour')), 'PROV_PLUGIN_RELOAD_FAILED', 'it runs here')
})

t.test('code that fails in its first steps is sent back within its error budget', async (t) => {
  const { host, ref, put, held, until } = await running(t)
  put({ by: 10, guard: 'throw new Error("worse than before")' })
  await host.reload('guest')
  t.equal(await held.by(), 10)
  for (let at = 0; at < 3; at++) {
    t.equal(await codeOf(ref.apply({ type: 'ok' })), 'PROV_ACTOR_STEP_FAILED')
  }
  const { error } = await until((row) => row.error !== undefined)
  t.match(error, { code: 'PROV_PLUGIN_RELOAD_FAILED', message: /3 steps failed in it.*worse/ })
  const before = counted(ref)
  await ref.apply({ type: 'ok' })
  t.equal(counted(ref), before + 1, 'the old code counts again')
  while ((await held.by()) !== 1) await new Promise((turn) => setTimeout(turn, 5))
})

t.test(
  'code that ends its thread is sent back at once, and the actor goes on with the old one',
  async (t) => {
    const { host, ref, put, row } = await running(t)
    put({ by: 10, guard: 'process.exit(4)' })
    await host.reload('guest')
    const before = counted(ref)
    t.equal(await codeOf(ref.apply({ type: 'ok' })), 'PROV_ACTOR_STEP_FAILED')
    await ref.apply({ type: 'ok' })
    t.equal(counted(ref), before + 1, 'the old code took the next one at once')
    t.match(row().error, { code: 'PROV_PLUGIN_RELOAD_FAILED', message: /process\.exit\(4\)/ })
  },
)

t.test('a mend comes in while its failing elder is still on probation', async (t) => {
  const { host, ref, put, held, row, said } = await running(t)
  put({ by: 10, guard: 'throw new Error("worse than before")' })
  await host.reload('guest')
  t.equal(await codeOf(ref.apply({ type: 'ok' })), 'PROV_ACTOR_STEP_FAILED')
  put({ by: 100 })
  t.match(await host.reload('guest'), { generation: 3, checked: 1 })
  const before = counted(ref)
  await ref.apply({ type: 'ok' })
  t.equal(counted(ref), before + 100, 'at once')
  t.equal(await held.by(), 100)
  t.match(row(), { state: 'running', error: undefined })
  t.same(said(), ['begins 1', 'ends 1', 'begins 10', 'ends 10', 'begins 100'])
})

t.test('a mend that is none goes back to who stood the probation, not to who failed', async (t) => {
  const { host, ref, put, held, row } = await running(t)
  put({ by: 10, guard: 'throw new Error("worse than before")' })
  await host.reload('guest')
  put({ by: 100, guard: 'process.exit(4)' })
  await host.reload('guest')
  t.equal(await codeOf(ref.apply({ type: 'ok' })), 'PROV_ACTOR_STEP_FAILED')
  const before = counted(ref)
  await ref.apply({ type: 'ok' })
  t.equal(counted(ref), before + 1, 'the first one')
  t.match(row().error, { code: 'PROV_PLUGIN_RELOAD_FAILED', message: /process\.exit\(4\)/ })
  while ((await held.by()) !== 1) await new Promise((turn) => setTimeout(turn, 5))
})

t.test('a mend does not wait for a setup that never ends', async (t) => {
  const { host, ref, put, held, said } = await running(t)
  put({ by: 7, setup: 'log.info("begins 7"); return new Promise(() => {})' })
  const first = host.reload('guest')
  const refused = t.rejects(first, {
    code: 'PROV_PLUGIN_RELOAD_FAILED',
    message: /a later reload came in its place/,
  })
  while (!said().includes('begins 7')) await new Promise((turn) => setImmediate(turn))
  put({ by: 9 })
  await host.reload('guest')
  await refused
  const before = counted(ref)
  await ref.apply({ type: 'ok' })
  t.equal(counted(ref), before + 9)
  t.equal(await held.by(), 9)
})

t.test('what stands still in the elder is done by the mend, and nobody is blamed', async (t) => {
  const bare = (by: number, guard: string) =>
    code({ by, guard })
      .replace(/provides: .* },/, 'actors: { counter },')
      .replace(/setup: [^]*/, '})')
  const here = await world(t, { install: { 'index.js': bare(1, 'true') } })
  const { actors, host, folder, trust, row } = here
  const ref: ActorRef = await actors.spawn({ type: 'guest.counter' } as ActorDef, 'a')
  const put = (next: string) => {
    folder.write('ws/node_modules/guest/index.js', next)
    trust()
  }
  put(bare(10, 'for (;;);'))
  await host.reload('guest')
  const took = ref.apply({ type: 'ok' })
  await new Promise((turn) => setImmediate(turn))
  put(bare(100, 'true'))
  t.match(await host.reload('guest'), { generation: 3 })
  await took
  t.equal(counted(ref), 100)
  t.match(row(), { state: 'running', error: undefined, restarts: undefined })
})

t.test('a life that is a stream goes on over code that comes in and ends its thread', async (t) => {
  const { host, ref, put, row } = await running(t)
  const setup = `
    provide.desk({ by: async () => 1 })
    return { subscribe: () => ({ unsubscribe() {} }), '@@observable'() { return this } }`
  put({ by: 2, setup })
  await host.reload('guest')
  put({ by: 10, setup, guard: 'process.exit(4)' })
  await host.reload('guest')
  t.equal(await codeOf(ref.apply({ type: 'ok' })), 'PROV_ACTOR_STEP_FAILED')
  await ref.apply({ type: 'ok' })
  t.equal(row().state, 'running')
})

t.test('a close while new code comes in waits for neither and leaves neither', async (t) => {
  const { host, put, said, actors } = await running(t)
  put({ by: 7, setup: 'log.info("begins 7"); return new Promise(() => {})' })
  const reload = codeOf(host.reload('guest'))
  while (!said().includes('begins 7')) await new Promise((turn) => setImmediate(turn))
  actors.halt()
  await host.stop({ keepThreads: true })
  await actors.close()
  await host.release()
  t.equal(await reload, 'PROV_PLUGIN_RELOAD_FAILED')
})
