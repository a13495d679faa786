/**
 * A type of a plugin elsewhere in its next version: what the older one left, states, timers, tells, the
 * event an actor stands parked at and dead letters, is read by the new one's own functions.
 */
import t from 'tap'
import { assign, raise, setup } from 'xstate'
import { defineActor } from '../../../core/actor/define.ts'
import type { ActorDef, ActorEvent } from '../../../core/actor/define.ts'
import { startActors } from '../../../core/actor/start.ts'
import { simulatedClock } from '../../../core/clock.ts'
import { memoryJournal } from '../../../core/journal/memory.ts'
import { world } from './world.ts'

/** Hears what is said to it and stumbles over noise; `say` became `utter` in its second version. */
const talker = defineActor({
  type: 'guest.talker',
  version: 1,
  supervision: { onFailure: 'park' },
  machine: setup({
    types: {
      context: {} as { readonly heard: readonly string[] },
      events: {} as { readonly type: 'say' | 'wait'; readonly what: string },
    },
    actions: {
      hear: assign(({ context, event }) => {
        if (event.what === 'noise') throw new Error('too loud')
        return { heard: [...context.heard, `${event.type} ${event.what}`] }
      }),
      later: raise({ type: 'say', what: 'later' } as const, { delay: 1_000, id: 'later' }),
    },
  }).createMachine({
    context: { heard: [] },
    on: { say: { actions: 'hear' }, wait: { actions: 'later' } },
  }),
})

const passer = defineActor({
  type: 'guest.passer',
  version: 1,
  machine: setup({ actions: { tell: (_, _params: object) => {} } }).createMachine({
    on: {
      pass: {
        actions: {
          type: 'tell',
          params: { to: 'guest.talker/b', event: { type: 'say', what: 'told' } },
        },
      },
    },
  }),
})

const second = (upcast: string) => `
import { defineActor, definePlugin } from 'prov'
import { assign, setup } from 'xstate'
const machine = setup({
  actions: {
    hear: assign(({ context, event }) => {
      if (event.what === 'noise') throw new Error('too loud')
      return { all: [...context.all, event.type + ' ' + event.what] }
    }),
  },
}).createMachine({ context: { all: [] }, on: { utter: { actions: 'hear' } } })
const talker = defineActor({
  type: 'guest.talker', version: 2, machine, supervision: { onFailure: 'park' },
  migrate: { 1: ({ value, context }) => ({ value, context: { all: context.heard } }) },
  upcast: { 1: ${upcast} },
})
/* the one */ export default definePlugin({ name: 'guest', api: 1, actors: { talker } })`

/** What version 1 left: one parked with a timer, a tell on its way, a letter that nobody took. */
async function left() {
  const journal = memoryJournal()
  const first = await startActors({ journal, clock: simulatedClock() })
  first.register(talker)
  first.send('guest.talker/none', { type: 'say', what: 'lost' } as ActorEvent)
  const ref = await first.spawn(talker, 'b')
  await ref.apply({ type: 'say', what: 'once' } as never)
  await ref.apply({ type: 'wait' } as never)
  ref.send({ type: 'say', what: 'noise' } as never)
  const parked = () =>
    first.list({ type: 'guest.talker' }).some(({ status }) => status === 'parked')
  while (!parked()) await new Promise((turn) => setImmediate(turn))
  await first.close()
  // Its receiver is not known in this life: what is told waits.
  const other = await startActors({ journal, clock: simulatedClock() })
  other.register(passer)
  await (await other.spawn(passer, 'p')).apply({ type: 'pass' })
  await other.close()
  return journal
}

const risen = `(event) => (event.type === 'say' ? { ...event, type: 'utter' } : event)`

for (const tier of ['worker', 'process'] as const) {
  t.test(`${tier}: what version 1 left is read as version 2 means it`, async (t) => {
    const install = { 'index.js': second(risen) }
    const { actors } = await world(t, { install, tier, journal: await left() })
    actors.register(passer)
    t.match(actors.list({ type: 'guest.talker' }), [
      { status: 'parked', version: 2, parked: { event: 'utter' } },
    ])
    await actors.resume('guest.talker/b', { skip: true })
    const all = (id: string): readonly string[] => {
      const snapshot = actors.ref(`guest.talker/${id}`)?.snapshot()
      return (snapshot?.context as { all: string[] } | undefined)?.all ?? []
    }
    while (all('b').length < 3) await new Promise((turn) => setTimeout(turn, 5))
    t.same(all('b').toSorted(), ['say once', 'utter later', 'utter told'])
    await actors.spawn({ type: 'guest.talker' } as ActorDef, 'none')
    const [letter] = actors.deadLetters().rows.filter(({ reason }) => reason === 'unknown')
    t.match(letter, { event: 'say', version: 1 })
    await actors.replay(letter?.id as number)
    while (all('none').length < 1) await new Promise((turn) => setTimeout(turn, 5))
    t.same(all('none'), ['utter lost'])
  })
}

t.test('what cannot be read parks its actor by name and destroys nothing', async (t) => {
  const journal = await left()
  const throws = `() => { throw new Error('no way up') }`
  const before = await world(t, { install: { 'index.js': second(throws) }, journal })
  t.match(before.actors.list({ type: 'guest.talker' }), [
    { status: 'parked', parked: { code: 'PROV_ACTOR_EVENT_UNREADABLE', message: /no way up/ } },
  ])
  await before.host.stop({ keepThreads: true })
  await before.actors.close()
  await before.host.release()
  const after = await world(t, { install: { 'index.js': second(risen) }, journal })
  t.match(after.actors.list({ type: 'guest.talker' }), [{ parked: { event: 'utter' } }])
})
