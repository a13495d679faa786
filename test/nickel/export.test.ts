import t from 'tap'
import {
  evaluate,
  exportJson,
  exportText,
  NickelError,
  type ExportFormat,
} from '../../core/nickel/index.ts'

const kindOf = (run: () => unknown): string => {
  try {
    run()
    return 'none'
  } catch (error) {
    return error instanceof NickelError ? error.kind : String(error)
  }
}

const text = (source: string, format: ExportFormat): string =>
  exportText(evaluate({ source, name: 'inline.ncl' }), format)

t.test(
  'JSON text sorts keys by bytes, keeps exact numbers and escapes as the reference',
  async (t) => {
    t.equal(
      text(
        '{ "é" = 1, b = [1, { z = [] }], a = {}, n = 9007199254740993, f = 1e30, q = "\\"\\\\\\n\\u{1}/" }',
        'json',
      ),
      '{\n  "a": {},\n  "b": [\n    1,\n    {\n      "z": []\n    }\n  ],\n  "f": 1e30,\n  "n": 9007199254740993,\n  "q": "\\"\\\\\\n\\u0001/",\n  "é": 1\n}',
    )
  },
)

t.test(
  'YAML quotes what another reader would misread and writes long text as blocks',
  async (t) => {
    t.equal(
    text(
      '{ a = [1, [2, { z = 1, y = [] }], {}], t = "true", n = "12", e = "", c = "a: b", d = "- x", s = "x\\ny\\n", u = "x\\ny", tab = "a\\tb", yes = "yes", nul = null, big = 1e30 }',
      'yaml',
    ),
    [
      'a:', '- 1', '- - 2', '  - y: []', '    z: 1', '- {}', 'big: 1e30', "c: 'a: b'", "d: '- x'", "e: ''", "n: '12'",
      'nul: null', 's: |', '  x', '  y', "t: 'true'", 'tab: "a\\tb"', 'u: |-', '  x', '  y', 'yes: yes',
    ].join('\n'),
  ) // prettier-ignore
  },
)

t.test('TOML writes values before tables and refuses what it cannot hold', async (t) => {
  t.equal(
    text('{ b = { c = 1, t = [{ x = 1 }, { x = 2 }] }, a = [1, 2], one = [1], k."x y" = true, m = "p\\nq", mix = [1, { a = 1 }] }', 'toml'),
    [
      'a = [', '    1,', '    2,', ']', 'm = """', 'p', 'q"""', 'mix = [', '    1,', '    { a = 1 },', ']', 'one = [1]', '',
      '[b]', 'c = 1', '', '[[b.t]]', 'x = 1', '', '[[b.t]]', 'x = 2', '', '[k]', '"x y" = true',
    ].join('\n'),
  ) // prettier-ignore
  for (const source of ['{ a = null }', '[1]']) {
    t.equal(
      kindOf(() => text(source, 'toml')),
      'export',
    )
  }
})

t.test('raw export gives the text of a string and nothing else', async (t) => {
  t.equal(text('m%"\n  two\n  lines\n"%', 'raw'), 'two\nlines')
  t.equal(
    kindOf(() => text('1', 'raw')),
    'export',
  )
})

t.test('a key that looks like a prototype is only a key', async (t) => {
  const json = exportJson(evaluate({ source: '{ "__proto__" = { a = 1 } }', name: 'x.ncl' }))
  t.same(Object.keys(json as object), ['__proto__'])
  t.equal(({} as { a?: number }).a, undefined)
})

t.test('an export that fails names the field it was at', async (t) => {
  try {
    text('{ a = { b = [1, fun x => x] } }', 'json')
    t.fail('must fail')
  } catch (error) {
    t.ok(error instanceof NickelError)
    t.same((error as NickelError).path, ['a', 'b', '1'])
  }
})
