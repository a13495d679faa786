/** `prov metrics`: the controller's numbers, for a collector that reads files or commands. @module */
import { defineCommand } from 'prov'
import { metricsOf, metricsText } from '../metrics.ts'
import type { ControllerView } from '../reads/controller.ts'

export const command = defineCommand({
  pattern: 'metrics',
  describe: 'numbers of operations in the text format of Prometheus',
  group: 'Operations',
  examples: [['prov metrics > /var/lib/node_exporter/prov.prom', 'for a textfile collector']],
  flags: {},
  run: async (_, { read }) => metricsOf((await read('controller')) as ControllerView),
  render: (metrics) => metricsText(metrics).trimEnd().split('\n'),
})
