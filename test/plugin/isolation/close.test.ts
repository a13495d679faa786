/** A close waits for who still works, and for nobody who is gone, holds its thread, or never stops talking. */
import t from 'tap'
import type { ActorDef } from '../../../core/actor/define.ts'
import { codeOf } from '../../../core/kit.ts'
import { world } from './world.ts'
import type { World } from './world.ts'

t.setTimeout(900_000)

const ok = { type: 'ok' }

/** In the order of the runtime. The kernel would wait for a day: what ends it sooner is what is tested. */
async function close({ actors, host }: World): Promise<void> {
  actors.halt()
  await host.stop({ keepThreads: true })
  await actors.close({ deadlineMs: 86_400_000 })
  await host.release()
}

const said = ({ lines }: World): string => lines.map(({ text }) => text).join('\n')

for (const tier of ['worker', 'process'] as const) {
  t.test(`a plugin in a ${tier} that gave up is not waited for, and that is said`, async (t) => {
    const here = await world(t, { install: 'exits', tier, limits: { ends: 0 } })
    const ref = await here.actors.spawn({ type: 'hostile.exits' } as ActorDef, 'a')
    await ref.apply(ok)
    await ref.apply({ type: 'bad.effect' })
    await here.until(({ state }) => state !== 'running')
    const waits = codeOf(ref.apply(ok))
    await close(here)
    t.equal(await waits, 'PROV_ACTOR_STOPPED', 'its message is no failure: it was not taken')
    t.same(here.actors.deadLetters().rows, [])
    t.match(said(here), /is not waited for: .*hostile-exits/)
  })

  t.test(
    `a plugin in a ${tier} that holds its thread during a close is ended by name`,
    async (t) => {
      const here = await world(t, { install: 'loops', tier, limits: { stallMs: 86_400_000 } })
      const ref = await here.actors.spawn({ type: 'hostile.loops' } as ActorDef, 'a')
      const other = await here.actors.spawn({ type: 'hostile.plain' } as ActorDef, 'b')
      await ref.apply(ok)
      const waits = codeOf(ref.apply({ type: 'bad.guard' }))
      const waits2 = codeOf(other.apply(ok))
      await new Promise((turn) => setImmediate(turn))
      await close(here)
      await Promise.all([waits, waits2])
      t.match(said(here), /hostile-loops did not let go .*hostile\.loops\/a at bad\.guard/)
    },
  )

  t.test(`a plugin in a ${tier} that floods during a close does not keep it open`, async (t) => {
    const here = await world(t, { install: 'floods', tier, config: { bus: true, kernel: true } })
    while (!here.actors.ref('hostile.floods/one')) await new Promise((turn) => setImmediate(turn))
    await close(here)
    t.equal(here.row().state, 'stopped')
  })
}
