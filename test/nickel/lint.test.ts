import t from 'tap'
import { lintDeclarative } from '../../core/nickel/index.ts'

const schema = 'schemas/lib/keeper_policy.ncl'
const policy = (rules: string): string =>
  `let kp = import "${schema}" in\n{\n  policy | kp.PolicyDef = {\n    auto_sign = [${rules}],\n  },\n}`

const lint = (text: string) => lintDeclarative(text, 'policy.ncl', { allowedImports: [schema] })

t.test('a policy of data under its schema has no findings', async (t) => {
  t.same(lint(policy(`{ op_type = "deploy", note = "fun x => x is only text: %{1}" }`)), [])
})

t.test('a function is named with its place, wherever it hides', async (t) => {
  t.match(lint(policy('{ op_type = (fun x => x) "deploy" }')), [
    { rule: 'function', file: 'policy.ncl', line: 4, col: 31 },
  ])
  for (const text of [
    '{ a | (fun label value => value) = 1 }',
    '{ a | { b | std.contract.custom (fun l v => v) } = {} }',
    '"%{(fun x => x) 1}"',
    '{ "%{(fun x => "k") 1}" = 1 }',
    '{ a = (+) 1 2 }',
    "'A |> match { 'A => 1 }",
    'let f = fun x => x in { a = f 1 }',
    'let { a ? fun x => x } = {} in 1',
    '{ a | { _ | (fun l v => v) } = {} }',
    '{ a | Array (fun l v => v) = [] }',
    'if true then 1 else fun x => x',
    "'Tag (fun x => x)",
  ]) {
    t.equal(lint(text)[0]?.rule, 'function', text)
  }
})

t.test('only the allowed imports pass, however they are reached', async (t) => {
  t.match(lint('{ a = import "other.ncl" }'), [{ rule: 'import', line: 1, col: 7 }])
  t.match(lint('{ a | (import "other.ncl").T = 1 }'), [{ rule: 'import' }])
  t.match(lint(`import "./${schema}"`), [{ rule: 'import' }], 'another spelling is another import')
  t.match(lint('import pkg'), [{ rule: 'import' }])
})

t.test('primitive operators are no way around', async (t) => {
  t.match(lint('%typeof% 1'), [{ rule: 'primitive' }])
})

t.test('a text that does not parse is a finding, not an exception', async (t) => {
  t.match(lint('{ a = '), [{ rule: 'parse', line: 1 }])
})

t.test('findings come in the order of the text', async (t) => {
  const found = lint('{\n  a = fun x => x,\n  b = import "x.ncl",\n}')
  t.same(
    found.map(({ rule, line }) => [rule, line]),
    [
      ['function', 2],
      ['import', 3],
    ],
  )
})
