/**
 * Where things stand: what the files declare, moved by what the journal recorded. The one place
 * where the two meet, used by the live plugin and by read models with nothing running.
 *
 * @module
 */
import type { OpsModel } from 'prov'
import { genesis } from './model.ts'
import type { Standing, WorkspaceModel } from './model.ts'

/**
 * S1  A dimension stands where the newest event put it; one that no event knows stands where its
 *     file says, at version 0.
 * S2  A capability is there when its file offers it and no operation took it away, or when an
 *     operation brought it and none took it away since.
 * S3  A dimension that an operation in doubt writes is doubtful: nothing may rely on it.
 */
export function standingOf(model: WorkspaceModel, ops: OpsModel): Required<Standing> {
  const declared = genesis(model)
  const known = new Set(ops.capabilities)
  const { gained, lost } = ops
  const doubtful = new Set<string>()
  for (const { phase, body } of ops.open.values()) {
    if (phase === 'in_doubt') for (const { dimension } of body.achieves) doubtful.add(dimension)
  }
  const positions = { ...declared.positions }
  for (const dimension of model.dimensions) {
    const moved = ops.positions[dimension.id]
    if (moved) positions[dimension.id] = { state: moved.state, version: moved.version }
  }
  return {
    positions,
    capabilities: [
      ...declared.capabilities.filter((id) => known.has(id) || !lost.has(id)),
      ...[...gained].filter((id) => known.has(id) && !declared.capabilities.includes(id)),
    ],
    doubtful: [...doubtful],
  }
}
