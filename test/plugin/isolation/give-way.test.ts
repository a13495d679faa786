/** Where processors are few, Prov has them before a plugin that says very much. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import t from 'tap'
import type { ActorDef } from '../../../core/actor/define.ts'
import { sessionPriority } from '../../../core/plugin/isolation/give-way.ts'
import { serviceRef } from '../../../core/plugin/service.ts'
import { world } from './world.ts'

t.setTimeout(900_000)

interface Eye {
  /** Of the thread that the plugin runs in, and of its session. */
  priority(): Promise<number>
  session(): Promise<string>
}

const guest = {
  'index.js': `
import { readFileSync, readlinkSync } from 'node:fs'
import { getPriority } from 'node:os'
import { defineActor, definePlugin, serviceRef } from 'prov'
import { setup } from 'xstate'
const machine = setup({ actions: { work: () => {} } }).createMachine({ on: { work: { actions: 'work' } } })
let kernel
const effects = {
  work: async (_, { signal }) => {
    while (!signal.aborted) {
      for (let n = 0; n < 200; n++) kernel.list({})
      await new Promise((turn) => setImmediate(turn))
    }
  },
}
const actor = defineActor({ type: 'guest.loud', version: 1, machine, effects, durability: 'volatile' })
/* the one */ export default definePlugin({
  name: 'guest', api: 1, actors: { actor },
  provides: { eye: serviceRef('guest.eye') },
  setup: ({ provide, actors }) => (kernel = actors, provide.eye({
    priority: async () => getPriority(Number(/[0-9]+$/.exec(readlinkSync('/proc/thread-self'))[0])),
    session: async () => readFileSync('/proc/self/autogroup', 'utf8'),
  })),
})`,
}

const session = '/proc/self/autogroup'

/** Whether sessions have priorities here that may be set: asked of one that is ours and nothing else's. */
function sessionsCanGiveWay(): boolean {
  const other = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' })
  try {
    writeFileSync(`/proc/${other.pid}/autogroup`, '3')
    return sessionPriority(readFileSync(`/proc/${other.pid}/autogroup`, 'utf8')) === 3
  } catch {
    return false
  } finally {
    other.kill('SIGKILL')
  }
}

const skip = existsSync('/proc/thread-self') ? false : 'needs threads with priorities of their own'

for (const tier of ['worker', 'process'] as const) {
  t.test(`${tier}: who says very much gives way, nobody else does`, { skip }, async (t) => {
    const here = await world(t, { install: guest, tier, limits: { stallMs: 600_000, beatMs: 250 } })
    const eye = here.host.service(serviceRef<Eye>('guest.eye'))
    const own = getPriority()
    t.equal(await eye.priority(), own, 'as long as it is quiet, the two are equals')
    const loud = await here.actors.spawn({ type: 'guest.loud' } as ActorDef, 'a')
    await loud.apply({ type: 'work' })
    const wanted = Math.min(19, own + 10)
    // Its end is this test's timeout.
    while ((await eye.priority()) !== wanted) await new Promise((turn) => setTimeout(turn, 20))
    t.equal(getPriority(), own, 'Prov stays where it was')
    if (!existsSync(session)) return
    const its = async (): Promise<number | undefined> => sessionPriority(await eye.session())
    const prov = sessionPriority(readFileSync(session, 'utf8'))
    if (tier === 'worker') return t.equal(await its(), prov, 'it is of the same session')
    if (!sessionsCanGiveWay()) return
    while ((await its()) !== Math.min(19, (prov ?? 0) + 10))
      await new Promise((turn) => setTimeout(turn, 20))
  })
}

t.test('what Linux says of a session', async (t) => {
  t.equal(sessionPriority('/autogroup-10146 nice 0\n'), 0)
  t.equal(sessionPriority('/autogroup-7 nice -11\n'), -11)
  t.equal(sessionPriority(''), undefined, 'the oldest session of all has none')
})
