/**
 * The fold of a journal as far as it reaches now, for read models: nothing running and no lock
 * needed. A reader that is asked again folds only what came since.
 *
 * @module
 */
import type { JournalReader } from '../journal/journal.ts'
import { bodyIn, checkpointName, ContractFold, shelvesFolder, shelvesIn } from './checkpoint.ts'
import { emptyModel } from './fold.ts'
import type { OpsModel } from './fold.ts'
import { rootOf } from './planes.ts'
import { eventIn } from './trail.ts'

const folded = new WeakMap<JournalReader, Promise<ContractFold>>()

/** The empty model without a journal. Throws PROV_AUDIT_MALFORMED and what the journal throws. */
export async function opsModel(journal: JournalReader | undefined): Promise<OpsModel> {
  if (!journal) return emptyModel()
  // One after the other: two folds at once would apply an event twice to the same rows.
  const coming = (folded.get(journal) ?? startOf(journal))
    .catch(() => startOf(journal))
    .then((fold) => foldOn(journal, fold))
  folded.set(journal, coming)
  return (await coming).model
}

/** The newest checkpoint; whoever only looks has no key to check it with. */
async function startOf(journal: JournalReader): Promise<ContractFold> {
  const snapshot = await journal.snapshot(checkpointName)
  const body = snapshot && bodyIn(snapshot.body)
  const dir = journal.dir === undefined ? undefined : shelvesFolder(journal.dir)
  const workspace = typeof body?.['workspace'] === 'string' ? body['workspace'] : ''
  const root = await rootOf(journal)
  const foldOf = (name: string) => new ContractFold(name, undefined, undefined, root)
  const fold = foldOf(workspace)
  const counts = body && fold.load(snapshot.position, body, shelvesIn(dir, journal.id))
  return counts ? fold : foldOf('')
}

async function foldOn(journal: JournalReader, fold: ContractFold): Promise<ContractFold> {
  for await (const record of journal.read({ from: fold.position + 1 })) {
    fold.position = record.position
    const event = eventIn(record)
    if (event) fold.take(event)
  }
  return fold
}
