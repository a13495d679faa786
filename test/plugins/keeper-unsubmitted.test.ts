/** Tokens that nobody submitted: so many per key and in all, for a while, and no more. */
import t from 'tap'
import { simulatedClock } from '../../core/clock.ts'
import { Unsubmitted } from '../../plugins/keeper/unsubmitted.ts'

const limits = { perKey: 4, inAll: 10, spanMs: 60_000 }

function room() {
  const clock = simulatedClock()
  const unsubmitted = new Unsubmitted(clock, limits)
  const note = (kid: string, n: number, digest = 'one') =>
    unsubmitted.note({ jti: `${kid}${n}`, kid, digest })
  const fill = (kid: string, count: number) => {
    for (let n = 0; n < count; n++) note(kid, n)
  }
  return { clock, unsubmitted, note, fill }
}

t.test('one key takes its share of the room and leaves the rest to others', async (t) => {
  const { note, fill, unsubmitted } = room()
  fill('robot', 4)
  t.throws(() => note('robot', 4), { code: 'PROV_TOKEN_FLOOD' })
  note('robot', 2)
  t.equal(unsubmitted.size, 4, 'the same one again is none more')
  fill('alice', 3)
  fill('bob', 3)
  t.throws(() => note('carol', 0), { code: 'PROV_TOKEN_FLOOD' }, 'and in all there is an end')
  unsubmitted.settle('robot1')
  note('carol', 0)
})

t.test('another token under an id that waits is refused', async (t) => {
  const { note } = room()
  note('robot', 0)
  t.throws(() => note('robot', 0, 'two'), { code: 'PROV_TOKEN_REPLAYED' })
})

t.test('after a while there is room again, however often a key knocks meanwhile', async (t) => {
  const { clock, note, fill, unsubmitted } = room()
  fill('robot', 4)
  await clock.advance(59_000)
  t.throws(() => note('robot', 4), { code: 'PROV_TOKEN_FLOOD' })
  clock.jump(3_600_000)
  t.throws(
    () => note('robot', 4),
    { code: 'PROV_TOKEN_FLOOD' },
    'a clock that is set moves nothing',
  )
  await clock.advance(1_000)
  note('robot', 4)
  t.equal(unsubmitted.size, 1)
})
