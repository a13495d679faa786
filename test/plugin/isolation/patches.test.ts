/**
 * A plugin that changes what everybody in its thread stands on: harmless changes are its own business,
 * others end its thread by name, and what was under way there is done by the next one.
 */
import t from 'tap'
import type { ActorDef, ActorEvent } from '../../../core/actor/define.ts'
import { codeOf } from '../../../core/kit.ts'
import { counted, world } from './world.ts'

const changes: Readonly<Record<string, string>> = {
  setter: `Object.defineProperty(Array.prototype, 0, { set() {}, configurable: true })`,
  map: `Map.prototype.get = () => undefined`,
  later: `Promise.prototype.then = () => 'patched'`,
  toJSON: `Object.defineProperty(Object.prototype, 'toJSON', { value: () => 'patched', configurable: true })`,
  list: `Array.prototype.entries = () => [].values()`,
  text: `JSON.stringify = () => 'patched'; JSON.parse = () => ({ patched: true })`,
  seen: `Array.prototype.sum = () => 0`,
  more: `Object.defineProperty(Array.prototype, 'sum', { value: () => 0 }); Map.prototype.also = () => 0`,
}

const plugin = (atStart = '') => ({
  'index.js': `
import { defineActor, definePlugin } from 'prov'
import { assign, setup } from 'xstate'
const change = (what) => {
${Object.entries(changes)
  .map(([name, code]) => `  if (what === '${name}') { ${code} }`)
  .join('\n')}
}
const machine = setup({
  actions: {
    count: assign(({ context }) => ({ n: context.n + 1 })),
    bad: assign(({ context, event }) => { change(event.what); return { n: context.n + 1 } }),
    later: () => {},
  },
}).createMachine({
  context: { n: 0 },
  on: { ok: { actions: 'count' }, bad: { actions: 'bad' }, later: { actions: { type: 'later', params: ({ event }) => event } } },
})
const actor = defineActor({ type: 'guest.actor', version: 1, machine, effects: { later: ({ what }) => change(what) } })
/* the one */ export default definePlugin({ name: 'guest', api: 1, actors: { actor }, setup: () => change('${atStart}') })
`,
})

for (const tier of ['worker', 'process'] as const) {
  t.test(`${tier}: what breaks steps ends that thread by name, and no step is lost`, async (t) => {
    const here = await world(t, { install: plugin(), tier })
    const ref = await here.actors.spawn({ type: 'guest.actor' } as ActorDef, 'a')
    let n = 0
    for (const what of ['setter', 'map', 'later', 'toJSON', 'list', 'seen']) {
      const { restarts = 0 } = here.row()
      await ref.apply({ type: 'later', what } as ActorEvent)
      const flow = Promise.all([1, 2, 3].map(() => ref.apply({ type: 'ok' })))
      await here.until((row) => (row.restarts ?? 0) > restarts && row.state === 'running')
      await flow
      n += 3
      t.equal(counted(ref), n, `${what}: steps that met it were done in the next thread`)
      t.equal(here.row().error?.code, 'PROV_PLUGIN_PATCHES', what)
    }
    t.equal(here.actors.deadLetters().rows.length, 0)
  })
}

t.test('a step that breaks its own thread each time is its own failure in the end', async (t) => {
  const here = await world(t, { install: plugin(), limits: { pauseMs: 10 } })
  const [ref, other] = await Promise.all(
    ['a', 'b'].map((id) => here.actors.spawn({ type: 'guest.actor' } as ActorDef, id)),
  )
  const bad = codeOf(ref?.apply({ type: 'bad', what: 'toJSON' } as ActorEvent) ?? Promise.resolve())
  await other?.apply({ type: 'ok' })
  t.equal(await bad, 'PROV_ACTOR_STEP_FAILED')
  await ref?.apply({ type: 'ok' })
  t.equal(here.row().error?.code, 'PROV_PLUGIN_PATCHES')
})

t.test('a setup that breaks its thread is not begun for ever', async (t) => {
  const here = await world(t, { install: plugin('list'), limits: { ends: 2, pauseMs: 10 } })
  while (here.row().state !== 'failed') await new Promise((turn) => setTimeout(turn, 10))
  t.match(here.row().error, { code: 'PROV_PLUGIN_PATCHES', message: /guest changed built-in/ })
})

t.test('changes that break nothing of ours are its own business', async (t) => {
  const here = await world(t, { install: plugin() })
  const ref = await here.actors.spawn({ type: 'guest.actor' } as ActorDef, 'a')
  for (const what of ['more', 'text']) {
    await ref.apply({ type: 'bad', what } as ActorEvent)
    for (let at = 0; at < 20; at++) await ref.apply({ type: 'ok' })
  }
  t.equal(counted(ref), 42)
  // Three beats: it was looked at meanwhile.
  await new Promise((turn) => setTimeout(turn, 150))
  t.match(here.row(), { state: 'running', error: undefined })
})
