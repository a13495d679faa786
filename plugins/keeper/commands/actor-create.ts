/**
 * `prov actor create`: makes an Ed25519 key outside the workspace, sealed with a passphrase, and
 * enrols it in the workspace around, if there is one. The first person vouches for themselves,
 * everybody after that is vouched for by a person (D-27).
 *
 * @module
 */
import { join } from 'node:path'
import {
  actorNamePattern,
  asProvError,
  defineCommand,
  ensureHome,
  fields,
  homeOutside,
  keyErrors,
  openKeyStore,
  passphraseFrom,
} from 'prov'
import type { CommandContext } from 'prov'
import { enrol, standingFlags, standingOf } from './actor-enrol.ts'
import { actorErrors } from './errors.ts'

interface Created {
  readonly actor: string
  readonly kind: 'human' | 'agent'
  readonly kid: string | null
  readonly file: string
  readonly sealed: boolean
  readonly enrolled: boolean
  readonly by: string | null
  /** Why it is not enrolled. */
  readonly why?: string
}

export const command = defineCommand({
  pattern: 'actor create <name>',
  describe: 'make a key for a person or an agent, and enrol it in this workspace',
  group: 'Workspace',
  examples: [
    ['prov actor create alice', 'asks for a passphrase, twice'],
    ['prov actor create bot --kind agent --actor alice', 'alice vouches for an agent'],
    ['prov actor create bob --no-seal', 'unsealed, for development: whoever reads the file signs'],
  ],
  flags: {
    name: { type: 'string', required: true, describe: 'lower case letters, digits, . and -' },
    kind: {
      type: 'string',
      choices: ['human', 'agent'],
      default: 'human',
      describe: 'agents propose, they never approve',
    },
    seal: {
      type: 'boolean',
      default: true,
      describe: 'seal with a passphrase; --no-seal does not',
    },
    enrol: {
      type: 'boolean',
      default: true,
      describe: 'enrol it here; --no-enrol only makes the key',
    },
    ...standingFlags,
  },
  writes: true,
  async run({ name, kind, seal, enrol: join_, group, person }, context): Promise<Created> {
    if (!actorNamePattern.test(name)) throw keyErrors.PROV_KEY_NAME_INVALID({ actor: name })
    const file = join(context.home, 'keys', `${name}.json`)
    const of = kind === 'agent' ? 'agent' : 'human'
    // Nobody is there to type an agent's passphrase.
    const sealed = seal && of === 'human'
    const base = { actor: name, kind: of, file, sealed } as const
    const root = await context.files().then(
      (files) => files.root,
      () => undefined,
    )
    if (root !== undefined) homeOutside(context.home, root)
    if (context.dryRun) {
      return { ...base, kid: null, enrolled: false, by: null, why: 'dry run: nothing was made' }
    }
    ensureHome(context.home)
    const passphrase = sealed ? await newPassphrase(name, context) : ''
    const keys = openKeyStore({ home: context.home, clock: context.clock })
    const record = await keys.create({ actor: name, kind: of, passphrase })
    const made = { ...base, sealed: passphrase !== '', kid: record.kid, enrolled: false, by: null }
    if (!join_) return made
    if (root === undefined) {
      return { ...made, why: 'there is no workspace here; it is enrolled when it is first used' }
    }
    try {
      const { by } = await enrol(record, context, standingOf({ group, person }))
      return { ...made, enrolled: true, by }
    } catch (thrown) {
      // The key is made and good: losing it because nobody could vouch would be worse.
      const { message, remedy } = asProvError(thrown)
      return { ...made, why: `${message}; ${remedy}` }
    }
  },
  render: ({ actor, kind, kid, file, sealed, enrolled, by, why }, paint, format) =>
    fields(
      [
        ['actor', [actor, paint.bold]],
        ['kind', kind],
        ['key', kid ?? undefined],
        ['file', file],
        [
          'sealed',
          sealed
            ? 'with a passphrase'
            : kind === 'agent'
              ? 'no: nobody types an agent’s passphrase'
              : ['no: whoever can read the file can sign', paint.warn],
        ],
        ['enrolled', enrolled ? [`yes, by ${by}`, paint.good] : ['no', paint.warn]],
        ['why', why],
      ],
      { paint, format },
    ),
})

/** Asks twice; empty leaves a key unsealed. Throws PROV_KEY_PASSPHRASE_*. */
export async function newPassphrase(actor: string, context: CommandContext): Promise<string> {
  const fromFile = passphraseFrom(context.env)
  if (fromFile) return (await fromFile(actor)) ?? ''
  const first = await context.ask(`passphrase for ${actor} (empty leaves it unsealed): `, {
    secret: true,
  })
  if (first === undefined) throw actorErrors.PROV_KEY_PASSPHRASE_ABSENT({ actor })
  if (first === '') return ''
  const again = await context.ask('once more: ', { secret: true })
  if (first !== again) throw actorErrors.PROV_KEY_PASSPHRASE_DIFFERS({ actor })
  return first
}
