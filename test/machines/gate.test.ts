import t from 'tap'
import type { SnapshotFrom } from 'xstate'
import { initialTransition, transition } from 'xstate'
import type { GateEvent, GateInput } from '../../machines/gate.ts'
import { gateMachine } from '../../machines/gate.ts'
import type { Condition } from '../../policies/index.ts'
import { keepsTheLaws } from '../support/machine-laws.ts'

const condition: Condition = {
  all: [{ dimension: 'cluster', at: ['operational'] }, { capability: 'cert-manager' }],
}
const cluster = 'cluster at operational'
const certs = 'capability cert-manager'
const input: GateInput = { id: 'secrets', condition }
const changed = (leaf: string, met: boolean): GateEvent => ({
  type: 'condition.changed',
  leaf,
  met,
  why: 'told',
  at: 7,
})
const after = (events: readonly GateEvent[], born: GateInput = input) =>
  events.reduce<SnapshotFrom<typeof gateMachine>>(
    (state, event) => transition(gateMachine, state, event)[0],
    initialTransition(gateMachine, born)[0],
  )

t.test('a gate opens with its last leaf and closes again when one goes bad', async (t) => {
  t.equal(after([]).value, 'closed')
  t.equal(after([changed(cluster, true)]).value, 'partial')
  const open = [changed(cluster, true), changed(certs, true)]
  t.equal(after(open).value, 'open')
  t.equal(after([...open, changed(certs, false)]).value, 'partial')
  t.equal(after([...open, changed(certs, false), changed(cluster, false)]).value, 'closed')
})

t.test('what is known at birth counts', async (t) => {
  t.equal(after([], { ...input, leaves: { [cluster]: true } }).value, 'partial')
  t.equal(after([], { ...input, leaves: { [cluster]: true, [certs]: true } }).value, 'open')
})

t.test('leaves of other gates and answers known already change nothing', async (t) => {
  const partial = after([changed(cluster, true)])
  for (const event of [changed('capability dns', true), changed('__proto__', true)]) {
    const [next] = transition(gateMachine, partial, event)
    t.same(next.context, partial.context)
  }
  const later: GateEvent = { type: 'condition.changed', leaf: cluster, met: true, at: 99 }
  t.equal(transition(gateMachine, partial, later)[0].context.leaves[cluster]?.at, 7)
})

t.test('each leaf keeps why and since when', async (t) => {
  t.same(after([changed(certs, true)]).context.leaves, {
    [cluster]: { met: false, why: null, at: null },
    [certs]: { met: true, why: 'told', at: 7 },
  })
})

t.test('an edited condition keeps what is known and forgets what is gone', async (t) => {
  const state = after([
    changed(cluster, true),
    { type: 'gate.redefined', condition: { dimension: 'cluster', at: ['operational'] } },
  ])
  t.equal(state.value, 'open')
  t.same(Object.keys(state.context.leaves), [cluster])
})

t.test('an inactive gate is closed whatever holds', async (t) => {
  const leaves = { [cluster]: true, [certs]: true }
  t.equal(after([], { ...input, active: false, leaves }).value, 'closed')
  const off: GateEvent = { type: 'gate.redefined', condition, active: false }
  t.equal(after([changed(cluster, true), changed(certs, true), off]).value, 'closed')
})

keepsTheLaws(t, {
  name: 'gate',
  machine: gateMachine,
  input,
  events: [changed(cluster, true), changed(cluster, false), changed(certs, true)],
  transient: ['judging'],
  key: (context: { leaves: Record<string, { met: boolean }> }) =>
    Object.values(context.leaves).map((leaf) => leaf.met),
})
