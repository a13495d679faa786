import t from 'tap'
import { decodeLines, encodeLine } from '../../core/journal/line.ts'

const names = ['kernel', 'a"b', '",', 'a\\', '[1,"x","y",', 'ü', '\u0000\n', '']
const bodies = [null, 0, -1.5, true, 'a"],b', [1, [2]], { a: { b: '",' } }]

t.test('a line says what went in, whatever its names hold', async (t) => {
  let text = ''
  const entries = names.flatMap((partition) =>
    names.map((type, at) => ({ partition, type, body: bodies[at % bodies.length] ?? null })),
  )
  for (const entry of entries) text += encodeLine(entry, 12_345)
  const read = [...decodeLines(text, 7, 3)]
  t.same(
    read,
    entries.map((entry, at) => ({ position: 7 + at, epoch: 3, timeMs: 12_345, ...entry })),
  )
  t.same(JSON.parse(JSON.stringify(read)), JSON.parse(JSON.stringify(read.map((r) => ({ ...r })))))
  for (const partition of names) {
    const own = [...decodeLines(text, 7, 3, partition)]
    t.equal(own.length, names.length, `of ${JSON.stringify(partition)}`)
    t.ok(own.every((record) => record.partition === partition))
  }
})

t.test('a body is parsed for whoever looks, and once', async (t) => {
  const [record] = [
    ...decodeLines(encodeLine({ partition: 'p', type: 't', body: { a: 1 } }, 1), 1, 1),
  ]
  t.equal(record?.body, record?.body)
  t.same(record?.body, { a: 1 })
})
