/** Measures: one changed fact into one gate of six leaves. Not: finding the gates a fact concerns, journal. */
import { createActor } from 'xstate'
import { gateMachine } from '../machines/gate.ts'
import { holds, leafId, leavesOf, type Condition } from '../policies/conditions.ts'
import { bench } from './harness.ts'

const condition: Condition = {
  all: [
    { dimension: 'cluster', at: ['operational'] },
    { any: [{ capability: 'dns' }, { capability: 'hosts-file' }] },
    { at_least: 2, of: [{ capability: 'a' }, { capability: 'b' }, { gate: 'infra-base' }] },
  ],
}
const ids = leavesOf(condition).map(leafId)
const truth = new Map(ids.map((id) => [id, false]))
const actor = createActor(gateMachine, { input: { id: 'bench', condition } })
let turn = 0

export default bench('gates', [
  {
    name: 'floor: Map.set',
    run: (times) => {
      for (let n = 0; n < times; n++) truth.set(ids[turn++ % ids.length] as string, turn % 2 === 0)
      return truth
    },
  },
  {
    name: 'the tree alone, evaluated whole',
    run: (times) => {
      let open = 0
      for (let n = 0; n < times; n++) {
        truth.set(ids[turn++ % ids.length] as string, turn % 2 === 0)
        if (holds(condition, (leaf) => truth.get(leaf) === true)) open++
      }
      return open
    },
  },
  {
    name: 'gate machine: condition.changed',
    before: () => void actor.start(),
    run: (times) => {
      for (let n = 0; n < times; n++) {
        const leaf = ids[turn++ % ids.length] as string
        actor.send({ type: 'condition.changed', leaf, met: turn % 2 === 0 })
      }
    },
  },
])
