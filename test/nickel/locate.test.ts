import t from 'tap'
import { locate } from '../../core/nickel/index.ts'

const text = `let k = import "x.ncl" in
{
  policy | k.Def = {
    deny = [{ id = "a" }, { op_type = "b" }],
    quorum.at_least = 2,
  } & { mode = "x" },
  policy.extra = 1,
}`
const at = (...path: (string | number)[]) => {
  const { line, col } = locate(text, 'x.ncl', path)
  return `${line}:${col}`
}

t.test(
  'a value is found where the text states it, through contracts, merges and names',
  async (t) => {
    t.equal(at('policy', 'deny', 1, 'op_type'), '4:29')
    t.equal(at('policy', 'deny', 0), '4:13')
    t.equal(at('policy', 'quorum', 'at_least'), '5:12')
    t.equal(at('policy', 'mode'), '6:9')
    t.equal(at('policy', 'extra'), '7:10')
  },
)

t.test('what is not there is answered by what is around it', async (t) => {
  t.equal(at('policy', 'deny', 7, 'id'), '4:5')
  t.equal(at('policy', 'deny', 'id'), '4:5')
  t.equal(at('nothing'), '1:1')
  t.equal(at(), '1:1')
  t.throws(() => locate('{', 'x.ncl', []), { message: /end of the file/ })
})
