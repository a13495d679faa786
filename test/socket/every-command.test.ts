/**
 * The whole command table beside `prov run`: each command goes on as if it were alone, or says by code
 * why it cannot and what to do. A new command fails here until somebody says which.
 */
import { join } from 'node:path'
import t from 'tap'
import { knownCommands } from '../../core/cli/commands.ts'
import { discoverPlugins } from '../../core/plugin/discover.ts'
import { infra } from '../support/infra.ts'

t.setTimeout(900_000)

const locked = [7, 'PROV_JOURNAL_LOCKED'] as const

t.test('each command beside prov run', async (t) => {
  const here = await infra(t)
  const holder = here.child(['run', '--json'])
  await holder.said('is held by process')
  const submit = async (...about: readonly string[]): Promise<string> => {
    const argv = ['op', 'submit', ...about, '--again', '--no-wait', '--op-id', `op-${ids++}`]
    const { op } = await here.json<{ op: string }>(...argv)
    await here.prov('op', 'wait', op)
    return op
  }
  let ids = 1
  const deploy = () => submit('deploy', 'app-cluster/cert-manager')
  const drain = () => submit('drain', 'app-cluster')
  const restarted = await submit('restart', 'monitoring/grafana')
  const held = await deploy()
  const beside = (name: string) => join(here.home, '..', name)
  const act = beside('act.json')
  const bob = ['--actor', 'bob', '--reason', 'looked'] as const
  const ncl = '.ontology/state.ncl'

  /** What each is asked, how it ends, and the code where it is refused. In the order of the table. */
  const lines: Readonly<
    Record<string, readonly [argv: readonly string[], exit?: number, code?: string]>
  > = {
    actors: [[]],
    'actors letters': [[]],
    'actors replay': [['99'], 64, 'PROV_ACTOR_LETTER_UNKNOWN'],
    'actors resume': [[`keeper/${held}`]],
    'actors steps': [[`keeper/${held}`]],
    completion: [['bash']],
    doctor: [[]],
    events: [[]],
    'events emit': [['ecosystem.my-infra.build.completed', '{"image":"app:7"}']],
    help: [['errors']],
    // What cuts, packs or hands over the journal needs it alone, and says whom to end.
    'journal adopt': [['--reason', 'restored'], ...locked],
    'journal archive': [[], ...locked],
    'journal dump': [[]],
    'journal repair': [[], ...locked],
    'journal stats': [[]],
    'journal verify': [[]],
    'nats apply': [[], 7, 'PROV_BUS_UNREACHABLE'],
    'nats config': [[], 64, 'PROV_CLI_NATS_NO_KEYS'],
    'nats keys': [[]],
    'nats status': [[]],
    'nats topology': [[]],
    'ncl export': [[ncl]],
    'ncl key': [[ncl]],
    'ncl lint': [['.ontology/state.ncl'], 1],
    'plane export': [['mirror', '--out', beside('mirror.plane')], ...locked],
    'plane join': [[beside('none.plane')], 4, 'PROV_PLANE_OCCUPIED'],
    'plane list': [[]],
    'plane run': [[], ...locked],
    plugins: [['--tree']],
    'plugins reload': [['mirror'], 1, 'PROV_PLUGIN_RELOAD_FAILED'],
    'plugins trust': [['mirror']],
    run: [[], ...locked],
    'validate-ops-contract': [[]],
    'wait event': [['ecosystem.my-infra.build.completed', '--since', '1h', '--timeout', '1m']],
    state: [[]],
    next: [[]],
    validate: [['deploy cert-manager before sops-operator']],
    connections: [[]],
    gates: [[]],
    drift: [[]],
    why: [[held]],
    card: [[]],
    capabilities: [[]],
    backlog: [[]],
    'backlog show': [['bl-deploy-certmgr']],
    'op plan': [['restart', 'monitoring/grafana'], 2],
    'op submit': [['restart', 'monitoring/grafana', '--again']],
    'op list': [[]],
    'op show': [[held]],
    'op wait': [[held], 5],
    'op approve': [[await drain(), ...bob], 6],
    'op reject': [[await drain(), ...bob]],
    'keeper approve': [[await drain(), ...bob], 6],
    'keeper reject': [[await drain(), ...bob]],
    'op withdraw': [[await drain(), '--reason', 'not now']],
    'op compensate': [[restarted], 3],
    'op resolve': [[held, '--as', 'applied', ...bob], 6],
    'policy show': [[]],
    'policy lint': [[]],
    'validate-keeper-policy': [[]],
    'policy activate': [[]],
    'keeper status': [[]],
    'keeper review': [[held, ...bob], 4],
    'keeper rotate': [[]],
    'plane rotate': [['controller']],
    'keeper mode': [['manual']],
    'keys status': [[]],
    'keys root': [[beside('root.key'), '--no-seal']],
    'keys draft': [['rotate', 'submitter', '--out', act]],
    'keys sign': [[act]],
    'keys apply': [[act]],
    'actor create': [['carol', '--no-seal']],
    'actor enrol': [['carol', '--group', 'ops']],
    'actor revoke': [['carol', '--reason', 'left']],
    'actor list': [[]],
    'controller status': [[]],
    'controller replay': [['command:1:1'], 64],
    metrics: [[]],
    'audit log': [[]],
    'audit verify': [[]],
    demo: [[]],
    setup: [[]],
  }
  const { entries } = await knownCommands(discoverPlugins({ workspace: undefined }))
  for (const words of entries.keys()) {
    const line = lines[words]
    if (!line) {
      t.fail(`${words} is not tried beside prov run here`)
      continue
    }
    const [argv, exit = 0, refusal] = line
    const { code, out, err } = await here.prov(...words.split(' '), ...argv, '--json')
    t.equal(code, exit, `${words}: ${err || out}`)
    if (refusal === undefined) {
      t.notMatch(err, '"PROV_JOURNAL_LOCKED"', words)
      continue
    }
    const report = JSON.parse(err.slice(err.indexOf('{'))) as { code: string; remedy: string }
    t.equal(report.code, refusal, words)
    if (refusal === locked[1]) t.match(report.remedy, `kill ${holder.pid}`, words)
  }
  holder.kill('SIGTERM')
  t.equal((await holder).code, 0)
})
