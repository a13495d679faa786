/** Programs that a plugin starts and that leave its group: they end with its process all the same. */
import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { serviceRef } from '../../../core/plugin/service.ts'
import { world } from './world.ts'

t.setTimeout(600_000)

/** Starts sleepers that lead a group of their own, by itself and through a program that is over. */
const guest = {
  'index.js': `
    import { spawn } from 'node:child_process'
    import { definePlugin, serviceRef } from 'prov'
    // A plain program each: what the runner hands on to programs it starts is not to be found in a sandbox.
    const sleeps = ['-u', 'NODE_OPTIONS', process.execPath, '-e', 'setInterval(() => {}, 1000)', import.meta.url]
    const alone = { stdio: 'ignore', detached: true }
    /* the one */ export default definePlugin({
      name: 'guest', api: 1,
      provides: { starter: serviceRef('guest.starter') },
      setup: ({ provide }) => provide.starter({
        start: async (env) => void spawn('env', sleeps, { ...alone, env: env ?? process.env }).unref(),
        through: async () =>
          new Promise((over) => {
            const through = ['-c', 'setsid "$@" &', 'sh', 'env', ...sleeps]
            spawn('sh', through, alone).once('exit', over)
          }),
        end: async () => process.exit(3),
        abort: async () => process.kill(process.pid, 'SIGKILL'),
      }),
    })`,
}

interface Starter {
  start(env?: Record<string, string>): Promise<void>
  through(): Promise<void>
  end(): Promise<void>
  abort(): Promise<void>
}

/** Numbers of the sleepers from that folder. In a sandbox they have other ones there than here. */
const sleepersOf = (folder: string): number[] =>
  readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const text = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
        return text.includes('\0setInterval') && text.includes(folder)
      } catch {
        return false
      }
    })

const moment = () => new Promise((turn) => setTimeout(turn, 10))

for (const tier of ['process', 'sandbox'] as const) {
  for (const how of ['end', 'abort', 'close'] as const) {
    // The runner is in every Node, and its end of one wants to write where a sandbox lets nobody.
    if (how === 'end' && tier === 'sandbox' && process.env['TAP']) continue
    t.test(`they end with it, whatever ended it: ${tier}, ${how}`, async (t) => {
      const here = await world(t, { install: guest, tier })
      if (here.row().state === 'refused') {
        t.equal(here.row().error?.code, 'PROV_PLUGIN_SANDBOX_MISSING')
        return
      }
      const starter = here.host.service(serviceRef<Starter>('guest.starter'))
      await starter.start()
      await starter.through()
      const living = () => sleepersOf(here.folder.dir)
      while (living().length < 2) await moment()
      if (how === 'close') await here.host.stop()
      else await starter[how]().catch(() => {})
      while (living().length > 0) await moment()
      t.pass('nobody sleeps on')
    })
  }
}

t.test('who is handed an environment of its own is meant to live on', async (t) => {
  const here = await world(t, { install: guest, tier: 'process' })
  const starter = here.host.service(serviceRef<Starter>('guest.starter'))
  await starter.start({ PATH: process.env['PATH'] ?? '' })
  const living = () => sleepersOf(here.folder.dir)
  while (living().length < 1) await moment()
  const [own] = living() as [number]
  t.teardown(() => process.kill(own, 'SIGKILL'))
  await here.host.stop()
  t.same(living(), [own])
})
