/** Discovery reads manifests and imports nothing; loading from disk asks for trust first. */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { simulatedClock } from '../../core/clock.ts'
import { discoverPlugins, provRoot } from '../../core/plugin/discover.ts'
import { startPlugins } from '../../core/plugin/host.ts'
import { canStripTypes, importModule } from '../../core/plugin/import.ts'
import { standing, trustPlugin } from '../../core/plugin/trust.ts'
import { memoryActors } from '../support/actors.ts'
import { temporaryFolder } from '../support/folder.ts'

/** A plugin that leaves a file behind the moment its module runs. */
const leavesMark = (name: string, mark: string) => `
import { writeFileSync } from 'node:fs'
import { definePlugin } from 'prov'
writeFileSync(${JSON.stringify(mark)}, 'ran');
/* the one default export */ export default definePlugin({ name: '${name}', api: 1 })
`

const acme = {
  name: '@acme/prov-quota',
  version: '2.1.0',
  type: 'module',
  exports: {},
  prov: {
    plugin: './index.js',
    api: 1,
    provides: ['acme.quota'],
    commands: './commands.js',
    nickel: ['./ncl'],
  },
}

async function boot(workspace: string, home: string) {
  const clock = simulatedClock()
  const { found, config } = discoverPlugins({ workspace, prov: join(workspace, 'no-prov') })
  const host = await startPlugins({
    found,
    config,
    trust: { home, workspace },
    actors: await memoryActors(clock),
    clock,
    log: () => {},
    core: new Map([['prov.journal', {}]]),
    guarded: new Set(['prov.journal']),
  })
  const rows = host.rows().map(({ id, error, state }) => [id, error?.code ?? state])
  await host.stop()
  return { rows: Object.fromEntries(rows) as Record<string, string>, host }
}

t.test('direct dependencies with a prov field are found, also behind closed exports', (t) => {
  const { dir } = temporaryFolder(t, {
    'package.json': {
      dependencies: { '@acme/prov-quota': '*', lodash: '*', absent: '*' },
      prov: { config: { quota: { limit: 3 } } },
    },
    'node_modules/@acme/prov-quota/package.json': acme,
    'node_modules/lodash/package.json': { name: 'lodash' },
    'node_modules/indirect/package.json': { name: 'indirect', prov: { plugin: './x.js' } },
  })
  const { found, refused, nickel, config } = discoverPlugins({ workspace: dir, prov: dir + '/x' })
  const root = join(dir, 'node_modules/@acme/prov-quota')
  t.same(found, [
    {
      id: '@acme/prov-quota',
      source: 'package',
      version: '2.1.0',
      api: 1,
      provides: ['acme.quota'],
      entry: join(root, 'index.js'),
      root,
      commands: join(root, 'commands.js'),
    },
  ])
  t.same(refused, [])
  t.same(nickel, [join(root, 'ncl')])
  t.same(config, { quota: { limit: 3 } })
  t.end()
})

t.test('a workspace may name which dependencies load', (t) => {
  const { dir } = temporaryFolder(t, {
    'package.json': { dependencies: { '@acme/prov-quota': '*' }, prov: { use: [] } },
    'node_modules/@acme/prov-quota/package.json': acme,
  })
  t.same(discoverPlugins({ workspace: dir, prov: dir + '/x' }).found, [])
  t.end()
})

t.test('a manifest that is wrong refuses that plugin and names file and field', (t) => {
  const folder = temporaryFolder(t, {
    'package.json': {
      dependencies: { out: '*', odd: '*', broken: '*', fine: '*' },
      prov: { plugins: ['./absent.js', './readme.md'] },
    },
    'readme.md': '',
    'node_modules/out/package.json': { prov: { plugin: './../../evil.js' } },
    'node_modules/odd/package.json': { prov: { plugin: './x.js', pluggin: true } },
    'node_modules/broken/package.json': '{ not json',
    'node_modules/fine/package.json': { prov: { plugin: './x.js' } },
  })
  const { found, refused } = discoverPlugins({ workspace: folder.dir, prov: folder.dir + '/x' })
  t.same(
    found.map(({ id }) => id),
    ['fine'],
  )
  t.same(
    refused.map(({ id, error }) => [id, error.code]),
    ['out', 'odd', 'broken', './absent.js', './readme.md'].map((id) => [
      id,
      'PROV_PLUGIN_MANIFEST_INVALID',
    ]),
  )
  for (const { error } of refused) t.match(error.message, /package\.json/)
  t.end()
})

