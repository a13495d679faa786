/** `prov plane run`: runs the planes that live here until it is interrupted. @module */
import { once } from 'node:events'
import { contract } from '../../protocol/services.ts'
import { createRuntime } from '../../runtime.ts'
import { defineCommand } from '../command.ts'
import { stateOf } from '../plane.ts'

export const command = defineCommand({
  pattern: 'plane run',
  describe: 'run the planes that live here until Ctrl-C',
  group: 'Runtime',
  examples: [
    ['prov plane run', 'after prov plane join, or where a plane was handed over'],
    ['prov plane run --state /var/lib/prov/keeper', 'one of several on one copy'],
    ['prov plane run --standby', 'a second process that takes over when the first one is gone'],
  ],
  flags: {
    state: {
      type: 'string',
      describe: 'folder of its journal; default PROV_STATE, else .prov',
      complete: 'files',
    },
    standby: { type: 'boolean', describe: 'wait while another process runs it, then take over' },
  },
  writes: true,
  async run({ state, standby }, context) {
    const { clock, home, env, signal, dryRun } = context
    if (dryRun) return { planes: [] as readonly string[] }
    await using prov = await createRuntime({
      workspace: context.root(),
      state: stateOf(context, state),
      clock,
      home,
      env,
      standby,
      serve: true,
      signal,
      passphrase: (actor) => context.ask(`passphrase of ${actor}: `, { secret: true }),
      log: ({ level, from, text }) => {
        if (level !== 'debug') context.progress(`${level}: ${from}: ${text}`)
      },
    })
    const { planes } = prov.service(contract)
    context.progress(`running: ${planes.join(', ')}`)
    const end = AbortSignal.any([signal, prov.over])
    if (!end.aborted) await once(end, 'abort')
    if (prov.over.aborted && !signal.aborted) throw prov.over.reason
    return { planes }
  },
  render: ({ planes }) => [planes.length === 0 ? 'nothing was run' : `ended: ${planes.join(', ')}`],
})
