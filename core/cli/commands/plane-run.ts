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
  ],
  flags: {
    state: { type: 'string', describe: 'folder of its journal; default PROV_STATE, else .prov' },
  },
  writes: true,
  async run({ state }, context) {
    const { clock, home, env, signal, dryRun } = context
    if (dryRun) return { planes: [] as readonly string[] }
    await using prov = await createRuntime({
      workspace: context.root(),
      state: stateOf(context, state),
      clock,
      home,
      env,
      passphrase: (actor) => context.ask(`passphrase of ${actor}: `, { secret: true }),
      log: ({ level, from, text }) => {
        if (level === 'warn' || level === 'error') context.progress(`${level}: ${from}: ${text}`)
      },
    })
    const { planes } = prov.service(contract)
    context.progress(`running: ${planes.join(', ')}`)
    if (!signal.aborted) await once(signal, 'abort')
    return { planes }
  },
  render: ({ planes }) => [planes.length === 0 ? 'nothing was run' : `ended: ${planes.join(', ')}`],
})
