/** `prov card`: what this workspace is and how it does, on a few lines; only a DevWorkspace has one. @module */
import { defineCommand, fields } from 'prov'
import type { Card } from '../card.ts'

export const command = defineCommand({
  pattern: 'card',
  describe: 'identity, clusters, status and blocked gates of a DevWorkspace',
  group: 'State',
  examples: [
    ['prov card', 'for people'],
    ['prov card --json', 'for a health check'],
  ],
  flags: {},
  run: async (_, { read }) => (await read('card')) as Card,
  render(card, paint, format) {
    const { clusters, status, blocked } = card
    const text = status.replaceAll('_', ' ')
    return fields(
      [
        ['workspace', [card.workspace, paint.bold]],
        ['kind', card.kind],
        ['about', card.description || undefined],
        [
          'clusters',
          clusters.length === 0
            ? 'none'
            : clusters.map(({ id, type, region }) => `${id} (${type}, ${region})`).join('\n'),
        ],
        ['status', [text, status === 'operational' ? paint.good : paint.warn]],
        ['open gates', `${card.open_gates}`],
        [
          'closed gates',
          card.closed_gates === 0
            ? '0'
            : [
                `${card.closed_gates}: ${blocked.map((edge) => `${edge} blocked`).join(', ')}`,
                paint.bad,
              ],
        ],
      ],
      { paint, format },
    )
  },
})
