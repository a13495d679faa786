/**
 * For a keeper that lost its journal and still has its key: the controller grants it a new keeper epoch, and
 * the trail as far as it was heard there goes into a bundle. No key is in it.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import type { Clock } from '../clock.ts'
import type { Count } from '../units.ts'
import { ContractFold } from './checkpoint.ts'
import { writeBundle } from './handover.ts'
import type { HandOver } from './handover.ts'
import { openKeyStore } from './keys.ts'
import { planeErrors } from './plane-errors.ts'
import { joinedOf, planeNames } from './planes.ts'
import { grantOf } from './regrant.ts'

/**
 * Operations may be under way. Throws PROV_PLANE_ELSEWHERE, PROV_PLANE_BUNDLE_THERE, PROV_KEY_ABSENT.
 */
export async function handOverLost(
  request: Pick<HandOver, 'journal' | 'workspace' | 'home' | 'file' | 'url'> & {
    readonly clock: Clock
  },
): Promise<{ readonly events: Count }> {
  const { journal, workspace, home, file, url, clock } = request
  if (existsSync(file)) throw planeErrors.PROV_PLANE_BUNDLE_THERE({ file })
  const joined = await joinedOf(journal)
  const fold = new ContractFold(workspace)
  let heard: Count = 0
  for await (const record of journal.read()) {
    const event = fold.enter(record)
    if (event?.emitter === 'keeper') heard = Math.max(heard, event.epoch)
  }
  const here = joined ? [joined.plane] : planeNames.filter((plane) => !fold.moved.has(plane))
  if (!here.includes('controller') || here.includes('keeper')) {
    throw planeErrors.PROV_PLANE_ELSEWHERE({ plane: 'controller' })
  }
  const { id, lineage } = joined ? { ...joined, id: joined.journal } : journal
  const root = lineage[0] ?? id
  const keys = openKeyStore({ home, clock })
  const signer = await keys.service(root, 'controller', { make: false })
  const epoch = (joined?.epoch ?? 0) + journal.epoch
  const { granted, entries } = grantOf({ fold, workspace, epoch, signer, clock })
  await journal.append(entries)
  // Acts are signed for one writer: whoever writes next bears a number that no one had.
  const after = Math.max(epoch, heard)
  const whose = { workspace, journal: id, lineage, plane: 'keeper', epoch: after, granted } as const
  const header = { ...whose, ...(url !== undefined && { url }), keys: [] }
  return { events: await writeBundle(file, journal, header) }
}
