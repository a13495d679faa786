/**
 * `prov actors resume <address>`: a person lets a parked actor go on, with the message that it failed
 * at or without it.
 *
 * @module
 */
import { actorErrors } from '../../actor/errors.ts'
import type { ActorRow } from '../../actor/system.ts'
import type { Runtime } from '../../runtime.ts'
import { defineCommand } from '../command.ts'

export const command = defineCommand({
  pattern: 'actors resume <address>',
  describe: 'let a parked actor go on',
  group: 'Runtime',
  examples: [
    ['prov actors resume operation/op-1', 'it tries the message again'],
    ['prov actors resume operation/op-1 --skip', 'the message becomes a dead letter'],
  ],
  flags: {
    address: { type: 'string', required: true, describe: 'the actor, as `type/id`' },
    skip: { type: 'boolean', default: false, describe: 'give up the message that it failed at' },
  },
  writes: true,
  run: async ({ address, skip }, context) => {
    const { actors } = await context.runtime()
    const { parked } = rowIn(actors, address)
    if (parked && !context.dryRun) await actors.resume(address as ActorRow['address'], { skip })
    const { status } = rowIn(actors, address)
    return { address, skip, status, parked: parked ?? null, resumed: !!parked && !context.dryRun }
  },
  render: ({ address, skip, status, parked, resumed }, paint) => {
    if (!parked) return [`${address} is not parked: it is ${status}`]
    const what = skip ? ` without ${parked.event ?? 'the message that it failed at'}` : ''
    return resumed
      ? [`${paint.good('resumed')} ${address}${what}`]
      : [`would resume ${address}${what}: it is parked for ${parked.message}`]
  },
})

function rowIn(actors: Runtime['actors'], address: string): ActorRow {
  const row = actors.list().find((one) => one.address === address)
  if (!row) throw actorErrors.PROV_ACTOR_UNKNOWN({ address })
  return row
}
