/** The host is killed while plugins of every tier are at work: nobody it started lives on. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { systemClock } from '../../../core/clock.ts'
import { discoverPlugins } from '../../../core/plugin/discover.ts'
import { trustPlugin } from '../../../core/plugin/trust.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { repoRoot } from '../../support/root.ts'

t.setTimeout(900_000)

const tiers = ['worker', 'process', 'sandbox'] as const

/** Works by holding its thread, and has children that would sleep for ever: one in its group, one detached. */
const guest = (tier: string) => `
import { spawn } from 'node:child_process'
import { defineActor, definePlugin } from 'prov'
import { assign, setup } from 'xstate'
const machine = setup({
  actions: { count: assign(({ context }) => ({ n: context.n + 1 })), work: () => {} },
}).createMachine({
  context: { n: 0 },
  on: { ok: { actions: 'count' }, work: { actions: 'work' } },
})
const actor = defineActor({
  type: 'guest.${tier}', version: 1, machine,
  effects: { work: () => { for (;;); } },
})
/* the one */ export default definePlugin({
  name: 'guest-${tier}', api: 1, actors: { actor },
  setup: () => {
    if ('${tier}' === 'worker') return
    const sleeps = ['-e', 'setInterval(() => {}, 1000)', import.meta.url]
    spawn(process.execPath, sleeps, { stdio: 'inherit' })
    spawn(process.execPath, sleeps, { stdio: 'ignore', detached: true }).unref()
  },
})`

/** Processes that have this text among their arguments. */
function withArgument(text: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text)
      } catch {
        return false
      }
    })
}

type Line = {
  readonly id: string
  readonly found?: number
  readonly committed?: number
  readonly code?: string
}

t.test('a kill -9 of the host ends whatever it started and loses nothing', async (t) => {
  const name = (tier: string): string => `guest-${tier}`
  const folder = temporaryFolder(t, {
    'ws/.ontology/state.ncl': '{ dimensions = [] }',
    'ws/package.json': {
      dependencies: Object.fromEntries(tiers.map((tier) => [name(tier), '*'])),
      prov: { isolation: Object.fromEntries(tiers.map((tier) => [name(tier), tier])) },
    },
    ...Object.fromEntries(
      tiers.flatMap((tier) => [
        [`ws/node_modules/${name(tier)}/index.js`, guest(tier)],
        [
          `ws/node_modules/${name(tier)}/package.json`,
          { name: name(tier), type: 'module', prov: { plugin: './index.js' } },
        ],
      ]),
    ),
  })
  const workspace = join(folder.dir, 'ws')
  const home = join(folder.dir, 'home')
  for (const one of discoverPlugins({ workspace }).found) {
    if (one.source === 'package') trustPlugin(one, { home, workspace }, { clock: systemClock })
  }

  const program = join(repoRoot, 'dist/test/plugin/isolation/guest-host.js')
  const run = async (stallMs: number, mode: string, until: string) => {
    const args = [program, workspace, home, String(stallMs), mode]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    t.teardown(() => child.kill('SIGKILL'))
    const lines: Line[] = []
    for await (const text of createInterface({ input: child.stdout })) {
      const line = JSON.parse(text) as Line | string
      if (line === until) break
      lines.push(line as Line)
    }
    return { child, lines }
  }
  const last = (lines: readonly Line[], id: string): number =>
    Math.max(0, ...lines.filter((line) => line.id === id).map(({ committed = 0 }) => committed))

  const first = await run(120_000, 'work', 'at work')
  const there = withArgument(folder.dir).length
  const refused = first.lines.filter(({ code }) => code !== undefined)
  for (const { code } of refused) t.equal(code, 'PROV_PLUGIN_SANDBOX_MISSING')
  t.ok(there >= 5, `${there} processes are at work`)

  const exit = once(first.child, 'exit')
  first.child.kill('SIGKILL')
  await exit
  // Ends when they do; a life that goes on is this test's timeout.
  while (withArgument(folder.dir).length > 0) await new Promise((turn) => setTimeout(turn, 20))
  t.pass('nobody lives on')

  const second = await run(1_000, 'look', 'over')
  for (const tier of tiers) {
    const id = name(tier)
    if (refused.some((line) => line.id === id)) continue
    const found = second.lines.find((line) => line.id === id)?.found
    t.equal(found, last(first.lines, id), `${id} goes on where it was`)
    t.equal(last(second.lines, id), last(first.lines, id) + 20)
  }
  if (second.child.exitCode === null) await once(second.child, 'exit')
  t.same(withArgument(folder.dir), [], 'and a close leaves nobody either')
})
