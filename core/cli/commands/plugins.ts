/**
 * `prov plugins`: found, loaded, refused, each with its reason. Without `--tree` nothing of theirs
 * is imported; with it the runtime starts and says how that went.
 *
 * @module
 */
import { stateDirIn } from '../../config/workspace.ts'
import { discoverPlugins } from '../../plugin/discover.ts'
import type { FoundPlugin } from '../../plugin/discover.ts'
import type { PluginRow } from '../../plugin/host.ts'
import { tierOf } from '../../plugin/isolation/tier.ts'
import type { Isolation } from '../../plugin/isolation/tier.ts'
import { isPast, readRemembered } from '../../plugin/remembered.ts'
import type { Fault, RememberedPlugin } from '../../plugin/remembered.ts'
import { spanLines } from '../../plugin/tree.ts'
import type { Span } from '../../plugin/tree.ts'
import { grantedIsolation, standing } from '../../plugin/trust.ts'
import type { TrustPlace } from '../../plugin/trust.ts'
import { operatorDesk } from '../../protocol/operator-desk.ts'
import { defineCommand } from '../command.ts'
import type { CommandContext } from '../command.ts'
import { table } from '../table.ts'
import { workspaceHere } from '../workplace.ts'

interface Listed {
  readonly id: string
  readonly source: string
  readonly state: string
  readonly version?: string
  readonly why?: string
  readonly fix?: string
  /** Where it runs, or would; absent where it may not run at all. */
  readonly isolation?: Isolation
  /** The last time that it failed; `past` once it came up again after that. */
  readonly fault?: Fault & { readonly past: boolean }
  /** How often its thread or process had to be started again. */
  readonly restarts?: number
  /** What it declares beyond itself, when it was imported and there is any. */
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
  notes: [
    'Without --tree nothing of theirs runs and no lock is taken. How each one failed last is what the last start left in `.prov/plugins.json`.',
  ],
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
    const { plugins, boot } = await runtime.service(operatorDesk).started()
    const { plugins: known } = readRemembered(runtime.files.stateDir)
    return { plugins: plugins.map((row) => ({ ...listed(row), ...faultOf(known[row.id]) })), boot }
  },
  render: ({ plugins, boot }, paint, format) => {
    const colour = (state: string) =>
      state === 'refused' || state === 'failed'
        ? paint.bad
        : state === 'untrusted' || state === 'ended' || state === 'restarting'
          ? paint.warn
          : paint.good
    const rows = plugins.map(({ id, source, state, isolation, why, fix, fault }) => [
      id,
      isolation === undefined || source === 'first-party' ? source : `${source}, ${isolation}`,
      [state, colour(state)] as const,
      [why, fix, why === fault?.message ? undefined : faultText(fault)].filter(Boolean).join('; '),
    ])
    if (rows.length === 0) return ['no plugins found']
    const lines = table(rows, { paint, format, head: ['plugin', 'from', 'state', 'why'] })
    return boot ? [...lines, '', ...spanLines(boot)] : lines
  },
})

async function found(context: CommandContext): Promise<readonly Listed[]> {
  // Without a workspace there are Prov's own.
  const workspace = workspaceHere(context)
  const { found, refused } = discoverPlugins({ workspace })
  const remembered =
    workspace === undefined ? {} : readRemembered(stateDirIn(workspace, context)).plugins
  return [
    ...found.map((plugin): Listed => {
      const place = { home: context.home, workspace: workspace ?? '' }
      const { standing: how } = standing(plugin, place)
      const base = {
        id: plugin.id,
        source: plugin.source,
        ...(plugin.version !== undefined && { version: plugin.version }),
        ...tierIn(plugin, place),
        ...faultOf(remembered[plugin.id]),
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

function tierIn(plugin: FoundPlugin, place: TrustPlace): Pick<Listed, 'isolation'> {
  const granted = grantedIsolation(plugin, place)
  // Nobody allowed it to run without a wall, so it runs nowhere.
  if (plugin.isolation === 'none' && granted !== 'none') return {}
  return { isolation: tierOf(plugin, granted) }
}

const faultOf = (known: RememberedPlugin | undefined): Pick<Listed, 'fault'> =>
  known?.fault ? { fault: { ...known.fault, past: isPast(known) } } : {}

function faultText(fault: Listed['fault']): string | undefined {
  if (!fault) return undefined
  const { past, timeMs, code, message } = fault
  const when = new Date(timeMs).toISOString()
  return `failed last at ${when}${past ? ', and came up since' : ''}: ${code}: ${message}`
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
    ...(row.isolation !== undefined && { isolation: row.isolation }),
    ...(row.restarts !== undefined && { restarts: row.restarts }),
    ...(row.error && { fix: row.error.remedy }),
    ...(row.contributes.length > 0 && { contributes: row.contributes }),
    ...(row.routes.length > 0 && { routes: row.routes }),
  }
}
