/** `prov op show`: the whole story of one operation. @module */
import { defineCommand, fields, section, table } from 'prov'
import type { JsonObject, OpRow } from 'prov'
import { nextOf, phaseCell } from './end.ts'
import { bodyFields, traceLines } from './plan-lines.ts'
import { operations } from './known.ts'

export const command = defineCommand({
  pattern: 'op show <id>',
  describe: 'everything about one operation: body, digests, policy, votes and how it came to this',
  group: 'Operations',
  examples: [['prov op show op_01jd4q0v9m3k', 'the start of an id is enough']],
  flags: {
    id: {
      type: 'string',
      required: true,
      describe: 'id, or the start of it',
      complete: operations(),
    },
  },
  run: async ({ id }, { read }) => (await read('op', { id })) as OpRow,
  render(row, paint, format) {
    const look = { paint, format } as const
    return [
      `${paint.bold(row.id)}  ${row.type} ${row.target}`,
      ...fields(
        [
          ['phase', phaseCell(row.phase, paint)],
          ['why', row.why],
          ['code', row.code === undefined ? undefined : [row.code, paint.bad]],
          ['needs', row.phase === 'held' ? row.needs : undefined],
          [
            'glass',
            row.glass && [
              `broken by ${row.glass.by} as ${row.glass.rule} lets them: ${row.glass.reason}`,
              paint.bad,
            ],
          ],
          ['by', `${row.by}, ${row.submittedAt}`],
          ['expires', new Date(row.expires * 1_000).toISOString()],
          ...bodyFields(row.body, row.expected),
          ['digest', [row.digest, paint.dim]],
          ['plan', row.plan === undefined ? undefined : [row.plan, paint.dim]],
          ['number', row.seq === undefined ? undefined : `${row.seq} of epoch ${row.keeperEpoch}`],
          ['detail', row.detail && lines(row.detail).join('\n')],
        ],
        look,
      ),
      ...section(
        'Evidence: answers to a process that had been replaced; they decide nothing',
        table(
          (row.evidence ?? []).map(({ at, epoch, what, step, outcome, message, detail }) => [
            [format === 'md' ? at : at.slice(11, 23), paint.dim],
            `${epoch}`,
            step === undefined ? what : `${what} ${step}`,
            [outcome, outcome === 'applied' ? paint.good : paint.bad],
            [message, ...lines(detail)].join('\n'),
          ]),
          { paint, format, head: ['when (UTC)', 'epoch', 'what', 'answer', 'in words'] },
        ),
        look,
      ),
      ...section('Policy', traceLines(row.trace ?? [], paint, format), look),
      ...section(
        'Votes',
        table(
          row.votes.map(({ actor, decision, custody, reason, until }) => [
            actor,
            [
              until === undefined ? decision : 'breaks glass',
              decision === 'approve' ? paint.good : paint.bad,
            ],
            custody,
            reason,
          ]),
          { paint, format, head: ['who', 'vote', 'custody', 'reason'] },
        ),
        look,
      ),
      ...section(
        'Story',
        table(
          row.notes.map(({ at, phase, why }) => [
            [format === 'md' ? at : at.slice(11, 23), paint.dim],
            phaseCell(phase, paint),
            why,
          ]),
          { paint, format, head: ['when (UTC)', 'phase', 'why'] },
        ),
        look,
      ),
      ...section(
        'Next',
        // This is what it shows already.
        nextOf(row)
          .filter((line) => line !== `prov op show ${row.id}`)
          .map((line) => `  ${line}`),
        look,
      ),
    ]
  },
})

const lines = (detail: JsonObject): readonly string[] =>
  Object.entries(detail).map(
    ([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
