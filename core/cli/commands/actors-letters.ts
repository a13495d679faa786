/**
 * `prov actors letters`: messages that no actor took, the newest first, with why and what they said.
 *
 * @module
 */
import { isMeant } from '../../actor/letters.ts'
import { defineCommand } from '../command.ts'
import { lookAtActors } from '../look.ts'
import { table } from '../table.ts'
import { letterFlags } from './letter-flags.ts'

export const command = defineCommand({
  pattern: 'actors letters',
  describe: 'messages that no actor took: dead letters, the newest first',
  group: 'Runtime',
  examples: [
    ['prov actors letters', 'all that are kept'],
    ['prov actors letters --reason poison', 'those that failed too often'],
  ],
  flags: letterFlags,
  run: async (filter, context) => {
    const { letters, left } = await lookAtActors(context)
    const reasons = Object.entries(left).map(([reason, count]) => `${count} ${reason}`)
    if (reasons.length > 0) {
      context.progress(`older ones made room and cannot be sent again: ${reasons.join(', ')}`)
    }
    return letters.filter((row) => isMeant(row, filter))
  },
  render: (rows, paint, format) =>
    rows.length === 0
      ? ['no dead letters']
      : table(
          rows.map(({ id, timeMs, address, reason, event, body, bodiless, from, replays }) => [
            String(id),
            new Date(timeMs).toISOString(),
            address,
            [reason, paint.bad],
            from ?? '',
            replays === undefined ? '' : String(replays),
            body ? JSON.stringify(body) : `${event} (body not kept: ${bodiless})`,
          ]),
          {
            paint,
            format,
            head: ['id', 'time', 'for', 'reason', 'from', 'replays', 'event'],
            right: [0, 5],
          },
        ),
})
