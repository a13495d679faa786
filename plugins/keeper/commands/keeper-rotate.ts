/** `prov keeper rotate`: another key signs for the keeper, once the controller confirmed it (D-39). @module */
import { defineCommand, keeperDesk } from 'prov'
import { mustBePerson } from './person.ts'

interface Rotated {
  readonly kid: string | null
  readonly from: string | null
  /** False while the controller has not confirmed it. */
  readonly done: boolean
  readonly dryRun: boolean
}

export const command = defineCommand({
  pattern: 'keeper rotate',
  describe:
    'give the keeper another key: it signs once the controller confirmed it, nothing is lost',
  group: 'Operations',
  examples: [
    ['prov keeper rotate --actor alice', 'alice signs it; the old private key is gone afterwards'],
  ],
  flags: {},
  writes: true,
  async run(_, context): Promise<Rotated> {
    if (context.dryRun) {
      await mustBePerson(context)
      return { kid: null, from: null, done: false, dryRun: true }
    }
    const runtime = await context.runtime()
    const rotated = await runtime.service(keeperDesk).rotate({ as: context.actor })
    return { ...rotated, dryRun: false }
  },
  render: ({ kid, from, done, dryRun }, paint) => {
    if (dryRun) return ['would give the keeper another key']
    const text = `${from?.slice(0, 12)} → ${kid?.slice(0, 12)}`
    return done
      ? [paint.good(text)]
      : [
          paint.warn(`${text} is offered, and waits for the controller to confirm it`),
          paint.dim('see prov keeper status'),
        ]
  },
})
