/**
 * `prov plugins reload <name>`: changed code of a plugin comes in while everything goes on. Only the
 * process that runs it can do that; `prov run` can be asked.
 *
 * @module
 */
import { ProvError } from '../../errors.ts'
import { discoverPlugins } from '../../plugin/discover.ts'
import { pluginErrors } from '../../plugin/errors.ts'
import type { Count } from '../../units.ts'
import { defineCommand } from '../command.ts'
import { cliErrors } from '../errors.ts'
import { workplace } from '../workplace.ts'

interface Reloaded {
  readonly plugin: string
  /** Null when nothing was asked for. */
  readonly generation: Count | null
  /** Actors of it that were checked. */
  readonly checked: Count
  readonly dryRun: boolean
}

export const command = defineCommand({
  pattern: 'plugins reload <name>',
  describe: 'bring in changed code of a plugin that `prov run` runs, while everything goes on',
  group: 'Runtime',
  examples: [['prov plugins reload ./tools/quota.ts', 'beside `prov run`']],
  flags: {
    name: {
      type: 'string',
      required: true,
      describe: 'as `prov plugins` shows it',
      complete: 'plugins',
    },
  },
  writes: true,
  async run({ name }, context): Promise<Reloaded> {
    const { found } = discoverPlugins({ workspace: context.root() })
    if (!found.some(({ id }) => id === name)) {
      throw pluginErrors.PROV_PLUGIN_UNKNOWN({ id: name, known: found.map(({ id }) => id) })
    }
    const { holder } = await workplace(context)
    const pid = holder && { pid: holder.pid }
    // Without anybody who runs it, the next start takes the new code anyway.
    if (!holder) throw cliErrors.PROV_CLI_RELOAD_UNREACHABLE({ plugin: name })
    if (context.dryRun) return { plugin: name, generation: null, checked: 0, dryRun: true }
    try {
      const { generation, checked } = await (await context.runtime()).reload(name)
      return { plugin: name, generation, checked, dryRun: false }
    } catch (thrown) {
      if (!ProvError.is(thrown) || thrown.code !== 'PROV_JOURNAL_LOCKED') throw thrown
      throw cliErrors.PROV_CLI_RELOAD_UNREACHABLE({ plugin: name, ...pid }, { cause: thrown })
    }
  },
  render: ({ plugin, generation, checked, dryRun }) => [
    dryRun
      ? `would ask for the code of ${plugin} as it lies there now`
      : `${plugin} runs anew (generation ${generation}); ${checked} of its actors were checked`,
  ],
})
