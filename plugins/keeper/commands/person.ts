/**
 * Could this person sign what a command is about? For dry runs: the same refusals as the act itself, and
 * nothing is unsealed, signed or written.
 *
 * @module
 */
import { keyErrors, openKeyStore, policyErrors } from 'prov'
import type { CommandContext, KeyRecord } from 'prov'
import type { EnrolledView } from '../reads/enrolled.ts'
import { keyOf } from './own-keys.ts'

type Context = Pick<CommandContext, 'actor' | 'home' | 'clock' | 'read' | 'files'>

/** Throws PROV_KEY_*, PROV_POLICY_ACTIVATION. */
export async function mustBePerson(context: Context): Promise<void> {
  const { actor, kind, kid } = await speaker(context)
  if (kind !== 'human') throw policyErrors.PROV_POLICY_ACTIVATION({ actor, kind })
  const enrolled = (await context.read('enrolled')) as readonly EnrolledView[]
  const trust = enrolled.find((one) => one.kid === kid)
  if (trust?.revoked) throw keyErrors.PROV_KEY_REVOKED({ actor, ...trust.revoked })
  // The first person is let in on the way.
  if (trust || !enrolled.some((one) => one.kind === 'human')) return
  const { name: workspace } = await context.files()
  throw keyErrors.PROV_KEY_NOT_ENROLLED({ actor, workspace })
}

async function speaker(context: Context): Promise<KeyRecord> {
  if (context.actor !== undefined) return keyOf(context.actor, context)
  const own = await openKeyStore({ home: context.home, clock: context.clock }).list()
  const people = own.filter(({ kind }) => kind === 'human')
  const known = people.map(({ actor }) => actor)
  if (people.length > 1) throw keyErrors.PROV_KEY_AMBIGUOUS({ known })
  if (!people[0]) throw keyErrors.PROV_KEY_ABSENT({ actor: 'a person', known })
  return people[0]
}
