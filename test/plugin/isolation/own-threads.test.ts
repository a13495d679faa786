/**
 * A plugin in a thread cannot start threads of its own, whose memory nobody would bound, nor a debugger in
 * the process that all of Prov shares: it is refused by name, and says what to do instead.
 */
import t from 'tap'
import { world } from './world.ts'

const index = `
import { definePlugin, defineActor } from 'prov'
import { setup, assign } from 'xstate'
import { createRequire } from 'node:module'
import * as all from 'node:worker_threads'
import { Worker } from 'node:worker_threads'
import cluster, { fork } from 'node:cluster'
import inspector, { open, Session } from 'node:inspector'
import { open as openLater, Session as Later } from 'node:inspector/promises'

const ways = {
  named: () => new Worker('', { eval: true }),
  whole: () => new all.Worker('', { eval: true }),
  required: () => new (createRequire(import.meta.url)('worker_threads').Worker)('', { eval: true }),
  extended: () => new (class extends Worker {})('', { eval: true }),
  cluster: () => cluster.fork(),
  fork: () => fork(),
  debugger: () => void inspector.open(0, '127.0.0.1'),
  opened: () => void open(0, '127.0.0.1'),
  later: () => void openLater(0, '127.0.0.1'),
  main: () => void new Session().connectToMainThread(),
  mainLater: () => void new Later().connectToMainThread(),
}
const effects = Object.fromEntries(Object.entries(ways).map(([name, way]) => [name, () => {
  const made = way()
  made?.terminate?.()
  made?.kill?.()
  return 'it started'
}]))
const machine = setup({
  actions: { note: assign(({ context, event }) => ({ said: [...context.said, event.error ?? event.output] })) },
}).createMachine({
  context: { said: [] },
  on: { go: { actions: Object.keys(ways) }, 'effect.*': { actions: 'note' } },
})
const actor = defineActor({ type: 'guest.starter', version: 1, machine, effects })
  export default definePlugin({ name: 'guest', api: 1, actors: { actor } })
`

for (const tier of ['worker', 'process'] as const) {
  t.test(`a thread of its own in a ${tier}`, async (t) => {
    const manifest = { name: 'guest', type: 'module', prov: { plugin: './index.js' } }
    const source =
      tier === 'worker'
        ? index
        : index.replace(/^ {2}(cluster|fork|debugger|opened|later|main|mainLater):.*$/gm, '')
    const install = { 'index.js': source, 'package.json': manifest }
    const here = await world(t, { install, tier })
    const ref = await here.actors.spawn({ type: 'guest.starter' } as never, 'a')
    const said = () =>
      (ref.snapshot().context as { said: { code?: string; message: string }[] }).said
    const ways = tier === 'worker' ? 11 : 4
    const all = new Promise<void>((done) => ref.changes(() => said().length === ways && done()))
    await ref.apply({ type: 'go' })
    await all
    if (tier === 'process') return t.strictSame(said(), Array(ways).fill('it started'))
    for (const { code, message } of said()) {
      t.equal(code, 'PROV_PLUGIN_THREAD_ONLY')
      t.match(
        message,
        /plugin guest runs in a thread, where `(new Worker|cluster.fork|inspector.open|connectToMainThread)`/,
      )
    }
    t.equal(here.row().state, 'running', 'and goes on')
  })
}

for (const tier of ['worker', 'process'] as const) {
  t.test(`its messages coalesce by a key that is data, in a ${tier}`, async (t) => {
    const keyed = `
import { definePlugin, defineActor } from 'prov'
import { setup, assign } from 'xstate'
const machine = setup({
  actions: { note: assign(({ context, event }) => ({ seen: [...context.seen, event.at.id + event.n] })) },
}).createMachine({ context: { seen: [] }, on: { seen: { actions: 'note' } } })
const actor = defineActor({
  type: 'guest.watcher', version: 1, machine, mailbox: { overflow: 'coalesce', key: ['at', 'id'] },
})
  export default definePlugin({ name: 'guest', api: 1, actors: { actor } })
`
    const here = await world(t, { install: { 'index.js': keyed }, tier })
    const ref = await here.actors.spawn({ type: 'guest.watcher' } as never, 'a')
    const seen = (id: string, n: number) => ({ type: 'seen', at: { id }, n })
    for (const n of [1, 2, 3, 4]) ref.send(seen('a', n))
    await ref.apply(seen('b', 1))
    const all = (ref.snapshot().context as { seen: string[] }).seen
    t.ok(all.length < 5, `${all.join()} are fewer than were sent`)
    t.same(all.slice(-2), ['a4', 'b1'], 'the newest of each')
  })
}

t.test('a key that is a function says what it may be instead', async (t) => {
  const source = `
import { definePlugin, defineActor } from 'prov'
import { setup } from 'xstate'
const actor = defineActor({
  type: 'guest.watcher', version: 1, machine: setup({}).createMachine({}),
  mailbox: { overflow: 'coalesce', key: () => 'a' },
})
  export default definePlugin({ name: 'guest', api: 1, actors: { actor } })
`
  const here = await world(t, { install: { 'index.js': source } })
  t.match(here.row(), {
    error: { code: 'PROV_PLUGIN_CANNOT_CROSS', message: "`key: 'field'`" },
  })
})
