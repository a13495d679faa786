/** Which imports a declarative file may have: what Prov brings itself, and what is allowed by name. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { sampleCopy } from '../support/workspace.ts'
import { temporaryFolder } from '../support/folder.ts'
import { provHere } from '../support/cli.ts'

const own = 'ontology/defaults/state.ncl'

t.test(
  'what Prov brings is not foreign, unless the workspace has a file of that name',
  async (t) => {
    const { json, root } = sampleCopy(t)
    const lint = () => json('ncl', 'lint', '.ontology/state.ncl')
    t.match(await lint(), { code: 0, data: { findings: [] } })
    mkdirSync(join(root, dirname(own)), { recursive: true })
    writeFileSync(join(root, own), '{ make_dimension = fun d => d }')
    t.match(await lint(), { code: 1, data: { findings: [{ rule: 'import', line: 2 }] } })
  },
)

t.test('another import is foreign until it is allowed as it is written', async (t) => {
  const { dir } = temporaryFolder(t, {
    'a.ncl': '{ limits = import "limits.ncl", way = import "../../ontology/defaults/state.ncl" }',
    'limits.ncl': '{}',
  })
  const lint = (...allow: readonly string[]) =>
    provHere(['ncl', 'lint', 'a.ncl', ...allow, '--json'], { cwd: dir })
  const { code, out } = await lint()
  t.equal(code, 1)
  t.match(
    JSON.parse(out).findings,
    [/limits/, /state/].map((message) => ({ message })),
  )
  const allowed = await lint(
    '--allow',
    'limits.ncl',
    '--allow',
    '../../ontology/defaults/state.ncl',
  )
  t.equal(allowed.code, 0)
})
