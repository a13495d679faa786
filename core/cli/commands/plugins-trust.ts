/**
 * `prov plugins trust <name>`: pins the content of a plugin that came with the workspace. From then
 * on exactly this code may run here, and no other.
 *
 * @module
 */
import { ensureHome } from '../../config/home.ts'
import { discoverPlugins } from '../../plugin/discover.ts'
import { pluginErrors } from '../../plugin/errors.ts'
import { trustPlugin } from '../../plugin/trust.ts'
import { defineCommand } from '../command.ts'

export const command = defineCommand({
  pattern: 'plugins trust <name>',
  describe: 'let a plugin of this workspace run, as its code is now',
  group: 'Runtime',
  examples: [
    ['prov plugins trust ./tools/quota.ts', 'a plugin that is a file of the workspace'],
    ['prov plugins trust @acme/prov-quota --dry-run', 'show what would be pinned'],
    [
      'prov plugins trust ./tools/copy.ts --grant prov.journal',
      'it may read and write the journal',
    ],
  ],
  flags: {
    name: {
      type: 'string',
      required: true,
      describe: 'as `prov plugins` shows it',
      complete: 'plugins',
    },
    grant: {
      type: 'string',
      many: true,
      describe: 'a guarded service that it may need, such as prov.journal',
    },
    isolation: {
      type: 'string',
      choices: ['none'],
      describe: 'none: it may run inside Prov’s own thread, where nothing contains its faults',
    },
  },
  writes: true,
  run: async ({ name, grant, isolation }, context) => {
    const root = context.root()
    const { found } = discoverPlugins({ workspace: root })
    const plugin = found.find(({ id }) => id === name)
    if (!plugin) {
      throw pluginErrors.PROV_PLUGIN_UNKNOWN({ id: name, known: found.map(({ id }) => id) })
    }
    if (!context.dryRun) ensureHome(context.home, root)
    const { digest, files, before } = trustPlugin(
      plugin,
      { home: context.home, workspace: root },
      {
        clock: context.clock,
        dryRun: context.dryRun,
        grants: grant ?? [],
        isolation: isolation === 'none' ? 'none' : undefined,
      },
    )
    return {
      id: name,
      digest,
      files,
      before,
      grants: grant ?? [],
      ...(isolation === 'none' && before !== 'own' && { isolation }),
      pinned: before !== 'own' && !context.dryRun,
    }
  },
  render: ({ id, digest, files, before, grants, isolation, pinned }, paint) => {
    if (before === 'own') return [`${id} is part of Prov and needs no trust`]
    const inside = isolation === 'none' ? ', inside Prov’s own thread' : ''
    const allowed = (grants.length === 0 ? '' : `, with ${grants.join(', ')}`) + inside
    const what = `${files.length} ${files.length === 1 ? 'file' : 'files'}, ${digest}${allowed}`
    return pinned
      ? [`${paint.good('trusted')} ${id} as it is now: ${what}`]
      : [`would trust ${id}: ${what}`, ...files.map((file) => `  ${file}`)]
  },
})
