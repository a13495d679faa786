// @ts-check
/**
 * How much of a quota is used. An ordinary XState machine: it decides, and does nothing else. It
 * reads no clock, calls nobody and never throws, so it can be stepped, stored and replayed.
 *
 *     within ──quota.used, the last one──▶ spent
 */
import { assign, setup } from 'xstate'

/**
 * What it remembers. Plain JSON, because it is kept in the journal.
 *
 * @typedef {{ readonly limit: number, readonly used: number, readonly last: number }} QuotaContext
 */

/**
 * What can happen to it. Events are facts, named in the past tense. `n` is the number that the fact
 * has where it comes from: messages may come twice, and a number that is not new changes nothing.
 *
 * @typedef {{ readonly type: 'quota.used', readonly n: number }} QuotaEvent
 */

export const quotaMachine = setup({
  types: {
    input: /** @type {{ readonly limit: number }} */ ({}),
    context: /** @type {QuotaContext} */ ({}),
    events: /** @type {QuotaEvent} */ ({}),
  },
  // Guards and actions are named here and only named below: the drawing stays readable.
  guards: {
    isNew: ({ context, event }) => event.n > context.last,
    isLast: ({ context, event }) => event.n > context.last && context.used + 1 >= context.limit,
  },
  actions: {
    count: assign(({ context, event }) => ({ used: context.used + 1, last: event.n })),
  },
}).createMachine({
  id: 'quota',
  context: ({ input }) => ({ limit: input.limit, used: 0, last: 0 }),
  initial: 'within',
  states: {
    within: {
      on: {
        'quota.used': [
          { guard: 'isLast', target: 'spent', actions: 'count' },
          { guard: 'isNew', actions: 'count' },
        ],
      },
    },
    spent: {
      on: { 'quota.used': { guard: 'isNew', actions: 'count' } },
    },
  },
})
