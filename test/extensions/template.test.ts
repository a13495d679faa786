/** The template, taken as its README says: copied into a workspace, trusted, run, tested, checked. */
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import type { Test } from 'tap'
import { contract, createRuntime, definePlugin } from 'prov'
import type { Contract } from 'prov'
import { provHere } from '../support/cli.ts'
import { temporaryFolder } from '../support/folder.ts'
import { plainEnv, plainNode } from '../support/plain-env.ts'
import { repoRoot } from '../support/root.ts'

const run = promisify(execFile)
const name = 'prov-plugin-quota'

/** A workspace that depends on the package, which lies in its node_modules as npm would put it. */
function installed(t: Test) {
  const folder = temporaryFolder(t, {
    'ws/package.json': {
      type: 'module',
      dependencies: { [name]: '*' },
      prov: { name: 'test-ws', config: { quota: { limit: 3 } } },
    },
    'ws/.ontology/keep': '',
  })
  const ws = join(folder.dir, 'ws')
  const home = join(folder.dir, 'home')
  const at = join(ws, 'node_modules', name)
  cpSync(join(repoRoot, 'extensions/template'), at, { recursive: true })
  return { ws, home, at, place: { cwd: ws, env: { PROV_HOME: home } } }
}

t.test('installed it is found, and nothing of it runs before it is trusted', async (t) => {
  const { place } = installed(t)
  const before = await provHere(['plugins'], place)
  t.match(before.out, name)
  t.match(before.out + before.err, /trust/)
  t.not((await provHere(['quota'], place)).code, 0)
  const trusted = await provHere(['plugins', 'trust', name], place)
  t.equal(trusted.code, 0, trusted.err)
  const shown = await provHere(['quota'], place)
  t.equal(shown.code, 0, shown.err)
  t.equal(shown.out, '0 operations were applied\n')
  t.same(JSON.parse((await provHere(['quota', '--json'], place)).out), { used: 0 })
})

t.test(
  'it counts what was applied, goes on after a restart and says when it is spent',
  async (t) => {
    const { ws, home, place } = installed(t)
    await provHere(['plugins', 'trust', name], place)
    const warnings: string[] = []
    let speaker: Contract | undefined
    const controller = definePlugin({
      name: 'speaker',
      api: 1,
      needs: { contract },
      setup({ needs, signal }) {
        speaker = needs.contract
        needs.contract.outbox('controller', { signal })
      },
    })
    const open = async () => {
      const runtime = await createRuntime({
        workspace: ws,
        home,
        plugins: [controller],
        log: ({ level, text }) => level === 'warn' && warnings.push(text),
      })
      t.teardown(() => runtime.close())
      return runtime
    }
    const apply = async (op: string) => {
      const data = { moves: [], gained: [], lost: [], detail: {} }
      await speaker?.emit('controller', { type: 'op.applied', subject: op, data })
    }
    const used = (runtime: Awaited<ReturnType<typeof open>>): unknown =>
      (
        runtime.actors.ref('quota.counter/applied')?.snapshot().context as
          { used?: number } | undefined
      )?.used
    const counts = async (runtime: Awaited<ReturnType<typeof open>>, wanted: number) => {
      while (used(runtime) !== wanted) await new Promise((turn) => setTimeout(turn, 10))
    }

    const first = await open()
    const row = first.plugins().find((one) => one.name === 'quota')
    t.equal(row?.state, 'running')
    await apply('op_1')
    await apply('op_2')
    await counts(first, 2)
    await first.close()

    const second = await open()
    t.equal(used(second), 2, 'the actor is the one that was there before')
    await apply('op_3')
    await counts(second, 3)
    t.equal(second.actors.ref('quota.counter/applied')?.snapshot().value, 'spent')
    t.same(await second.read('quota'), { used: 3 })
    await second.close()
    t.ok(warnings.some((line) => line.includes('the quota of 3 operations is spent')))
    t.equal((await provHere(['quota'], place)).out, '3 operations were applied\n')
  },
)

t.test('its own tests pass and its types are right, against Prov as installed', async (t) => {
  const { dir } = temporaryFolder(t)
  const at = join(dir, name)
  cpSync(join(repoRoot, 'extensions/template'), at, { recursive: true })
  const modules = join(at, 'node_modules')
  mkdirSync(modules)
  symlinkSync(repoRoot, join(modules, 'prov'))
  mkdirSync(join(modules, '@types'))
  for (const needed of ['xstate', 'rxjs', 'tap', '@types/node']) {
    symlinkSync(join(repoRoot, 'node_modules', needed), join(modules, needed))
  }
  // As a stranger runs it: a runner around this test would change what is printed.
  const how = { cwd: at, env: plainEnv() }
  const test = await run(...plainNode('test/quota.test.js'), how).catch(
    (error: { stdout: string }) => error,
  )
  t.match(test.stdout, /# \{ total: \d+, pass: \d+ \}/, test.stdout)
  const types = await run(
    ...plainNode(
      join(repoRoot, 'node_modules/typescript/bin/tsc'),
      '--noEmit',
      '--allowJs',
      '--checkJs',
      '--strict',
      '--skipLibCheck',
      '--target',
      'es2023',
      '--module',
      'nodenext',
      '--types',
      'node',
      'index.js',
      'test/quota.test.js',
    ),
    { cwd: at, env: plainEnv() },
  ).catch((error: { stdout: string; stderr: string }) => error)
  t.equal(types.stdout + types.stderr, '')
})
