/**
 * `prov plugins`: found, loaded, refused, each with its reason. Without `--tree` nothing of theirs
 * is imported; with it the runtime starts and says how that went.
 *
 * @module
 */
import { findWorkspace } from '../../config/workspace.ts'
import { discoverPlugins } from '../../plugin/discover.ts'
import type { PluginRow } from '../../plugin/host.ts'
import { spanLines } from '../../plugin/tree.ts'
import type { Span } from '../../plugin/tree.ts'
import { standing } from '../../plugin/trust.ts'
import { defineCommand } from '../command.ts'
import type { CommandContext } from '../command.ts'
import { table } from '../table.ts'

interface Listed {
  readonly id: string
  readonly source: string
  readonly state: string
  readonly version?: string
  readonly why?: string
  readonly fix?: string
  /** What it declares beyond itself, when it was imported and there is any. */
  readonly isolation?: string
  /** How often its thread or process had to be started again. */
  readonly restarts?: number
  readonly contributes?: readonly string[]
  readonly routes?: readonly string[]
}
interface Listing {
  readonly plugins: readonly Listed[]
  readonly boot?: Span
}

export const command = defineCommand({
  pattern: 'plugins',
  describe: 'which plugins there are, how each one stands, and why',
  group: 'Runtime',
  examples: [
    ['prov plugins', 'what is found here; runs nothing'],
    ['prov plugins --tree', 'start them and show what took how long'],
  ],
  flags: {
    tree: { type: 'boolean', default: false, describe: 'start the runtime and time each part' },
  },
  run: async ({ tree }, context): Promise<Listing> => {
    if (!tree) return { plugins: await found(context) }
    const runtime = await context.runtime()
    return { plugins: runtime.plugins().map(listed), boot: runtime.boot }
  },
  render: ({ plugins, boot }, paint, format) => {
    const colour = (state: string) =>
      state === 'refused' || state === 'failed'
        ? paint.bad
        : state === 'untrusted' || state === 'ended' || state === 'restarting'
          ? paint.warn
          : paint.good
    const rows = plugins.map(({ id, source, state, isolation, why, fix }) => [
      id,
      isolation === undefined || isolation === 'worker' ? source : `${source}, ${isolation}`,
      [state, colour(state)] as const,
      [why, fix].filter(Boolean).join('; '),
    ])
    if (rows.length === 0) return ['no plugins found']
    const lines = table(rows, { paint, format, head: ['plugin', 'from', 'state', 'why'] })
    return boot ? [...lines, '', ...spanLines(boot)] : lines
  },
})

async function found(context: CommandContext): Promise<readonly Listed[]> {
  const workspace = findWorkspace(context.cwd) && (await context.files()).root
  const { found, refused } = discoverPlugins({ workspace })
  return [
    ...found.map((plugin): Listed => {
      const { standing: how } = standing(plugin, {
        home: context.home,
        workspace: workspace ?? '',
      })
      const base = {
        id: plugin.id,
        source: plugin.source,
        ...(plugin.version !== undefined && { version: plugin.version }),
      }
      if (how === 'own' || how === 'trusted') return { ...base, state: 'found' }
      return {
        ...base,
        state: 'untrusted',
        why: how === 'new' ? 'nobody trusted it yet' : 'it changed since it was trusted',
        fix: `prov plugins trust ${plugin.id}`,
      }
    }),
    ...refused.map(({ id, error }) => ({
      id,
      source: 'manifest',
      state: 'refused',
      why: error.message,
      fix: error.remedy,
    })),
  ]
}

function listed(row: PluginRow): Listed {
  const lost = row.lost.length > 0 ? `lost ${row.lost.join(', ')}` : undefined
  const why = row.error?.message ?? lost
  return {
    id: row.id,
    source: row.source,
    state: row.state,
    ...(row.version !== undefined && { version: row.version }),
    ...(why !== undefined && { why }),
    ...(row.isolation !== undefined && row.isolation !== 'none' && { isolation: row.isolation }),
    ...(row.restarts !== undefined && { restarts: row.restarts }),
    ...(row.error && { fix: row.error.remedy }),
    ...(row.contributes.length > 0 && { contributes: row.contributes }),
    ...(row.routes.length > 0 && { routes: row.routes }),
  }
}
