/**
 * `prov actor list`: whose keys lie here, and whose this workspace trusts. Works outside a workspace
 * too, for one's own keys.
 *
 * @module
 */
import { defineCommand, defined, openKeyStore, table } from 'prov'
import type { EnrolledView } from '../reads/enrolled.ts'

export interface ActorRow {
  readonly actor: string
  readonly kind: string
  readonly role?: string
  readonly kid: string
  readonly alg: string
  /** A key file of this user. */
  readonly here: boolean
  readonly sealed: boolean | null
  readonly enrolled: boolean
  readonly by: string | null
  /** The same text for keys that one user on one machine can open. */
  readonly custody: string
  /** Groups that quorums name. */
  readonly groups?: readonly string[]
  /** Whose key it is, when it is not the actor's own name. */
  readonly person?: string
  readonly revoked?: EnrolledView['revoked']
  readonly retired?: true
  /** When it was enrolled here. */
  readonly at?: string
}

export const command = defineCommand({
  pattern: 'actor list',
  describe: 'keys of yours, and actors that this workspace trusts',
  group: 'Workspace',
  examples: [
    ['prov actor list', 'people and agents'],
    ['prov actor list --services', 'also the planes’ own keys'],
  ],
  flags: {
    services: { type: 'boolean', default: false, describe: 'also the keys of the planes' },
  },
  async run({ services }, context): Promise<readonly ActorRow[]> {
    let enrolled: readonly EnrolledView[] = []
    try {
      enrolled = (await context.read('enrolled')) as readonly EnrolledView[]
    } catch (thrown) {
      if ((thrown as { code?: string }).code !== 'PROV_CONFIG_NO_WORKSPACE') throw thrown
    }
    const own = await openKeyStore({ home: context.home, clock: context.clock }).list()
    const mine = own.map(({ actor, kind, kid, alg, custody, sealed }): ActorRow => {
      const trust = enrolled.find((one) => one.kid === kid)
      const by = trust?.by ?? null
      const { at, groups, person, revoked } = trust ?? {}
      const enrolment = defined({ enrolled: trust !== undefined, at, groups, person, revoked })
      return { actor, kind, kid, alg, custody, here: true, sealed, by, ...enrolment }
    })
    const others = enrolled
      .filter(({ kid }) => !own.some((key) => key.kid === kid))
      .filter(({ kind }) => services || kind !== 'service')
      .map((trust): ActorRow => ({
        ...trust,
        here: false,
        sealed: null,
        enrolled: true,
      }))
    return [...mine, ...others]
  },
  render(rows, paint, format) {
    if (rows.length === 0) return ['no actors', paint.dim('make one: prov actor create <name>')]
    return table(
      rows.map(
        ({
          actor,
          kind,
          role,
          here,
          sealed,
          enrolled,
          by,
          custody,
          kid,
          groups,
          person,
          revoked,
          retired,
        }) => [
          [actor, paint.bold],
          `${kind}${role === undefined ? '' : ` (${role})`}${person === undefined ? '' : `, ${person}`}`,
          groups?.join(', ') ?? '',
          revoked
            ? ([`revoked by ${revoked.by}`, paint.bad] as const)
            : retired
              ? ['another followed', paint.dim]
              : enrolled
                ? ([`by ${by}`, paint.good] as const)
                : (['no', paint.warn] as const),
          here ? (sealed ? 'here, sealed' : 'here, unsealed') : 'elsewhere',
          custody.slice(0, 8),
          [kid.slice(0, 12), paint.dim],
        ],
      ),
      { paint, format, head: ['actor', 'kind', 'groups', 'enrolled', 'key', 'custody', 'kid'] },
    )
  },
})
