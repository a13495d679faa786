/**
 * `prov nats topology`: the streams and consumers that hold here, as the file that a project may keep.
 *
 * @module
 */
import { topologyOf } from '../../bus/topology-file.ts'
import { topologyFile } from '../../bus/topology.ts'
import { defineCommand } from '../command.ts'
import { settingsOf } from '../nats.ts'

export const command = defineCommand({
  pattern: 'nats topology',
  describe: 'print the streams and consumers of events as a file to start from',
  group: 'Runtime',
  examples: [
    ['prov nats topology >nats/streams.json', 'then set nats_events.streams_config to that file'],
  ],
  flags: {},
  run: async (_flags, context) => topologyFile(topologyOf(await settingsOf(context))),
})
