/** Edits of the files: what counts as a movement, and what does not (D-31). */
import t from 'tap'
import { editOpId, editsOf } from '../../plugins/declarations/edits.ts'

const at = (state: string, version = 0) => ({ state, version })

t.test('the first sight of a file moves nothing', async (t) => {
  t.same(editsOf({ files: { a: 'two' }, seen: undefined, now: { a: at('one') } }), [])
})

t.test('a changed current_state is a movement', async (t) => {
  t.same(editsOf({ files: { a: 'two' }, seen: { a: 'one' }, now: { a: at('one', 3) } }), [
    { dimension: 'a', was: 'one', to: 'two', version: 3 },
  ])
})

t.test('a file that stayed the same while an operation moved on is no edit', async (t) => {
  t.same(editsOf({ files: { a: 'one' }, seen: { a: 'one' }, now: { a: at('two', 1) } }), [])
})

t.test('a file that catches up with an operation is no edit', async (t) => {
  t.same(editsOf({ files: { a: 'two' }, seen: { a: 'one' }, now: { a: at('two', 1) } }), [])
})

t.test('a dimension that is new in the file was not edited', async (t) => {
  t.same(editsOf({ files: { a: 'one', b: 'x' }, seen: { a: 'one' }, now: { b: at('x') } }), [])
})

t.test('the same edit proposes once, the same words later propose again', async (t) => {
  const edit = { dimension: 'a', was: 'one', to: 'two', version: 0 }
  t.equal(editOpId(edit, 7), editOpId({ ...edit }, 7))
  t.not(editOpId(edit, 7), editOpId({ ...edit, version: 2 }, 7))
  t.not(editOpId(edit, 7), editOpId(edit, 9), 'also when the first one was refused and taken back')
  t.match(editOpId(edit, 7), /^[A-Za-z0-9_-]{1,64}$/)
})

t.test('an edit of a dimension that an operation holds waits for it', async (t) => {
  const request = { files: { a: 'two' }, seen: { a: 'one' }, now: { a: at('one', 3) } }
  t.match(editsOf({ ...request, holds: new Map([['a', 'op_1']]) }), [
    { dimension: 'a', was: 'one', to: 'two', waitsFor: 'op_1' },
  ])
  t.notOk('waitsFor' in (editsOf({ ...request, holds: new Map([['b', 'op_1']]) })[0] ?? {}))
})
