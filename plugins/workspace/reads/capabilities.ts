/** What this workspace provides and requires, and which gates hang on it. @module */
import { defineRead } from 'prov'
import { capabilitiesView } from '../capabilities.ts'
import type { CapabilitiesView } from '../capabilities.ts'
import { now } from '../now.ts'

export const read = defineRead<void, CapabilitiesView>({
  name: 'capabilities',
  describe: 'capabilities provided and required, by category, with the gates that need them',
  async run(_, context) {
    const { model, standing } = await now(context)
    return capabilitiesView(model, standing)
  },
})
