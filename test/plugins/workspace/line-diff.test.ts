/** A diff tells both texts: without its `+` lines it is the one, without its `-` lines the other. */
import t from 'tap'
import { lineDiff } from '../../../plugins/workspace/line-diff.ts'
import { seeded } from '../../support/power.ts'

t.test('small ones read as people expect', async (t) => {
  t.same(lineDiff('a\nb\nc', 'a\nb\nc'), [])
  t.same(lineDiff('', 'a'), ['+ a'])
  t.same(lineDiff('a\n', ''), ['- a'])
  t.same(lineDiff('a\nb\nc', 'a\nx\nc'), ['  a', '- b', '+ x', '  c'])
  t.same(lineDiff('a\nc', 'a\nb\nc'), ['  a', '+ b', '  c'])
})

t.test('both texts can be read off it, also beyond what is compared in full', async (t) => {
  const seed = Number(process.env['PROV_SEED'] ?? 4_711)
  t.comment(`PROV_SEED=${seed}`)
  const random = seeded(seed)
  const text = (lines: number): string =>
    Array.from({ length: lines }, () => `line ${Math.floor(random() * 6)}`).join('\n')
  const sizes = [...Array.from({ length: 300 }, () => Math.floor(random() * 12)), 1_200]
  for (const size of sizes) {
    const [before, after] = [text(size), text(Math.max(0, size + Math.floor(random() * 5) - 2))]
    const diff = lineDiff(before, after)
    if (before === after) continue
    const read = (without: string) =>
      diff
        .filter((line) => !line.startsWith(without))
        .map((line) => line.slice(2))
        .join('\n')
    if (read('+') !== before || read('-') !== after) return t.fail(`${before}\n---\n${after}`)
  }
  return t.pass('all of them')
})
