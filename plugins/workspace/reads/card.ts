/** The card of a DevWorkspace. Throws PROV_CARD_KIND for any other repository. @module */
import { defineRead } from 'prov'
import { cardOf } from '../card.ts'
import type { Card } from '../card.ts'
import { now } from '../now.ts'

export const read = defineRead<void, Card>({
  name: 'card',
  describe: 'workspace, kind, clusters, status, open and closed gates',
  async run(_, context) {
    const { model, standing } = await now(context)
    return cardOf(model, standing)
  },
})
