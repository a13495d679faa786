/**
 * `prov events emit`: tells others something under this workspace's name.
 *
 * @module
 */
import type { JsonObject } from '../../json.ts'
import { demandOwnSubject, ecosystem } from '../../protocol/ecosystem.ts'
import { defineCommand } from '../command.ts'
import { cliErrors } from '../errors.ts'

export const command = defineCommand({
  pattern: 'events emit <subject> [data]',
  describe: 'tell others something: kept here, and published where a server is named',
  group: 'Operations',
  examples: [
    [
      'prov events emit ecosystem.my-infra.build.completed \'{"image":"app:7"}\'',
      'for whoever waits for it',
    ],
  ],
  flags: {
    subject: { type: 'string', required: true, describe: 'ecosystem.<workspace>.<scope>.<event>' },
    data: { type: 'string', default: '{}', describe: 'an object as JSON' },
    correlation: { type: 'string', describe: 'ties events of one story together' },
    causation: { type: 'string', describe: 'id of the event that led to this one' },
  },
  writes: true,
  run: async ({ subject, data, correlation, causation }, context) => {
    const emission = { subject, data: objectIn(data), correlation, causation }
    if (context.dryRun) {
      demandOwnSubject(subject, (await context.files()).name)
      return { id: '', ...emission }
    }
    const runtime = await context.runtime()
    return { ...(await runtime.service(ecosystem).emit(emission)), ...emission }
  },
  render: ({ id, subject }) => [id === '' ? `would tell ${subject}` : `told ${subject} as ${id}`],
})

function objectIn(text: string): JsonObject {
  const wrong = () =>
    cliErrors.PROV_CLI_VALUE_INVALID({
      flag: 'data',
      value: text,
      wanted: 'an object as JSON',
      command: 'events emit',
    })
  try {
    const value = JSON.parse(text) as unknown
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as JsonObject
  } catch {
    throw wrong()
  }
  throw wrong()
}
