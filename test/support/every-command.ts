/**
 * The whole command table, a line for each command: what it is asked, and how it ends where the workspace
 * is held by `prov run` and where its planes are elsewhere. A new command fails in the tests of both until
 * somebody says which.
 */
import { join } from 'node:path'
import type { Test } from 'tap'
import { knownCommands } from '../../core/cli/commands.ts'
import { discoverPlugins } from '../../core/plugin/discover.ts'
import type { Ran } from './cli.ts'

/** Exit code, and the code of the error table where it is refused. */
type End = readonly [exit: number, code?: string]
export type Where = 'beside' | 'elsewhere'

interface Line {
  readonly argv: readonly string[]
  readonly beside: End
  readonly elsewhere: End
}

/** The operations and files that lines name. */
export interface Standing {
  /** Folder for what is written. */
  readonly folder: string
  /** A restart that was applied. */
  readonly restarted: string
  readonly held: string
  /** Another operation that is held, under way nowhere else. */
  readonly drain: () => Promise<string>
  /** A Nickel file, and a drafted act. */
  readonly ncl: string
  readonly act: string
  /** Where another act is drafted to. */
  readonly draft: string
}

const done: End = [0]
const there: End = [64, 'PROV_DESK_ELSEWHERE']
/** What cuts, packs or hands over the journal needs it alone, and says whom to end. */
export const locked: End = [7, 'PROV_JOURNAL_LOCKED']

const line = (argv: readonly string[], beside: End = done, elsewhere: End = beside): Line => ({
  argv,
  beside,
  elsewhere,
})
/** One that reads or writes the folder of the workspace. */
const here = (argv: readonly string[], beside: End = done) => line(argv, beside, there)

/** In the order of the table. */
async function linesFor(on: Standing): Promise<Readonly<Record<string, Line>>> {
  const { restarted, held, drain, ncl, act, draft } = on
  const file = (name: string) => join(on.folder, name)
  const bob = ['--actor', 'bob', '--reason', 'looked'] as const
  const built = 'ecosystem.my-infra.build.completed'
  return {
    actors: here([]),
    'actors letters': here([]),
    'actors replay': here(['99'], [64, 'PROV_ACTOR_LETTER_UNKNOWN']),
    'actors resume': here([`keeper/${held}`]),
    'actors steps': here([`keeper/${held}`]),
    completion: line(['bash']),
    doctor: line([]),
    events: here([]),
    'events emit': here([built, '{"image":"app:7"}']),
    help: line(['errors']),
    'journal adopt': here(['--reason', 'restored'], locked),
    'journal archive': here([], locked),
    'journal dump': here([]),
    'journal repair': here([], locked),
    'journal stats': here([]),
    'journal verify': here([]),
    'nats apply': line([], [7, 'PROV_BUS_UNREACHABLE'], done),
    'nats config': here([], [64, 'PROV_CLI_NATS_NO_KEYS']),
    'nats keys': here([]),
    'nats status': line([]),
    'nats topology': line([]),
    'ncl export': line([ncl]),
    'ncl key': line([ncl]),
    'ncl lint': line([ncl]),
    'plane export': here(['mirror', '--out', file('mirror.plane')], locked),
    'plane join': here([file('none.plane')], [4, 'PROV_PLANE_OCCUPIED']),
    'plane list': here([]),
    'plane run': here([], locked),
    plugins: here(['--tree']),
    'plugins reload': here(['mirror'], [1, 'PROV_PLUGIN_RELOAD_FAILED']),
    'plugins trust': here(['mirror']),
    run: here([], locked),
    'validate-ops-contract': here([]),
    // Told a moment ago, and to this workspace alone.
    'wait event': line([built, '--since', '1h', '--timeout', '1s'], done, [
      7,
      'PROV_ECOSYSTEM_TIMEOUT',
    ]),
    state: line([]),
    next: line([]),
    validate: line(['deploy cert-manager before sops-operator']),
    connections: line([]),
    gates: line([]),
    drift: line([]),
    why: line([held]),
    card: line([]),
    capabilities: line([]),
    backlog: line([]),
    'backlog show': line(['bl-deploy-certmgr']),
    'op plan': line(['restart', 'monitoring/grafana'], [2]),
    'op submit': line(['restart', 'monitoring/grafana', '--again']),
    'op list': line([]),
    'op show': line([held]),
    'op wait': line([held], [5]),
    'op approve': line([await drain(), ...bob], [6]),
    'op reject': line([await drain(), ...bob]),
    'keeper approve': line([await drain(), ...bob], [6]),
    'keeper reject': line([await drain(), ...bob]),
    'op withdraw': line([await drain(), '--reason', 'not now']),
    'op compensate': line([restarted], [3]),
    'op resolve': line([held, '--as', 'applied', ...bob], [6]),
    'policy show': line([]),
    'policy lint': line([]),
    'validate-keeper-policy': line([]),
    'policy activate': line([]),
    'keeper status': line([]),
    'keeper review': line([held, ...bob], [4]),
    'keeper rotate': line([]),
    'plane rotate': line(['controller']),
    'keeper mode': line(['manual']),
    'keys status': line([]),
    'keys root': line([file('root.key'), '--no-seal']),
    'keys draft': here(['rotate', 'submitter', '--out', draft]),
    'keys sign': line([act]),
    'keys apply': line([act]),
    'actor create': line(['carol', '--no-seal']),
    'actor enrol': line(['carol', '--group', 'ops']),
    'actor revoke': line(['carol', '--reason', 'left']),
    'actor list': line([]),
    'controller status': line([]),
    'controller replay': line(['command:1:1'], [64, 'PROV_CONTROLLER_NO_LETTER']),
    metrics: line([]),
    'audit log': line([]),
    'audit verify': line([]),
    // Two of the three are people's, and not there.
    'validate-radicle-governance': here([], [1]),
    demo: line([]),
    setup: line([]),
  }
}

/** Runs every command; `more` looks at what came. Each output is held against its shape on the way. */
export async function tryEach(
  t: Test,
  where: Where,
  prov: (...argv: readonly string[]) => Promise<Ran>,
  on: Standing,
  more: (words: string, ran: Ran, end: End) => void = () => {},
): Promise<void> {
  const lines = await linesFor(on)
  const { entries } = await knownCommands(discoverPlugins({ workspace: undefined }))
  for (const words of entries.keys()) {
    const one = lines[words]
    if (!one) {
      t.fail(`${words} is not tried: say in test/support/every-command.ts how it ends`)
      continue
    }
    const end = one[where]
    const argv = [...words.split(' '), ...one.argv, '--json']
    const ran = await prov(...argv).catch((thrown: Error) => void t.fail(thrown.message))
    if (!ran) continue
    t.equal(ran.code, end[0], `${words}: ${ran.err || ran.out}`)
    if (end[1] !== undefined) t.equal(reportIn(ran)?.code, end[1], words)
    more(words, ran, end)
  }
}

/** What stands on stderr behind whatever was told before. */
export function reportIn({ err }: Ran): { code: string; remedy: string } | undefined {
  const at = err.search(/^\{$/m)
  return at < 0 ? undefined : (JSON.parse(err.slice(at)) as { code: string; remedy: string })
}
