import t from 'tap'
import type { SnapshotFrom } from 'xstate'
import { initialTransition, transition } from 'xstate'
import type { DimensionEvent } from '../../machines/dimension.ts'
import { dimensionBehindCode, dimensionMachine } from '../../machines/dimension.ts'
import { keepsTheLaws } from '../support/machine-laws.ts'

const input = {
  id: 'cluster',
  current: 'bootstrapped',
  desired: 'operational',
  transitions: [{ from: 'bootstrapped', to: 'operational', blocker: 'no cert-manager' }],
  version: 4,
}
const after = (...events: readonly DimensionEvent[]): SnapshotFrom<typeof dimensionMachine> =>
  events.reduce(
    (state, event) => transition(dimensionMachine, state, event)[0],
    initialTransition(dimensionMachine, input)[0],
  )
const moved = (version: number, to = 'operational', op = 'op_1'): DimensionEvent => ({
  type: 'dimension.moved',
  to,
  version,
  op,
  at: 1_000 + version,
})

t.test('the next version moves a dimension, once, however often it is told', async (t) => {
  const state = after(moved(5), moved(5), moved(5, 'elsewhere'), moved(3, 'elsewhere'))
  t.equal(state.value, 'free')
  t.match(state.context, { current: 'operational', version: 5, movedBy: 'op_1', movedAt: 1_005 })
})

t.test('a gap is not jumped: the dimension is behind and says so', async (t) => {
  const state = after(moved(6))
  t.equal(state.value, 'behind')
  t.match(state.context, { current: 'bootstrapped', version: 4, code: dimensionBehindCode })
})

t.test('a dimension that is behind catches up move by move', async (t) => {
  const still = after(moved(7), moved(5, 'a'), moved(6, 'b'))
  t.equal(still.value, 'behind')
  t.equal(still.context.current, 'b')
  const caughtUp = after(moved(7), moved(5, 'a'), moved(6, 'b'), moved(7, 'c'))
  t.equal(caughtUp.value, 'free')
  t.match(caughtUp.context, { current: 'c', version: 7, code: null, seenVersion: null })
})

t.test('asking the journal ends being behind, unless its answer is older', async (t) => {
  const old: DimensionEvent = { type: 'dimension.synced', current: 'x', version: 6 }
  t.equal(after(moved(7), old).value, 'behind')
  const state = after(moved(7), { type: 'dimension.synced', current: 'x', version: 7 })
  t.equal(state.value, 'free')
  t.match(state.context, { current: 'x', version: 7, code: null })
})

t.test('one operation holds a dimension; another one does not take it over', async (t) => {
  const held = after({ type: 'dimension.held', op: 'op_1' }, { type: 'dimension.held', op: 'op_2' })
  t.equal(held.value, 'held')
  t.equal(held.context.heldBy, 'op_1')
  const events: DimensionEvent[] = [
    { type: 'dimension.held', op: 'op_1' },
    { type: 'dimension.released', op: 'op_2' },
  ]
  t.equal(after(...events).value, 'held', 'nor lets another one go')
  t.equal(after(...events, { type: 'dimension.released', op: 'op_1' }).value, 'free')
})

t.test('a hold outlives being behind', async (t) => {
  const state = after({ type: 'dimension.held', op: 'op_1' }, moved(6), {
    type: 'dimension.synced',
    current: 'x',
    version: 6,
  })
  t.equal(state.value, 'held')
  t.equal(state.context.heldBy, 'op_1')
})

t.test('a declaration is a proposal: it moves nothing and ends when it is judged', async (t) => {
  const declared: DimensionEvent = { type: 'dimension.declared', to: 'operational' }
  const state = after(declared)
  t.match(state.context, { current: 'bootstrapped', declared: 'operational', version: 4 })
  t.equal(after(declared, { type: 'dimension.declined' }).context.declared, null)
  t.equal(after(declared, moved(5)).context.declared, null, 'it moved there')
  t.equal(after(declared, moved(5, 'else')).context.declared, 'operational', 'it moved elsewhere')
  t.equal(
    after(declared, { type: 'dimension.declared', to: 'bootstrapped' }).context.declared,
    null,
    'the edit was taken back',
  )
})

t.test('an edited file changes goal and ways, not the position', async (t) => {
  const state = after({ type: 'dimension.redefined', desired: 'gone', transitions: [] })
  t.match(state.context, { current: 'bootstrapped', desired: 'gone', transitions: [], version: 4 })
})

const events = (list: readonly DimensionEvent[]) => list

keepsTheLaws(t, {
  name: 'dimension',
  machine: dimensionMachine,
  input,
  events: events([
    moved(5),
    moved(6),
    { type: 'dimension.held', op: 'op_1' },
    { type: 'dimension.released', op: 'op_1' },
    { type: 'dimension.declared', to: 'operational' },
    { type: 'dimension.synced', current: 'x', version: 6 },
  ]),
  key: (context: { version: number; heldBy: string | null; declared: string | null }) => [
    context.version,
    context.heldBy,
    context.declared,
  ],
})
