/**
 * Plugins that say too much, the wrong things, or nothing: in a thread of their own that is theirs to
 * suffer from.
 */
import t from 'tap'
import type { ActorDef } from '../../../core/actor/define.ts'
import { codeOf } from '../../../core/kit.ts'
import { serviceRef } from '../../../core/plugin/service.ts'
import { counted, hostile, work, world } from './world.ts'

interface Answers {
  answer(what: string): Promise<unknown>
}

const ok = { type: 'ok' }

t.test('a flood is slowed to what is heard; others get their turns', async (t) => {
  const here = await hostile(t, { install: 'floods', config: { bus: true, kernel: true } })
  const from = process.memoryUsage().heapUsed
  const heard = (): number => {
    const ref = here.actors.ref('hostile.floods/one')
    return ref ? counted(ref) : 0
  }
  const enough = async (): Promise<void> => {
    while (heard() < 200) await new Promise((turn) => setImmediate(turn))
  }
  const before = heard()
  const { turns } = await here.beside(enough(), 50)
  t.ok(heard() - before <= 16 * (turns + 1), `${heard() - before} heard in ${turns} turns`)
  const grown = (process.memoryUsage().heapUsed - from) / 1024 / 1024
  t.ok(grown < 300, `${Math.round(grown)} MB more here`)
  t.match(here.row(), { state: 'running', error: undefined }, 'it waits, and is not blamed for it')
  const loud = await world(t, { install: 'floods', config: { bus: true, at: 4_000 } })
  const { error } = await loud.until((row) => row.error !== undefined)
  t.match(error, {
    code: 'PROV_PLUGIN_FLOODS',
    message: /hostile-floods.*calls that nobody awaits/,
  })
  t.equal(loud.row().state, 'running', 'it is slow for itself, not ended')
})

t.test('garbage is a named failure where it comes from, and changes nothing here', async (t) => {
  const here = await hostile(t, { install: 'garbage' })
  const ref = await here.spawn('a')
  for (const what of ['functions', 'circle', 'symbol', 'odd', 'bigint', 'map']) {
    const failed = await codeOf(ref.apply({ type: 'bad.assign', what } as never))
    t.equal(failed, 'PROV_ACTOR_STEP_FAILED', `${what} in a context`)
  }
  const odd = here.host.service(serviceRef<Answers>('hostile.odd'))
  for (const [what, code] of [
    ['circle', 'PROV_PLUGIN_CANNOT_CROSS'],
    ['symbol', 'PROV_PLUGIN_CANNOT_CROSS'],
    ['odd', 'PROV_PLUGIN_CANNOT_CROSS'],
    ['huge', 'PROV_PLUGIN_CANNOT_CROSS'],
    ['functions', 'none'],
  ] as const) {
    t.equal(await codeOf(odd.answer(what)), code, `${what} as an answer`)
  }
  t.same(await odd.answer('proto'), { fine: 1 })
  await ref.apply({ type: 'bad.assign', what: 'proto' } as never)
  t.equal(({} as { polluted?: unknown }).polluted, undefined)
  t.equal((ref.snapshot().context as { kept: { polluted?: unknown } }).kept.polluted, undefined)
  const before = counted(ref)
  for (const what of ['circle', 'symbol', 'odd', 'huge', 'bigint', 'functions']) {
    await ref.apply({ type: 'bad.effect', what } as never)
  }
  while (counted(ref) < before + 6) await new Promise((turn) => setTimeout(turn, 10))
  t.equal(here.row().error, undefined, 'its thread went on')
})

t.test(
  'who never answers keeps nobody else waiting; who answers twice is heard once',
  async (t) => {
    const here = await hostile(t, { install: 'silent' })
    const ref = await here.spawn('a')
    await ref.apply({ type: 'bad.effect' })
    void here.host
      .service(serviceRef<Answers>('hostile.quiet'))
      .answer('')
      .catch(() => {})
    await here.beside(ref.apply(ok))
    await ref.apply({ type: 'bad.twice' })
    while (counted(ref) < 2) await new Promise((turn) => setTimeout(turn, 10))
    await ref.apply(ok)
    t.equal(counted(ref), 3)

    const stuck = await world(t, {
      install: 'silent',
      config: { setup: true },
      startTimeoutMs: 300,
    })
    t.match(stuck.row(), { state: 'failed', error: { code: 'PROV_PLUGIN_TIMEOUT' } })
  },
)

t.test('patched prototypes stay in the thread that patched them', async (t) => {
  const here = await world(t, { install: 'patches', startTimeoutMs: 2_000 })
  t.equal(({} as { polluted?: unknown }).polluted, undefined)
  t.same(
    [1].map((n) => n),
    [1],
  )
  await work(here.actors, Promise.resolve())
  const spawn = here.actors.spawn({ type: 'hostile.patches' } as ActorDef, 'a')
  t.equal(await codeOf(spawn), 'PROV_ACTOR_START_FAILED')
  t.match(here.row().error, { code: /^PROV_PLUGIN_/, message: /hostile-patches/ })
})

t.test('listeners that throw and promises that fail over there end nobody here', async (t) => {
  const here = await world(t, {
    install: {
      'index.js': `
import { definePlugin, serviceRef } from 'prov'
const fail = () => { throw new Error('not me') }
/* the one */ export default definePlugin({
  name: 'guest', api: 1,
  provides: { odd: serviceRef('hostile.odd') },
  setup: ({ provide, actors, log }) => {
    provide.odd({
      answer: async (what) => {
        if (what === 'promise') return log.info('look', { later: Promise.reject(new Error('not me')) })
        if (what === 'take over') return actors.swapRemote('neighbour.counter', { turn: fail })
        if (what === 'raw') return actors.registerRemote({}, {})
        await actors[what]('neighbour.counter/a', fail)
      },
    })
  },
})`,
    },
  })
  const odd = here.host.service(serviceRef<Answers>('hostile.odd'))
  for (const what of ['watch', 'tap', 'promise']) await odd.answer(what)
  for (const what of ['take over', 'raw']) {
    t.equal(await codeOf(odd.answer(what)), 'PROV_PLUGIN_CANNOT_CROSS', what)
  }
  const ref = await here.actors.spawn({ type: 'neighbour.counter' } as ActorDef, 'a')
  await ref.apply(ok)
  await here.actors.stop(ref.address)
  await odd.answer('promise')
  t.equal(here.row().state, 'running')
})
