/** `prov actor enrol`: a person vouches for a key that lies on this machine. @module */
import { contract, defineCommand, keyErrors, openKeyStore } from 'prov'
import type { CommandContext, KeyRecord } from 'prov'
import type { EnrolledView } from '../reads/enrolled.ts'
import { keyOf } from './own-keys.ts'

interface EnrolledNow {
  readonly actor: string
  readonly kid: string
  readonly enrolled: boolean
  readonly by: string | null
}

/** What the voucher says about a key. */
export const standingFlags = {
  group: {
    type: 'string',
    many: true,
    describe: 'a group that quorums name, such as `ops`; may come again. Default: as it is',
  },
  person: {
    type: 'string',
    describe: 'whose key it is, when a person has several: quorums count people',
  },
} as const

/** The flags as an enrolment takes them. */
export const standingOf = ({
  group,
  person,
}: {
  readonly group: readonly string[]
  readonly person?: string | undefined
}) => (group.length === 0 ? { person } : { person, groups: group })

export const command = defineCommand({
  pattern: 'actor enrol <name>',
  describe: 'let a key take part in this workspace; an enrolled person vouches for it',
  group: 'Workspace',
  examples: [
    ['prov actor enrol bob --actor alice', 'alice vouches for bob'],
    ['prov actor enrol bob --group ops --actor alice', 'alice says that bob is one of ops'],
  ],
  flags: {
    name: {
      type: 'string',
      required: true,
      describe: 'whose key, as `prov actor list` names it',
      complete: 'keys',
    },
    ...standingFlags,
  },
  writes: true,
  async run({ name, group, person }, context): Promise<EnrolledNow> {
    const record = await keyOf(name, context)
    const known = ((await context.read('enrolled')) as readonly EnrolledView[]).find(
      ({ kid }) => kid === record.kid,
    )
    const { actor, kid } = record
    if (known?.revoked) throw keyErrors.PROV_KEY_REVOKED({ actor, ...known.revoked })
    if (known && group.length === 0 && person === undefined) {
      return { actor, kid, enrolled: true, by: known.by }
    }
    if (context.dryRun) return { actor, kid, enrolled: false, by: null }
    return {
      actor,
      kid,
      enrolled: true,
      ...(await enrol(record, context, standingOf({ group, person }))),
    }
  },
  render: ({ actor, enrolled, by }, paint) => [
    enrolled ? paint.good(`${actor} is enrolled, by ${by}`) : `${actor} would be enrolled`,
  ],
})

/** Enrols a key under the writer lock; who vouches is `--actor`, or the one person who can. */
export async function enrol(
  record: KeyRecord,
  context: CommandContext,
  standing: { readonly groups?: readonly string[]; readonly person?: string | undefined } = {},
): Promise<{ readonly by: string }> {
  const as = context.actor ?? (await onlyVoucher(context))
  const runtime = await context.runtime()
  await runtime.service(contract).enrol({ record, as, ...standing })
  const rows = (await runtime.read('enrolled')) as readonly EnrolledView[]
  return { by: rows.find(({ kid }) => kid === record.kid)?.by ?? record.actor }
}

/** The one enrolled person whose key is here; undefined when there is none or a choice. */
async function onlyVoucher(context: CommandContext): Promise<string | undefined> {
  const enrolled = (await context.read('enrolled')) as readonly EnrolledView[]
  const own = await openKeyStore({ home: context.home, clock: context.clock }).list()
  const able = own.filter(
    ({ kid, kind }) => kind === 'human' && enrolled.some((one) => one.kid === kid),
  )
  return able.length === 1 ? able[0]?.actor : undefined
}
