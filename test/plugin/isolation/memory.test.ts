/**
 * A plugin in a thread that answers whenever it is asked and grows all the while, where no heap limit
 * looks: it is ended by name, whatever kind of memory it takes, and the others go on.
 */
import t from 'tap'
import type { ActorDef, ActorEvent } from '../../../core/actor/define.ts'
import { work, world } from './world.ts'

const grows = `
import { defineActor, definePlugin } from 'prov'
import { setup } from 'xstate'
const megabytes = 2
const makers = {
  buffers: () => Buffer.alloc(megabytes << 20, 1),
  shared: () => new Uint8Array(new SharedArrayBuffer(megabytes << 20)).fill(1),
  wasm: () => new Uint8Array(new WebAssembly.Memory({ initial: megabytes * 16 }).buffer).fill(1),
  blobs: () => new Blob([Buffer.alloc(megabytes << 20, 1)]),
}
const kept = []
const grow = ({ what }) => void setInterval(() => kept.push(makers[what]()), 5)
const machine = setup({}).createMachine({
  context: {},
  on: { grow: { actions: { type: 'grow', params: ({ event }) => event } } },
})
const actor = defineActor({ type: 'guest.actor', version: 1, machine, effects: { grow } })
/* the one */ export default definePlugin({ name: 'guest', api: 1, actors: { actor } })
`

t.test('whoever grows and answers meanwhile is ended within its limit, and named', async (t) => {
  const here = await world(t, { install: { 'index.js': grows } })
  const ref = await here.actors.spawn({ type: 'guest.actor' } as ActorDef, 'a')
  for (const what of ['buffers', 'shared', 'wasm', 'blobs']) {
    const { restarts = 0 } = here.row()
    const ended = here.until((row) => (row.restarts ?? 0) > restarts)
    await ref.apply({ type: 'grow', what } as ActorEvent)
    await work(here.actors, ended)
    t.match((await ended).error, { code: 'PROV_PLUGIN_MEMORY', message: /guest .*64 MB/ }, what)
    await here.until(({ state }) => state === 'running')
  }
})
