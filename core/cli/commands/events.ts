/**
 * `prov events`: what this workspace told others and heard from them, newest last. Read from the
 * journal without the lock, so it works with and without a server, with and without a writer.
 *
 * @module
 */
import { join } from 'node:path'
import { readJournal } from '../../journal/reader.ts'
import { readEvents } from '../../protocol/read-events.ts'
import type { Notice } from '../../protocol/ecosystem.ts'
import { defineCommand } from '../command.ts'
import { demandDuration, demandPattern } from '../nats.ts'
import { table } from '../table.ts'

export const command = defineCommand({
  pattern: 'events [subject]',
  describe: 'what this workspace told others and heard from them',
  group: 'Operations',
  examples: [
    ['prov events', 'the last twenty'],
    ["prov events 'ecosystem.*.op.>' --since 1h", 'what became of operations in the last hour'],
    ['prov events --watch', 'goes on with what comes, one line of JSON each, until interrupted'],
  ],
  flags: {
    subject: {
      type: 'string',
      default: 'ecosystem.>',
      describe: 'pattern: * is one word, > the rest',
    },
    since: { type: 'string', describe: 'how far back: 10m, 2h, 7d' },
    last: { type: 'number', count: true, default: 20, describe: 'how many at most; 0 for all' },
    watch: { type: 'boolean', default: false, describe: 'go on with what comes' },
  },
  run: async ({ subject, since, last, watch }, context): Promise<readonly Notice[]> => {
    const { clock, signal, line } = context
    const pattern = demandPattern(subject)
    const files = await context.files()
    const journal = await readJournal({ dir: join(files.stateDir, 'journal') })
    const sinceMs = since === undefined ? 0 : clock.now() - demandDuration(since)
    const found: Notice[] = []
    try {
      const follow = watch ? { clock, signal } : undefined
      const options = { journal, workspace: files.name, pattern, sinceMs, follow }
      for await (const notice of readEvents(options)) {
        if (watch) line(notice)
        else found.push(notice)
      }
      return last === 0 ? found : found.slice(-last)
    } finally {
      await journal.close()
    }
  },
  render: (rows, paint, format) =>
    table(
      rows.map(({ subject, event }) => [event.time, subject, JSON.stringify(event.data)]),
      { paint, format, head: ['time', 'subject', ''] },
    ),
})
