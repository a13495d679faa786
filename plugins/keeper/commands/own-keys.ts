/** The keys of this user on this machine, found by name; nothing is unsealed. @module */
import { defineErrors, nearest, openKeyStore } from 'prov'
import type { CommandContext, KeyRecord } from 'prov'

const ownKeyErrors = defineErrors<{
  PROV_KEY_NOT_HERE: { actor: string; near?: string }
}>({
  PROV_KEY_NOT_HERE: {
    disposition: 'usage',
    text: ({ actor, near }) =>
      `no key of ${actor} lies on this machine${near === undefined ? '' : `; did you mean ${near}?`}`,
    remedy: ({ actor }) =>
      `run \`prov actor create ${actor}\`, or \`prov actor list\` to see yours`,
  },
})

/** Throws PROV_KEY_NOT_HERE and what reading key files throws. */
export async function keyOf(
  actor: string,
  context: Pick<CommandContext, 'home' | 'clock'>,
): Promise<KeyRecord> {
  const own = await openKeyStore({ home: context.home, clock: context.clock }).list()
  const found = own.find((record) => record.actor === actor)
  if (found) return found
  const near = nearest(
    actor,
    own.map((record) => record.actor),
  )
  throw ownKeyErrors.PROV_KEY_NOT_HERE({ actor, ...(near !== undefined && { near }) })
}
