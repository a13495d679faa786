/** On a busy machine a plugin may be silent for long through no fault of its own: nobody is blamed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import t from 'tap'
import type { ActorDef } from '../../../core/actor/define.ts'
import { asProvError } from '../../../core/errors.ts'
import type { ProvError } from '../../../core/errors.ts'
import { starvedShare, turnOf } from '../../../core/plugin/isolation/cage.ts'
import { counted, world } from './world.ts'

t.setTimeout(900_000)

/** Needs 150 ms of processor for each message, in one go, and no time is spent on asking for it. */
const worker = `
import { defineActor, definePlugin } from 'prov'
import { assign, setup } from 'xstate'
const machine = setup({
  actions: {
    work: assign(({ context }) => {
      const used = () => process.cpuUsage().user + process.cpuUsage().system
      const begun = used()
      while (used() - begun < 150_000) for (let n = 0; n < 100_000; n++);
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

/** More work than there are processors, for a minute at the most, each in a group of its own. */
function crowd(): readonly ChildProcess[] {
  const loop = 'const end = Date.now() + 60_000; while (Date.now() < end);'
  return Array.from({ length: 4 }, () =>
    spawn(process.execPath, ['-e', loop], { detached: true, stdio: 'ignore' }),
  )
}

/** A tenth of what another gets; where sessions are scheduled as groups the group has it too. */
function goLast(pid: number): void {
  setPriority(pid, 10)
  const group = `/proc/${pid}/autogroup`
  if (existsSync(group)) writeFileSync(group, '10')
}

t.test('what the scheduler says of a thread', async (t) => {
  t.equal(turnOf('/none'), undefined)
  const own = turnOf('/proc/self')
  t.ok(own === undefined || (own.waitedMs >= 0 && own.usedMs > 0 && own.ready))
})

t.test('how much of a beat it stood still for want of a processor', async (t) => {
  const at = (usedMs: number, waitedMs: number, ready: boolean) => ({ usedMs, waitedMs, ready })
  const from = at(1000, 50, true)
  t.equal(starvedShare(undefined, from, 100), 0, 'nothing is known yet')
  t.equal(starvedShare(from, undefined, 100), 0, 'nor of one that has ended')
  t.equal(starvedShare(from, at(1100, 50, true), 100), 0, 'an endless loop had all of it')
  t.equal(starvedShare(from, at(1025, 125, true), 100), 0.75, 'a quarter was its own')
  t.equal(starvedShare(from, at(1000, 50, true), 100), 1, 'it still waits: on no account yet')
  t.equal(starvedShare(from, at(1000, 50, false), 100), 0, 'one that sleeps waits for nobody')
  t.equal(starvedShare(from, at(1010, 950, true), 100), 1, 'a long wait is over in this beat')
  t.equal(starvedShare(from, at(1000, 50, true), 0), 0, 'no time has passed')
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
  const busy = crowd()
  t.teardown(() => busy.map((one) => one.kill('SIGKILL')))
  goLast(pid as number)
  const waited = () => turnOf(`/proc/${pid}`)?.waitedMs ?? Number.NaN
  const before = waited()
  for (let n = 0; n < 3; n++) await ref.apply({ type: 'ok' })
  const all = waited() - before
  t.comment(`it waited ${Math.round(all)} ms for its turn`)
  t.ok(all > 1_800, 'longer than three steps may be silent')
  t.equal(counted(ref), 4)
  t.equal(here.row().state, 'running')
  t.notOk(here.row().restarts, 'nobody ended it')
})

t.test('on a machine that never lets it run, one that hangs is ended all the same', async (t) => {
  const hangs = worker.replace(/used\(\) - begun < 150_000/, 'true')
  const here = await world(t, {
    install: { 'index.js': hangs },
    tier: 'process',
    // As if its own time could not run out: it got none.
    limits: { stallMs: 600_000, silentMs: 500, beatMs: 50 },
  })
  const ref = await here.actors.spawn({ type: 'guest.worker' } as ActorDef, 'a')
  const { code, message } = (await ref.apply({ type: 'ok' }).catch(asProvError)) as ProvError
  t.match([code, message].join(' '), /500 ms/)
  t.ok(here.row().restarts, 'and another one takes its place')
})
