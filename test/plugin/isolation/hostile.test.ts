/**
 * Plugins that do their worst in a thread of their own: the neighbour goes on, nothing that was
 * committed is lost, and the culprit is named in `prov plugins` with a code.
 */
import t from 'tap'
import type { ActorDef } from '../../../core/actor/define.ts'
import type { ActorRef } from '../../../core/actor/system.ts'
import { codeOf } from '../../../core/kit.ts'
import { serviceRef } from '../../../core/plugin/service.ts'
import { counted, latencies, p99, world } from './world.ts'
import type { World, WorldOptions } from './world.ts'

interface Answers {
  answer(what: string): Promise<unknown>
}

/** A hostile plugin with one actor, and what the neighbour measures before anything bad happened. */
async function hostile(t: Parameters<typeof world>[0], options: WorldOptions) {
  const here = await world(t, options)
  const type = `hostile.${String(options.install)}`
  const spawn = (id: string): Promise<ActorRef> => here.actors.spawn({ type } as ActorDef, id)
  const calm = p99(await latencies(here.actors, Promise.resolve()))
  /** Does something bad while the neighbour works. Generous: this machine has others to serve. */
  const beside = async (bad: Promise<unknown>): Promise<void> => {
    const worst = p99(await latencies(here.actors, bad))
    if (worst > 2 * calm + 50) throw new Error(`p99 of the neighbour: ${calm} ms, then ${worst} ms`)
  }
  return { ...here, spawn, beside }
}

const ok = { type: 'ok' }
const gone = (here: World, code: string) => here.until(({ error }) => error?.code === code)
const again = (here: World) => here.until(({ state }) => state === 'running')

t.test('whatever throws fails that one step or effect, and the actor goes on', async (t) => {
  const here = await hostile(t, { install: 'throws' })
  const ref = await here.spawn('a')
  await ref.apply(ok)
  for (const type of ['bad.guard', 'bad.assign']) {
    t.equal(await codeOf(ref.apply({ type })), 'PROV_ACTOR_STEP_FAILED', type)
  }
  const told = new Promise<void>((resolve) => {
    ref.changes((snapshot) => (snapshot.context as { n: number }).n === 3 && resolve())
  })
  await ref.apply({ type: 'bad.effect' })
  await ref.apply({ type: 'bad.reject' })
  await told
  t.equal(counted(ref), 3, 'both failures came back as events')
  t.equal(here.row().error, undefined, 'none of this is trouble')

  await here.beside(ref.apply({ type: 'bad.forget' }).then(() => gone(here, 'PROV_PLUGIN_EXITED')))
  t.match(here.row().error?.message, /hostile-throws .*that nobody waits for/)
  await again(here)
  await ref.apply(ok)
  t.ok(counted(ref) >= 4, 'it counts on from what was committed')
})

t.test('an endless loop in a step ends the thread, and that message is the failure', async (t) => {
  const here = await hostile(t, { install: 'loops' })
  const [ref, other] = [await here.spawn('a'), await here.spawn('b')]
  await ref.apply(ok)
  for (const type of ['bad.guard', 'bad.assign']) {
    const bad = codeOf(ref.apply({ type }))
    // Sent while the thread hangs: it waits for the next one, like everything of this plugin.
    const beside = other.apply(ok)
    await here.beside(bad)
    t.equal(await bad, 'PROV_ACTOR_STEP_FAILED', type)
    await beside
    t.match((await gone(here, 'PROV_PLUGIN_STALLED')).error?.message, `hostile.loops/a at ${type}`)
  }
  t.equal(here.row().restarts, 2, 'each was known at once: nothing was tried again on its account')
  await ref.apply(ok)
  t.same([counted(ref), counted(other)], [2, 2], 'nothing that was committed is lost')
  ref.send({ type: 'bad.guard' })
  await here.until(({ restarts }) => restarts === 3)
  await ref.apply(ok)
  t.match(here.actors.deadLetters().rows, [{ event: 'bad.guard', reason: 'failed' }])
})

t.test(
  'a message that ended a thread is not tried again, however often others would be',
  async (t) => {
    const here = await hostile(t, { install: 'loops' })
    const ref = await here.actors.spawn({ type: 'hostile.plain' } as ActorDef, 'a')
    ref.send({ type: 'bad.guard' })
    await ref.apply(ok)
    t.equal(here.row().restarts, 1)
    t.match(here.actors.deadLetters().rows, [{ event: 'bad.guard', reason: 'poison' }])
  },
)

