/**
 * `prov actors`: who is alive, in which state, since how many steps; parked ones first, since they
 * wait for a person.
 *
 * @module
 */
import type { ActorRow } from '../../actor/system.ts'
import { defineCommand } from '../command.ts'
import { table } from '../table.ts'

export const command = defineCommand({
  pattern: 'actors',
  describe: 'the actors of this workspace and the state of each',
  group: 'Runtime',
  examples: [
    ['prov actors', 'all of them'],
    ['prov actors --type operation', 'one type only'],
  ],
  flags: {
    type: { type: 'string', describe: 'only actors of this type' },
    parked: { type: 'boolean', default: false, describe: 'only those that wait for a person' },
  },
  run: async ({ type, parked }, context) => {
    const { actors } = await context.runtime()
    return actors
      .list(type === undefined ? {} : { type })
      .filter((row) => !parked || row.status === 'parked')
      .sort((a, b) => Number(b.status === 'parked') - Number(a.status === 'parked'))
  },
  render: (rows, paint, format) =>
    rows.length === 0
      ? ['no actors']
      : table(
          rows.map((row) => [
            row.address,
            [row.status, row.status === 'parked' ? paint.bad : paint.good] as const,
            typeof row.value === 'string' ? row.value : JSON.stringify(row.value),
            String(row.sequence),
            String(row.depth),
            note(row),
          ]),
          {
            paint,
            format,
            head: ['actor', 'status', 'state', 'step', 'waiting', 'note'],
            right: [3, 4],
          },
        ),
})

function note({ parked, restarts, owner }: ActorRow): string {
  if (parked) return `${parked.code}: ${parked.message}`
  return [restarts > 0 && `${restarts} restarts`, owner].filter(Boolean).join(', ')
}
