/** What a plugin could do in Prov's own thread it can do in its own: actors, services, streams, op types. */
import { cpSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Subject, firstValueFrom, from, toArray } from 'rxjs'
import type { Observable } from 'rxjs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import type { ActorDef } from '../../../core/actor/define.ts'
import type { ActorSnapshot } from '../../../core/actor/system.ts'
import { codeOf } from '../../../core/kit.ts'
import { definePlugin } from '../../../core/plugin/define.ts'
import { extensionPoint, serviceRef } from '../../../core/plugin/service.ts'
import { contract, createRuntime, keeperDesk, keyStore, systemClock } from '../../../core/index.ts'
import { discoverPlugins } from '../../../core/plugin/discover.ts'
import { trustPlugin } from '../../../core/plugin/trust.ts'
import { simulatedWorkspace } from '../../../core/protocol/simulated-workspace.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { repoRoot } from '../../support/root.ts'
import { world } from './world.ts'

/** A host service with everything that may be asked of one. */
interface Source {
  add(a: number, b: number): Promise<number>
  fail(): Promise<void>
  count(): Observable<number>
  deliveries(): AsyncIterable<{ body: number; ack(): Promise<void> }>
  wait(options: { signal: AbortSignal }): Promise<string>
  each(listener: (n: number) => Promise<void>): Promise<void>
}

interface Guest {
  all(): Promise<Record<string, unknown>>
  numbers(): Observable<number>
  endless(): Observable<number>
  later(listener: (text: string) => Promise<string>): Promise<string>
  kernel(): Promise<Record<string, unknown>>
}

const source = serviceRef<Source>('host.source')
const guest = serviceRef<Guest>('guest.guest')
const panels = extensionPoint<{ title: string; draw(width: number): Promise<string> }>('host.panel')

const code = `
import { defineActor, defineErrors, definePlugin, extensionPoint, contribute, serviceRef } from 'prov'
import { interval, map, take } from 'rxjs'
import { assign, setup } from 'xstate'
const counter = setup({
  actions: { add: assign(({ context, event }) => ({ n: context.n + (event.by ?? 1), last: event.type })) },
}).createMachine({
  context: ({ input }) => ({ n: input?.from ?? 0 }),
  on: {
    add: { actions: 'add' },
    later: { actions: ['add', 'work'] },
    asked: { actions: { type: 'tell', params: ({ context, event }) => ({ to: event.replyTo, event: { type: 'told', n: context.n } }) } },
    'effect.done.work': { actions: 'add' },
  },
})
const errors = defineErrors({ PROV_GUEST_NO: { disposition: 'blocked', text: ({ why }) => 'no: ' + why, remedy: 'see \`x.md\`' } })
const work = (params, { signal, id, self, clock }) => ({ id, self, now: typeof clock.now(), aborted: signal.aborted })
const def = defineActor({ type: 'guest.counter', version: 1, machine: counter, effects: { work } })
class Keeper {
  #secret = 'kept'
  constructor(parts) { this.parts = parts }
  async all() {
    const { source, log } = this.parts
    const seen = []
    for await (const delivery of source.deliveries()) {
      seen.push(delivery.body)
      await delivery.ack()
    }
    const counted = await new Promise((resolve, reject) => {
      const got = []
      source.count().pipe(map((n) => n * 10)).subscribe({ next: (n) => got.push(n), error: reject, complete: () => resolve(got) })
    })
    const each = []
    await source.each(async (n) => void each.push(n))
    const stop = new AbortController()
    const waited = source.wait({ signal: stop.signal })
    stop.abort()
    log.info('all is well', { seen })
    return {
      secret: this.#secret, sum: await source.add(2, 3), seen, counted, each,
      failed: await source.fail().catch((error) => error.code + ' ' + error.message),
      waited: await waited,
    }
  }
  numbers() { return interval(1).pipe(take(200)) }
  endless() { return interval(1) }
  async later(listener) { return 'heard ' + (await listener('a word')) }
  async kernel() {
    const { actors } = this.parts
    const one = actors.counter('one', { from: 5 })
    const ref = await one.ref()
    const changes = []
    const stop = ref.changes(({ context }) => void changes.push(context.n))
    const after = await one.apply({ type: 'add', by: 2 })
    const now = ref.snapshot()
    while (changes.length === 0) await new Promise((turn) => setTimeout(turn, 1))
    stop()
    const told = await actors.ask('guest.counter/one', (replyTo) => ({ type: 'asked', replyTo }))
    const sent = [actors.send('guest.counter/none', { type: 'add' }).reason, ref.send({ type: 'later' }).accepted]
    const rows = actors.list({ type: 'guest.counter' }).map(({ address }) => address)
    let closed
    try { actors.close() } catch (thrown) { closed = thrown.code }
    return { after: after.context.n, tags: after.tags instanceof Set, now: now.context.n, changes, told, sent, rows, closed }
  }
}
/* the one */ export default definePlugin({
  name: 'guest', api: 1,
  needs: { source: serviceRef('host.source') },
  provides: { guest: serviceRef('guest.guest') },
  config: (raw) => { if (raw?.bad) throw errors.PROV_GUEST_NO({ why: 'bad config' }); return new Map([['limit', raw?.limit ?? 1]]) },
  actors: { counter: def },
  contributes: [contribute(extensionPoint('host.panel'), 'one', { title: 'One', draw: (width) => '='.repeat(width) })],
  setup: ({ needs, provide, actors, log, config, signal, contributions, defer }) => {
    provide.guest(new Keeper({ source: needs.source, actors, log }))
    log.info('limit ' + config.get('limit') + ', panels ' + contributions(extensionPoint('host.panel')).map(({ value }) => value.title))
    defer(() => log.info('undone'))
    signal.addEventListener('abort', () => log.info('aborted'))
  },
})`

