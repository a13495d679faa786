/** A keeper that was taken for lost and replaced comes back: refused by name, and nothing runs twice. */
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { isAudit } from '../../core/protocol/audit.ts'
import type { AuditEvent } from '../../core/protocol/audit.ts'
import { contract } from '../../core/protocol/services.ts'
import { provHere } from '../support/cli.ts'
import { once } from '../support/infra.ts'
import { findNatsServer, howToInstall } from '../support/nats-server.ts'
import { four } from './four.ts'

t.setTimeout(900_000)
const path = findNatsServer()
const skip = path === undefined && howToInstall
const restart = { type: 'restart', target: 'monitoring/grafana', as: 'alice' } as const

t.test('a keeper that was frozen, taken for lost and replaced', { skip }, async (t) => {
  const on = await four(t, path ?? '')
  const first = await on.start('keeper')
  const controller = await on.start('controller')
  const prov = await on.submitter()
  const ops: string[] = []
  const applied = async (): Promise<void> => {
    const { id } = await prov.submit(restart)
    ops.push(id)
    t.equal((await prov.op(id).settled({ timeoutMs: 600_000 })).outcome, 'applied')
  }
  await applied()
  first.freeze()
  await controller.kill()
  const bundle = join(on.on.home, '..', 'lost.plane')
  const given = await on.prov('controller', 'plane', 'export', 'keeper', '--lost', '--out', bundle)
  t.equal(given.code, 0, given.err)
  await on.start('controller')

  // On another machine, with nothing but the keys.
  const home = `${on.home('keeper')}-anew`
  cpSync(on.home('keeper'), home, { recursive: true })
  rmSync(join(home, 'anchors'), { recursive: true, force: true })
  const anew = { ...on.env('keeper'), PROV_HOME: home, PROV_STATE: `${on.state('keeper')}-anew` }
  const joined = await provHere(['plane', 'join', bundle], { cwd: on.on.workspace, env: anew })
  t.equal(joined.code, 0, joined.err)
  const second = on.standby('keeper', anew)
  await second.said('running: keeper')
  await applied()
  first.thaw()
  const late = await first.end()
  t.match(late.err, /PROV_(PLANE_REPLACED|BUS_FENCED)/, 'it ends by itself')
  t.match((await on.standby('keeper').end()).err, 'PROV_PLANE_REPLACED', 'the server remembers')
  await applied()

  // The server that remembered is gone, and so is the one that replaced it.
  await second.kill()
  await on.server.stop()
  await on.server.start({ empty: true })
  await on.topology()
  for (const why of ['it hears of the other one', 'it knows']) {
    const { code, err } = await on.standby('keeper').end()
    t.equal(code, 4)
    t.match(err, 'PROV_PLANE_REPLACED', why)
  }
  await on.standby('keeper', anew).said('running: keeper')
  await applied()

  const events: AuditEvent[] = []
  for await (const event of prov.service(contract).events()) events.push(event)
  const claims = events.filter((event) => isAudit(event, 'op.claimed'))
  t.same(
    claims.map(({ subject, data }) => [subject, data.keeper_epoch]),
    ops.map((op, at) => [op, at === 0 ? 1 : 2]),
    'each once, by the number of whoever was the keeper',
  )
  t.same([...on.on.marks()].sort(), ops.flatMap(() => once.restart).sort())
})
