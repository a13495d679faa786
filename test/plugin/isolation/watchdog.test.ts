/** Nobody can end an endless loop in Prov's own thread; but it is said whose it is, while it hangs. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryFolder } from '../../support/folder.ts'
import { repoRoot } from '../../support/root.ts'

/** A script whose plugin hangs: in a step, an effect, its setup, the key of a mailbox, or for a while only. */
const script = `
import { existsSync } from 'node:fs'
import { createRuntime, defineActor, definePlugin } from 'prov'
import { setup } from 'xstate'
const [, , where, root, home] = process.argv
const forever = () => { for (;;); }
const machine = setup({ guards: { forever } }).createMachine({
  context: {},
  on: { guard: { guard: 'forever' }, effect: { actions: 'spin' } },
})
const actor = defineActor({
  type: 'busy.bee', version: 1, machine, durability: 'volatile', effects: { spin: forever },
  mailbox: { overflow: 'coalesce', key: ({ type }) => (type === 'key' ? forever() : undefined) },
})
const plugin = definePlugin({
  name: 'busy', api: 1, actors: { actor },
  setup: () => { if (where === 'setup') setTimeout(forever, 500) },
})
const heard = []
const runtime = await createRuntime({
  workspace: root, home, discover: false, plugins: [plugin],
  isolation: { blockMs: 200 },
  inspect: { 'plugin.stalled': (record) => heard.push(record) },
  log: ({ text, detail }) => heard.push(text),
})
const ref = await runtime.actors.spawn(actor, 'a')
if (where === 'awhile') {
  // For as long as it takes to be noticed, however late the thread that watches begins.
  const file = root + '/.prov/stall.json'
  while (!existsSync(file));
  while (heard.length < 2) await new Promise((resolve) => setTimeout(resolve, 20))
  console.log(JSON.stringify(heard))
  await runtime.close()
} else if (where !== 'setup') ref.send({ type: where })
`

t.test('a loop that hangs everything is named on stderr and in a file, at once', async (t) => {
  const folder = temporaryFolder(t, { 'ws/.ontology/keep': '', 'ws/package.json': '{}' })
  const root = join(folder.dir, 'ws')
  const file = join(root, '.prov/stall.json')
  const run = async (where: string, until: RegExp) => {
    const args = ['--input-type=module', '-', where, root, join(folder.dir, 'home')]
    rmSync(file, { force: true })
    const child = spawn(process.execPath, args, { cwd: repoRoot })
    // It is said on stderr first.
    const end = (): void => {
      if (existsSync(file)) child.kill('SIGKILL')
      else setTimeout(end, 10)
    }
    child.stdin.end(script)
    let said = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text
        if (until.test(said)) end()
      })
    }
    await new Promise((resolve) => child.once('close', resolve))
    return said
  }
  const stall = (): unknown => JSON.parse(readFileSync(file, 'utf8'))
  t.match(
    await run('guard', /PROV_PLUGIN_BLOCKS.*\n/),
    /busy blocks everything.*a step of busy\.bee/,
  )
  t.match(stall(), { code: 'PROV_PLUGIN_BLOCKS', owner: 'busy', doing: 'a step of busy.bee' })
  t.match(await run('effect', /PROV_PLUGIN_BLOCKS.*\n/), /busy .*effect spin/)
  t.match(await run('setup', /PROV_PLUGIN_BLOCKS.*\n/), /unmarked.*busy ran last, in its setup/)
  t.match(await run('key', /PROV_PLUGIN_BLOCKS.*\n/), /busy .*a step of busy\.bee/)
  const back = await run('awhile', /never/)
  t.match(back, /it goes on; .*blocks everything/, 'and told once more when it is over')
  t.match(back, /"kind":"plugin\.stalled"/, 'an inspector hears of it')
  t.ok(existsSync(file))
})