const sources = (trail: string[]) =>
  definePlugin({
    name: 'source',
    api: 1,
    provides: { source },
    setup: ({ provide }) => {
      provide.source({
        add: async (a, b) => a + b,
        fail: async () => {
          throw new TypeError('on purpose')
        },
        count: () => from([1, 2, 3]),
        deliveries: async function* () {
          for (const body of [7, 8]) {
            yield { body, ack: async () => void trail.push(`ack ${body}`) }
          }
          trail.push('no more')
        },
        wait: ({ signal }) =>
          new Promise((resolve) => {
            if (signal.aborted) return resolve('aborted')
            signal.addEventListener('abort', () => resolve('aborted'))
          }),
        each: async (listener) => {
          for (const n of [1, 2]) await listener(n)
        },
      })
    },
  })

for (const tier of ['worker', 'process'] as const) {
  t.test(`in a ${tier} a plugin has everything that it has here`, async (t) => {
    const trail: string[] = []
    const here = await world(t, {
      install: { 'index.js': code },
      tier,
      given: [sources(trail)],
      config: { limit: 4 },
      limits: { memoryBytes: 256 * 1024 * 1024 },
    })
    t.match(here.row(), { state: 'running', isolation: tier }, here.row().error?.message ?? '')
    const service = here.host.service(guest)
    t.same(await service.all(), {
      secret: 'kept',
      sum: 5,
      seen: [7, 8],
      counted: [10, 20, 30],
      each: [1, 2],
      failed: 'undefined on purpose',
      waited: 'aborted',
    })
    t.same(trail, ['ack 7', 'ack 8', 'no more'])
    const numbers = await firstValueFrom(from(service.numbers()).pipe(toArray()))
    t.equal(numbers.length, 200, 'a stream longer than its credits comes whole')
    t.equal(await service.later(async (text) => `${text} back`), 'heard a word back')
    t.match(await service.kernel(), {
      after: 7,
      tags: true,
      now: 7,
      told: { type: 'told', n: 7 },
      sent: ['unknown', true],
      rows: ['guest.counter/one'],
      closed: 'PROV_PLUGIN_CANNOT_CROSS',
    })
    const [panel] = here.host.contributions(panels)
    t.equal(await panel?.value.draw(3), '===')
    const ref = here.actors.ref('guest.counter/one')
    const last = (): unknown => (ref?.snapshot().context as { last?: string } | undefined)?.last
    while (last() !== 'effect.done.work') await new Promise((turn) => setTimeout(turn, 5))
    await here.host.stop()
    const said = here.lines.filter((line) => line.from === 'guest').map(({ text }) => text)
    t.same(said, ['limit 4, panels One', 'all is well', 'aborted', 'undone'])
  })
}

