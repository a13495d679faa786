/** A process that writes on the line itself: nothing of it is believed, and it ends nobody but itself. */
import t from 'tap'
import type { ActorDef } from '../../../core/actor/define.ts'
import { serviceRef } from '../../../core/plugin/service.ts'
import { counted, world } from './world.ts'

t.setTimeout(900_000)

interface Hands {
  answer(): Promise<string>
}
const ok = { type: 'ok' }
const bad = (what: string) => ({ type: 'bad', what })

t.test('what is no frame ends its process, by name, and nothing else', async (t) => {
  const here = await world(t, {
    install: 'frames',
    tier: 'process',
    // As many ends as there are attacks, and then some.
    limits: { stallMs: 8_000, ends: 30, pauseMs: 100 },
  })
  const ref = await here.actors.spawn({ type: 'hostile.frames' } as ActorDef, 'a')
  const neighbour = await here.actors.spawn({ type: 'neighbour.counter' } as ActorDef, 'a')
  let ends = 0
  const [garbage, oversized] = ['PROV_PLUGIN_GARBAGE', 'PROV_PLUGIN_OVERSIZED']
  for (const [what, code] of [
    ['gigabyte', oversized],
    ['negative', oversized],
    ['piecemeal', oversized],
    ['lump', oversized],
    ['steps lump', oversized],
    ['empty', garbage],
    ['noise', garbage],
    ['deep', garbage],
    ['unknown', garbage],
  ] as const) {
    await ref.apply(bad(what))
    ends++
    const { error } = await here.until(
      ({ restarts = 0, state }) => restarts >= ends && state === 'running',
    )
    t.equal(error?.code, code, what)
    if (code === oversized) t.match(error?.message, /effect attack of hostile\.frames\/a/, what)
    const before = counted(ref)
    await ref.apply(ok)
    t.ok(counted(ref) > before, 'its actor goes on in the next one')
    await neighbour.apply(ok)
  }
  t.ok((here.row().restarts ?? 0) <= 2 * ends, 'an effect that is lost runs once more, no oftener')
})

t.test('frames about what is over, is not or is somebody else’s change nothing', async (t) => {
  const here = await world(t, { install: 'frames', tier: 'process', limits: { stallMs: 8_000 } })
  const ref = await here.actors.spawn({ type: 'hostile.frames' } as ActorDef, 'a')
  const neighbour = await here.actors.spawn({ type: 'neighbour.counter' } as ActorDef, 'a')
  for (const what of ['quiet', 'steps']) {
    await ref.apply(bad(what))
    await ref.apply(ok)
    while (counted(ref) < 2) await new Promise((turn) => setTimeout(turn, 10))
  }
  await neighbour.apply(ok)
  t.equal(counted(neighbour), 1)
  t.equal(({} as { polluted?: unknown }).polluted, undefined)
  const hands = here.host.service(serviceRef<Hands>('hostile.hands'))
  t.equal(await hands.answer(), 'mine', 'its line still serves')
  t.match(here.row(), { state: 'running', restarts: undefined })
})
