/**
 * `prov plugins reload <name>`: changed code of a plugin comes in while everything goes on. Only the
 * process that runs it can do that, and until there is a daemon nobody can ask that process.
 *
 * @module
 */
import { discoverPlugins } from '../../plugin/discover.ts'
import { pluginErrors } from '../../plugin/errors.ts'
import { defineCommand } from '../command.ts'
import { cliErrors } from '../errors.ts'
import { workplace } from '../look.ts'

export const command = defineCommand({
  pattern: 'plugins reload <name>',
  describe: 'bring in changed code of a plugin that runs; waits for the daemon, says so until then',
  group: 'Runtime',
  examples: [['prov plugins reload ./tools/quota.ts', 'says what to do instead, for now']],
  flags: { name: { type: 'string', required: true, describe: 'as `prov plugins` shows it' } },
  run: async ({ name }, context): Promise<never> => {
    const { found } = discoverPlugins({ workspace: context.root() })
    if (!found.some(({ id }) => id === name)) {
      throw pluginErrors.PROV_PLUGIN_UNKNOWN({ id: name, known: found.map(({ id }) => id) })
    }
    const { holder } = await workplace(context)
    throw cliErrors.PROV_CLI_RELOAD_UNREACHABLE({
      plugin: name,
      ...(holder && { pid: holder.pid }),
    })
  },
})
