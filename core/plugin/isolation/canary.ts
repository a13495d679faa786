/**
 * Whether what everybody in a plugin's thread stands on still is what it was: a known turn of a machine
 * of the house, whose answer was worked out before the plugin's code came. One that changes built-in
 * objects (a setter at `Array.prototype[0]`, another `Map.prototype.get`) would otherwise stay "running"
 * while each of its steps fails or, worse, comes out otherwise. What it changes without harm stays its own.
 *
 * @module
 */
import { assign, raise, setup } from 'xstate'
import { defineActor } from '../../actor/define.ts'
import { GuestSteps } from './guest-steps.ts'

interface Known {
  readonly n: number
  readonly list: readonly number[]
}

const machine = setup({
  types: { context: {} as Known },
  guards: { even: ({ context }) => context.n % 2 === 0 },
  actions: {
    add: assign(({ context }) => ({ n: context.n + 1, list: [...context.list, context.n] })),
    again: raise({ type: 'again' }),
    told: () => {},
  },
}).createMachine({
  type: 'parallel',
  context: { n: 0, list: [] },
  states: {
    left: {
      initial: 'a',
      states: {
        a: { on: { go: { target: 'b', actions: ['add', 'again', 'told'] } } },
        b: { tags: 'there', always: { guard: 'even', target: 'a' } },
      },
    },
    right: { initial: 'x', states: { x: { on: { again: 'y' } }, y: { after: { 50: 'x' } } } },
  },
  on: { again: { actions: 'add' } },
})

const actor = defineActor({
  type: 'prov.canary',
  version: 1,
  machine,
  effects: { told: () => {} },
})

export interface Canary {
  /** Steps come out as they did. Never throws. */
  steps(): boolean
  /** So do promises, begun at the last call: asked once in a turn of the event loop. Never throws. */
  promises(): boolean
}

/** Made before the plugin is imported. */
export function canary(): Canary {
  const steps = new GuestSteps('prov', () => {})
  steps.add(actor)
  const address = 'prov.canary/a'
  const started = steps.start(address, undefined, 0, 0)
  const { state } = JSON.parse(started) as { readonly state: object }
  const messages = [1, 2, 3].map((nowMs) => ({ event: { type: 'go' }, nowMs }))
  const turns = JSON.stringify([{ address, sequence: 0, state, messages }])
  const known = steps.run(0, turns)
  let heard = true
  return {
    steps() {
      try {
        return steps.run(0, turns) === known && steps.start(address, undefined, 0, 0) === started
      } catch {
        return false
      }
    },
    promises() {
      const before = heard
      heard = false
      try {
        void Promise.resolve().then(() => (heard = true))
      } catch {
        return false
      }
      return before
    },
  }
}
