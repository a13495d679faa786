/** What the controller's own commands can say. @module */
import { defineErrors } from 'prov'

export const controllerErrors = defineErrors<{
  PROV_CONTROLLER_NO_LETTER: { id: string }
}>({
  PROV_CONTROLLER_NO_LETTER: {
    disposition: 'usage',
    text: ({ id }) => `there is no dead letter ${id}`,
    remedy: 'run `prov controller status` to see those that there are',
  },
})
