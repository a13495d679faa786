import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { contentKey, dependencies, evaluate, exportJson, exportText, NickelError, type EvaluateOptions } from '../../core/nickel/index.ts' // prettier-ignore

const fixtures = path.resolve(import.meta.dirname, '../../../test/fixtures/nickel')
const workspace = path.join(fixtures, 'workspace')

/** Bundled equivalents as the host provides them: by the path relative to the workspace. */
const bundled = (_request: string, relative: string): string | undefined =>
  relative === 'reflection/schemas/backlog.ncl'
    ? path.join(workspace, 'bundled', relative)
    : undefined

const kindOf = (run: () => unknown): string => {
  try {
    run()
    return 'none'
  } catch (error) {
    return error instanceof NickelError ? error.kind : String(error)
  }
}

const source = (text: string, options: EvaluateOptions = {}) =>
  evaluate({ source: text, name: path.join(workspace, 'inline.ncl') }, options)

t.test(
  'a workspace in the style of adopters exports, a missing schema is replaced with a warning',
  async (t) => {
    const state = evaluate(path.join(workspace, '.ontology/state.ncl'), { workspace, bundled })
    t.match(state.warnings, [
      /state\.ncl:2:14: "reflection\/schemas\/backlog\.ncl" was not found.*bundled/,
    ])
    t.match(exportJson(state), {
      dimensions: [
        {
          id: 'storage-maturity',
          horizon: 'Months',
          states: [],
          transitions: [
            {
              blocker: 'none',
              catalyst: '',
              condition: 'Two replicas answer "ready"\nfor a day.',
              horizon: 'Weeks',
            },
          ],
        },
        { id: 'calm', coupled_with: ['storage-maturity'] },
      ],
    })
  },
)

t.test('without the bundled file the same import fails, used or not', async (t) => {
  t.equal(
    kindOf(() => evaluate(path.join(workspace, '.ontology/state.ncl'), { workspace })),
    'import',
  )
})

t.test('imports are found next to the file, then on the import paths in order', async (t) => {
  const dir = t.testdir({
    main: { 'a.ncl': 'import "b.ncl"' },
    first: { 'b.ncl': '"first"' },
    second: { 'b.ncl': '"second"' },
  })
  const file = path.join(dir, 'main/a.ncl')
  const importPaths = [path.join(dir, 'first'), path.join(dir, 'second')]
  t.equal(exportJson(evaluate(file, { importPaths })), 'first')
  t.equal(exportJson(evaluate(file, { importPaths: importPaths.toReversed() })), 'second')
  writeFileSync(path.join(dir, 'main/b.ncl'), '"sibling"')
  t.equal(exportJson(evaluate(file, { importPaths })), 'sibling')
})

t.test('a file without extension is imported under exactly its name', async (t) => {
  const json = exportJson(evaluate(path.join(workspace, 'connections.ncl')))
  t.same(json, { downstream: [], upstream: [], peers: [{ project: 'other', via: 'nats' }] })
  t.equal(
    kindOf(() => source('import "everything"')),
    'import',
  )
})

t.test('JSON, YAML, TOML and text are imported as data, contracts apply to them', async (t) => {
  const json = exportJson(evaluate(path.join(workspace, 'everything.ncl')))
  t.match(json, {
    sizes: { small: { cpu: 2, memory: 4.5 } },
    hosts: [{ name: 'one' }, { name: 'two', ports: [80, 443] }],
    documents: [{ a: 1 }, { b: 2 }],
    site: { ratio: 0.1, owner: { since: '2020-01-02' } },
    note: 'plain text\nof two lines\n',
    tenth: false,
  })
  const text = exportText(evaluate(path.join(workspace, 'everything.ncl')), 'json', {
    field: 'sizes.ids',
  })
  t.equal(text, '[\n  9007199254740993,\n  "é"\n]', 'large integers stay exact')
})

t.test('a contract broken by a JSON file points into that file', async (t) => {
  try {
    exportJson(source('{ s | { small | { cpu | String, .. }, .. } = import "data/sizes.json" }'))
    t.fail('must fail')
  } catch (error) {
    t.ok(error instanceof NickelError)
    t.match((error as NickelError).place, { file: /sizes\.json$/, line: 1, col: 21 })
    t.match((error as NickelError).importChain, [{ file: /inline\.ncl$/, line: 1 }])
  }
})

