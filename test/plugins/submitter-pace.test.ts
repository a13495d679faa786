import t from 'tap'
import { Pace } from '../../plugins/submitter/pace.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** So many begun, of which `open` have not ended. */
function begun(count: number, open: number) {
  const state = { open, went: 0 }
  const pace = new Pace(() => state.open)
  for (let n = 0; n < count; n++) pace.begun(`op_${n}`)
  const go = () => void pace.room().then(() => state.went++)
  return { pace, state, go }
}

t.test('whoever hears of ends proposes as fast as it likes', async (t) => {
  const { state, go } = begun(10_000, 10_000)
  for (let n = 0; n < 100; n++) go()
  await turn()
  t.equal(state.went, 100, 'what is under way is no backlog')
})

t.test('a backlog of ends is heard first', async (t) => {
  const { pace, state, go } = begun(2_000, 1_000)
  go()
  go()
  await turn()
  t.equal(state.went, 0)
  for (let n = 0; n < 487; n++) pace.heard(`op_${n}`)
  await turn()
  t.equal(state.went, 0, 'one too many')
  pace.heard('op_487')
  await turn()
  t.equal(state.went, 2)
  pace.heard('op_487')
  t.equal(state.went, 2, 'the same end twice is one')
})

t.test('what turns out to be open is no backlog', async (t) => {
  const { pace, state, go } = begun(2_000, 0)
  go()
  await turn()
  t.equal(state.went, 0)
  state.open = 2_000
  pace.look()
  await turn()
  t.equal(state.went, 1)
})

t.test('nobody waits for a plane that hears nothing any more', async (t) => {
  const { pace, state, go } = begun(2_000, 0)
  go()
  await turn()
  t.equal(state.went, 0)
  pace.end()
  go()
  await turn()
  t.equal(state.went, 2)
})
