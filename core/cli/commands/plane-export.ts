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
  ],
  flags: {
    plane: { type: 'string', required: true, describe: 'submitter, keeper, controller or mirror' },
    out: { type: 'string', required: true, describe: 'file to write, mode 600' },
  },
  writes: true,
  async run({ plane: text, out }, context) {
    const { handOver, parsePlane } = await import('../../protocol/handover.ts')
    const { markApart } = await import('../../protocol/apart.ts')
    const plane = parsePlane(text)
    const { stateDir, root, name: workspace } = await context.files()
    const file = resolve(context.cwd, out)
    if (context.dryRun) return { plane, file, events: 0, dry: true }
    const passphrase = await planePassphrase(context, plane)
    const { url, from } = await settingsOf(context)
    const journal = await openJournal({
      dir: join(stateDir, 'journal'),
      anchors: anchorsDir(context.env, context.home),
      clock: context.clock,
    })
    try {
      const { events } = await handOver({
        plane,
        journal,
        workspace,
        home: ensureHome(context.home, root),
        file,
        passphrase,
        url: from['url'] === undefined ? undefined : url,
        moved: () => markApart(stateDir),
      })
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
