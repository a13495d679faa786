/**
 * `prov plane export`: hands a plane over, to live in a process or on a machine of its own. Its key
 * goes along, sealed, and is gone here.
 *
 * @module
 */
import { join, resolve } from 'node:path'
import { anchorsDir, ensureHome } from '../../config/home.ts'
import { openJournal } from '../../journal/file.ts'
import { defineCommand } from '../command.ts'
import { settingsOf } from '../nats.ts'
import { planeErrors } from '../../protocol/plane-errors.ts'
import { planePassphrase } from '../plane.ts'

export const command = defineCommand({
  pattern: 'plane export <plane>',
  describe: 'hand a plane over to a process or a machine of its own',
  group: 'Runtime',
  notes: [
    'Broken off in between, the plane runs nowhere and its key is in one place; the same command again finishes it.',
    'Nothing may be under way. Afterwards this workspace does not run the plane any more, and hears it over the NATS server that the settings name.',
  ],
  examples: [
    ['prov plane export keeper --out keeper.plane', 'then there: prov plane join keeper.plane'],
    [
      'prov plane export keeper --lost --out keeper.plane',
      'for one that has nothing but its key: a new keeper epoch, operations go on',
    ],
  ],
  flags: {
    plane: { type: 'string', required: true, describe: 'submitter, keeper, controller or mirror' },
    out: { type: 'string', required: true, describe: 'file to write, mode 600', complete: 'files' },
    lost: {
      type: 'boolean',
      default: false,
      describe:
        'the keeper lost its journal and has its key: grant it a new epoch, here where the controller is',
    },
  },
  writes: true,
  async run({ plane: text, out, lost }, context) {
    const { handOver, parsePlane } = await import('../../protocol/handover.ts')
    const { markApart } = await import('../../protocol/apart.ts')
    const plane = parsePlane(text)
    const { stateDir, root, name: workspace } = await context.files()
    const file = resolve(context.cwd, out)
    if (context.dryRun) return { plane, file, events: 0, dry: true }
    if (lost && plane !== 'keeper') throw planeErrors.PROV_PLANE_ELSEWHERE({ plane })
    const passphrase = lost ? '' : await planePassphrase(context, plane)
    const { url, from } = await settingsOf(context)
    const journal = await openJournal({
      dir: join(stateDir, 'journal'),
      anchors: anchorsDir(context.env, context.home),
      clock: context.clock,
    })
    try {
      const home = ensureHome(context.home, root)
      const server = from['url'] === undefined ? undefined : url
      const whose = { journal, workspace, home, file, url: server }
      const { handOverLost } = await import('../../protocol/handover-lost.ts')
      const { events } = lost
        ? await handOverLost({ ...whose, clock: context.clock })
        : await handOver({ ...whose, plane, passphrase, moved: () => markApart(stateDir) })
      return { plane, file, events, dry: false }
    } finally {
      await journal.close()
    }
  },
  render: ({ plane, file, events, dry }, paint) =>
    dry
      ? [`${plane} would be handed over to ${file}`]
      : [
          paint.good(`${plane} is handed over: ${file} holds its sealed key and ${events} events`),
          `there: prov plane join ${file}; here it lives no more`,
        ],
})
