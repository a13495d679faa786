/** What a question or proposal about this workspace is refused for. @module */
import { defineErrors } from 'prov'

export const askErrors = defineErrors<{
  PROV_WHY_UNKNOWN: { id: string; near?: string }
}>({
  PROV_WHY_UNKNOWN: {
    disposition: 'usage',
    text: ({ id, near }) =>
      `nothing here is called ${id}${near === undefined ? '' : `; did you mean ${near}?`}`,
    remedy: 'name a gate, a dimension or an operation: `prov gates`, `prov state`, `prov op list`',
  },
})
