/** How much of a turn of the event loop goes to plugins elsewhere, and whose frames are taken in it. */
import t from 'tap'
import { simulatedClock } from '../../../core/clock.ts'
import { Admission } from '../../../core/plugin/isolation/admission.ts'
import type { Inlet } from '../../../core/plugin/isolation/admission.ts'

/** An event loop by hand, and plugins whose frames take so long each. */
function loop() {
  const clock = simulatedClock()
  let turn: (() => void) | undefined
  const admission = new Admission(clock, (next) => (turn = next))
  const taken: string[] = []
  return {
    admission,
    /** What was taken since the last call. */
    taken: (): string => taken.splice(0).join(''),
    /** True when there was one. */
    turn(): boolean {
      const next = turn
      turn = undefined
      next?.()
      return next !== undefined
    },
    says(name: string, frames: number, eachMs: number) {
      let left = frames
      const inlet: Inlet = {
        at: 0,
        heardMs: 0,
        take() {
          taken.push(name)
          clock.freeze(eachMs)
          return --left > 0
        },
      }
      admission.ready(inlet)
      return { inlet, more: (count: number) => ((left += count), admission.ready(inlet)) }
    },
  }
}

t.test('a turn has a tenth of a millisecond for all of them, and sixteen frames', async (t) => {
  const slow = loop()
  slow.says('a', 100, 0.04)
  t.equal(slow.taken(), 'aaa', 'at once, until the time is over')
  slow.says('b', 1, 0.04)
  t.equal(slow.taken(), '', 'also for who comes later in the same turn')
  slow.turn()
  t.equal(slow.taken(), 'baa', 'who had less is first')
  const quick = loop()
  quick.says('a', 20, 0)
  t.equal(quick.taken().length, 16)
  quick.turn()
  t.equal(quick.taken().length, 4)
  t.equal(quick.turn(), true)
  t.equal(quick.turn(), false, 'nothing goes on when nobody says anything')
})

t.test('time is shared by time, not by frames', async (t) => {
  const { says, turn, taken } = loop()
  says('a', 100, 1)
  says('b', 1_000, 0.02)
  for (let n = 0; n < 60; n++) turn()
  const all = taken()
  const [a, b] = ['a', 'b'].map((name) => all.split(name).length - 1) as [number, number]
  t.ok(Math.abs(a * 1 - b * 0.02) <= 1.1, `${a} of a ms each, ${b} of 20 us`)
})

t.test('who was silent has saved nothing up', async (t) => {
  const { says, turn, taken } = loop()
  const b = says('b', 1, 0.02)
  says('a', 10_000, 0.02)
  for (let n = 0; n < 50; n++) turn()
  taken()
  b.more(1_000)
  for (let n = 0; n < 10; n++) turn()
  const all = taken()
  t.ok(Math.abs(all.split('a').length - all.split('b').length) <= 2, all)
})

t.test('nothing more is taken of one that has ended', async (t) => {
  const { admission, says, turn, taken } = loop()
  const { inlet } = says('a', 100, 0.1)
  t.equal(admission.waits(inlet), true)
  taken()
  admission.drop(inlet)
  turn()
  t.equal(taken(), '')
  t.equal(admission.waits(inlet), false)
  t.equal(Math.round(inlet.heardMs * 10), 1, 'how long it was heard is known')
})
