/** The same as `prov quota`, for whoever asks over HTTP. @module */
import { defineRoute } from 'prov'
import type { JsonValue } from 'prov'

export const route = defineRoute({
  route: 'GET /api/acme/quota',
  describe: 'what was spent of each quota',
  handle: async (_request, { read }) => (await read('quota')) as JsonValue,
})
