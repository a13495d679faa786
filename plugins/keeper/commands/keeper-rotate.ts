/** `prov keeper rotate`: another key signs for the keeper, once the controller confirmed it (D-39). @module */
import { defineCommand, keeperDesk } from 'prov'
import type { CommandContext, Emitter, Paint } from 'prov'
import { mustBePerson } from './person.ts'

/** What giving a plane another key came to. */
export interface Rotated {
  readonly plane: Emitter
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
  run: (_, context) => rotate('keeper', context),
  render: rotatedLines,
})

/** Throws PROV_KEY_ROTATION_REFUSED, PROV_KEY_SIGNATURES, PROV_KEY_PLANE_ELSEWHERE. */
export async function rotate(plane: Emitter, context: CommandContext): Promise<Rotated> {
  if (context.dryRun) {
    await mustBePerson(context)
    return { plane, kid: null, from: null, done: false, dryRun: true }
  }
  const runtime = await context.runtime()
  const rotated = await runtime.service(keeperDesk).rotate({ plane, as: context.actor })
  return { plane, ...rotated, dryRun: false }
}

export function rotatedLines({ plane, kid, from, done, dryRun }: Rotated, paint: Paint) {
  if (dryRun) return [`would give the ${plane} another key`]
  const text = `${from?.slice(0, 12)} → ${kid?.slice(0, 12)}`
  return done
    ? [paint.good(text)]
    : [
        paint.warn(`${text} is offered, and waits for the controller to confirm it`),
        paint.dim('see prov keys status'),
      ]
}
