/** On a busy machine a plugin may be silent for long through no fault of its own: nobody is blamed. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import type { ActorDef } from '../../../core/actor/define.ts'
import { waitedIn } from '../../../core/plugin/isolation/cage.ts'
import { counted, world } from './world.ts'

t.setTimeout(900_000)

/** Needs 150 ms of processor for each message, in one go. */
const worker = `
import { defineActor, definePlugin } from 'prov'
import { assign, setup } from 'xstate'
const machine = setup({
  actions: {
    work: assign(({ context }) => {
      const begun = process.cpuUsage().user
      while (process.cpuUsage().user - begun < 150_000);
      return { n: context.n + 1 }
    }),
  },
}).createMachine({ context: { n: 0 }, on: { ok: { actions: 'work' } } })
const actor = defineActor({ type: 'guest.worker', version: 1, machine })
  export default definePlugin({ name: 'guest', api: 1, actors: { actor } })
`

/** Processes that this one started. */
function children(): readonly number[] {
  return readdirSync('/proc/self/task').flatMap((task) => {
    try {
      const text = readFileSync(`/proc/self/task/${task}/children`, 'utf8').trim()
      return text === '' ? [] : text.split(' ').map(Number)
    } catch {
      return []
    }
  })
}

t.test('what the scheduler says of a thread', async (t) => {
  t.equal(waitedIn('/none'), undefined)
  const own = waitedIn('/proc/self/schedstat')
  t.ok(own === undefined || own >= 0)
})

const skip = existsSync('/proc/self/schedstat') ? false : 'needs the accounts of a Linux scheduler'

t.test('one that gets no processor is not taken for one that hangs', { skip }, async (t) => {
  const here = await world(t, {
    install: { 'index.js': worker },
    tier: 'process',
    limits: { stallMs: 600, beatMs: 50 },
  })
  const ref = await here.actors.spawn({ type: 'guest.worker' } as ActorDef, 'a')
  await ref.apply({ type: 'ok' })
  const [pid] = children()
  // The least of all, beside more work than there are processors.
  setPriority(pid as number, 19)
  const busy = Array.from({ length: 4 }, () => new Worker('for (;;);', { eval: true }))
  const before = waitedIn(`/proc/${pid}/schedstat`) as number
  for (let n = 0; n < 3; n++) await ref.apply({ type: 'ok' })
  const waited = (waitedIn(`/proc/${pid}/schedstat`) as number) - before
  await Promise.all(busy.map((one) => one.terminate()))
  t.comment(`it waited ${Math.round(waited)} ms for its turn`)
  t.equal(counted(ref), 4)
  t.equal(here.row().state, 'running')
  t.notOk(here.row().restarts, 'nobody ended it')
})
