/** Tables: columns line up whatever the colours, long texts wrap, markdown stays a table. */
import t from 'tap'
import { table } from '../../core/cli/table.ts'
import { nearest } from '../../core/nearest.ts'

const plain = (text: string) => text
const paint = {
  bold: plain,
  dim: plain,
  good: (text: string) => `\u001b[32m${text}\u001b[39m`,
  bad: plain,
  warn: plain,
  columns: 40,
}

t.test('columns line up although a cell is coloured', async (t) => {
  const lines = table(
    [
      [['open', paint.good], 'a'],
      ['closed', 'b'],
    ],
    { paint, format: 'text', head: ['status', 'gate'] },
  )
  t.same(lines, ['status  gate', '\u001b[32mopen\u001b[39m    a', 'closed  b'])
})

t.test('the last column wraps under itself and no word is cut', async (t) => {
  const lines = table([['x', 'one two three four five six seven eight']], {
    paint,
    format: 'text',
    head: ['id', 'why'],
  })
  t.same(lines, ['id  why', 'x   one two three four five six seven', '    eight'])
})

t.test('numbers stand at the right', async (t) => {
  const lines = table(
    [
      ['1', 'a'],
      ['12', 'b'],
    ],
    { paint, format: 'text', head: ['n', 'id'], right: [0] },
  )
  t.same(lines, [' n  id', ' 1  a', '12  b'])
})

t.test('markdown keeps a bar inside its cell', async (t) => {
  const lines = table([['a|b', '2']], { paint, format: 'md', head: ['id', 'n'], right: [1] })
  t.same(lines, ['| id | n |', '| --- | --: |', '| a\\|b | 2 |'])
})

t.test('no rows, no lines', async (t) => {
  t.same(table([], { paint, format: 'text', head: ['id'] }), [])
})

t.test('a mistyped word finds its neighbour, a strange one finds nothing', async (t) => {
  const known = ['gates', 'state', 'cluster_provisioning', 'observability']
  t.equal(nearest('gaets', known), 'gates')
  t.equal(nearest('Stat', known), 'state')
  t.equal(nearest('cluster', known), 'cluster_provisioning')
  t.equal(nearest('observabilty', known), 'observability')
  t.equal(nearest('banana', known), undefined)
  t.equal(nearest('x', []), undefined)
})
