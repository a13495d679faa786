/**
 * Machines of a plugin that runs elsewhere invoke and spawn like any others: what they start runs where
 * the plugin runs, and begins again when that is lost.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { ActorDef, ActorEvent } from '../../../core/actor/define.ts'
import type { ActorRef } from '../../../core/actor/system.ts'
import { repoRoot } from '../../support/root.ts'
import { world } from './world.ts'
import type { World } from './world.ts'

const source = readFileSync(join(repoRoot, 'test/fixtures/plugin-with-children/index.js'), 'utf8')

const logOf = (here: World) =>
  (here.actors.ref('guest.shop/a') as ActorRef<{ log: unknown[] }>).snapshot().context.log

for (const tier of ['worker', 'process'] as const) {
  t.test(`${tier}: promises, callbacks and actors of a machine that is elsewhere`, async (t) => {
    // A process holds Node itself.
    const limits = { memoryBytes: 160 * 1024 * 1024 }
    const here = await world(t, { install: { 'index.js': source }, tier, limits })
    const ref = await here.actors.spawn({ type: 'guest.shop' } as ActorDef, 'a')
    const until = async (length: number): Promise<unknown[]> => {
      while (logOf(here).length < length) await new Promise((turn) => setTimeout(turn, 5))
      return logOf(here).slice(length - 1)
    }
    await ref.apply({ type: 'go', n: 4 } as ActorEvent)
    t.same(await until(1), [8])
    await ref.apply({ type: 'go', n: 0 } as ActorEvent)
    t.same(await until(2), ['none'])
    await ref.apply({ type: 'open' })
    t.same(await until(3), ['up 1'])
    await ref.apply({ type: 'talk', word: 'hello' } as ActorEvent)
    t.same(await until(4), ['hello'])
    await ref.apply({ type: 'later' })
    t.same(await until(5), ['late'])
    await ref.apply({ type: 'talk', word: 'odd' } as ActorEvent)
    t.match(await until(6), [/event\.when is a Date/])
    await ref.apply({ type: 'open' })
    t.same(await until(7), ['up 2'])
    await ref.apply({ type: 'talk', word: 'die' } as ActorEvent)
    t.same(await until(8), ['up 1'], 'its thread is another one, and there it begins again')
    await ref.apply({ type: 'close' })
    await ref.apply({ type: 'hire' })
    await ref.apply({ type: 'work' })
    t.same(await until(9), ['worked'])
    await ref.apply({ type: 'finish' })
    t.same(await until(10), ['tired'])
    t.equal(here.actors.ref('guest.worker/a.w')?.snapshot().status, 'done')
  })
}
