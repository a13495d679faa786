/**
 * The commands that prepare and check a server, on servers of our own. What a seed is stands nowhere
 * in what they print. The ways in which events do not arrive: doctor-nats.test.ts.
 */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { connect, nkeyAuthenticator } from 'nats'
import { lead } from '../../core/bus/leadership.ts'
import { natsBus } from '../../core/bus/nats.ts'
import { systemClock } from '../../core/clock.ts'
import { provHere } from '../support/cli.ts'
import { infra } from '../support/infra.ts'
import { codesOf, natsPlace } from '../support/nats-place.ts'
import {
  findNatsServer,
  findOldNatsServer,
  howToInstall,
  natsServer,
} from '../support/nats-server.ts'

t.setTimeout(180_000)
const path = findNatsServer()
const skip = path === undefined && howToInstall

t.test('how long a plane is led without a word is a length of time within bounds', async (t) => {
  for (const leadership of ['2s', '11m', '15', 15_000, 'soon']) {
    const { status } = natsPlace(t, { leadership })
    const { findings, code } = await status()
    t.equal(code, 1)
    t.same(codesOf(findings), ['PROV_CONFIG_NATS_INVALID'], String(leadership))
    t.match(findings[0]?.found, /nats_events.leadership .* from "3s" to "10m"/)
  }
  const { run } = natsPlace(t, { leadership: '3s' })
  t.match((await run(['nats', 'status'])).out, /leadership\s+3\.0 s\s+\(\.ontoref\/config\.ncl\)/)
})

t.test('the op contract is checked on the embedded bus and on a server', { skip }, async (t) => {
  const { json, prov, workspace, home } = await infra(t)
  const rows = await json<{ rows: readonly { check: string; good: boolean }[] }>(
    'validate-ops-contract',
  )
  t.same(
    rows.rows.map(({ check, good }) => [check, good]),
    ['OPS_PENDING', 'OPS_CMD', 'OPS_AUDIT']
      .map((one) => [`${one}_MY_INFRA`, true])
      .concat([
        ['TASKS', true],
        ['ECOSYSTEM', true],
      ]),
  )
  const server = await natsServer(path ?? '', t)
  const env = { PROV_HOME: home, NATS_URL: server.url }
  const there = (...argv: readonly string[]) => provHere(argv, { cwd: workspace, env })
  const none = await there('validate-ops-contract', '--nats')
  t.equal(none.code, 1)
  t.match(none.out, /OPS_CMD_MY_INFRA\s+does not exist. Fix: prov nats apply/)
  t.equal((await there('nats', 'apply')).code, 0)
  t.equal((await there('validate-ops-contract', '--nats')).code, 0)
  const connection = await connect({ servers: server.url })
  t.teardown(() => connection.close())
  const jsm = await connection.jetstreamManager()
  await jsm.streams.add({ name: 'THIEF', mirror: { name: 'OPS_CMD_MY_INFRA' } as never })
  await jsm.consumers.delete('OPS_PENDING_MY_INFRA', 'keeper')
  await jsm.consumers.add('OPS_PENDING_MY_INFRA', {
    durable_name: 'stranger',
    ack_policy: 'explicit' as never,
    max_deliver: 5,
  })
  const wrong = await there('validate-ops-contract', '--nats')
  t.equal(wrong.code, 1)
  for (const said of [
    /THIEF copies it/,
    /nobody is there as keeper/,
    /stranger reads it beside keeper/,
    /stranger gives up after 5 deliveries/,
  ]) {
    t.match(wrong.out.replaceAll(/\s+/g, ' '), said)
  }
  t.equal((await prov('validate-ops-contract')).code, 0, 'the embedded one is another')
})

t.test('a server prepared with the printed keys and configuration works', { skip }, async (t) => {
  const { run, home, status } = natsPlace(t, { enabled: true })
  const none = await run(['nats', 'config'])
  t.equal(none.code, 64)
  t.match(none.err, /prov nats keys/)
  t.equal((await run(['nats', 'keys'])).code, 0)
  const file = join(home, 'nats/acme/keeper.nk')
  t.equal(statSync(file).mode & 0o777, 0o600)
  const seed = readFileSync(file, 'utf8')
  const again = await run(['nats', 'keys', '--json'])
  t.equal(readFileSync(file, 'utf8'), seed, 'a second time replaces nothing')
  t.notMatch(again.out, seed.slice(4, 24))
  t.equal(
    (await run(['nats', 'config', '--listen', '0.0.0.0:4222'])).code,
    4,
    'never plain for others',
  )
  const printed = (await run(['nats', 'config'])).out
  t.notMatch(printed, /\bSU[A-Z2-7]{56}\b/, 'no seed is in it')
  const server = await natsServer(path ?? '', t, ({ port, monitor }) =>
    printed
      .replace('127.0.0.1:4222', `127.0.0.1:${port}`)
      .replace('127.0.0.1:8222', `127.0.0.1:${monitor}`),
  )
  const env = { NATS_URL: server.url, NATS_NKEY_SEED_FILE: join(home, 'nats/acme/controller.nk') }
  const applied = await run(['nats', 'apply'], { NATS_URL: server.url })
  t.equal(applied.code, 0, applied.out + applied.err)
  writeFileSync(join(home, 'config.ncl'), `{ nats_events = { monitor_url = "${server.monitor}" } }`)
  const { findings } = await status(env)
  t.match(
    findings.find(({ check }) => check === 'nats sync'),
    { level: 'good' },
  )
  const admin = await natsBus({
    servers: server.url,
    nkeySeed: readFileSync(join(home, 'nats/acme/admin.nk')),
  })
  t.teardown(() => admin.close())
  const { signal } = new AbortController()
  const store = await admin.keyValue('LEASES_ACME')
  const leading = await lead({ store, key: 'controller', holder: 'me', clock: systemClock, signal })
  const leaders = JSON.parse((await run(['nats', 'status', '--json'], env)).out) as {
    leaders: unknown
  }
  t.same(leaders.leaders, [
    { key: 'controller', holder: 'me', free: false, ttlMs: 15_000, epoch: leading.epoch },
  ])
  await leading.release()
  const keeper = await connect({
    servers: server.url,
    authenticator: nkeyAuthenticator(Buffer.from(seed)),
    inboxPrefix: '_INBOX_keeper_acme',
  })
  await keeper.close()
})

t.test('a server of 2.9 and one without JetStream are refused by name', { skip }, async (t) => {
  const bare = await natsServer(path ?? '', t, '', { jetstream: false })
  const without = await natsPlace(t, { enabled: true, url: bare.url }).status()
  t.same(codesOf(without.findings), ['PROV_BUS_NO_JETSTREAM'])
  const old = findOldNatsServer()
  if (old === undefined) {
    t.comment('no server of 2.9 here: PROV_NATS_OLD names none')
    return
  }
  const server = await natsServer(old, t)
  const { findings } = await natsPlace(t, { enabled: true, url: server.url }).status()
  t.same(codesOf(findings), ['PROV_BUS_SERVER_OLD'])
  t.match(findings[0]?.found, /NATS 2\.9/)
})
