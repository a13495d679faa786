/**
 * The seven ways in which events do not arrive, each made for real on servers of our own: `prov doctor`
 * names the cause, the fix that it prints is done as it is printed, and the finding is gone. What a seed
 * is stands nowhere in what is printed.
 */
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { nkeys } from 'nats'
import { natsBus } from '../../core/bus/nats.ts'
import type { Finding } from '../../core/cli/doctor.ts'
import { sleep, systemClock } from '../../core/clock.ts'
import { linkStatusFile } from '../../core/protocol/nats-link.ts'
import type { LinkStatus } from '../../core/protocol/nats-link.ts'
import { ecosystem } from '../../core/protocol/ecosystem.ts'
import { infra } from '../support/infra.ts'
import type { Infra } from '../support/infra.ts'
import { codesOf, isAboutNats, natsPlace, projectSettings } from '../support/nats-place.ts'
import { findNatsServer, howToInstall, natsServer } from '../support/nats-server.ts'

t.setTimeout(300_000)
const path = findNatsServer()
const skip = path === undefined && howToInstall

type Place = ReturnType<typeof natsPlace>

const coded = (findings: readonly Finding[], code: string) =>
  findings.filter((one) => one.code === code)

/** The finding of a code; a test that goes on without it would prove nothing. */
function only(findings: readonly Finding[], code: string): Required<Finding> {
  const [one, ...more] = coded(findings, code)
  if (one?.fix === undefined || more.length > 0) throw new Error(JSON.stringify(findings, null, 2))
  return one as Required<Finding>
}

