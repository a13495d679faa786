/**
 * `prov actors resume <address>`: a person lets a parked actor go on, with the message that it failed
 * at or without it.
 *
 * @module
 */
import { actorErrors } from '../../actor/errors.ts'
import type { KeptRow } from '../../actor/kept.ts'
import { operatorDesk } from '../../protocol/operator-desk.ts'
import { defineCommand } from '../command.ts'
import { lookAtActors, rowIn } from '../look.ts'

export const command = defineCommand({
  pattern: 'actors resume <address>',
  describe: 'let a parked actor go on',
  group: 'Runtime',
  examples: [
    ['prov actors resume operation/op-1', 'it tries the message again'],
    ['prov actors resume operation/op-1 --skip', 'the message becomes a dead letter'],
  ],
  flags: {
    address: {
      type: 'string',
      required: true,
      describe: 'the actor, as `type/id`',
      complete: 'addresses',
    },
    skip: { type: 'boolean', default: false, describe: 'give up the message that it failed at' },
  },
  writes: true,
  run: async ({ address, skip }, context) => {
    // Nothing is started for an actor that is not there.
    const kept = rowIn(await lookAtActors(context), address)
    if (context.dryRun) return { address, skip, ...standing(kept), resumed: false }
    const desk = (await context.runtime()).service(operatorDesk)
    const now = await desk.resume({ address, skip })
    // Nobody who could go on: the plugin behind it does not run.
    if (!now && kept.parked) throw actorErrors.PROV_ACTOR_UNKNOWN({ address })
    return { address, skip, ...(now ?? standing(kept)), resumed: Boolean(now?.parked) }
  },
  render: ({ address, skip, status, parked, resumed }, paint) => {
    if (!parked) return [`${address} is not parked: it is ${status}`]
    const what = skip ? ` without ${parked.event ?? 'the message that it failed at'}` : ''
    return resumed
      ? [`${paint.good('resumed')} ${address}${what}`]
      : [`would resume ${address}${what}: it is parked for ${parked.message}`]
  },
})

interface Standing {
  readonly status: KeptRow['status']
  readonly parked: NonNullable<KeptRow['parked']> | null
}

const standing = ({ status, parked }: Pick<KeptRow, 'status' | 'parked'>): Standing => ({
  status,
  parked: parked ?? null,
})
