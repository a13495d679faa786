/**
 * `prov journal adopt`: a person lets this history go on under a new id, because it was restored,
 * copied or cut. Tokens made for the old id have no force any more; what was under way is in doubt.
 *
 * @module
 */
import { join } from 'node:path'
import { anchorsDir, ensureHome } from '../../config/home.ts'
import { passphraseFrom } from '../../config/passphrase.ts'
import type { JsonObject } from '../../json.ts'
import { adoptJournal } from '../../journal/adopt.ts'
import type { JournalReader } from '../../journal/journal.ts'
import { signAdoption } from '../../protocol/adoption.ts'
import { keyErrors } from '../../protocol/errors.ts'
import { Keyring } from '../../protocol/keyring.ts'
import { openKeyStore } from '../../protocol/keys.ts'
import { auditEvents } from '../../protocol/trail.ts'
import { asProvError } from '../../errors.ts'
import { ledger } from '../../protocol/services.ts'
import { defineCommand } from '../command.ts'
import type { CommandContext } from '../command.ts'
import { journalIn } from '../context.ts'

export const command = defineCommand({
  pattern: 'journal adopt',
  describe: 'go on from this journal under a new id, after a restore, a copy or a loss; signed',
  group: 'Runtime',
  examples: [
    [
      'prov journal adopt --reason "restored the backup of Monday" --actor alice',
      'older tokens die, operations that were under way are in doubt',
    ],
  ],
  flags: {
    reason: { type: 'string', required: true, describe: 'why, for the trail' },
  },
  writes: true,
  async run({ reason }, context) {
    const { stateDir, root, name } = await context.files()
    const reader = await journalIn(stateDir)
    const ring = reader && (await ringOf(reader, name))
    const from = reader?.id ?? null
    const { position = 0 } = (await reader?.head()) ?? {}
    await reader?.close()
    if (context.dryRun) return { from, to: null, position }
    const { clock } = context
    const keys = openKeyStore({
      home: ensureHome(context.home, root),
      clock,
      passphrase: passphraseFrom(context.env, (actor) =>
        context.ask(`passphrase of ${actor}: `, { secret: true }),
      ),
    })
    const adopted = await adoptJournal({
      dir: join(stateDir, 'journal'),
      anchors: anchorsDir(context.env, context.home),
      clock,
      async sign(adoption): Promise<JsonObject> {
        // Where no person is known yet there is nobody whose word could count.
        if (!ring?.hasPeople) return { ...adoption, by: 'nobody' }
        const signer = await keys.signer(context.actor)
        const { actor, kid, kind } = signer.record
        if (!ring.key(kid)) throw keyErrors.PROV_KEY_NOT_ENROLLED({ actor, workspace: name })
        if (kind !== 'human') {
          throw keyErrors.PROV_KEY_ADOPTION_REFUSED({
            what: `${actor} is no person but an ${kind}`,
          })
        }
        const request = { signer, workspace: name, clock, reason, adoption }
        return (await signAdoption(request)) as unknown as JsonObject
      },
    })
    await follow(context)
    return adopted
  },
  render: ({ from, to, position }, paint) =>
    to === null
      ? [`journal ${from ?? 'none'} would go on under a new id from position ${position}`]
      : [
          paint.good(`journal ${from} goes on as ${to} from position ${position}`),
          'tokens for the old id have no force; `prov op list` shows what is in doubt',
        ],
})

/** Into trail and ledger, and what was under way in doubt: now, where a start can be. */
async function follow(context: CommandContext): Promise<void> {
  try {
    await (await context.runtime()).service(ledger).settled({ signal: context.signal })
  } catch (thrown) {
    const { message, remedy } = asProvError(thrown)
    context.progress(`it is adopted, and the next start tells the ledger: ${message}; ${remedy}`)
  }
}

async function ringOf(journal: JournalReader, workspace: string): Promise<Keyring> {
  const ring = new Keyring({ journal: journal.lineage[0] ?? journal.id, workspace })
  for await (const event of auditEvents(journal)) ring.take(event)
  return ring
}