t.test('a config is refused in the words of its parser, and nothing of it stays', async (t) => {
  const here = await world(t, {
    install: { 'index.js': code },
    given: [sources([])],
    config: { bad: true },
  })
  t.match(here.row().error, { code: 'PROV_PLUGIN_CONFIG_REFUSED', message: /no: bad config/ })
})

t.test('who holds a service of a plugin holds the one of its next life', async (t) => {
  const ends = `
    import { definePlugin, serviceRef } from 'prov'
    /* the one */ export default definePlugin({ name: 'guest', api: 1, provides: { guest: serviceRef('guest.guest') },
      setup: ({ provide }) => provide.guest({
        later: async () => 'pid ' + process.pid, all: () => process.exit(1),
        endless: () => { throw new Error('no') } }) })`
  const here = await world(t, { install: { 'index.js': ends } })
  const held = here.host.service(guest)
  t.equal(await codeOf(held.all()), 'PROV_PLUGIN_CALL_LOST', 'who called it is told')
  t.equal(await held.later(async () => ''), `pid ${process.pid}`, 'it is there again')
  t.match(here.row(), { state: 'running', restarts: 1, error: { code: 'PROV_PLUGIN_EXITED' } })
})

t.test(
  'one that cannot stay is not started for ever; its actors keep what they were sent',
  async (t) => {
    const dies = `
    import { definePlugin, defineActor } from 'prov'
    import { setup } from 'xstate'
    const actor = defineActor({ type: 'guest.short', version: 1, machine: setup({}).createMachine({ on: { ok: {} } }) })
    /* the one */ export default definePlugin({ name: 'guest', api: 1, actors: { actor },
      setup: () => { setTimeout(() => process.exit(9), 20) } })`
    const here = await world(t, { install: { 'index.js': dies }, limits: { ends: 2, pauseMs: 10 } })
    const row = await here.until(({ state }) => state === 'failed')
    t.match(row, {
      restarts: 3,
      error: { code: 'PROV_PLUGIN_EXITED', message: /process\.exit\(9\)/ },
    })
    t.equal(
      await codeOf(here.actors.spawn({ type: 'guest.short' } as ActorDef, 'a')),
      'PROV_ACTOR_START_FAILED',
    )
  },
)

t.test('a stream that outruns whoever listens elsewhere ends with a name', async (t) => {
  const flood = new Subject<number>()
  const listens = `
    import { definePlugin, serviceRef } from 'prov'
    /* the one */ export default definePlugin({ name: 'guest', api: 1,
      needs: { source: serviceRef('host.source') }, provides: { guest: serviceRef('guest.guest') },
      setup: ({ needs, provide, log }) => {
        needs.source.count().subscribe({ error: (error) => log.info('ended ' + error.code) })
        provide.guest({ all: async () => ({}) })
      } })`
  const fast = definePlugin({
    name: 'source',
    api: 1,
    provides: { source },
    setup: ({ provide }) => provide.source({ count: () => flood } as unknown as Source),
  })
  const here = await world(t, { install: { 'index.js': listens }, given: [fast] })
  await here.host.service(guest).all()
  while (!flood.observed) await new Promise((turn) => setTimeout(turn, 1))
  for (let n = 0; n < 5_000; n++) flood.next(n)
  t.notOk(flood.observed, 'nothing is kept for it any more')
  const said = () => here.lines.some(({ text }) => text === 'ended PROV_PLUGIN_FLOODS')
  while (!said()) await new Promise((turn) => setTimeout(turn, 5))
})

