/**
 * A controller that is frozen while a provider works, replaced, and hears the answer when it wakes: no
 * RESULT, but the person who resolves the operation sees it (D-34). Real processes, a real server.
 */
import { cpSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { isAudit } from '../../core/protocol/audit.ts'
import type { AuditEvent } from '../../core/protocol/audit.ts'
import type { OpRow } from '../../core/protocol/fold.ts'
import { contract } from '../../core/protocol/services.ts'
import { evidenceConsumer, streams, subjects } from '../../core/protocol/subjects.ts'
import type { Runtime } from '../../core/runtime.ts'
import { findNatsServer, howToInstall } from '../support/nats-server.ts'
import { four } from './four.ts'
import type { Four } from './four.ts'

t.setTimeout(600_000)
const path = findNatsServer()
const skip = path === undefined && howToInstall
const workspace = 'my-infra'

/** Work that nobody may ask for twice: it says that it began, and answers when it is let go. */
function slowWork(on: Four) {
  const { workspace: root } = on.on
  const [begun, letGo] = ['begun', 'let-go'].map((name) => join(root, name)) as [string, string]
  const code = `
    import { appendFileSync, existsSync } from 'node:fs'
    import { setTimeout as turn } from 'node:timers/promises'
    import { defineOpType, definePlugin } from 'prov'
    const buy = defineOpType({
      type: 'acme.buy', describe: 'buys', targets: ['*'], class: 'opaque',
      async apply({ body }) {
        appendFileSync(${JSON.stringify(begun)}, 'once')
        while (!existsSync(${JSON.stringify(letGo)})) await turn(20)
        return { bought: body.target, api_token: 'hush-hush' }
      },
    })
    const made = definePlugin({ name: 'acme', api: 1, contributes: [buy] })
    export { made as default }`
  writeFileSync(join(root, 'acme.js'), code)
  const config = { 'provider-local': { isolation: 'plain' } }
  const prov = { config, plugins: ['./acme.js'] }
  writeFileSync(join(root, 'package.json'), JSON.stringify({ type: 'module', prov }))
  return { begun, letGo: () => writeFileSync(letGo, '') }
}

/** Resolves with the row when it is as wanted. */
function row(prov: Runtime, op: string, wanted: (row: OpRow) => boolean): Promise<OpRow> {
  return new Promise((resolve) => {
    const now = prov.service(contract).store.select(({ ops }) => ops.get(op))
    const look = (): void => {
      const row = now.get()
      if (row && wanted(row)) resolve(row)
    }
    now.subscribe(look)
    look()
  })
}

async function trail(prov: Runtime, op: string): Promise<readonly AuditEvent[]> {
  const events: AuditEvent[] = []
  for await (const event of prov.service(contract).events({ op })) events.push(event)
  return events
}

t.test(
  'what a provider answers to a controller that was replaced is kept as evidence, and is no RESULT',
  { skip },
  async (t) => {
    const on = await four(t, path ?? '')
    on.configure({ leadership: '4s' })
    const work = slowWork(on)
    const say = async (plane: 'controller' | 'keeper' | 'submitter', ...argv: string[]) => {
      const ran = await on.prov(plane, ...argv)
      t.equal(ran.code, 0, `${argv.join(' ')}: ${ran.err}`)
      return ran
    }
    for (const plane of ['controller', 'submitter'] as const) {
      await say(plane, 'plugins', 'trust', './acme.js', '--isolation', 'none')
    }
    const bob = (plane: 'controller' | 'keeper') => join(on.home(plane), 'keys', 'bob.json')
    cpSync(bob('keeper'), bob('controller'))
    await on.start('keeper')
    const first = await on.start('controller')
    const prov = await on.submitter()
    const second = on.standby('controller')
    await second.said('waits for its turn')
    const { id: op } = await prov.submit({ type: 'acme.buy', target: 'eu', as: 'alice' })
    await row(prov, op, ({ phase }) => phase === 'held')
    await say('keeper', 'op', 'approve', op, '--actor', 'bob', '--reason', 'ok', '--no-wait')
    while (!existsSync(work.begun)) await new Promise((turn) => setTimeout(turn, 20))
    first.freeze()
    await second.said('running: controller')
    await row(prov, op, ({ phase }) => phase === 'in_doubt')
    work.letGo()
    first.thaw()
    const known = await row(prov, op, ({ evidence }) => evidence !== undefined)
    const { code, err } = await first.end()
    t.equal(code, 8, 'the one that was replaced ends by itself')
    t.match(err, /PROV_(JOURNAL|BUS)_FENCED/, 'and could write nothing')

    t.equal(known.phase, 'in_doubt', 'it decides nothing')
    const claim = (await trail(prov, op)).find((event) => isAudit(event, 'op.claimed'))
    const detail = { component: 'acme.buy', bought: 'eu', api_token: '(secret)' }
    t.match(known.evidence, [{ epoch: claim?.epoch, what: 'run', outcome: 'applied', detail }])
    t.equal(known.evidence?.length, 1)
    const ends = (await trail(prov, op)).map(({ type }) => type)
    t.notOk(ends.includes('prov.op.applied'), 'there is no RESULT')
    for (const look of [
      ['op', 'show', op],
      ['why', op],
    ]) {
      t.match((await say('controller', ...look)).out, /applied/, look.join(' '))
    }

    // Whoever has the role on the server, but not the key of the plane, fills neither trail nor memory.
    const own = await on.as('controller')
    const event = (await trail(prov, op)).find((one) => isAudit(one, 'op.evidence'))
    const token = (event as AuditEvent<'op.evidence'>).data.token
    const [head, , signature] = token.split('.')
    const tell = (id: string, text: string) =>
      own.publish(subjects.evidence(workspace), { id, body: { data: { op, token: text } } })
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    for (let n = 0; n < 1_000; n++) {
      const other = Buffer.from(JSON.stringify({ ...claims, jti: `${n}` })).toString('base64url')
      await tell(`forged ${n}`, `${head}.${other}.${signature}`)
    }
    await tell('again', token)
    const left = async (): Promise<number> => {
      const info = await on.admin.streamInfo(streams.ecosystem)
      const named = info?.consumers.find(({ name }) => name === evidenceConsumer(workspace))
      return named ? named.pending + named.inFlight : Infinity
    }
    while ((await left()) > 0) await new Promise((turn) => setTimeout(turn, 50))
    const resolved = await say(
      'controller',
      ...`op resolve ${op} --as applied --reason seen --actor bob`.split(' '),
    )
    t.match(resolved.err, /evidence: the whole run answered applied/, 'told before it is resolved')
    const end = await row(prov, op, ({ phase }) => phase === 'applied')
    t.equal(end.evidence?.length, 1, 'the same again is kept once')
    const { refusals } = prov.service(contract).store.get()
    const forged = refusals.filter(({ code }) => code === 'PROV_TOKEN_FORGED')
    t.ok(forged.length > 0 && forged.length <= 60, `${forged.length} told one by one`)
    await say('controller', 'audit', 'verify')
  },
)
