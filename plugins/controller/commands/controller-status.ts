/** `prov controller status`: what is claimed, what waits for a person, what was set aside. @module */
import { defineCommand, fields, section, table } from 'prov'
import type { ControllerView } from '../reads/controller.ts'

export const command = defineCommand({
  pattern: 'controller status',
  describe: 'what is claimed and held, what is in doubt, dead letters',
  group: 'Operations',
  examples: [['prov controller status', 'exit 1 while something waits for a person']],
  flags: {},
  run: async (_, { read }) => (await read('controller')) as ControllerView,
  exitCode: ({ phases, letters }) => (phases.in_doubt > 0 || waiting(letters).length > 0 ? 1 : 0),
  render({ phases, claimed, lastSeq, refusals, letters }, paint, format) {
    const look = { paint, format } as const
    const numbers = lastSeq ? `${lastSeq.seq} of epoch ${lastSeq.epoch}` : 'none yet'
    return [
      ...fields(
        [
          ['approved', `${phases.approved}`],
          ['claimed', `${phases.claimed + phases.applying}`],
          ['in doubt', phases.in_doubt === 0 ? '0' : [`${phases.in_doubt}`, paint.bad]],
          ['numbers', `up to ${numbers}`],
          ['refused', `${refusals}`],
        ],
        look,
      ),
      ...section(
        'Held until the end is known',
        table(
          claimed.map(({ op, phase, writes, since }) => [op, phase, writes.join(', '), since]),
          { paint, format, head: ['op', 'phase', 'dimensions', 'since'] },
        ),
        look,
      ),
      ...section(
        'Dead letters',
        table(
          letters.map(({ id, code, at, deliveries, replays }) => [
            id,
            code,
            at,
            `${deliveries}`,
            `${replays}`,
          ]),
          { paint, format, head: ['message', 'code', 'since', 'deliveries', 'sent again'] },
        ),
        look,
      ),
    ]
  },
})

const waiting = (letters: ControllerView['letters']) =>
  letters.filter(({ replays }) => replays === 0)
