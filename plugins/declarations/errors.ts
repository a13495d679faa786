/** What the declarations plugin refuses. @module */
import { defineErrors } from 'prov'

export const declarationErrors = defineErrors<{
  PROV_DECLARATIONS_CONFIG: Record<string, never>
}>({
  PROV_DECLARATIONS_CONFIG: {
    disposition: 'usage',
    text: () => 'declarations takes { "as": "<actor>" } and nothing else',
    remedy: 'correct `"prov": { "config": { "declarations": … } }` in package.json',
  },
})
