/**
 * The fold of a journal as far as it reaches now, for read models: nothing running and no lock
 * needed. A reader that is asked again folds only what came since.
 *
 * @module
 */
import type { JournalReader, Position } from '../journal/journal.ts'
import { parseAuditEvent } from './emitter.ts'
import { emptyModel, foldAudit } from './fold.ts'
import type { OpsModel } from './fold.ts'

interface Folded {
  readonly position: Position
  readonly model: OpsModel
}

const folded = new WeakMap<JournalReader, Promise<Folded>>()

/** The empty model without a journal. Throws PROV_AUDIT_MALFORMED and what the journal throws. */
export async function opsModel(journal: JournalReader | undefined): Promise<OpsModel> {
  if (!journal) return emptyModel()
  const start: Folded = { position: 0, model: emptyModel() }
  // One after the other: two folds at once would apply an event twice to the same rows.
  const coming = (folded.get(journal) ?? Promise.resolve(start))
    .catch(() => start)
    .then((before) => foldOn(journal, before))
  folded.set(journal, coming)
  return (await coming).model
}

async function foldOn(journal: JournalReader, before: Folded): Promise<Folded> {
  let { position, model } = before
  for await (const record of journal.read({ from: position + 1 })) {
    position = record.position
    if (record.type !== 'audit') continue
    model = foldAudit(model, parseAuditEvent(record.body, `record ${record.position}`))
  }
  return { position, model }
}
