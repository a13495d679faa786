/**
 * Who stands still is ended and named like who loops, also where nothing of it runs any more that could
 * say so; what was committed is there, and the actor hears of the effect that was lost.
 */
import t from 'tap'
import type { ActorEvent } from '../../../core/actor/define.ts'
import { codeOf } from '../../../core/kit.ts'
import { counted, hostile, impatient } from './world.ts'

const ok = { type: 'ok' }

const ways = {
  worker: ['sleeps', 'leaves'],
  process: ['sleeps', 'stops', 'closes', 'leaves'],
  sandbox: ['stops', 'closes'],
} as const

const silent: readonly string[] = ['PROV_PLUGIN_STALLED']
const ends = {
  sleeps: silent,
  stops: silent,
  // A look at it that was under way already is answered into the closed line, which ends it at once.
  closes: [...silent, 'PROV_PLUGIN_EXITED'],
  leaves: silent,
}

for (const tier of ['worker', 'process', 'sandbox'] as const) {
  t.test(`a plugin in a ${tier} that stands still`, async (t) => {
    const here = await hostile(t, { install: 'still', tier, limits: impatient })
    if (here.row().error?.code === 'PROV_PLUGIN_SANDBOX_MISSING') return
    const ref = await here.spawn('a')
    await ref.apply(ok)
    t.equal(await codeOf(ref.apply({ type: 'bad.guard' })), 'PROV_ACTOR_STEP_FAILED')
    let steps = 1
    for (const how of ways[tier]) {
      const { restarts = 0 } = here.row()
      const stood = async (): Promise<unknown> => {
        await ref.apply({ type: 'bad', how } as ActorEvent)
        return here.until((row) => (row.restarts ?? 0) > restarts && row.state === 'running')
      }
      await here.beside(stood(), 20)
      t.ok(ends[how].includes(String(here.row().error?.code)), `${how}: ${here.row().error?.code}`)
      await ref.apply(ok)
      steps += 2
      while (counted(ref) < steps) await new Promise((turn) => setTimeout(turn, 10))
    }
    t.equal(counted(ref), steps, 'each lost effect is told once, and nothing committed is lost')
  })
}
