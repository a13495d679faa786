/** The first sample of the face: the script of the README, as it stands there. */
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { contract, createRuntime, keeperDesk, keyStore } from 'prov'
import { repoRoot } from '../support/root.ts'

const run = promisify(execFile)

t.test('the script in the README is the one that is run here', async (t) => {
  const readme = readFileSync(join(repoRoot, 'README.md'), 'utf8')
  const block = /<!-- sample: script -->\s*```ts\n([\s\S]*?)```/.exec(readme)?.[1]
  const source = readFileSync(join(repoRoot, 'test/samples/script.ts'), 'utf8')
  t.equal(block, source.replace(/^\/\*\*.*\*\/\n/, ''))
})

t.test(
  'a script sees the state, proposes, hears how it goes, and leaves nothing open',
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'prov-script-'))
    t.teardown(() => rmSync(dir, { recursive: true, force: true }))
    const workspace = join(dir, 'infra')
    cpSync(join(repoRoot, 'extensions/provisioning/sample'), workspace, { recursive: true })
    const home = join(dir, 'home')
    const before = await createRuntime({ workspace, home, log: () => {} })
    const keys = before.service(keyStore)
    for (const actor of ['alice', 'bob']) {
      const record = await keys.create({ actor, kind: 'human', passphrase: '' })
      await before.service(contract).enrol({ record, as: 'alice' })
    }
    await before.service(keeperDesk).activatePolicy({ as: 'alice' })
    await before.close()

    const script = fileURLToPath(new URL('./script.js', import.meta.url))
    const env = { ...process.env, PROV_HOME: home, NO_COLOR: '1' }
    const { stdout, stderr } = await run(process.execPath, [script], { cwd: dir, env })
    t.match(stdout, /cluster_provisioning.*bootstrapped/, 'a table of where things stand')
    t.match(stdout, /^submitted /m)
    t.match(stdout, /^held .+/m, 'and why')
    t.match(stdout, /clears|unblock|approve/i, 'and what would let it go on')
    t.equal(stderr, '')

    // The lock is free again, and the proposal is there for whoever approves it.
    const after = await createRuntime({ workspace, home, log: () => {} })
    t.teardown(() => after.close())
    t.match(await after.service(keeperDesk).status(), { held: 1 })
  },
)
