/** `prov actor revoke`: a person takes a key its force, from this place of the journal on (D-39). @module */
import { defineCommand, keeperDesk, keyErrors } from 'prov'
import type { EnrolledView } from '../reads/enrolled.ts'
import { mustBePerson } from './person.ts'

interface Revoked {
  readonly actor: string
  readonly kid: string | null
  readonly by: string | null
}

export const command = defineCommand({
  pattern: 'actor revoke <name>',
  describe: 'take a key its force: what it asked for and nobody claimed ends, what runs finishes',
  group: 'Workspace',
  examples: [
    [
      'prov actor revoke bob --reason "laptop lost" --actor alice',
      'alice signs it; it is not undone',
    ],
  ],
  flags: {
    name: {
      type: 'string',
      required: true,
      describe: 'whose key, as `prov actor list` names it',
      complete: {
        read: 'enrolled',
        where: { role: undefined, revoked: undefined },
        value: 'actor',
        says: ['kind'],
      },
    },
    reason: { type: 'string', required: true, describe: 'why, for the trail' },
  },
  writes: true,
  async run({ name: actor, reason }, context): Promise<Revoked> {
    if (context.dryRun) {
      await mustBePerson(context)
      const enrolled = (await context.read('enrolled')) as readonly EnrolledView[]
      const key = enrolled.find((one) => one.actor === actor)
      const what =
        key === undefined
          ? 'nobody of that name is enrolled'
          : key.revoked !== undefined
            ? 'it is revoked already'
            : undefined
      if (what !== undefined) throw keyErrors.PROV_KEY_REVOKE_REFUSED({ actor, what })
      return { actor, kid: key?.kid ?? null, by: null }
    }
    const runtime = await context.runtime()
    const desk = runtime.service(keeperDesk)
    return { actor, ...(await desk.revoke({ actor, reason, as: context.actor })) }
  },
  render: ({ actor, by }, paint) => [
    by === null
      ? `would revoke the key of ${actor}`
      : paint.good(`the key of ${actor} is revoked, by ${by}`),
  ],
})
