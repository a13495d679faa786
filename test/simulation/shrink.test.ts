/** A failing story is told with what it takes to fail, and nothing else. */
import t from 'tap'
import { shrunk } from './shrink.ts'
import { storyOf } from './story.ts'

t.test('what does not matter is left out of a failing story', async (t) => {
  const whole = storyOf(4)
  const [first] = whole.faults
  const last = whole.deeds.at(-1)
  if (!first || !last) throw new Error('seed 4 has faults and deeds')
  t.ok(whole.faults.length + whole.deeds.length > 2, 'there is something to leave out')
  const { story, broken } = await shrunk(whole, ['it fails'], async ({ faults, deeds }) => ({
    broken: faults.includes(first) && deeds.includes(last) ? ['it still fails'] : [],
  }))
  t.same(story, { ...whole, faults: [first], deeds: [last] })
  t.same(broken, ['it still fails'])
})
