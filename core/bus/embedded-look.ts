/**
 * The streams of an embedded bus as its journal holds them, read without the lock.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readJournal } from '../journal/reader.ts'
import { Book, busPartition } from './book.ts'
import { filtersOf } from './differences.ts'
import type { StreamView } from './nats-look.ts'

/** Nothing was written yet: no streams. Throws PROV_JOURNAL_CORRUPT. */
export async function lookAtJournal(stateDir: string): Promise<readonly StreamView[]> {
  const dir = join(stateDir, 'journal')
  if (!existsSync(dir)) return []
  const journal = await readJournal({ dir })
  try {
    const kept = await journal.snapshot(busPartition)
    const book = kept ? Book.fromSnapshot(kept.position, kept.body) : new Book()
    for await (const record of journal.read({ from: book.position + 1, partition: busPartition })) {
      book.enter(record)
    }
    return [...book.streams.values()].map((page) => ({
      name: page.config.name,
      subjects: page.config.subjects,
      retention: page.config.retention,
      messages: book.count(page),
      copies: [],
      consumers: [...page.consumers.values()].map(({ config: own }) => ({
        name: own.name,
        filters: filtersOf(own),
        explicitAck: true,
        push: false,
        maxDeliver: undefined,
        maxInFlight: own.maxInFlight,
        pending: 0,
        inFlight: 0,
        redelivered: 0,
      })),
    }))
  } finally {
    await journal.close()
  }
}
