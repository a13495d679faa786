/** The workspace as it stands now: files and journal together, for every read model. @module */
import { opsModel } from 'prov'
import type { OpsModel, ProvError, ReadContext } from 'prov'
import { loadWorkspace } from './load.ts'
import type { Standing, WorkspaceModel } from './model.ts'
import { standingOf } from './standing.ts'

export interface Now {
  readonly model: WorkspaceModel
  readonly standing: Required<Standing>
  readonly ops: OpsModel
  /** What is odd about the files. */
  readonly warnings: readonly ProvError[]
}

/** Throws what reading the files throws. */
export async function now({
  files,
  journal,
}: Pick<ReadContext, 'files' | 'journal'>): Promise<Now> {
  const { model, warnings } = await loadWorkspace(files)
  const ops = await opsModel(journal)
  return { model, standing: standingOf(model, ops), ops, warnings }
}