t.test('a mode file with tags, nested quotes and Unicode exports byte for byte', async (t) => {
  const evaluation = evaluate(path.join(workspace, 'reflection/modes/info.ncl'))
  t.equal(
    exportText(evaluation, 'json', { field: 'steps' }).split('\n')[4],
    '    "cmd": "export --format json core | jq \'[.nodes[] | select(.id == \\"a\\\\\\\\b\\")]\'",',
  )
  t.equal(exportJson(evaluation, { field: 'strategy' }), 'Override')
})

t.test('a field is exported without evaluating the others', async (t) => {
  const evaluation = source('{ a."b c" = 1, broken = 1 / 0 }')
  t.equal(exportJson(evaluation, { field: 'a."b c"' }), 1)
  t.equal(
    kindOf(() => exportJson(evaluation)),
    'other',
  )
  t.equal(
    kindOf(() => exportJson(evaluation, { field: 'nope' })),
    'missing-field',
  )
})

t.test('asking again after a failure reports the same cause', async (t) => {
  const evaluation = source('{ a = b + 1, b = "x" }')
  t.equal(
    kindOf(() => exportJson(evaluation)),
    'type',
  )
  t.equal(
    kindOf(() => exportJson(evaluation)),
    'type',
  )
  t.equal(exportJson(evaluation, { field: 'b' }), 'x')
})

t.test('files may import each other in a circle as long as values do not', async (t) => {
  const dir = t.testdir({
    'a.ncl': '{ x = 1, y = (import "b.ncl").z }',
    'b.ncl': '{ z = (import "a.ncl").x + 1 }',
    'c.ncl': 'import "c.ncl"',
  })
  t.same(exportJson(evaluate(path.join(dir, 'a.ncl'))), { x: 1, y: 2 })
  t.equal(
    kindOf(() => evaluate(path.join(dir, 'c.ncl'))),
    'infinite-recursion',
  )
})

t.test('an unused import must exist, parse and bind its names; it need not evaluate', async (t) => {
  const dir = t.testdir({ 'syntax.ncl': '{', 'unbound.ncl': 'x', 'fails.ncl': '1 / 0' })
  const using = (file: string) => () =>
    evaluate({ source: `let unused = import "${file}" in 1`, name: path.join(dir, 'main.ncl') })
  t.equal(kindOf(using('absent.ncl')), 'import')
  t.equal(kindOf(using('syntax.ncl')), 'parse')
  t.equal(kindOf(using('unbound.ncl')), 'scope')
  t.equal(kindOf(using('fails.ncl')), 'none')
})

t.test('a program that never ends is stopped by its budget, and says so', async (t) => {
  const budget = { timeMs: 50 }
  t.equal(
    kindOf(() => source('let rec f = fun x => f x in f 1', { budget })),
    'budget',
  )
  t.equal(
    kindOf(() => source('let rec f = fun x => 1 + f x in f 1', { budget })),
    'budget',
  )
  t.equal(
    exportJson(source('let rec f = fun n => if n == 0 then "end" else f (n - 1) in f 200000')),
    'end',
  )
})

t.test('the manifest lists every file with its hash, every miss and the engine', async (t) => {
  const dir = t.testdir({
    lib: { 'b.ncl': '{ n = 1 }' },
    'a.ncl': '(import "b.ncl") & (import "d.json")',
    'd.json': '{}',
  })
  const file = path.join(dir, 'a.ncl')
  const found = dependencies(evaluate(file, { importPaths: [path.join(dir, 'lib')] }))
  const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex')
  t.same(found.files[0], { path: file, sha256 })
  t.same(
    found.files.map((each) => path.basename(each.path)),
    ['a.ncl', 'b.ncl', 'd.json'],
  )
  t.same(found.misses, [path.join(dir, 'b.ncl')])
  t.match(found.engine, { id: 'prov-embedded', version: /^\d+$/ })
})

t.test('the content key is the documented one', async (t) => {
  const dir = t.testdir({ 'a.ncl': '{}' })
  const file = path.join(dir, 'a.ncl')
  const expected = createHash('sha256')
    .update('{}' + '/a:/b' + 'json')
    .digest('hex')
  t.equal(contentKey(file, ['/b', '/a'], 'json'), expected)
  t.equal(
    kindOf(() => contentKey(path.join(dir, 'none.ncl'), [], 'json')),
    'import',
  )
  mkdirSync(path.join(dir, 'copy'))
  copyFileSync(file, path.join(dir, 'copy/a.ncl'))
  t.equal(
    contentKey(path.join(dir, 'copy/a.ncl'), ['/a', '/b'], 'json'),
    expected,
    'the place does not matter',
  )
})
