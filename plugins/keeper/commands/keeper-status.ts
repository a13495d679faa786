/** `prov keeper status`: mode, policy, what waits for people, what was refused. @module */
import { breakersOf, defineCommand, fields, section, table } from 'prov'
import type { ErrorReport } from 'prov'
import type { KeeperView } from '../reads/keeper.ts'

export const command = defineCommand({
  pattern: 'keeper status',
  describe: 'how the keeper judges now, and what waits for people',
  group: 'Operations',
  examples: [
    [
      'prov keeper status',
      'mode, policy, what is held; exit 1 while the file is no policy, a broken glass waits or a clock is wrong',
    ],
  ],
  flags: {},
  run: async (_, { read }) => (await read('keeper')) as KeeperView,
  // An alarm, for whoever runs this from a timer.
  exitCode: ({ trouble, file, unreviewed, apart }) =>
    trouble || file.state === 'broken' || unreviewed.length > 0 || apart.length > 0 ? 1 : 0,
  render(
    { mode, reading, policy, trouble, apart, file, held, unreviewed, lastSeq, refusals },
    paint,
    format,
  ) {
    const look = { paint, format } as const
    return [
      ...fields(
        [
          [
            'mode',
            mode === reading.mode ? mode : `${mode}, amounts to ${reading.mode}: ${reading.why}`,
          ],
          [
            'policy',
            policy
              ? `version ${policy.version}, activated by ${policy.by}`
              : ['none in force: everything is held', paint.warn],
          ],
          ['trouble', trouble ? [`${trouble.message} (${trouble.code})`, paint.bad] : undefined],
          ['clock', apart[0] && [apart[0].message, paint.bad]],
          ['file', file.state === 'broken' ? [brokenText(file.error), paint.bad] : undefined],
          ['held', held.length === 0 ? 'nothing' : [`${held.length}`, paint.warn]],
          [
            'signed',
            lastSeq ? `up to number ${lastSeq.seq} of epoch ${lastSeq.epoch}` : 'nothing yet',
          ],
        ],
        look,
      ),
      ...section(
        'Waiting for a person',
        table(
          held.map(({ op, type, target, by, needs }) => [op, `${type} ${target}`, by, needs ?? '']),
          { paint, format, head: ['op', 'what', 'by', 'needs'] },
        ),
        look,
      ),
      ...section(
        'Broken glass, to be reviewed: prov keeper review <op>',
        table(
          unreviewed.map((one) => [
            [one.op, paint.bold],
            `${one.type} ${one.target}`,
            [breakersOf(one).join(', '), paint.bad],
            one.at,
            one.reason,
          ]),
          { paint, format, head: ['op', 'what', 'by', 'when', 'why'] },
        ),
        look,
      ),
      ...section(
        'Refused at the door',
        table(
          refusals.slice(-5).map(({ at, code, count, message }) => [at, code, `${count}`, message]),
          { paint, format, head: ['when', 'code', 'times', 'why'] },
        ),
        look,
      ),
    ]
  },
})

function brokenText({ message, code, place, remedy }: ErrorReport): string {
  const at = [place?.line, place?.column].filter((part) => part !== undefined).join(':')
  return `${at === '' ? '' : `line ${at}: `}${message} (${code}); fix: ${remedy}`
}
