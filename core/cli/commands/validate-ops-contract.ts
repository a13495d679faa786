/**
 * `prov validate-ops-contract`: the streams of operations exist, are work queues and have one reader
 * each; on the embedded bus, or with `--nats` on the server. Meant to run daily.
 *
 * @module
 */
import { defineCommand } from '../command.ts'
import { withNats } from '../nats.ts'
import { table } from '../table.ts'

export const command = defineCommand({
  pattern: 'validate-ops-contract',
  describe: 'check that the streams of operations are what the op contract needs',
  group: 'Operations',
  examples: [
    ['prov validate-ops-contract', 'the embedded bus; exit 0 when the contract holds, 1 otherwise'],
    ['prov validate-ops-contract --nats', 'the server that nats_events names'],
  ],
  flags: {
    nats: { type: 'boolean', default: false, describe: 'ask the NATS server instead' },
  },
  run: async ({ nats }, context) => {
    const { name, stateDir } = await context.files()
    const { checkOpsContract } = await import('../../protocol/ops-contract.ts')
    const { streamConfigs } = await import('../../protocol/subjects.ts')
    if (nats) {
      const names = streamConfigs(name).map((config) => config.name)
      const { lookAtStreams } = await import('../../bus/nats-look.ts')
      const views = await withNats(context, 'admin', (bus) => lookAtStreams(bus, names))
      return { bus: 'nats', rows: checkOpsContract(name, views) }
    }
    const { lookAtJournal } = await import('../../bus/embedded-look.ts')
    const views = await lookAtJournal(stateDir)
    return { bus: 'embedded', rows: checkOpsContract(name, views, 'prov run') }
  },
  exitCode: ({ rows }) => (rows.every(({ good }) => good) ? 0 : 1),
  render: ({ bus, rows }, paint, format) => [
    `op contract over the ${bus} bus`,
    ...table(
      rows.map(({ check, good, found, fix }) => [
        good ? (['ok', paint.good] as const) : (['BAD', paint.bad] as const),
        check,
        fix === undefined ? found : `${found}. Fix: ${fix}`,
      ]),
      { paint, format, head: ['', 'stream', 'finding'] },
    ),
  ],
})
