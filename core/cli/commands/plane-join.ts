/** `prov plane join`: takes a plane over that was handed over elsewhere. @module */
import { resolve } from 'node:path'
import { anchorsDir, ensureHome } from '../../config/home.ts'
import { defineCommand } from '../command.ts'
import { planePassphrase, stateOf } from '../plane.ts'

export const command = defineCommand({
  pattern: 'plane join <file>',
  describe: 'take over a plane that was handed over elsewhere',
  group: 'Runtime',
  examples: [
    ['prov plane join keeper.plane', 'in a copy of the workspace; then prov plane run'],
    ['prov plane join keeper.plane --state /var/lib/prov/keeper', 'beside others on one copy'],
  ],
  flags: {
    file: {
      type: 'string',
      required: true,
      describe: 'what prov plane export wrote',
      complete: 'files',
    },
    state: {
      type: 'string',
      describe: 'folder of its journal; default PROV_STATE, else .prov',
      complete: 'files',
    },
  },
  writes: true,
  async run({ file, state }, context) {
    const { joinPlane, judgeBundle } = await import('../../protocol/handover.ts')
    const { root, name: workspace, stateDir } = await context.files()
    const own = stateOf(context, state) ?? stateDir
    const from = resolve(context.cwd, file)
    if (context.dryRun) {
      const { plane, events } = await judgeBundle({ file: from, workspace, stateDir: own })
      return { plane, state: own, events, joined: false }
    }
    const { plane, events } = await joinPlane({
      file: from,
      workspace,
      stateDir: own,
      home: ensureHome(context.home, root),
      anchors: anchorsDir(context.env, context.home),
      passphrase: await planePassphrase(context, 'the plane'),
      clock: context.clock,
    })
    return { plane, state: own, events, joined: true }
  },
  render: ({ plane, state, events, joined }, paint) =>
    !joined
      ? [`${plane} would live in ${state} and know ${events} events`]
      : [paint.good(`${plane} lives in ${state} now and knows ${events} events`), 'prov plane run'],
})
