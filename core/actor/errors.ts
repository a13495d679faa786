/** What actors and their runtime can refuse. @module */
import { defineErrors } from '../errors.ts'

export const actorErrors = defineErrors<{
  PROV_ACTOR_ADDRESS_INVALID: { address: string }
}>({
  PROV_ACTOR_ADDRESS_INVALID: {
    disposition: 'usage',
    text: ({ address }) => `"${address}" is not an actor address: it must read type/id`,
    remedy: 'run `prov actors` to list the addresses that exist',
  },
})