t.test('Prov’s own plugins are listed in its own package.json, like anyone’s', (t) => {
  const folder = temporaryFolder(t, {
    'package.json': { version: '0.0.1', prov: { plugins: ['./plugins/a'], nickel: ['./ncl'] } },
    'dist/plugins/a/index.js': '',
    'dist/plugins/a/commands/index.js': '',
  })
  const { found, nickel, refused } = discoverPlugins({ prov: folder.dir })
  t.same(refused, [])
  t.match(found, [
    {
      id: 'a',
      source: 'first-party',
      entry: join(folder.dir, 'dist/plugins/a/index.js'),
      commands: join(folder.dir, 'dist/plugins/a/commands/index.js'),
    },
  ])
  t.equal(found[0]?.reads, undefined)
  t.same(nickel, [join(folder.dir, 'ncl')])
  t.ok(existsSync(join(provRoot(), 'package.json')))
  t.end()
})

t.test('code of a cloned repository does not run before somebody trusted it', async (t) => {
  const folder = temporaryFolder(t)
  const mark = join(folder.dir, 'mark')
  folder.write('package.json', {
    dependencies: { '@acme/prov-quota': '*' },
    prov: { plugins: ['./local.js'] },
  })
  folder.write('local.js', leavesMark('local', `${mark}-local`))
  folder.write('node_modules/@acme/prov-quota/package.json', acme)
  folder.write('node_modules/@acme/prov-quota/index.js', leavesMark('quota', `${mark}-package`))
  const home = join(folder.dir, 'home')
  const { rows, host } = await boot(folder.dir, home)
  t.same(rows, {
    './local.js': 'PROV_PLUGIN_UNTRUSTED',
    '@acme/prov-quota': 'PROV_PLUGIN_UNTRUSTED',
  })
  t.match(host.rows()[0]?.error?.remedy, 'prov plugins trust @acme/prov-quota')
  t.notOk(existsSync(`${mark}-local`), 'the local module was not executed')
  t.notOk(existsSync(`${mark}-package`), 'the package was not executed')

  const { found } = discoverPlugins({ workspace: folder.dir, prov: folder.dir + '/x' })
  const clock = simulatedClock()
  const place = { home, workspace: folder.dir }
  for (const plugin of found) {
    t.equal(trustPlugin(plugin, place, { clock, dryRun: true }).before, 'new')
    t.equal(standing(plugin, place).standing, 'new', 'a dry run pins nothing')
    trustPlugin(plugin, place, { clock })
  }
  t.same((await boot(folder.dir, home)).rows, {
    './local.js': 'running',
    '@acme/prov-quota': 'running',
  })
  t.ok(existsSync(`${mark}-local`) && existsSync(`${mark}-package`))
  t.equal(statSync(join(home, 'trust.json')).mode & 0o777, 0o600)
  t.equal(statSync(home).mode & 0o777, 0o700)
})

t.test('trust ends when any file of it changes, and in another clone', async (t) => {
  const folder = temporaryFolder(t, {
    'package.json': {
      dependencies: { '@acme/prov-quota': '*' },
      prov: { plugins: ['./tools/local.js'] },
    },
    'tools/local.js': `import './part.js'\nimport { used } from 'used'\nexport default used`,
    'tools/part.js': 'export const part = 1',
    'tools/unrelated.js': 'export const other = 1',
    'node_modules/used/package.json': { name: 'used', dependencies: { deep: '*' } },
    'node_modules/used/index.js': 'export const used = 1',
    'node_modules/deep/package.json': { name: 'deep' },
    'node_modules/deep/index.js': '',
    'node_modules/@acme/prov-quota/package.json': { ...acme, dependencies: { deep: '*' } },
    'node_modules/@acme/prov-quota/index.js': 'export default 1',
    'node_modules/@acme/prov-quota/lib/inner.js': '',
  })
  const { found } = discoverPlugins({ workspace: folder.dir, prov: folder.dir + '/x' })
  const place = { home: join(folder.dir, 'home'), workspace: folder.dir }
  const clock = simulatedClock()
  const both = () => found.map((plugin) => standing(plugin, place).standing)
  const again = () => found.forEach((plugin) => trustPlugin(plugin, place, { clock }))
  again()
  t.same(both(), ['trusted', 'trusted'])
  folder.write('tools/unrelated.js', 'export const other = 2')
  t.same(both(), ['trusted', 'trusted'], 'files that neither plugin names do not count')
  for (const [path, after] of [
    ['tools/local.js', ['trusted', 'changed']],
    ['tools/part.js', ['trusted', 'changed']],
    ['node_modules/used/index.js', ['trusted', 'changed']],
    ['node_modules/deep/index.js', ['changed', 'changed']],
    ['node_modules/@acme/prov-quota/lib/inner.js', ['changed', 'trusted']],
    ['node_modules/@acme/prov-quota/new.js', ['changed', 'trusted']],
  ] as const) {
    folder.write(path, `import './part.js'; import 'used' // ${path} changed`)
    t.same(both(), after, path)
    again()
    t.same(both(), ['trusted', 'trusted'])
  }
  const elsewhere = { ...place, workspace: '/another/clone' }
  t.same(
    found.map((plugin) => standing(plugin, elsewhere).standing),
    ['new', 'new'],
  )
  folder.write('home/trust.json', 'not json')
  t.same(both(), ['new', 'new'], 'a trust file that cannot be read trusts nobody')
})

