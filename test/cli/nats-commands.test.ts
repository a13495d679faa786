/**
 * The seven ways in which events do not arrive, each made for real on servers of our own, and the
 * commands that prepare and check a server. What a seed is stands nowhere in what they print.
 */
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { connect, nkeyAuthenticator, nkeys } from 'nats'
import { lead } from '../../core/bus/leadership.ts'
import { natsBus } from '../../core/bus/nats.ts'
import { systemClock } from '../../core/clock.ts'
import { provHere } from '../support/cli.ts'
import { temporaryFolder } from '../support/folder.ts'
import { infra } from '../support/infra.ts'
import {
  findNatsServer,
  findOldNatsServer,
  howToInstall,
  natsServer,
} from '../support/nats-server.ts'

t.setTimeout(180_000)
const path = findNatsServer()
const skip = path === undefined && howToInstall
type Tap = Parameters<typeof temporaryFolder>[0]

interface Finding {
  readonly check: string
  readonly level: string
  readonly code?: string
  readonly found: string
  readonly fix?: string
}

/** A workspace with nothing but settings. */
function place(t: Tap, events: Readonly<Record<string, unknown>>) {
  const folder = temporaryFolder(t, {
    'acme/.ontology/manifest.ncl': '{ project = "acme" }',
    'acme/.ontoref/config.ncl': `{ nats_events = ${ncl(events)} }`,
    'home/.keep': '',
  })
  const home = join(folder.dir, 'home')
  chmodSync(home, 0o700)
  const run = (argv: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    provHere(argv, { cwd: join(folder.dir, 'acme'), env: { PROV_HOME: home, ...env } })
  const status = async (env?: Readonly<Record<string, string>>) => {
    const { code, out, err } = await run(['nats', 'status', '--json'], env)
    const { findings } = JSON.parse(out) as { findings: readonly Finding[] }
    return { code, findings, text: out + err }
  }
  return { ...folder, home, run, status }
}

/** JSON, with the one difference that Nickel has. */
const ncl = (value: object): string =>
  `{ ${Object.entries(value)
    .map(([name, one]) => `${name} = ${JSON.stringify(one)}`)
    .join(', ')} }`

const codes = (findings: readonly Finding[], level = 'bad'): readonly (string | undefined)[] =>
  findings.filter((one) => one.level === level).map(({ code }) => code)

t.test(
  '1 events that are off are a note; a server that does not answer is told apart',
  async (t) => {
    const off = await place(t, { enabled: false }).status()
    t.equal(off.code, 0)
    t.same(codes(off.findings, 'note'), ['PROV_BUS_OFF'])
    t.match(off.findings[0]?.fix, /enabled = true/)
    const away = await place(t, { enabled: true, url: 'nats://127.0.0.1:1' }).status()
    t.equal(away.code, 1)
    t.same(codes(away.findings), ['PROV_BUS_UNREACHABLE'])
  },
)

t.test('1 a server that refuses the key says so', { skip }, async (t) => {
  const known = nkeys.createUser()
  const config = `authorization: { users: [ { nkey: ${known.getPublicKey()} } ] }`
  const server = await natsServer(path ?? '', t, config)
  const { status } = place(t, { enabled: true, url: server.url })
  t.same(codes((await status()).findings), ['PROV_BUS_DENIED'])
  const stranger = Buffer.from(nkeys.createUser().getSeed()).toString()
  const refused = await status({ NATS_NKEY_SEED: stranger })
  t.same(codes(refused.findings), ['PROV_BUS_DENIED'])
  t.notMatch(refused.text, stranger.slice(2, 20))
})

t.test('2 events that nobody takes are seen on the consumer', { skip }, async (t) => {
  const server = await natsServer(path ?? '', t)
  const { run, status } = place(t, { enabled: true, url: server.url, monitor_url: server.monitor })
  t.equal((await run(['nats', 'apply', '--events'])).code, 0)
  const bus = await natsBus({ servers: server.url })
  t.teardown(() => bus.close())
  await bus.publish('ecosystem.actor.alice.hello', { id: '1', body: {} })
  const silent = (await status()).findings.filter(({ code }) => code === 'PROV_BUS_SILENT')
  t.same(
    silent.map(({ found }) => found),
    [
      'ECOSYSTEM/cli-notifications is 1 messages behind and has none in flight',
      'ECOSYSTEM/daemon-ontoref is 1 messages behind and has none in flight',
    ],
  )
})

t.test('3 a stream that is missing, and the command that makes it', { skip }, async (t) => {
  const server = await natsServer(path ?? '', t)
  const { run, status } = place(t, { enabled: true, url: server.url, emit: ['ecosystem.acme.>'] })
  const before = await status()
  t.same(codes(before.findings), ['PROV_BUS_NO_STREAM', 'PROV_BUS_NO_STREAM'])
  t.match(before.findings.find(({ code }) => code)?.fix, /prov nats apply/)
  const dry = await run(['nats', 'apply', '--events', '--dry-run'])
  t.match(dry.out, /ECOSYSTEM\s+would be created/)
  t.equal((await run(['nats', 'apply', '--events'])).code, 0)
  const after = await status()
  t.same(codes(after.findings), [])
  t.equal(after.code, 0)
})

t.test('4 what is no seed of a user is named, and never shown', async (t) => {
  const user = nkeys.createUser()
  const seed = Buffer.from(user.getSeed()).toString()
  const { status, home, write } = place(t, { enabled: true, url: 'nats://127.0.0.1:1' })
  const rows: [string, RegExp][] = [
    [user.getPublicKey(), /public key/],
    [Buffer.from(nkeys.createAccount().getSeed()).toString(), /seed of an account/],
    [`${seed}\n${user.getPublicKey()}`, /several lines/],
    [seed.slice(0, -1), /not the whole seed/],
    [`${seed.slice(0, 30)}${seed[30] === 'A' ? 'B' : 'A'}${seed.slice(31)}`, /not the whole seed/],
  ]
  for (const [given, wanted] of rows) {
    const { findings, text, code } = await status({ NATS_NKEY_SEED: given })
    t.equal(code, 1)
    t.same(codes(findings), ['PROV_CONFIG_NATS_SEED'])
    t.match(findings[0]?.found, wanted)
    t.notMatch(text, given.slice(4, 24), 'not a part of it is printed')
  }
  const file = write('home/role.nk', seed)
  const open = await status({ NATS_NKEY_SEED_FILE: file })
  t.match(open.findings[0]?.found, /other users can read it/)
  t.ok(existsSync(home))
  const inside = place(t, { enabled: true, nkey_seed: seed })
  const refused = await inside.status()
  t.match(refused.findings[0]?.found, /a workspace is copied and committed/)
  t.notMatch(refused.text, seed.slice(4, 24))
})

t.test('how long a plane is led without a word is a length of time within bounds', async (t) => {
  for (const leadership of ['2s', '11m', '15', 15_000, 'soon']) {
    const { status } = place(t, { leadership })
    const { findings, code } = await status()
    t.equal(code, 1)
    t.same(codes(findings), ['PROV_CONFIG_NATS_INVALID'], String(leadership))
    t.match(findings[0]?.found, /nats_events.leadership .* from "3s" to "10m"/)
  }
  const { run } = place(t, { leadership: '3s' })
  t.match((await run(['nats', 'status'])).out, /leadership\s+3\.0 s\s+\(\.ontoref\/config\.ncl\)/)
})

t.test('5 a subject that the server does not allow', { skip }, async (t) => {
  const user = nkeys.createUser()
  const config = `authorization: { users: [ { nkey: ${user.getPublicKey()}, permissions: {
    publish: ["ecosystem.acme.>", "$JS.API.>"], subscribe: ["_INBOX.>"] } } ] }`
  const server = await natsServer(path ?? '', t, config)
  const emit = ['ecosystem.acme.>', 'ecosystem.other.>']
  const { run, status } = place(t, { enabled: true, url: server.url, emit })
  const env = { NATS_NKEY_SEED: Buffer.from(user.getSeed()).toString() }
  t.equal((await run(['nats', 'apply', '--events'], env)).code, 0)
  const { findings } = await status(env)
  t.same(
    findings.filter(({ level }) => level === 'bad').map(({ code, found }) => [code, found]),
    [['PROV_BUS_DENIED', 'the server does not allow this role to publish ecosystem.other.>']],
  )
})

t.test('6 a project and its user that mean different servers', async (t) => {
  const { status, write } = place(t, { enabled: false, url: 'nats://127.0.0.1:4333' })
  const file = write('home/config.ncl', '{ nats_events = { url = "nats://127.0.0.1:4222" } }')
  const apart = await status()
  t.same(codes(apart.findings), ['PROV_BUS_ELSEWHERE'])
  t.equal(apart.code, 1)
  t.match(apart.findings.find(({ level }) => level === 'bad')?.found, file)
  const env = await status({ NATS_URL: 'nats://127.0.0.1:4444' })
  t.same(codes(env.findings), ['PROV_BUS_ELSEWHERE', 'PROV_BUS_ELSEWHERE'])
})

t.test('7 messages that come again are told with what a reader owes', { skip }, async (t) => {
  const server = await natsServer(path ?? '', t)
  const { run, status } = place(t, { enabled: true, url: server.url })
  await run(['nats', 'apply', '--events'])
  const bus = await natsBus({ servers: server.url })
  t.teardown(() => bus.close())
  await bus.publish('ecosystem.actor.alice.hello', { id: '1', body: {} })
  const end = new AbortController()
  t.teardown(() => end.abort())
  let seen = 0
  for await (const delivery of bus.pull('ECOSYSTEM', 'cli-notifications', { signal: end.signal })) {
    if (++seen === 2) break
    await delivery.nak()
  }
  // The second delivery went back when the pull ended; a third is in flight with somebody who is slow.
  const slow = bus.pull('ECOSYSTEM', 'cli-notifications', { signal: end.signal })
  await slow[Symbol.asyncIterator]().next()
  const again = (await status()).findings.find(({ code }) => code === 'PROV_BUS_REDELIVERS')
  t.match(again?.found, /ECOSYSTEM\/cli-notifications has 1 messages in flight that came before/)
  t.match(again?.fix, /max_ack_pending/)
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
  const { run, home, status } = place(t, { enabled: true })
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
  const without = await place(t, { enabled: true, url: bare.url }).status()
  t.same(codes(without.findings), ['PROV_BUS_NO_JETSTREAM'])
  const old = findOldNatsServer()
  if (old === undefined) {
    t.comment('no server of 2.9 here: PROV_NATS_OLD names none')
    return
  }
  const server = await natsServer(old, t)
  const { findings } = await place(t, { enabled: true, url: server.url }).status()
  t.same(codes(findings), ['PROV_BUS_SERVER_OLD'])
  t.match(findings[0]?.found, /NATS 2\.9/)
})
