/**
 * `prov nats apply`: makes the streams and consumers that are missing on the server, changes what is
 * safe to change and names the rest. Done once, by whoever may: no other role can.
 *
 * @module
 */
import { topologyOf } from '../../bus/topology-file.ts'
import { applyTopology } from '../../bus/topology.ts'
import type { TopologyRow } from '../../bus/topology.ts'
import { defineCommand } from '../command.ts'
import { withNats } from '../nats.ts'
import { table } from '../table.ts'
import { workspaceOf } from '../workplace.ts'

export const command = defineCommand({
  pattern: 'nats apply',
  describe: 'make the streams and consumers on the NATS server what they should be',
  group: 'Runtime',
  examples: [
    ['prov nats apply', 'exit 0 when all is as it should be, 6 when something differs for good'],
    ['prov nats apply --events', 'only the streams of events, none of operations'],
  ],
  flags: {
    events: { type: 'boolean', default: false, describe: 'only the topology of events' },
  },
  writes: true,
  run: async ({ events }, context): Promise<readonly TopologyRow[]> =>
    withNats(context, 'admin', async (bus, settings) => {
      const own = topologyOf(settings)
      if (context.dryRun) {
        const { dryTopology } = await import('../../bus/topology.ts')
        return dryTopology(bus, own)
      }
      const rows = [...(await applyTopology(bus, own))]
      if (events || workspaceOf(context) === undefined) return rows
      const { planesTopology } = await import('../../protocol/roles.ts')
      const { leaseBucket } = await import('../../protocol/subjects.ts')
      const { name } = await context.files()
      const { streams, consumers } = planesTopology(name)
      const rest = streams.filter((one) => !own.streams.some((two) => two.name === one.name))
      rows.push(...(await applyTopology(bus, { streams: rest, consumers })))
      await bus.keyValue(leaseBucket(name))
      return rows
    }),
  exitCode: (rows) => (rows.some(({ state }) => state === 'refused') ? 6 : 0),
  render: (rows, paint, format) =>
    table(
      rows.map(({ what, name, state, error }) => [
        what,
        name,
        state === 'refused' ? ([state, paint.bad] as const) : state,
        error === undefined ? '' : `${error.message}. Fix: ${error.remedy}`,
      ]),
      { paint, format, head: ['', 'name', 'state', ''] },
    ),
})
