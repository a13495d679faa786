/**
 * Whether a log is the one that somebody outside remembers: the same id, at least as long, the same
 * words. What anchors are for the folders of one user, a witness is for machines.
 *
 * @module
 */
import { readdir } from 'node:fs/promises'
import { checkHead } from './anchor-check.ts'
import type { AnchoredHead } from './anchor.ts'
import { journalErrors } from './errors.ts'
import { readJournal } from './reader.ts'
import { hashOfBatch, lineageOf } from './recover.ts'
import { segmentNumbers } from './segment.ts'

export interface Witness extends Omit<AnchoredHead, 'epoch'> {
  readonly journal: string
}

/**
 * Throws PROV_JOURNAL_GONE, PROV_JOURNAL_REPLACED, PROV_JOURNAL_BEHIND and PROV_JOURNAL_FORKED. A log
 * that gave the remembered id up is for the person to answer for who adopted it. Needs no lock.
 */
export async function checkWitness(
  dir: string,
  witness: Witness,
  /** Where it is remembered, for people: a command or a file. */
  file: string,
): Promise<void> {
  const numbers = segmentNumbers(await readdir(dir).catch(() => [] as string[]))
  const lineage = await lineageOf(dir, numbers)
  const journal = lineage.at(-1)
  const { position: anchored } = witness
  if (journal === undefined) {
    throw journalErrors.PROV_JOURNAL_GONE({ dir, journal: witness.journal, anchored, file })
  }
  if (!lineage.includes(witness.journal)) {
    throw journalErrors.PROV_JOURNAL_REPLACED({ dir, journal, anchored: witness.journal, file })
  }
  if (journal !== witness.journal) return
  const { position, batch = 0 } = await (await readJournal({ dir })).head()
  const hashAt = async (wanted: number) =>
    (await hashOfBatch(dir, numbers, wanted))?.toString('hex')
  await checkHead(dir, { lineage, position, batch, hashAt }, { file, head: witness })
}
