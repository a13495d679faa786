/** A loop of promises holds its thread like any other, and is blamed on who began it. */
import t from 'tap'
import type { ActorDef } from '../../../core/actor/define.ts'
import { codeOf } from '../../../core/kit.ts'
import { counted, impatient, world } from './world.ts'

t.setTimeout(900_000)

const ok = { type: 'ok' }

for (const tier of ['worker', 'process'] as const) {
  t.test(
    `${tier}: a step that leaves a loop of promises fails, not the one behind it`,
    async (t) => {
      const here = await world(t, { install: 'loops', tier, limits: impatient })
      const spawn = (id: string) => here.actors.spawn({ type: 'hostile.loops' } as ActorDef, id)
      const [ref, other] = [await spawn('a'), await spawn('b')]
      await ref.apply(ok)
      for (const [at, behind] of [other, ref].entries()) {
        const bad = codeOf(ref.apply({ type: 'bad.promises' }))
        const next = behind.apply(ok)
        t.equal(await bad, 'PROV_ACTOR_STEP_FAILED')
        await next
        t.match(here.row().error?.message, 'hostile.loops/a at bad.promises')
        t.equal(here.row().restarts, 2 * (at + 1), 'once with others, once alone')
      }
      t.same([counted(ref), counted(other)], [2, 1], 'nothing that was committed is lost')
    },
  )

  t.test(`${tier}: an effect that begins one is its failure, with steps behind it`, async (t) => {
    const here = await world(t, { install: 'loops', tier, limits: impatient })
    const spawn = (id: string) => here.actors.spawn({ type: 'hostile.loops' } as ActorDef, id)
    const ref = await spawn('a')
    await ref.apply({ type: 'bad.effect.promises' })
    // It may come while the thread hangs or before: it waits, or is done.
    await ref.apply(ok)
    while (counted(ref) < 2) await new Promise((turn) => setTimeout(turn, 10))
    t.match(here.row().error, {
      code: 'PROV_PLUGIN_STALLED',
      message: /effect promisesLoop of hostile.loops\/a/,
    })
    t.equal(here.row().restarts, 1)
  })
}
