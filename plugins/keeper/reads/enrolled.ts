/** Whose keys this workspace trusts, and who vouched for each: a fold of the journal. @module */
import { auditEvents, defined, defineRead, Keyring, rootOf } from 'prov'
import type { KeyRecord } from 'prov'

export interface EnrolledView {
  readonly actor: string
  readonly kind: KeyRecord['kind']
  readonly role?: string
  readonly kid: string
  readonly alg: KeyRecord['alg']
  readonly custody: string
  /** Groups that quorums name. */
  readonly groups?: readonly string[]
  /** Whose key it is, when it is not the actor's own name. */
  readonly person?: string
  readonly by: string
  readonly at: string
  /** Who revoked it, why and when; absent while it counts. */
  readonly revoked?: { readonly by: string; readonly reason: string; readonly time: string }
  /** True for a plane's key that another one followed. */
  readonly retired?: true
}

export const read = defineRead<void, readonly EnrolledView[]>({
  name: 'enrolled',
  describe: 'actors and services that this workspace trusts, in order of enrolment',
  async run(_, { files, journal }) {
    if (!journal) return []
    const ring = new Keyring({ journal: await rootOf(journal), workspace: files.name })
    for await (const event of auditEvents(journal)) ring.take(event)
    return ring.list().map(({ record, by, time }) => {
      const { actor, kind, role, kid, alg, custody, groups, person } = record
      return defined({
        actor,
        kind,
        role,
        kid,
        alg,
        custody,
        groups,
        person,
        by,
        at: time,
        revoked: ring.revocation(kid),
        retired: ring.retired(kid) || undefined,
      })
    })
  },
})
