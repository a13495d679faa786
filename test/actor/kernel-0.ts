/**
 * The machine behind `test/fixtures/kernel-0`, which revision 04b344b wrote: the kernel before it had
 * fixtures, killed while two effects were owed and a timer was set.
 *
 * @module
 */
import { assign, setup } from 'xstate'

export const zeroMachine = setup({
  types: { context: {} as { readonly n: number; readonly heard: readonly string[] } },
  actions: {
    charge: (_args, _params: { amount: number }) => {},
    tell: (_args, _params: { to: string; event: { type: string } }) => {},
    add: assign({ n: ({ context }) => context.n + 1 }),
    heard: assign({ heard: ({ context, event }) => [...context.heard, event.type] }),
  },
}).createMachine({
  id: 'zero',
  context: { n: 0, heard: [] },
  initial: 'awake',
  on: { 'effect.done.charge': { actions: 'heard' } },
  states: {
    awake: {
      on: {
        add: { actions: 'add' },
        sleep: 'asleep',
        pay: { actions: ['add', { type: 'charge', params: { amount: 3 } }] },
      },
    },
    asleep: { after: { 60000: { target: 'awake', actions: 'heard' } } },
  },
})
