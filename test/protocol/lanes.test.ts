import t from 'tap'
import { Lanes } from '../../core/protocol/lanes.ts'

t.test('so many at once and the others in their turn, however each ends', (t) => {
  const lanes = new Lanes(2)
  const ends: (() => void)[] = []
  const begun: number[] = []
  for (let n = 0; n < 5; n++) {
    lanes.add((done) => {
      begun.push(n)
      ends.push(done)
    })
  }
  t.same(begun, [0, 1])
  ends[1]?.()
  t.same(begun, [0, 1, 2], 'whoever is done makes room')
  ends[1]?.()
  t.same(begun, [0, 1, 2], 'once')
  ends[0]?.()
  ends[2]?.()
  t.same(begun, [0, 1, 2, 3, 4])
  ends[3]?.()
  ends[4]?.()
  t.equal(lanes.underWay, 0)
  t.end()
})

t.test('where many wait more are under way, and never more than a sync can stand behind', (t) => {
  const lanes = new Lanes(2, 16)
  const ends: (() => void)[] = []
  const piece = (done: () => void): void => void ends.push(done)
  for (let n = 0; n < 10; n++) lanes.add(piece)
  t.ok(lanes.underWay > 2 && lanes.underWay <= 5, `${lanes.underWay} of ten`)
  for (let n = 0; n < 1_000; n++) lanes.add(piece)
  t.equal(lanes.underWay, 16)
  for (let at = 0; at < ends.length; at++) ends[at]?.()
  t.equal(ends.length, 1_010)
  t.equal(lanes.underWay, 0)
  t.end()
})

t.test('pieces that end at once are no recursion, and ten thousand leave nothing behind', (t) => {
  const lanes = new Lanes(1)
  let ran = 0
  let first: (() => void) | undefined
  lanes.add((done) => (first = done))
  for (let n = 0; n < 10_000; n++) {
    lanes.add((done) => {
      ran++
      done()
    })
  }
  t.equal(ran, 0)
  first?.()
  t.equal(ran, 10_000)
  t.equal(lanes.underWay, 0)
  t.end()
})
