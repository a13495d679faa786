/**
 * The whole command table about a project that is elsewhere: each command goes on as if the workspace
 * were here, or says by code why it cannot. A new command fails here until somebody says which.
 */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { knownCommands } from '../../core/cli/commands.ts'
import { discoverPlugins } from '../../core/plugin/discover.ts'
import { provHere } from '../support/cli.ts'
import { findNatsServer, howToInstall } from '../support/nats-server.ts'
import { deskStage, project } from './stage.ts'

t.setTimeout(900_000)
const path = findNatsServer()
const skip = path === undefined && howToInstall

const there = [64, 'PROV_DESK_ELSEWHERE'] as const

t.test('each command about a project elsewhere', { skip }, async (t) => {
  const stage = await deskStage(t, path ?? '')
  await stage.open({ serve: true })
  const home = stage.home('laptop')
  const cwd = stage.home('empty')
  mkdirSync(join(home, 'keys'), { mode: 0o700 })
  cpSync(join(stage.on.home, 'keys/alice.json'), join(home, 'keys/alice.json'))
  cpSync(join(stage.on.home, 'keys/bob.json'), join(home, 'keys/bob.json'))
  const env = {
    NATS_URL: `nats://${stage.server.url}`,
    PROV_HOME: home,
    PROV_PROJECT: project,
    PROV_ACTOR: 'alice',
  }
  const prov = (...argv: readonly string[]) => provHere(argv, { cwd, env })
  const submit = async (...about: readonly string[]): Promise<string> => {
    const argv = ['op', 'submit', ...about, '--again', '--json'] as const
    return (JSON.parse((await prov(...argv)).out) as { op: string }).op
  }
  const deploy = () => submit('deploy', 'app-cluster/cert-manager')
  const drain = () => submit('drain', 'app-cluster')
  const restarted = await submit('restart', 'monitoring/grafana')
  const held = await deploy()
  const beside = (name: string) => join(home, '..', name)
  const act = beside('act.json')
  const bob = ['--actor', 'bob', '--reason', 'looked'] as const
  writeFileSync(join(cwd, 'own.ncl'), '{ a = 1 }\n')

  // Drafted where the planes are, signed and handed in here.
  const drafted = await stage.on.prov('keys', 'draft', 'rotate', 'submitter', '--out', act)
  t.equal(drafted.code, 0, drafted.err)

  const lines: Readonly<
    Record<string, readonly [argv: readonly string[], exit?: number, code?: string]>
  > = {
    actors: [[], ...there],
    'actors letters': [[], ...there],
    'actors replay': [['99'], ...there],
    'actors resume': [[`keeper/${held}`], ...there],
    'actors steps': [[`keeper/${held}`], ...there],
    completion: [['bash']],
    doctor: [[]],
    events: [[], ...there],
    'events emit': [['ecosystem.my-infra.build.completed', '{"image":"app:7"}'], ...there],
    help: [['errors']],
    'journal adopt': [['--reason', 'restored'], ...there],
    'journal archive': [[], ...there],
    'journal dump': [[], ...there],
    'journal repair': [[], ...there],
    'journal stats': [[], ...there],
    'journal verify': [[], ...there],
    'nats apply': [[]],
    'nats config': [[], ...there],
    'nats keys': [[], ...there],
    'nats status': [[]],
    'nats topology': [[]],
    'ncl export': [['own.ncl']],
    'ncl key': [['own.ncl']],
    'ncl lint': [['own.ncl']],
    'plane export': [['mirror', '--out', beside('mirror.plane')], ...there],
    'plane join': [[beside('none.plane')], ...there],
    'plane list': [[], ...there],
    'plane run': [[], ...there],
    plugins: [[]],
    'plugins reload': [['mirror'], ...there],
    'plugins trust': [['mirror'], ...there],
    run: [[], ...there],
    'validate-ops-contract': [[], ...there],
    'wait event': [['ecosystem.my-infra.op.held', '--since', '1h', '--timeout', '1s'], 7],
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
    'keys draft': [['rotate', 'submitter', '--out', beside('other.json')], ...there],
    'keys sign': [[act]],
    'keys apply': [[act]],
    'actor create': [['carol', '--no-seal']],
    'actor enrol': [['carol', '--group', 'ops']],
    'actor revoke': [['carol', '--reason', 'left']],
    'actor list': [[]],
    'controller status': [[]],
    'controller replay': [['command:1:1'], 64, 'PROV_CONTROLLER_NO_LETTER'],
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
      t.fail(`${words} is not tried about a project elsewhere here`)
      continue
    }
    const [argv, exit = 0, refusal] = line
    const { code, out, err } = await prov(...words.split(' '), ...argv, '--json')
    t.equal(code, exit, `${words}: ${err || out}`)
    const report = err.slice(err.indexOf('{'))
    if (refusal !== undefined) {
      t.equal((JSON.parse(report) as { code: string }).code, refusal, words)
    }
  }

  // A workspace that is named is meant, whatever the environment says of a project.
  const { code, out } = await prov('plane', 'list', '--json', '--workspace', stage.on.workspace)
  t.equal(code, 0)
  t.match(out, 'submitter')
})