/** Runs the commands of ours that a fix names, in order, and answers what they printed. */
async function apply(
  t: Test,
  { run }: Pick<Place, 'run'>,
  { fix }: Pick<Required<Finding>, 'fix'>,
) {
  const printed: string[] = []
  for (const [, line = ''] of fix.matchAll(/`prov ([^`]+)`/g)) {
    const { code, out, err } = await run(line.split(' '))
    t.equal(code, 0, `prov ${line}: ${err}`)
    printed.push(out)
  }
  t.ok(printed.length > 0, `"${fix}" names a command`)
  return printed
}

/** `nats status` says about the server what doctor says. */
async function sameInStatus(t: Test, place: Place, findings: readonly Finding[]) {
  const said = (list: readonly Finding[]) =>
    list.filter(({ code }) => code).map(({ code, found, fix }) => [code, found, fix])
  t.same(said((await place.status()).findings), said(findings), 'nats status says the same')
}

async function until(what: string, so: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1_200; tries++) {
    if (so()) return
    await sleep(systemClock, 50)
  }
  throw new Error(`it never came to this: ${what}`)
}

const link = (on: Infra): Partial<LinkStatus> => {
  try {
    return JSON.parse(readFileSync(linkStatusFile(join(on.workspace, '.prov')), 'utf8'))
  } catch {
    return {}
  }
}

const doctorOn = async (on: Infra) =>
  (await on.json<{ findings: readonly Finding[] }>('doctor')).findings.filter(isAboutNats)

function settingsOn(on: Infra, text: string): void {
  mkdirSync(join(on.workspace, '.ontoref'), { recursive: true })
  writeFileSync(join(on.workspace, projectSettings), `{ nats_events = ${text} }`)
}

t.test('1 off, then no server: switched on, then started', { skip }, async (t) => {
  const server = await natsServer(path ?? '', t)
  await server.stop()
  const here = natsPlace(t, { enabled: false, url: server.url })
  const { findings, code } = await here.doctor()
  t.equal(code, 0, 'who wants no server has nothing to mend')
  const off = only(findings, 'PROV_BUS_OFF')
  t.equal(off.level, 'note')
  await sameInStatus(t, here, findings)
  const [, setting = '', file = ''] = /set (.+) under nats_events in (\S+),/.exec(off.fix) ?? []
  const before = readFileSync(join(here.workspace, file), 'utf8')
  writeFileSync(join(here.workspace, file), before.replace('enabled = false', setting))
  const away = await here.doctor()
  t.equal(away.code, 1)
  t.same(codesOf(away.findings), ['PROV_BUS_UNREACHABLE'])
  t.match(only(away.findings, 'PROV_BUS_UNREACHABLE').fix, /^start the server/)
  await server.start()
  t.same(coded((await here.doctor()).findings, 'PROV_BUS_UNREACHABLE'), [])
})

t.test('1 a server that runs, only not where the settings say', { skip }, async (t) => {
  const server = await natsServer(path ?? '', t)
  const wrong = { enabled: true, url: 'nats://127.0.0.1:1', monitor_url: server.monitor }
  const here = natsPlace(t, wrong)
  const { findings } = await here.doctor()
  t.same(codesOf(findings), ['PROV_BUS_UNREACHABLE'])
  const beside = findings.find(({ check }) => check === 'nats health')
  t.match(beside?.found, `a server answers at ${server.monitor}/healthz (ok), none at ${wrong.url}`)
  t.match(beside?.fix, /nats_events\.url/)
  here.settings({ ...wrong, url: server.url })
  const after = (await here.doctor()).findings
  t.same(coded(after, 'PROV_BUS_UNREACHABLE'), [])
  const health = after.find(({ check }) => check === 'nats health')
  t.match(health, { level: 'good', found: 'ok' })
})

t.test('1 a server that refuses the key lets in whom the fix names', { skip }, async (t) => {
  const users = (...keys: readonly string[]) =>
    `authorization: { users: [ ${keys.map((nkey) => `{ nkey: ${nkey} }`).join(', ')} ] }`
  const known = nkeys.createUser()
  const server = await natsServer(path ?? '', t, users(known.getPublicKey()))
  const here = natsPlace(t, { enabled: true, url: server.url })
  const none = only((await here.doctor()).findings, 'PROV_BUS_DENIED')
  t.match(none.found, /somebody without a key/)
  t.match(none.fix, /NATS_NKEY_SEED_FILE/)
  const file = here.write('home/mine.nk', Buffer.from(known.getSeed()).toString())
  chmodSync(file, 0o600)
  t.same(coded((await here.doctor({ NATS_NKEY_SEED_FILE: file })).findings, none.code), [])

  const seed = Buffer.from(nkeys.createUser().getSeed()).toString()
  const env = { NATS_NKEY_SEED: seed }
  const refused = await here.doctor(env)
  t.notMatch(refused.text, seed.slice(2, 20))
  const { fix } = only(refused.findings, 'PROV_BUS_DENIED')
  const [stranger = ''] = /\bU[A-Z2-7]{55}\b/.exec(fix) ?? []
  await server.configure(users(known.getPublicKey(), stranger))
  t.same(coded((await here.doctor(env)).findings, 'PROV_BUS_DENIED'), [])
})

t.test('2 events that nobody takes, until who reads them is started', { skip }, async (t) => {
  const server = await natsServer(path ?? '', t)
  const here = natsPlace(t, { enabled: true, url: server.url, monitor_url: server.monitor })
  t.equal((await here.run(['nats', 'apply', '--events'])).code, 0)
  const bus = await natsBus({ servers: server.url })
  t.teardown(() => bus.close())
  await bus.publish('ecosystem.actor.alice.hello', { id: '1', body: {} })
  const { findings } = await here.doctor()
  const silent = coded(findings, 'PROV_BUS_SILENT')
  t.same(
    silent.map(({ found }) => found),
    [
      'ECOSYSTEM/cli-notifications is 1 messages behind and has none in flight',
      'ECOSYSTEM/daemon-ontoref is 1 messages behind and has none in flight',
    ],
  )
  await sameInStatus(t, here, findings)
  for (const { found, fix } of silent) {
    t.match(fix, /^start who reads it; its filters are .*ecosystem\.actor\.>/)
    const [, stream = '', consumer = ''] = /^(\w+)\/(\S+)/.exec(found) ?? []
    const { signal } = new AbortController()
    for await (const delivery of bus.pull(stream, consumer, { signal })) {
      await delivery.ack()
      break
    }
  }
  t.same(coded((await here.doctor()).findings, 'PROV_BUS_SILENT'), [])
})

t.test('2 events that wait here go out once the server is there', { skip }, async (t) => {
  const server = await natsServer(path ?? '', t)
  await server.stop()
  const on = await infra(t)
  settingsOn(on, `{ enabled = true, url = "${server.url}", emit = ["ecosystem.my-infra.>"] }`)
  const prov = await on.open()
  t.teardown(() => prov.close())
  await prov
    .service(ecosystem)
    .emit({ subject: 'ecosystem.my-infra.build.completed', data: { image: 'app:7' } })
  await until('it waits', () => (link(on).waiting ?? 0) > 0)
  const findings = await doctorOn(on)
  const silent = only(findings, 'PROV_BUS_SILENT')
  t.match(silent.found, /^[1-9]\d* events wait to be published and 0 were not/)
  t.match(silent.fix, /goes out by itself once the server takes it/)
  t.match((await on.prov('events')).out, /build\.completed/, '`prov events` shows them here')
  t.match(only(findings, 'PROV_BUS_UNREACHABLE').fix, /^start the server/)
  await server.start()
  await until('nothing waits', () => link(on).waiting === 0 && (link(on).published ?? 0) > 0)
  t.same(codesOf(await doctorOn(on)), [])
})

t.test('3 a stream that is missing, and the command that makes it', { skip }, async (t) => {
  const server = await natsServer(path ?? '', t)
  const here = natsPlace(t, { enabled: true, url: server.url, emit: ['ecosystem.acme.>'] })
  const { findings } = await here.doctor()
  t.same(codesOf(findings), ['PROV_BUS_NO_STREAM', 'PROV_BUS_NO_STREAM'])
  await sameInStatus(t, here, findings)
  const [missing] = coded(findings, 'PROV_BUS_NO_STREAM')
  t.match((await here.run(['nats', 'apply', '--events', '--dry-run'])).out, /would be created/)
  await apply(t, here, { fix: missing?.fix ?? '' })
  const after = await here.doctor()
  t.same(codesOf(after.findings), [])
  t.equal(after.code, 0)
})

t.test('4 what is no seed of a user is named, never shown, and replaced', { skip }, async (t) => {
  const user = nkeys.createUser()
  const seed = Buffer.from(user.getSeed()).toString()
  const here = natsPlace(t, { enabled: true, url: 'nats://127.0.0.1:1' })
  const rows: [string, RegExp][] = [
    [user.getPublicKey(), /public key/],
    [Buffer.from(nkeys.createAccount().getSeed()).toString(), /seed of an account/],
    [`${seed}\n${user.getPublicKey()}`, /several lines/],
    [seed.slice(0, -1), /not the whole seed/],
    [`${seed.slice(0, 30)}${seed[30] === 'A' ? 'B' : 'A'}${seed.slice(31)}`, /not the whole seed/],
  ]
  for (const [given, wanted] of rows) {
    const { findings, text, code } = await here.doctor({ NATS_NKEY_SEED: given })
    t.equal(code, 1)
    t.same(codesOf(findings), ['PROV_CONFIG_NATS_SEED'])
    t.match(findings[0]?.found, wanted)
    t.notMatch(text, given.slice(4, 24), 'not a part of it is printed')
  }
  const open = here.write('home/role.nk', seed)
  const readable = await here.doctor({ NATS_NKEY_SEED_FILE: open })
  t.match(readable.findings[0]?.found, /other users can read it/)
  chmodSync(open, 0o600)
  const closed = await here.doctor({ NATS_NKEY_SEED_FILE: open })
  t.same(coded(closed.findings, 'PROV_CONFIG_NATS_SEED'), [], 'of mode 600, as the fix says')

  here.settings({ enabled: true, nkey_seed: seed })
  const inside = await here.doctor()
  const finding = only(inside.findings, 'PROV_CONFIG_NATS_SEED')
  t.match(finding.found, /a workspace is copied and committed/)
  t.notMatch(inside.text, seed.slice(4, 24))
  await sameInStatus(t, here, inside.findings)
  const [made = ''] = await apply(t, here, finding)
  const [, file = ''] = /admin\s+made\s+U\w+\s+(\S+)/.exec(made) ?? []
  t.equal(statSync(file).mode & 0o777, 0o600)
  const { out: config } = await here.run(['nats', 'config'])
  const server = await natsServer(path ?? '', t, ({ port, monitor }) =>
    config
      .replace('127.0.0.1:4222', `127.0.0.1:${port}`)
      .replace('127.0.0.1:8222', `127.0.0.1:${monitor}`),
  )
  here.settings({ enabled: true, url: server.url })
  t.match(finding.fix, /name it in NATS_NKEY_SEED_FILE/)
  const env = { NATS_NKEY_SEED_FILE: file }
  t.equal((await here.run(['nats', 'apply'], env)).code, 0)
  const after = await here.doctor(env)
  t.same(coded(after.findings, 'PROV_CONFIG_NATS_SEED'), [])
  t.match(
    after.findings.find(({ check }) => check === 'nats'),
    { level: 'good', found: /entered by the role admin, U[A-Z2-7]{55}$/ },
  )
})

t.test('5 a subject that the server does not allow, until it does', { skip }, async (t) => {
  const user = nkeys.createUser()
  const allowing = (subjects: readonly string[]) => `authorization: { users: [ {
    nkey: ${user.getPublicKey()}, permissions: {
      publish: ${JSON.stringify([...subjects, '$JS.API.>'])}, subscribe: ["_INBOX.>"] } } ] }`
  const server = await natsServer(path ?? '', t, allowing(['ecosystem.acme.>']))
  const emit = ['ecosystem.acme.>', 'ecosystem.other.>']
  const here = natsPlace(t, { enabled: true, url: server.url, emit })
  const env = { NATS_NKEY_SEED: Buffer.from(user.getSeed()).toString() }
  t.equal((await here.run(['nats', 'apply', '--events'], env)).code, 0)
  const { findings, code } = await here.doctor(env)
  t.equal(code, 1)
  t.same(codesOf(findings), ['PROV_BUS_DENIED'])
  const { found, fix } = only(findings, 'PROV_BUS_DENIED')
  t.equal(found, 'the server does not allow this role to publish ecosystem.other.>')
  const [, subject = '', key] = /add "(.+)" to what the user (U\w+) may publish/.exec(fix) ?? []
  t.equal(key, user.getPublicKey())
  await server.configure(allowing(['ecosystem.acme.>', subject]))
  const after = await here.doctor(env)
  t.same(codesOf(after.findings), [])
  t.equal(after.code, 0)
})

t.test('5 events that were refused are counted until they are allowed', { skip }, async (t) => {
  const allowing = (publish: string) =>
    `authorization: { users: [ { user: any, permissions: { publish: ${publish} } } ] }
     no_auth_user: any`
  const server = await natsServer(path ?? '', t, allowing('{ allow: [">"] }'))
  const on = await infra(t)
  settingsOn(on, `{ enabled = true, url = "${server.url}", emit = ["ecosystem.my-infra.>"] }`)
  t.equal((await on.prov('nats', 'apply', '--events')).code, 0)
  await server.configure(allowing('{ allow: [">"], deny: ["ecosystem.my-infra.>"] }'))
  const open = async () => {
    const prov = await on.open()
    const subject = 'ecosystem.my-infra.build.completed'
    await prov.service(ecosystem).emit({ subject, data: {} })
    return prov
  }
  const first = await open()
  await until('it was refused', () => (link(on).dropped ?? 0) > 0)
  const silent = only(await doctorOn(on), 'PROV_BUS_SILENT')
  t.match(silent.found, /0 events wait to be published and [1-9]\d* were not: .*does not allow/)
  t.match(silent.fix, /allow it, then start what runs anew/)
  await server.configure(allowing('{ allow: [">"] }'))
  await first.close()
  const second = await open()
  t.teardown(() => second.close())
  await until('it goes out', () => link(on).dropped === 0 && (link(on).published ?? 0) > 0)
  t.same(codesOf(await doctorOn(on)), [])
})

t.test('6 a project and its user that mean different servers', { skip }, async (t) => {
  const [right, other] = [await natsServer(path ?? '', t), await natsServer(path ?? '', t)]
  const here = natsPlace(t, { enabled: true, url: right.url, emit: ['ecosystem.acme.>'] })
  t.equal((await here.run(['nats', 'apply', '--events'])).code, 0)
  const own = here.write('home/config.ncl', `{ nats_events = { url = "${other.url}" } }`)
  const { findings, code } = await here.doctor()
  t.equal(code, 1)
  t.same(codesOf(findings), ['PROV_BUS_ELSEWHERE'])
  await sameInStatus(t, here, findings)
  const { found, fix } = only(findings, 'PROV_BUS_ELSEWHERE')
  t.equal(found, `${right.url} holds here (${projectSettings}), but ${own} says ${other.url}`)
  const [, file = '', url = ''] = /if (\S+) is right, else write (\S+) there/.exec(fix) ?? []
  writeFileSync(file, `{ nats_events = { url = "${url}" } }`)
  t.same(codesOf((await here.doctor()).findings), [])

  const env = { NATS_URL: other.url }
  const named = coded((await here.doctor(env)).findings, 'PROV_BUS_ELSEWHERE')
  t.equal(named.length, 2, 'the user and the project both say another one')
  t.match(named[0]?.fix, /take url out of NATS_URL if/)
  t.same(codesOf((await here.doctor({})).findings), [])
})

t.test('6 a process that runs with another server than the project says', { skip }, async (t) => {
  const [old, now] = [await natsServer(path ?? '', t), await natsServer(path ?? '', t)]
  const on = await infra(t)
  const says = (url: string) => {
    settingsOn(on, `{ enabled = true, url = "${url}", emit = ["ecosystem.my-infra.>"] }`)
    return on.prov('nats', 'apply', '--events')
  }
  t.equal((await says(old.url)).code, 0)
  const first = on.child(['run'])
  await until('it runs', () => link(on).state === 'connected')
  t.equal((await says(now.url)).code, 0)
  const apart = only(await doctorOn(on), 'PROV_BUS_ELSEWHERE')
  t.match(apart.found, `but process ${first.pid} says ${old.url}`)
  const [, pid] = /`kill (\d+)`/.exec(apart.fix) ?? []
  t.equal(Number(pid), first.pid)
  process.kill(Number(pid))
  await first
  const second = on.child(['run'])
  t.teardown(() => second.kill('SIGKILL'))
  await until('it runs', () => link(on).pid === second.pid && link(on).state === 'connected')
  t.same(coded(await doctorOn(on), 'PROV_BUS_ELSEWHERE'), [])

  // What a killed one left behind names a process that is nobody's now.
  second.kill('SIGKILL')
  await second
  t.equal(link(on).state, 'connected')
  t.equal((await says(old.url)).code, 0)
  t.same(coded(await doctorOn(on), 'PROV_BUS_ELSEWHERE'), [])
})

t.test('7 what comes again and out of order, until its reader is in order', { skip }, async (t) => {
  const server = await natsServer(path ?? '', t)
  const events = { enabled: true, url: server.url, emit: ['ecosystem.acme.>'] }
  const here = natsPlace(t, events)
  t.equal((await here.run(['nats', 'apply', '--events'])).code, 0)
  const bus = await natsBus({ servers: server.url })
  t.teardown(() => bus.close())
  const subject = 'ecosystem.actor.alice.hello'
  for (const id of ['1', '2', '3']) await bus.publish(subject, { id, body: {} })
  const end = new AbortController()
  t.teardown(() => end.abort())
  /** Fails at the first message, `times` times; answers the ids in the order in which they came. */
  const read = async (times: number): Promise<readonly string[]> => {
    const came: string[] = []
    const done = new Set<string>()
    const { signal } = end
    for await (const delivery of bus.pull('ECOSYSTEM', 'cli-notifications', { signal })) {
      came.push(delivery.id)
      if (came.length <= times) {
        await delivery.nak()
        continue
      }
      done.add(delivery.id)
      await delivery.ack()
      if (done.size === 3) break
    }
    return came
  }
  const slow = bus.pull('ECOSYSTEM', 'cli-notifications', { signal: end.signal, credits: 3 })
  const held = slow[Symbol.asyncIterator]()
  await (await held.next()).value.nak()
  const again = [(await held.next()).value.id, (await held.next()).value.id]
  const third = await held.next()
  t.same([...again, third.value.id], ['2', '3', '1'], 'it came again behind those after it')
  const { findings } = await here.doctor()
  const finding = only(findings, 'PROV_BUS_REDELIVERS')
  t.match(finding.found, /^ECOSYSTEM\/cli-notifications has 1 messages in flight that came before/)
  t.match(finding.found, /they may come out of order$/)
  await sameInStatus(t, here, findings)

  t.match(finding.fix, /^take each id once .*, acknowledge after the work; where order matters/)
  t.match(
    finding.fix,
    /set max_ack_pending to 1 in the file that nats_events\.streams_config names/,
  )
  const topology = JSON.parse((await here.run(['nats', 'topology', '--json'])).out) as {
    consumers: readonly object[]
  }
  const consumers = topology.consumers.map((one) => ({ ...one, max_ack_pending: 1 }))
  here.write('acme/nats/streams.json', { ...topology, consumers })
  here.settings({ ...events, streams_config: 'nats/streams.json' })
  const printed = await apply(t, here, finding)
  t.match(printed.at(-1), /ECOSYSTEM\/cli-notifications\s+changed/)
  const ordered = only((await here.doctor()).findings, 'PROV_BUS_REDELIVERS')
  t.notMatch(ordered.found, /out of order/)
  await held.return?.(undefined)
  t.same([...(await read(0))].sort(), ['1', '2', '3'], 'each once, acknowledged after the work')
  for (const id of ['4', '5', '6']) await bus.publish(subject, { id, body: {} })
  t.same(await read(2), ['4', '4', '4', '5', '6'], 'again, and never past the one before it')
  t.same(coded((await here.doctor()).findings, 'PROV_BUS_REDELIVERS'), [])
})

t.test('a server that says it is not well is heard at /healthz', { skip }, async (t) => {
  const server = await natsServer(path ?? '', t)
  const here = natsPlace(t, { enabled: true, url: server.url, monitor_url: server.monitor })
  t.equal((await here.run(['nats', 'apply', '--events'])).code, 0)
  const well = (await here.doctor()).findings.find(({ check }) => check === 'nats health')
  t.match(well, { level: 'good', found: 'ok' })
  const ghost = server.file('jetstream/$G/streams/GHOST')
  mkdirSync(ghost)
  const { findings, code } = await here.doctor()
  t.equal(code, 1)
  const unwell = only(findings, 'PROV_BUS_UNWELL')
  t.match(unwell.found, /says that it is not well: .*GHOST/)
  await sameInStatus(t, here, findings)
  t.match(unwell.fix, /^mend what it names.* start it anew/)
  rmSync(ghost, { recursive: true })
  await server.stop()
  await server.start()
  t.same(coded((await here.doctor()).findings, 'PROV_BUS_UNWELL'), [])
})
