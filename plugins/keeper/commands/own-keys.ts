/** The keys of this user on this machine, found by name; nothing is unsealed. @module */
import { nearest, openKeyStore } from 'prov'
import type { CommandContext, KeyRecord } from 'prov'
import { actorErrors } from './errors.ts'

/** Throws PROV_KEY_NOT_HERE and what reading key files throws. */
export async function keyOf(
  actor: string,
  context: Pick<CommandContext, 'home' | 'clock'>,
): Promise<KeyRecord> {
  const own = await openKeyStore({ home: context.home, clock: context.clock }).list()
  const found = own.find((record) => record.actor === actor)
  if (found) {
    // What is signed and kept is the record; how its file is sealed is nobody else's business.
    const { sealed: _, ...record } = found
    return record
  }
  const near = nearest(
    actor,
    own.map((record) => record.actor),
  )
  throw actorErrors.PROV_KEY_NOT_HERE({ actor, ...(near !== undefined && { near }) })
}
