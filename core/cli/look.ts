/**
 * Looking at the actors of a workspace without touching it: from the journal and from what the last
 * start left behind. No lock is taken, nothing is started, and a broken manifest is no hindrance.
 *
 * @module
 */
import { keptActors } from '../actor/kept.ts'
import type { KeptActors, KeptRow } from '../actor/kept.ts'
import { actorErrors } from '../actor/errors.ts'
import { nearest } from '../nearest.ts'
import { readRemembered } from '../plugin/remembered.ts'
import type { CommandContext } from './command.ts'
import { journalIn } from './context.ts'
import { workplace } from './workplace.ts'

/** Rows and dead letters as they are kept. Throws what reading the journal throws. */
export async function lookAtActors(
  context: Pick<CommandContext, 'root' | 'env'>,
): Promise<KeptActors> {
  const { stateDir, holder } = await workplace(context)
  const { types } = readRemembered(stateDir)
  const journal = await journalIn(stateDir)
  try {
    return await keptActors(journal, { types, atWork: holder !== undefined })
  } finally {
    await journal?.close()
  }
}

/** One of them. Throws PROV_ACTOR_UNKNOWN with the nearest address. */
export function rowIn({ rows }: KeptActors, address: string): KeptRow {
  const row = rows.find((one) => one.address === address)
  if (!row) throw unknownActor(address, rows)
  return row
}

export function unknownActor(address: string, rows: KeptActors['rows']) {
  const suggestion = nearest(
    address,
    rows.map((row) => row.address),
  )
  return actorErrors.PROV_ACTOR_UNKNOWN({
    address,
    ...(suggestion !== undefined && { suggestion }),
  })
}