t.test('changed code is refused by name and does not run', async (t) => {
  const folder = temporaryFolder(t, { 'package.json': { prov: { plugins: ['./p.js'] } } })
  const mark = join(folder.dir, 'mark')
  folder.write(
    'p.js',
    `import { definePlugin } from 'prov'\nexport default definePlugin({ name: 'p', api: 1 })`,
  )
  const home = join(folder.dir, 'home')
  const [plugin] = discoverPlugins({ workspace: folder.dir, prov: folder.dir + '/x' }).found
  if (!plugin) return t.fail('not found')
  trustPlugin(plugin, { home, workspace: folder.dir }, { clock: simulatedClock() })
  folder.write('p.js', leavesMark('p', mark))
  const { rows, host } = await boot(folder.dir, home)
  t.same(rows, { './p.js': 'PROV_PLUGIN_UNTRUSTED' })
  t.match(host.rows()[0]?.error?.message, /changed since/)
  t.notOk(existsSync(mark))
})

t.test(
  'a guarded service is for code that was granted it by name, in that very form',
  async (t) => {
    const source = `import { definePlugin, journal } from 'prov'
    export default definePlugin({ name: 'p', api: 1, needs: { journal } })`
    const folder = temporaryFolder(t, {
      'package.json': { prov: { plugins: ['./p.js'] } },
      'p.js': source,
    })
    const home = join(folder.dir, 'home')
    const place = { home, workspace: folder.dir }
    const [plugin] = discoverPlugins({ workspace: folder.dir, prov: folder.dir + '/x' }).found
    if (!plugin) return t.fail('not found')
    const clock = simulatedClock()
    trustPlugin(plugin, place, { clock })
    const refused = await boot(folder.dir, home)
    t.same(refused.rows, { './p.js': 'PROV_PLUGIN_NOT_GRANTED' }, 'trusted, not granted')
    t.match(refused.host.rows()[0]?.error?.remedy, 'prov plugins trust ./p.js --grant prov.journal')
    trustPlugin(plugin, place, { clock, grants: ['prov.journal'] })
    t.same((await boot(folder.dir, home)).rows, { './p.js': 'running' })
    folder.write('p.js', `${source}\n`)
    trustPlugin(plugin, place, { clock })
    t.same((await boot(folder.dir, home)).rows, { './p.js': 'PROV_PLUGIN_NOT_GRANTED' })
  },
)

t.test('a module that is no plugin, or cannot be imported, is refused by name', async (t) => {
  const folder = temporaryFolder(t, {
    'package.json': {
      prov: { plugins: ['./number.js', './none.js', './broken.js', './throws.js'] },
    },
    'number.js': 'export default 42',
    'none.js': 'export const x = 1',
    'broken.js': 'export default {',
    'throws.js': 'throw new Error("at import")',
  })
  const home = join(folder.dir, 'home')
  for (const plugin of discoverPlugins({ workspace: folder.dir, prov: folder.dir + '/x' }).found) {
    trustPlugin(plugin, { home, workspace: folder.dir }, { clock: simulatedClock() })
  }
  t.same((await boot(folder.dir, home)).rows, {
    './number.js': 'PROV_PLUGIN_NOT_A_PLUGIN',
    './none.js': 'PROV_PLUGIN_NOT_A_PLUGIN',
    './broken.js': 'PROV_PLUGIN_IMPORT_FAILED',
    './throws.js': 'PROV_PLUGIN_IMPORT_FAILED',
  })
})

t.test(
  'a one-file plugin in TypeScript runs where its types can be stripped, else says why',
  async (t) => {
    const folder = temporaryFolder(t, {
      'package.json': { prov: { plugins: ['./quota.ts'] } },
      'quota.ts': `
      import { definePlugin, type Plugin } from 'prov'
      import { name } from './name.ts'
      const plugin: Plugin = definePlugin({ name, api: 1 as number })
      export default plugin`,
      'name.ts': 'export const name: string = "quota"',
    })
    const home = join(folder.dir, 'home')
    const [plugin] = discoverPlugins({ workspace: folder.dir, prov: folder.dir + '/x' }).found
    if (!plugin) return t.fail('not found')
    trustPlugin(plugin, { home, workspace: folder.dir }, { clock: simulatedClock() })
    const { rows } = await boot(folder.dir, home)
    t.same(rows, { './quota.ts': canStripTypes() ? 'running' : 'PROV_PLUGIN_TS_UNSUPPORTED' })

    if (!canStripTypes()) return
    folder.write('enum.ts', 'enum Size { S }\nexport default Size.S')
    const enumerating = join(folder.dir, 'enum.ts')
    await t.rejects(importModule(plugin, enumerating), { message: /enum/i }, 'why, in words')
  },
)