t.test('an endless loop in an effect is its failure; the actor hears of it', async (t) => {
  const here = await hostile(t, { install: 'loops' })
  const ref = await here.spawn('a')
  await here.beside(
    (async () => {
      await ref.apply({ type: 'bad.effect' })
      await gone(here, 'PROV_PLUGIN_STALLED')
      await again(here)
    })(),
  )
  t.match(here.row().error?.message, /effect loops of hostile.loops\/a/)
  while (counted(ref) < 1) await new Promise((turn) => setTimeout(turn, 10))
  t.equal(counted(ref), 1, 'effect.failed came, once')
})

t.test('an endless setup is refused by name; what it was is a row', async (t) => {
  const here = await world(t, { install: 'loops', config: { setup: true } })
  t.match(here.row(), { state: 'failed', error: { code: 'PROV_PLUGIN_STALLED' } })
  t.match(here.row().error?.message, 'in its setup')
  t.match(here.row().error?.remedy, 'prov plugins')
  await latencies(here.actors, Promise.resolve())
})

t.test(
  'memory without end, on the heap or beside it, ends the thread and nothing else',
  async (t) => {
    const here = await hostile(t, {
      install: 'eats',
      limits: { stallMs: 5_000, memoryBytes: 32 * 1024 * 1024 },
    })
    const ref = await here.spawn('a')
    await ref.apply(ok)
    for (const type of ['bad.effect', 'bad.buffers']) {
      await here.beside(
        (async () => {
          const { restarts = 0 } = here.row()
          await ref.apply({ type })
          await here.until((row) => (row.restarts ?? 0) > restarts)
        })(),
      )
      t.equal(here.row().error?.code, 'PROV_PLUGIN_MEMORY', type)
    }
    await again(here)
    // Who fills the heap in a step is tried once more alone, and then it is the one.
    t.equal(await codeOf(ref.apply({ type: 'bad.assign' })), 'PROV_ACTOR_STEP_FAILED')
    await ref.apply(ok)
    t.ok(counted(ref) >= 2)
  },
)

t.test('process.exit, abort and kill end the plugin at most', async (t) => {
  const here = await hostile(t, { install: 'exits' })
  const ref = await here.spawn('a')
  await ref.apply(ok)
  t.equal(await codeOf(ref.apply({ type: 'bad.assign' })), 'PROV_ACTOR_STEP_FAILED')
  t.match(here.row().error, { code: 'PROV_PLUGIN_EXITED', message: /process\.exit\(3\)/ })
  await ref.apply({ type: 'bad.effect' })
  await here.until(({ error }) => /process\.exit\(7\)/.test(error?.message ?? ''))
  await again(here)
  for (const type of ['bad.abort', 'bad.kill']) await ref.apply({ type })
  while (counted(ref) < 4) await new Promise((turn) => setTimeout(turn, 10))
  t.equal(here.row().restarts, 2, 'abort and kill are refused: they would end everybody')
})

t.test('a flood is slowed to what is heard; others get their turns', async (t) => {
  const here = await hostile(t, { install: 'floods', config: { bus: true, kernel: true } })
  const from = process.memoryUsage().heapUsed
  await here.beside(new Promise((turn) => setTimeout(turn, 700)))
  const grown = (process.memoryUsage().heapUsed - from) / 1024 / 1024
  t.ok(grown < 300, `${Math.round(grown)} MB more here`)
  const ref = here.actors.ref('hostile.floods/one')
  while (!ref || counted(ref) <= 100) await new Promise((turn) => setTimeout(turn, 10))
  const loud = await world(t, { install: 'floods', config: { bus: true } })
  const { error } = await loud.until((row) => row.error !== undefined)
  t.match(error, { code: 'PROV_PLUGIN_FLOODS', message: /hostile-floods/ })
  t.equal(here.row().state, 'running', 'it is slow for itself, not ended')
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
  await latencies(here.actors, Promise.resolve())
  const spawn = here.actors.spawn({ type: 'hostile.patches' } as ActorDef, 'a')
  t.equal(await codeOf(spawn), 'PROV_ACTOR_START_FAILED')
  t.match(here.row().error, { code: /^PROV_PLUGIN_/, message: /hostile-patches/ })
})
