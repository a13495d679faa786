/**
 * `prov journal dump`: records as JSON, one a line, for people and scripts. Signatures are left out of
 * tokens, so nobody can use what is printed; private keys and values of secrets are never in a journal.
 *
 * @module
 */
import { join } from 'node:path'
import type { JsonValue } from '../../json.ts'
import type { JournalRecord } from '../../journal/journal.ts'
import { readJournal } from '../../journal/reader.ts'
import { defineCommand } from '../command.ts'

export const command = defineCommand({
  pattern: 'journal dump',
  describe: 'records of the journal, one JSON line each',
  group: 'Runtime',
  examples: [
    ['prov journal dump --from 100 --to 120', 'a stretch of it'],
    ['prov journal dump --partition keeper --type audit', 'what the keeper said that it did'],
  ],
  flags: {
    from: { type: 'number', count: true, default: 1, describe: 'first position' },
    to: { type: 'number', count: true, describe: 'last position; default: the end' },
    partition: { type: 'string', describe: 'only records of this owner' },
    type: { type: 'string', describe: 'only records of this type' },
    limit: {
      type: 'number',
      count: true,
      default: 1_000,
      describe: 'at most so many; the rest is asked for again',
    },
  },
  run: async ({ from, to = Infinity, partition, type, limit }, context) => {
    const { stateDir } = await context.files()
    const journal = await readJournal({ dir: join(stateDir, 'journal') })
    const records: JournalRecord[] = []
    try {
      for await (const record of journal.read({ from, partition })) {
        if (record.position > to) break
        if (type !== undefined && record.type !== type) continue
        if (records.length >= limit) {
          context.progress(`there is more: go on with --from ${record.position}`)
          break
        }
        records.push({ ...record, body: unsigned(record.body) })
      }
    } finally {
      await journal.close()
    }
    return records
  },
  render: (records) => records.map((record) => JSON.stringify(record)),
})

const tokenPattern = /\b(eyJ[\w-]+\.[\w-]+)\.[\w-]{40,}/g

/** The same without the signatures of tokens, wherever they stand. */
function unsigned(body: JsonValue): JsonValue {
  const text = JSON.stringify(body)
  return text.includes('eyJ')
    ? (JSON.parse(text.replaceAll(tokenPattern, '$1.…')) as JsonValue)
    : body
}
