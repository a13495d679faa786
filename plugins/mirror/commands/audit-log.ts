/** `prov audit log`: what happened, signed, in order. @module */
import { defineCommand, table } from 'prov'
import type { AuditEvent, OpRow } from 'prov'
import { eventText } from './event-text.ts'

export const command = defineCommand({
  pattern: 'audit log',
  describe: 'signed events in order: who did what to which operation',
  group: 'Operations',
  examples: [
    ['prov audit log', 'the newest fifty'],
    ['prov audit log --op op_01jd4q0v9m3k', 'one operation from proposal to end'],
    ['prov audit log --type "op.*" --last 0 --json', 'every event of operations, as data'],
  ],
  flags: {
    op: {
      type: 'string',
      describe: 'only events of this operation; the start of its id is enough',
      complete: { read: 'ops', value: 'op', says: ['phase', 'type', 'target'] },
    },
    type: { type: 'string', describe: 'only this type; a trailing * takes all that start so' },
    last: {
      type: 'number',
      count: true,
      default: 50,
      describe: 'only the newest so many; 0 takes all',
    },
  },
  async run({ op, type, last }, { read }) {
    const id = op === undefined ? undefined : ((await read('op', { id: op })) as OpRow).id
    return (await read('audit', {
      last,
      ...(id !== undefined && { op: id }),
      ...(type !== undefined && { type }),
    })) as readonly AuditEvent[]
  },
  render(events, paint, format) {
    if (events.length === 0) return ['no events']
    return table(
      events.map((event) => [
        [format === 'md' ? event.time : event.time.slice(5, 19).replace('T', ' '), paint.dim],
        event.id,
        event.type.slice('prov.'.length),
        shortened(event.subject),
        eventText(event),
      ]),
      { paint, format, head: ['when (UTC)', 'event', 'type', 'subject', 'what'] },
    )
  },
})

/** Ids tell apart by their first characters; names are kept whole as far as they are short. */
const shortened = (subject: string) => (subject.length > 18 ? `${subject.slice(0, 17)}…` : subject)
