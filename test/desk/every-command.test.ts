/**
 * The whole command table about a project that is elsewhere: each command goes on as if the workspace
 * were here, or says by code why it cannot.
 */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { provHere } from '../support/cli.ts'
import { reportIn, tryEach } from '../support/every-command.ts'
import { findNatsServer, howToInstall } from '../support/nats-server.ts'
import { deskStage, project } from './stage.ts'

t.setTimeout(900_000)
const path = findNatsServer()
const skip = path === undefined && howToInstall

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
  const folder = join(home, '..')
  const act = join(folder, 'act.json')
  writeFileSync(join(cwd, 'own.ncl'), '{ a = 1 }\n')

  // Drafted where the planes are, signed and handed in here.
  const drafted = await stage.on.prov('keys', 'draft', 'rotate', 'submitter', '--out', act)
  t.equal(drafted.code, 0, drafted.err)

  await tryEach(t, 'elsewhere', prov, {
    folder,
    restarted: await submit('restart', 'monitoring/grafana'),
    held: await submit('deploy', 'app-cluster/cert-manager'),
    drain: () => submit('drain', 'app-cluster'),
    ncl: 'own.ncl',
    act,
    draft: join(folder, 'other.json'),
  })

  // Without --tree it only looks, and what it would see here is not what runs there.
  t.match(reportIn(await prov('plugins', '--json')), { code: 'PROV_DESK_ELSEWHERE' })

  // A workspace that is named is meant, whatever the environment says of a project.
  const { code, out } = await prov('plane', 'list', '--json', '--workspace', stage.on.workspace)
  t.equal(code, 0)
  t.match(out, 'submitter')
})
