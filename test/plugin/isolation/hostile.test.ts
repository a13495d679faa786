/**
 * Plugins that do their worst in a thread of their own: the neighbour goes on, nothing that was
 * committed is lost, and the culprit is named in `prov plugins` with a code.
 */
import t from 'tap'
import type { ActorDef } from '../../../core/actor/define.ts'
import { codeOf } from '../../../core/kit.ts'
import { counted, hostile, impatient, work, world } from './world.ts'
import type { World } from './world.ts'

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
  const here = await hostile(t, { install: 'loops', limits: impatient })
  const [ref, other] = [await here.spawn('a'), await here.spawn('b')]
  await ref.apply(ok)
  for (const type of ['bad.guard', 'bad.assign']) {
    const bad = codeOf(ref.apply({ type }))
    // Sent while the thread hangs: it waits for the next one, like everything of this plugin.
    const beside = other.apply(ok)
    await here.beside(bad, 20)
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
    const here = await hostile(t, { install: 'loops', limits: impatient })
    const ref = await here.actors.spawn({ type: 'hostile.plain' } as ActorDef, 'a')
    ref.send({ type: 'bad.guard' })
    await ref.apply(ok)
    t.equal(here.row().restarts, 1)
    t.match(here.actors.deadLetters().rows, [{ event: 'bad.guard', reason: 'poison' }])
  },
)

t.test('an endless loop in an effect is its failure; the actor hears of it', async (t) => {
  const here = await hostile(t, { install: 'loops', limits: impatient })
  const ref = await here.spawn('a')
  await here.beside(
    (async () => {
      await ref.apply({ type: 'bad.effect' })
      await gone(here, 'PROV_PLUGIN_STALLED')
      await again(here)
    })(),
    20,
  )
  t.match(here.row().error?.message, /effect loops of hostile.loops\/a/)
  while (counted(ref) < 1) await new Promise((turn) => setTimeout(turn, 10))
  t.equal(counted(ref), 1, 'effect.failed came, once')
})

t.test('an endless setup is refused by name; what it was is a row', async (t) => {
  const limits = impatient
  const startTimeoutMs = 300_000
  const here = await world(t, { install: 'loops', config: { setup: true }, limits, startTimeoutMs })
  t.match(here.row(), { state: 'failed', error: { code: 'PROV_PLUGIN_STALLED' } })
  t.match(here.row().error?.message, 'in its setup')
  t.match(here.row().error?.remedy, 'prov plugins')
  await work(here.actors, Promise.resolve())
})

t.test(
  'memory without end, on the heap or beside it, ends the thread and nothing else',
  async (t) => {
    const here = await hostile(t, {
      install: 'eats',
      limits: { memoryBytes: 32 * 1024 * 1024 },
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
        20,
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
