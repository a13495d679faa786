/**
 * The reports an author gets for common mistakes, word for word.
 *
 * test/fixtures/nickel/errors/mistakes.txt holds a program and its report per mistake; it is written
 * by hand (and read by people who judge the wording), not recorded.
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { evaluate, exportJson, NickelError } from '../../core/nickel/index.ts'

const folder = path.resolve(import.meta.dirname, '../../../test/fixtures/nickel/errors')
const mistakes = readFileSync(path.join(folder, 'mistakes.txt'), 'utf8').split(/^### /m).slice(1)

function failureOf(source: string): NickelError {
  try {
    exportJson(evaluate({ source, name: path.join(folder, 'case.ncl') }))
  } catch (error) {
    if (error instanceof NickelError) return error
    throw error
  }
  throw new Error(`no failure: ${source}`)
}

t.test('every common mistake has a report that names the place and the way out', async (t) => {
  t.ok(mistakes.length >= 30)
  for (const mistake of mistakes) {
    const [head = '', report = ''] = mistake.split('\n---\n')
    const [title = '', ...source] = head.split('\n')
    const error = failureOf(source.join('\n'))
    t.equal(error.render().replaceAll(`${folder}/`, ''), report.trimEnd(), title)
    t.ok(error.place, `${title}: has a place`)
    t.notMatch(
      error.render() + String(error.stack),
      /\.(ts|js):\d/,
      `${title}: no JavaScript stack`,
    )
  }
})

t.test('a broken contract names both places, the path and the kind as data', async (t) => {
  const error = failureOf('{\n  a.b | { port | Number, .. } = {\n    port = "x",\n  },\n}')
  t.match(error.toJSON(), {
    kind: 'contract',
    path: ['a', 'b', 'port'],
    place: { line: 3, col: 12 },
    contractPlace: { line: 2, col: 18 },
  })
})

t.test('colours are added only when asked for', async (t) => {
  const error = failureOf('{ a = b }')
  t.notOk(error.render().includes('\u001b'))
  t.ok(error.render({ color: true }).startsWith('\u001b[1;31merror'))
})

t.test('marks stay under the text of lines indented with tabs', async (t) => {
  t.match(
    failureOf('{\n\ta = b,\n}').render(),
    '2 │ \ta = b,\n  │ \t    ^ this identifier is unbound',
  )
})
