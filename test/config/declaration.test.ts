import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t from 'tap'
import { ProvError } from '../../core/errors.ts'
import { openWorkspaceFiles } from '../../core/config/workspace.ts'

const schema = 'schemas/lib/rights.ncl'
const allowedImports = [schema]

async function stage(t: { teardown(undo: () => unknown): unknown }, files: Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), 'prov-declaration-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(join(folder, 'infra/.ontology'), { recursive: true })
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  const root = join(folder, 'infra')
  return { root, files: await openWorkspaceFiles(root, { nickel: [join(folder, 'installed')] }) }
}

const rights = `let r = import "${schema}" in { allow | r.Names = ["alice"] }`

t.test('the installed schema counts, whatever lies in the workspace under its name', async (t) => {
  const { files } = await stage(t, {
    'infra/rights.ncl': rights,
    [`infra/${schema}`]: '{ Names = Dyn }',
    [`installed/${schema}`]: '{ Names = Array String }',
  })
  const { value, imports } = await files.declaration('rights.ncl', { allowedImports })
  t.same(value, { allow: ['alice'] })
  t.ok(files.warnings().some((one) => /differs from the installed schema/.test(one)))
  const other = await stage(t, {
    'infra/rights.ncl': rights,
    [`installed/${schema}`]: '{ Names = Array Dyn }',
  })
  const again = await other.files.declaration('rights.ncl', { allowedImports })
  t.same(again.value, value)
  t.not(again.imports[schema], imports[schema], 'the same data under another schema is told apart')
})

t.test('a contract that is broken is reported in the file that people edit', async (t) => {
  const { root, files } = await stage(t, {
    'infra/rights.ncl': rights.replace('["alice"]', '"alice"'),
    [`installed/${schema}`]: '{ Names = Array String }',
  })
  const refused = await files
    .declaration('rights.ncl', { allowedImports })
    .catch((thrown: unknown) => thrown)
  t.ok(ProvError.is(refused) && refused.code.startsWith('PROV_NCL_'))
  t.equal(ProvError.is(refused) && refused.place?.file, join(root, 'rights.ncl'))
})

t.test('functions and imports of anything else are refused with their place', async (t) => {
  const { root, files } = await stage(t, {
    'infra/fun.ncl': '{\n  allow = (fun x => x) ["alice"],\n}',
    'infra/foreign.ncl': '{ allow = import "names.json" }',
    'infra/names.json': '["alice"]',
  })
  for (const [path, line] of [
    ['fun.ncl', 2],
    ['foreign.ncl', 1],
  ] as const) {
    const refused = await files
      .declaration(path, { allowedImports })
      .catch((thrown: unknown) => thrown)
    t.match(refused, {
      code: 'PROV_CONFIG_NOT_DECLARATIVE',
      place: { file: join(root, path), line },
    })
  }
})

t.test('it is read from the file each time', async (t) => {
  const { root, files } = await stage(t, { 'infra/rights.ncl': '{ allow = [] }' })
  const read = async () => (await files.declaration('rights.ncl', { allowedImports })).value
  t.same(await read(), { allow: [] })
  writeFileSync(join(root, 'rights.ncl'), '{ allow = ["bob"] }')
  t.same(await read(), { allow: ['bob'] })
})
