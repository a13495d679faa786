/** What a command loads: its own module, and nothing heavy as long as it only reads. */
import { cpSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { knownCommands } from '../../core/cli/commands.ts'
import { discoverPlugins } from '../../core/plugin/discover.ts'
import { modulesLoadedBy } from '../support/cli.ts'
import { temporaryFolder } from '../support/folder.ts'
import { repoRoot } from '../support/root.ts'

const heavy = /node_modules\/(rxjs|nats|jose|isomorphic-git|xstate|ssh2|tweetnacl|@xstate)\//

t.test(
  'no command’s own module drags in machinery: help of each loads nothing heavy',
  async (t) => {
    const { dir } = temporaryFolder(t)
    const { entries } = await knownCommands(discoverPlugins())
    const place = { cwd: dir, env: {}, scratch: dir }
    // The overview loads every command module at once.
    const { modules, code } = await modulesLoadedBy(['--help'], place)
    t.equal(code, 0)
    t.ok(modules.length > entries.size, 'the hook sees modules')
    t.same(
      modules.filter((url) => heavy.test(url)),
      [],
    )
  },
)

t.test('a command loads its own module, not its neighbours’ and not the kernel', async (t) => {
  const { dir } = temporaryFolder(t)
  const place = { cwd: dir, env: {}, scratch: dir }
  const { modules } = await modulesLoadedBy(['help', 'exit-codes'], place)
  t.same(
    modules.filter((url) => heavy.test(url)),
    [],
  )
  const own = modules.filter((url) => /\/core\/cli\/commands\/(?!index)/.test(url))
  t.equal(own.length, 1, own.join(' '))
  t.notOk(
    modules.some((url) => url.includes('/yargs/')),
    'a simple line is read without yargs',
  )
  for (const part of ['actor/kernel', 'journal/file', 'bus/embedded', 'boot.js', 'nickel/']) {
    t.notOk(
      modules.some((url) => url.includes(`/core/${part}`)),
      `${part} is not loaded`,
    )
  }
})

t.test('reading the sample workspace loads no kernel, no bus, no ledger and no keys', async (t) => {
  const { dir } = temporaryFolder(t)
  const cwd = join(dir, 'ws')
  cpSync(join(repoRoot, 'extensions/provisioning/sample'), cwd, { recursive: true })
  const place = { cwd, env: { PROV_HOME: join(dir, 'home') }, scratch: dir }
  for (const line of ['state', 'gates', 'card', 'op list']) {
    const { modules, code, err } = await modulesLoadedBy(line.split(' '), place)
    t.equal(code, 0, `${line}: ${err}`)
    t.same(
      modules.filter(
        (url) => heavy.test(url) || /\/core\/(actor\/kernel|boot|bus\/embedded)/.test(url),
      ),
      [],
      `prov ${line}`,
    )
    t.notOk(existsSync(join(cwd, '.prov')), `prov ${line} writes nothing`)
  }
})
