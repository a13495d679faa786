/** Plugins in a process of their own: what a thread does not bound is bounded, and nothing is inherited. */
import t from 'tap'
import type { ActorDef } from '../../../core/actor/define.ts'
import { codeOf } from '../../../core/kit.ts'
import { serviceRef } from '../../../core/plugin/service.ts'
import { environmentOf } from '../../../core/plugin/isolation/environment.ts'
import { counted, impatient, work, world } from './world.ts'

const ok = { type: 'ok' }
const limits = { memoryBytes: 160 * 1024 * 1024 }

t.test('Buffers without end are ended by what the process holds in memory', async (t) => {
  const here = await world(t, {
    install: 'eats',
    tier: 'process',
    limits,
  })
  t.equal(here.row().isolation, 'process')
  const ref = await here.actors.spawn({ type: 'hostile.eats' } as ActorDef, 'a')
  await ref.apply(ok)
  await work(
    here.actors,
    ref.apply({ type: 'bad.buffers' }).then(() => here.until(({ restarts }) => restarts === 1)),
  )
  t.equal(here.row().error?.code, 'PROV_PLUGIN_MEMORY')
  await ref.apply(ok)
  t.ok(counted(ref) >= 2, 'it goes on from what was committed')
})

t.test('exit, abort and kill end that process only, and each is named', async (t) => {
  const here = await world(t, { install: 'exits', tier: 'process', limits })
  const ref = await here.actors.spawn({ type: 'hostile.exits' } as ActorDef, 'a')
  await ref.apply(ok)
  for (const [type, how] of [
    ['bad.effect', /exit 7/],
    ['bad.abort', /SIGABRT/],
    ['bad.kill', /SIGKILL/],
  ] as const) {
    await ref.apply({ type })
    await here.until(({ error }) => how.test(error?.message ?? ''))
    t.equal(here.row().error?.code, 'PROV_PLUGIN_EXITED', type)
  }
  t.equal(await codeOf(ref.apply({ type: 'bad.assign' })), 'PROV_ACTOR_STEP_FAILED', 'tried twice')
  await ref.apply(ok)
})

t.test(
  'an endless loop in a step is tried once more alone, then it is that step’s failure',
  async (t) => {
    const here = await world(t, { install: 'loops', tier: 'process', limits: impatient })
    const ref = await here.actors.spawn({ type: 'hostile.loops' } as ActorDef, 'a')
    const other = await here.actors.spawn({ type: 'hostile.loops' } as ActorDef, 'b')
    const both = [codeOf(ref.apply({ type: 'bad.guard' })), codeOf(other.apply(ok))]
    t.same(await Promise.all(both), ['PROV_ACTOR_STEP_FAILED', 'none'])
    t.equal(here.row().restarts, 2)
    t.equal(counted(other), 1)
  },
)

/** Says what it sees: of the environment, of files, of what answers at once. */
const looks = {
  'index.js': `
    import { existsSync, readdirSync } from 'node:fs'
    import { definePlugin, serviceRef, workspace } from 'prov'
    /* the one */ export default definePlugin({
      name: 'guest', api: 1,
      provides: { eye: serviceRef('guest.eye') },
      setup: ({ provide, actors }) => provide.eye({
        env: async () => Object.keys(process.env),
        exists: async (path) => existsSync(path),
        processes: async () => readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)).length,
        rows: async () => actors.list(),
      }),
    })`,
}

interface Eye {
  env(): Promise<string[]>
  exists(path: string): Promise<boolean>
  processes(): Promise<number>
  rows(): Promise<unknown[]>
}

t.test(
  'a process sees the names that its manifest lists and what programs need, no more',
  async (t) => {
    process.env['GUEST_TOKEN'] = 'a'
    process.env['OTHER_SECRET'] = 'b'
    const manifest = {
      name: 'guest',
      type: 'module',
      prov: { plugin: './index.js', env: ['GUEST_TOKEN'] },
    }
    const here = await world(t, {
      install: { ...looks, 'package.json': manifest },
      tier: 'process',
    })
    const eye = here.host.service(serviceRef<Eye>('guest.eye'))
    const seen = await eye.env()
    t.ok(seen.includes('PATH') && seen.includes('GUEST_TOKEN'))
    t.notOk(seen.includes('OTHER_SECRET'))
    t.same(await eye.rows(), [], 'what answers at once does so here as well')
    t.same(environmentOf('worker', [], { A: '1', NODE_OPTIONS: '-r x' }), { A: '1' })
  },
)

t.test('a sandbox shows nothing of the computer, or refuses to be one', async (t) => {
  const here = await world(t, { install: looks, tier: 'sandbox' })
  const { error, state } = here.row()
  if (state === 'refused') {
    t.equal(error?.code, 'PROV_PLUGIN_SANDBOX_MISSING')
    return
  }
  const eye = here.host.service(serviceRef<Eye>('guest.eye'))
  t.notOk(await eye.exists(here.folder.dir + '/ws/package.json'), 'the workspace')
  t.notOk(await eye.exists(here.folder.dir + '/home'), 'keys and trust')
  t.ok((await eye.processes()) < 5, 'other processes')
  t.notOk((await eye.env()).includes('OTHER_SECRET'))

  const { PATH } = process.env
  process.env['PATH'] = '/nowhere'
  t.teardown(() => (process.env['PATH'] = PATH))
  const without = await world(t, { install: looks, tier: 'sandbox' })
  t.match(without.row(), { state: 'refused', error: { code: 'PROV_PLUGIN_SANDBOX_MISSING' } })
})
