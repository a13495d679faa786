/** What is in doubt is resolved by a person far away, who has keys, the server and the name of the project. */
import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { provHere } from '../support/cli.ts'
import { reportIn } from '../support/every-command.ts'
import { findNatsServer, howToInstall } from '../support/nats-server.ts'
import { deskStage, project } from './stage.ts'

t.setTimeout(300_000)
const path = findNatsServer()
const skip = path === undefined && howToInstall

t.test(
  'an operation in doubt is resolved from elsewhere, and the dimension moves',
  { skip },
  async (t) => {
    const stage = await deskStage(t, path ?? '')
    const { on } = stage
    // Killed while its first step was under way, and the journal goes on under another id: nobody can say.
    const dying = on.child(['run'], { PROV_CRASH_AT: 'effect.started' })
    await dying.said('is held by process')
    const { op } = await on.json<{ op: string }>(
      'op',
      'submit',
      'deploy',
      'app-cluster/cert-manager',
    )
    await on.prov('op', 'approve', op, '--actor', 'bob', '--no-wait')
    await dying
    const adopted = await on.prov('journal', 'adopt', '--reason', 'restored the backup of Monday')
    t.equal(adopted.code, 0, adopted.err)
    t.match(await on.row(op), { phase: 'in_doubt' })

    await stage.open({ serve: true })
    const home = stage.home('laptop')
    mkdirSync(join(home, 'keys'), { mode: 0o700 })
    for (const person of ['alice', 'bob']) {
      cpSync(join(on.home, `keys/${person}.json`), join(home, `keys/${person}.json`))
    }
    const place = {
      cwd: stage.home('empty'),
      env: { NATS_URL: `nats://${stage.server.url}`, PROV_HOME: home, PROV_PROJECT: project },
    }
    const far = (...argv: readonly string[]) => provHere([...argv, '--json'], place)
    t.match(JSON.parse((await far('op', 'show', op, '--actor', 'bob')).out), { phase: 'in_doubt' })
    const resolve = ['op', 'resolve', op, '--as', 'applied', '--reason', 'the pod is up'] as const

    const own = await far(...resolve, '--actor', 'alice')
    t.equal(reportIn(own)?.code, 'PROV_OP_RESOLVE_SELF', 'not by whoever asked for it')
    const dry = await far(...resolve, '--actor', 'bob', '--dry-run')
    t.match(JSON.parse(dry.out), { phase: 'in_doubt', dryRun: true })
    const done = await far(...resolve, '--actor', 'bob')
    t.equal(done.code, 0, done.err)
    t.match(JSON.parse(done.out), { op, phase: 'applied', dryRun: false })
    t.match(await on.row(op), { phase: 'applied' }, 'where the planes are it is the same')
    const events = await on.events(op)
    t.match(
      events.find(({ type }) => type === 'prov.op.resolved'),
      { data: { as: 'applied', by: 'bob', reason: 'the pod is up' } },
    )
    const again = await far(...resolve, '--actor', 'bob')
    t.not(again.code, 0, 'once')
  },
)
