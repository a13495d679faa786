/**
 * `prov actors steps <address>`: what happened to one actor, step by step, as the journal has it. Needs
 * no lock, so it also answers while another process is at work.
 *
 * @module
 */
import type { Address } from '../../actor/address.ts'
import { historyOf } from '../../actor/history.ts'
import type { HistoryLine } from '../../actor/history.ts'
import { defineCommand } from '../command.ts'
import { journalIn } from '../context.ts'
import { lookAtActors, unknownActor } from '../look.ts'
import { table } from '../table.ts'
import { workplace } from '../workplace.ts'

export const command = defineCommand({
  pattern: 'actors steps <address>',
  describe: 'what happened to an actor: its last steps, from the journal',
  group: 'Runtime',
  examples: [
    ['prov actors steps operation/op-1', 'the last twenty'],
    ['prov actors steps operation/op-1 --last 100', 'more of them'],
  ],
  flags: {
    address: {
      type: 'string',
      required: true,
      describe: 'the actor, as `type/id`',
      complete: 'addresses',
    },
    last: { type: 'number', count: true, default: 20, describe: 'at most so many, the newest' },
  },
  run: async ({ address, last }, context) => {
    const { stateDir } = await workplace(context)
    const journal = await journalIn(stateDir)
    try {
      const lines =
        journal && (await historyOf(journal, address as Address, { last: Math.max(1, last) }))
      if (!lines?.length) throw unknownActor(address, (await lookAtActors(context)).rows)
      return lines
    } finally {
      await journal?.close()
    }
  },
  render: (lines, paint, format) =>
    table(
      lines.map((line) => [
        new Date(line.timeMs).toISOString(),
        String(line.sequence),
        line.event ?? '',
        typeof line.state === 'string' ? line.state : JSON.stringify(line.state ?? ''),
        [line.what === 'stepped' ? '' : line.what, line.why ? paint.bad : paint.dim] as const,
        note(line),
      ]),
      { paint, format, head: ['time', 'step', 'event', 'state', '', 'note'], right: [1] },
    ),
})

function note({ why, cause, asked }: HistoryLine): string {
  return [why, cause && `from ${cause}`, asked && `asked for ${asked.join(', ')}`]
    .filter(Boolean)
    .join('; ')
}
