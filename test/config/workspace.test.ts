/** Where a workspace is, what it is called, and its Nickel files as data. */
import { join } from 'node:path'
import t from 'tap'
import { findWorkspace, openWorkspaceFiles } from '../../core/config/workspace.ts'
import { ProvError } from '../../core/errors.ts'
import { codeOf } from '../../core/kit.ts'
import { temporaryFolder } from '../support/folder.ts'

async function errorOf(promise: Promise<unknown>): Promise<ProvError> {
  try {
    await promise
  } catch (thrown) {
    if (ProvError.is(thrown)) return thrown
    throw thrown
  }
  throw new Error('nothing was refused')
}

t.test('a workspace is found from any folder below it', async (t) => {
  const { dir } = temporaryFolder(t, { 'ws/.ontology/keep': '', 'ws/a/b/keep': '', 'out/keep': '' })
  t.equal(findWorkspace(join(dir, 'ws/a/b')), join(dir, 'ws'))
  t.equal(findWorkspace(join(dir, 'out')), undefined)
  const files = await openWorkspaceFiles(join(dir, 'ws/a/b'))
  t.equal(files.root, join(dir, 'ws'))
  t.equal(files.stateDir, join(dir, 'ws/.prov'))
  t.ok(files.has('a/b/keep'))
  t.notOk(files.has('a/b/nothing'))
  t.equal(await codeOf(openWorkspaceFiles(join(dir, 'out'))), 'PROV_CONFIG_NO_WORKSPACE')
})

t.test('its name is what package.json says, else the manifest, else the folder', async (t) => {
  const folder = temporaryFolder(t, { 'My_Infra.v2/.ontology/keep': '' })
  const dir = join(folder.dir, 'My_Infra.v2')
  t.equal((await openWorkspaceFiles(dir)).name, 'my-infra-v2')
  folder.write('My_Infra.v2/.ontology/manifest.ncl', '{ project = "Core Infra", other = 1 }')
  t.equal((await openWorkspaceFiles(dir)).name, 'core-infra')
  folder.write('My_Infra.v2/package.json', { prov: { name: 'prod' } })
  t.equal((await openWorkspaceFiles(dir)).name, 'prod')
  folder.write('My_Infra.v2/package.json', { prov: { name: 'ops.>' } })
  t.equal(await codeOf(openWorkspaceFiles(dir)), 'PROV_CONFIG_NAME_INVALID')
})

t.test('files are found by pattern, sorted, without what is not the workspace’s own', async (t) => {
  const { dir } = temporaryFolder(t, {
    '.ontology/b.ncl': '',
    '.ontology/a.ncl': '',
    'reflection/modes/x.ncl': '',
    'node_modules/p/.ontology/c.ncl': '',
    '.prov/d.ncl': '',
  })
  const files = await openWorkspaceFiles(dir, {})
  t.same(await files.glob(['**/*.ncl']), [
    '.ontology/a.ncl',
    '.ontology/b.ncl',
    'reflection/modes/x.ncl',
  ])
})

t.test('a Nickel file comes out as JSON, evaluated once', async (t) => {
  const folder = temporaryFolder(t, { '.ontology/state.ncl': '{ a = 1 + 1, b = ["x"] }' })
  const files = await openWorkspaceFiles(folder.dir)
  const first = files.evaluate('.ontology/state.ncl')
  t.same(await first, { a: 2, b: ['x'] })
  t.equal(files.evaluate('.ontology/state.ncl'), first)
})

t.test(
  'imports: beside the file, in the workspace, NICKEL_IMPORT_PATH, plugins, bundled',
  async (t) => {
    const folder = temporaryFolder(t, {
      'ws/.ontology/all.ncl': `{
      beside = import "beside.ncl",
      rooted = import "lib/rooted.ncl",
      listed = import "listed.ncl",
      plugin = import "plugin.ncl",
      bundled = import "../ontology/schemas/state.ncl",
    }`,
      'ws/.ontology/beside.ncl': '"beside"',
      'ws/lib/rooted.ncl': '"rooted"',
      'listed/listed.ncl': '"listed"',
      'plugin/plugin.ncl': '"plugin"',
      'plugin/ontology/schemas/state.ncl': '"bundled"',
    })
    const files = await openWorkspaceFiles(join(folder.dir, 'ws'), {
      nickel: [join(folder.dir, 'plugin')],
      env: { NICKEL_IMPORT_PATH: join(folder.dir, 'listed') },
    })
    t.same(await files.evaluate('.ontology/all.ncl'), {
      beside: 'beside',
      rooted: 'rooted',
      listed: 'listed',
      plugin: 'plugin',
      bundled: 'bundled',
    })
    t.match(files.warnings(), [/ontology\/schemas\/state\.ncl.*bundled/])
  },
)

t.test('a broken file is refused with code, file, line, column and a remedy', async (t) => {
  const folder = temporaryFolder(t, {
    '.ontology/parse.ncl': '{\n  a = ,\n}',
    '.ontology/scope.ncl': '{ a = nowhere }',
    '.ontology/contract.ncl': '{\n  level | Number = "high"\n}',
    '.ontology/import.ncl': 'import "absent.ncl"',
    '.ontology/export.ncl': '{ f = fun x => x }',
    '.ontology/merge.ncl': '{ a = 1 } & { a = 2 }',
    '.ontology/missing.ncl': '{ a | Number }',
  })
  const files = await openWorkspaceFiles(folder.dir, { env: {} })
  for (const [file, code, line, column] of [
    ['parse', 'PROV_NCL_PARSE', 2, 7],
    ['scope', 'PROV_NCL_SCOPE', 1, 7],
    ['contract', 'PROV_NCL_CONTRACT', 2, 20],
    ['import', 'PROV_NCL_IMPORT', 1, 1],
    ['export', 'PROV_NCL_EXPORT', 1, undefined],
    ['merge', 'PROV_NCL_MERGE', 1, undefined],
    ['missing', 'PROV_NCL_MISSING_DEFINITION', 1, undefined],
  ] as const) {
    const error = await errorOf(files.evaluate(`.ontology/${file}.ncl`))
    t.equal(error.code, code, file)
    t.equal(error.exitCode, 64)
    t.match(error.place?.file, new RegExp(`${file}\\.ncl$`), `${file}: file`)
    t.equal(error.place?.line, line, `${file}: line`)
    if (column !== undefined) t.equal(error.place?.column, column, `${file}: column`)
    t.match(error.remedy, /file|prov|NICKEL/, `${file}: remedy`)
  }
  t.equal(await codeOf(files.evaluate('.ontology/nope.ncl')), 'PROV_CONFIG_FILE_MISSING')
})
