/** The graph of units with the gates on it, and the connections to other projects. @module */
import { defineRead } from 'prov'
import { connectionsView } from '../connections.ts'
import type { ConnectionsView } from '../connections.ts'
import { now } from '../now.ts'

export const read = defineRead<void, ConnectionsView>({
  name: 'connections',
  describe: 'units with upstream and downstream, the gates on each connection, other projects',
  async run(_, context) {
    const { model, standing } = await now(context)
    return connectionsView(model, standing)
  },
})
