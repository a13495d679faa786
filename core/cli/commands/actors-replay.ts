/**
 * `prov actors replay <id>`: sends dead letters again, by id or all that some flags name. The same
 * message may be replayed three times; then it is poison whoever sends it.
 *
 * @module
 */
import { actorErrors } from '../../actor/errors.ts'
import { isMeant } from '../../actor/letters.ts'
import type { DeadLetter } from '../../actor/letters.ts'
import type { Replayed } from '../../actor/system.ts'
import { operatorDesk } from '../../protocol/operator-desk.ts'
import { defineCommand } from '../command.ts'
import { cliErrors } from '../errors.ts'
import { lookAtActors } from '../look.ts'
import { table } from '../table.ts'
import { letterFlags } from './letter-flags.ts'

export const command = defineCommand({
  pattern: 'actors replay [id]',
  describe: 'send dead letters again: one by its id, or all that the flags name',
  group: 'Runtime',
  examples: [
    ['prov actors replay 17', 'this one'],
    ['prov actors replay --address operation/op-1', 'all that were for this actor'],
    ['prov actors replay --reason full --dry-run', 'which ones it would be'],
  ],
  flags: {
    id: { type: 'number', count: true, describe: 'number that `prov actors letters` shows' },
    ...letterFlags,
  },
  writes: true,
  run: async ({ id, ...filter }, context): Promise<readonly (Replayed | Planned)[]> => {
    const named = Object.values(filter).some((value) => value !== undefined)
    if ((id === undefined) === !named) {
      const reason = 'which ones? give the id of a letter, or flags, and not both'
      throw cliErrors.PROV_CLI_USAGE({ reason, command: 'actors replay' })
    }
    const meant = (row: DeadLetter) => (id === undefined ? isMeant(row, filter) : row.id === id)
    const rows = (await lookAtActors(context)).letters.filter(meant)
    if (id !== undefined && rows.length === 0) {
      throw actorErrors.PROV_ACTOR_LETTER_UNKNOWN({ letter: id })
    }
    // Nothing is started for letters that are not there.
    if (!context.dryRun) {
      if (rows.length === 0) return []
      return (await context.runtime()).service(operatorDesk).replay(id ?? filter)
    }
    return rows.map(({ id: letter, address, event, replays = 0 }) => ({
      letter,
      address,
      event,
      outcome: 'would be sent',
      replays,
    }))
  },
  render: (rows, paint, format) =>
    rows.length === 0
      ? ['no dead letter is meant by that']
      : table(
          rows.map(({ letter, address, event, outcome, replays }) => [
            String(letter),
            address,
            event,
            String(replays),
            [outcome, outcome === 'sent' ? paint.good : paint.warn],
          ]),
          { paint, format, head: ['id', 'for', 'event', 'replays', 'outcome'], right: [0, 3] },
        ),
})

interface Planned extends Omit<Replayed, 'outcome'> {
  readonly outcome: 'would be sent'
}
