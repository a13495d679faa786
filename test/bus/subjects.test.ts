import t from 'tap'
import { isPattern, isSubject, patternsOverlap, subjectMatches } from '../../core/bus/subjects.ts'

/** Every text of one to `most` of these tokens. */
function texts(tokens: readonly string[], most: number): string[] {
  let last = ['']
  const all: string[] = []
  for (let length = 1; length <= most; length++) {
    last = last.flatMap((head) => tokens.map((token) => (head ? `${head}.${token}` : token)))
    all.push(...last)
  }
  return all
}

t.test('a pattern takes a subject token by token', (t) => {
  const rows: [string, string, boolean][] = [
    ['a.b', 'a.b', true],
    ['a.b', 'a.b.c', false],
    ['a.b.c', 'a.b', false],
    ['a.*', 'a.b', true],
    ['a.*', 'a', false],
    ['a.*', 'a.b.c', false],
    ['a.>', 'a', false],
    ['a.>', 'a.b', true],
    ['a.>', 'a.b.c', true],
    ['>', 'a', true],
    ['*.b', 'a.b', true],
  ]
  for (const [pattern, subject, taken] of rows) {
    t.equal(subjectMatches(pattern, subject), taken, `${pattern} and ${subject}`)
  }
  t.end()
})

t.test('two patterns overlap exactly when some subject is taken by both', (t) => {
  const patterns = texts(['a', 'b', '*', '>'], 3).filter(isPattern)
  // One token more than the patterns have, and one value that no pattern names.
  const subjects = texts(['a', 'b', 'c'], 4)
  const takenBy = new Map(
    patterns.map((pattern) => [
      pattern,
      new Set(subjects.filter((subject) => subjectMatches(pattern, subject))),
    ]),
  )
  const wrong: string[] = []
  for (const left of patterns) {
    for (const right of patterns) {
      const common = [...(takenBy.get(left) ?? [])].some((subject) =>
        takenBy.get(right)?.has(subject),
      )
      if (patternsOverlap(left, right) !== common) wrong.push(`${left} and ${right}`)
    }
  }
  t.ok(patterns.length > 40)
  t.same(wrong, [])
  t.end()
})

t.test('names that would mean something else are told apart', (t) => {
  for (const good of ['a', 'a.b', 'ops.pending.ws-1.scale_up', 'a.ü']) t.ok(isSubject(good), good)
  for (const bad of ['', '.', 'a.', '.a', 'a..b', 'a b', 'a.*', 'a.>', '>'])
    t.notOk(isSubject(bad), bad)
  for (const good of ['>', '*', 'a.*.b', 'a.>']) t.ok(isPattern(good), good)
  for (const bad of ['', 'a.>.b', 'a..b', 'a*', 'a>', '>.a']) t.notOk(isPattern(bad), bad)
  t.end()
})
