/** Actors whose type says by a function which group they are in, where that function is elsewhere. */
import t from 'tap'
import { createMachine } from 'xstate'
import { defineActor } from '../../../core/actor/define.ts'
import type { ActorDef } from '../../../core/actor/define.ts'
import { startActors } from '../../../core/actor/start.ts'
import { memoryJournal } from '../../../core/journal/memory.ts'
import { codeOf } from '../../../core/kit.ts'
import { world } from './world.ts'

t.setTimeout(900_000)

const code = (more = '') => `
import { defineActor, defineGroup, definePlugin } from 'prov'
import { assign, setup } from 'xstate'
const fleet = defineGroup({ name: 'guest-fleet', intensity: 0, periodMs: 60_000, strategy: 'one_for_all' })
const machine = setup({
  actions: {
    count: assign(({ context }) => ({ n: context.n + 1 })),
    fail: assign(() => { throw new Error('no') }),
  },
}).createMachine({ context: { n: 0 }, on: { ok: { actions: 'count' }, bad: { actions: 'fail' } } })
const member = defineActor({
  type: 'guest.member', version: 2, machine, ${more}
  supervision: {
    onFailure: 'escalate',
    group: (id) => {
      if (id === 'odd') throw new Error('nowhere')
      return id === 'alone' ? undefined : fleet
    },
  },
})
/* the one */ export default definePlugin({ name: 'guest', api: 1, actors: { member } })`

for (const tier of ['worker', 'process'] as const) {
  t.test(`members in a ${tier} end together, and who is none of them goes on`, async (t) => {
    const { actors, row } = await world(t, { install: { 'index.js': code() }, tier })
    const spawn = (id: string) => actors.spawn({ type: 'guest.member' } as ActorDef, id)
    const [a, , alone] = [await spawn('a'), await spawn('b'), await spawn('alone')]
    t.equal(await codeOf(spawn('odd')), 'PROV_ACTOR_START_FAILED')
    await codeOf(a.apply({ type: 'bad' }))
    while (actors.ref('guest.member/b')) await new Promise((turn) => setImmediate(turn))
    t.equal(actors.ref(a.address), undefined, 'their group gave up')
    await alone.apply({ type: 'ok' })
    t.equal(row().state, 'running')
  })
}

t.test(
  'a `migrate` that gives a promise parks its actor; the start does not wait for it',
  async (t) => {
    const journal = memoryJournal()
    const before = await startActors({ journal })
    const old = defineActor({ type: 'guest.member', version: 1, machine: createMachine({}) })
    before.register(old)
    await before.spawn(old, 'a')
    await before.close()
    const install = { 'index.js': code('migrate: { 1: () => new Promise(() => {}) },') }
    const { actors, row } = await world(t, { install, journal })
    t.equal(row().state, 'running')
    const [shown] = actors.list({ type: 'guest.member' })
    t.match(shown, { status: 'parked', parked: { code: 'PROV_ACTOR_RESTORE_FAILED' } })
  },
)
