/** How much of a limit is used. A token counts once, however often it comes. @module */
import { assign, setup } from 'xstate'

export interface QuotaContext {
  readonly limit: number
  /** What was spent, by token; the newest thousand are remembered. */
  readonly spent: readonly string[]
}

export const quotaMachine = setup({
  types: {
    context: {} as QuotaContext,
    input: {} as { readonly limit: number } | undefined,
    events: {} as
      | { readonly type: 'quota.spend'; readonly token: string }
      | { readonly type: 'quota.limit'; readonly limit: number },
  },
  guards: {
    isNew: ({ context, event }) =>
      event.type === 'quota.spend' &&
      context.spent.length < context.limit &&
      !context.spent.includes(event.token),
  },
  actions: {
    spend: assign({
      spent: ({ context, event }) =>
        event.type === 'quota.spend'
          ? [...context.spent, event.token].slice(-1_000)
          : context.spent,
    }),
    limit: assign({
      limit: ({ context, event }) => (event.type === 'quota.limit' ? event.limit : context.limit),
    }),
  },
}).createMachine({
  context: ({ input }) => ({ limit: input?.limit ?? 10, spent: [] }),
  on: {
    'quota.spend': { guard: 'isNew', actions: 'spend' },
    'quota.limit': { actions: 'limit' },
  },
})