t.test(
  'a sample with an op type of its own runs through the whole contract from its thread',
  async (t) => {
    const folder = temporaryFolder(t, {
      'ws/package.json': {
        type: 'module',
        prov: {
          name: 'test-ws',
          plugins: ['./tools/acme-quota'],
          config: { 'acme-quota': { eu: 2 } },
        },
      },
      'ws/tools/acme-quota/package.json': {
        name: 'acme-quota',
        type: 'module',
        prov: { plugin: './index.js', reads: './reads/index.js' },
      },
    })
    const root = join(folder.dir, 'ws')
    const home = join(folder.dir, 'home')
    cpSync(join(repoRoot, 'dist/test/samples/acme-quota'), join(root, 'tools/acme-quota'), {
      recursive: true,
    })
    const files = {
      ...simulatedWorkspace([]),
      'keeper_policy.ncl':
        '{ policy = { version = 1, auto_sign = [{ op_type = "acme.spend" }] } }\n',
    }
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      folder.write(join('ws', path), content)
    }
    for (const plugin of discoverPlugins({ workspace: root }).found) {
      trustPlugin(plugin, { home, workspace: root }, { clock: systemClock })
    }
    const runtime = await createRuntime({ workspace: root, home, log: () => {} })
    t.teardown(() => runtime.close())
    t.match(
      runtime.plugins().find(({ name }) => name === 'acme-quota'),
      { state: 'running', isolation: 'worker', routes: ['GET /api/acme/quota'] },
    )
    const keys = runtime.service(keyStore)
    const record = await keys.create({ actor: 'alice', kind: 'human', passphrase: '' })
    await runtime.service(contract).enrol({ record, as: 'alice' })
    await runtime.service(keeperDesk).activatePolicy({ as: 'alice' })
    const ends = []
    for (let at = 0; at < 3; at++) {
      const op = await runtime.submit({ type: 'acme.spend', target: 'eu', as: 'alice' })
      ends.push(await op.settled({ timeoutMs: 600_000 }))
    }
    t.match(ends, [
      { outcome: 'applied' },
      { outcome: 'applied' },
      { outcome: 'failed', code: 'PROV_ACME_QUOTA_SPENT', why: /all 2 of eu/ },
    ])
    t.same(await runtime.read('quota'), { eu: 2 }, 'its read model, over the journal here')
    const counted = (): unknown =>
      (
        runtime.actors.ref('acme.quota/everything')?.snapshot() as ActorSnapshot<{
          spent: string[]
        }>
      )?.context.spent.length
    while (counted() !== 2) await new Promise((turn) => setTimeout(turn, 10))
    t.equal(counted(), 2, 'its stream saw what was applied, once each')
  },
)

t.test(
  'a function taken out of what was handed over stays reachable, whatever is collected',
  async (t) => {
    let kept: (() => Promise<string>) | undefined
    const holds = definePlugin({
      name: 'source',
      api: 1,
      provides: { source },
      setup: ({ provide }) =>
        provide.source({
          wait: async ({ take }: { take: () => Promise<string> }) => {
            kept = take
            return 'kept'
          },
        } as unknown as Source),
    })
    const gives = `
    import { definePlugin, serviceRef } from 'prov'
    /* the one */ export default definePlugin({ name: 'guest', api: 1,
      needs: { source: serviceRef('host.source') },
      setup: async ({ needs }) => void (await needs.source.wait({ take: async () => 'still here' })) })`
    const here = await world(t, { install: { 'index.js': gives }, given: [holds] })
    t.equal(here.row().state, 'running')
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    for (let at = 0; at < 5; at++) {
      collect()
      await new Promise((turn) => setTimeout(turn, 20))
    }
    t.equal(await kept?.(), 'still here')
  },
)

t.test('an effect that was lost with its thread runs once more under its id', async (t) => {
  const two = `
    import { defineActor, definePlugin } from 'prov'
    import { setup } from 'xstate'
    const machine = setup({}).createMachine({
      context: {}, initial: 'on',
      states: { on: { on: { work: { actions: 'slow' }, bad: { actions: 'exit' }, 'effect.done.slow': 'done', 'effect.failed.slow': 'failed' } }, done: {}, failed: {} },
    })
    const actor = defineActor({ type: 'guest.works', version: 1, machine, effects: {
      slow: (_, { id }) => new Promise((resolve) => setTimeout(resolve, 300, id)),
      exit: () => process.exit(5),
    } })
    /* the one */ export default definePlugin({ name: 'guest', api: 1, actors: { actor } })`
  const here = await world(t, { install: { 'index.js': two } })
  const type = { type: 'guest.works' } as ActorDef
  const [works, ends] = [await here.actors.spawn(type, 'a'), await here.actors.spawn(type, 'b')]
  await works.apply({ type: 'work' })
  await ends.apply({ type: 'bad' })
  await here.until(({ restarts }) => restarts === 1)
  while (works.snapshot().value === 'on') await new Promise((turn) => setTimeout(turn, 10))
  t.equal(
    works.snapshot().value,
    'done',
    'it did not end the thread, so it is not the one to suffer',
  )
})
