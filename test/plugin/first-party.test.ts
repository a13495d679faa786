/** Prov's own plugins are listed where anyone's are: in a package.json. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { isPlugin } from '../../core/plugin/define.ts'
import { checkPlugin } from '../../core/plugin/check.ts'
import { discoverPlugins } from '../../core/plugin/discover.ts'
import { importPlugin } from '../../core/plugin/import.ts'
import { readManifest } from '../../core/plugin/manifest.ts'
import { repoRoot } from '../support/root.ts'

t.test('every plugin and extension of this repository is listed in package.json', (t) => {
  const listed = new Set(readManifest(repoRoot)?.prov?.plugins)
  for (const room of ['plugins', 'extensions']) {
    for (const name of existsSync(join(repoRoot, room)) ? readdirSync(join(repoRoot, room)) : []) {
      // The template is a package of its own; Nickel packs have no index.
      if (name === 'template' || !existsSync(join(repoRoot, room, name, 'index.ts'))) continue
      t.ok(listed.has(`./${room}/${name}`), `add "./${room}/${name}" to prov.plugins`)
    }
  }
  t.end()
})

t.test('each of them is found, imports, and keeps the contract', async (t) => {
  const { found, refused, nickel } = discoverPlugins()
  t.same(refused, [])
  for (const one of found) {
    t.equal(one.source, 'first-party')
    const plugin = await importPlugin(one)
    t.ok(isPlugin(plugin), one.id)
    checkPlugin(plugin)
    t.equal(
      plugin.commands !== undefined && Object.keys(plugin.commands).length > 0,
      one.commands !== undefined,
      `${one.id}: commands stand in commands/index.ts`,
    )
    t.equal(
      plugin.reads !== undefined && Object.keys(plugin.reads).length > 0,
      one.reads !== undefined,
      `${one.id}: read models stand in reads/index.ts`,
    )
  }
  for (const root of nickel) t.ok(existsSync(root), root)
})
