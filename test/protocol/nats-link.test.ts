/**
 * Events leave a workspace and come into it while its operations need no server: off, absent, lost,
 * back, emptied, full, with permissions taken away. Waiting for an event, on both sides.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { nkeys } from 'nats'
import { natsBus } from '../../core/bus/nats.ts'
import type { Bus } from '../../core/bus/bus.ts'
import { sleep, systemClock } from '../../core/clock.ts'
import { codeOf } from '../../core/kit.ts'
import { ecosystem } from '../../core/protocol/ecosystem.ts'
import { linkStatusFile } from '../../core/protocol/nats-link.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { LogLine } from '../../core/log.ts'
import { readFileSync } from 'node:fs'
import { infra, once } from '../support/infra.ts'
import type { Infra } from '../support/infra.ts'
import { findNatsServer, howToInstall, natsServer } from '../support/nats-server.ts'

t.setTimeout(300_000)
const path = findNatsServer()
const skip = path === undefined && howToInstall
const restart = { type: 'restart', target: 'monitoring/grafana', as: 'alice' } as const

function settings(on: Infra, events: Readonly<Record<string, unknown>>): void {
  mkdirSync(join(on.workspace, '.ontoref'), { recursive: true })
  const members = Object.entries(events).map(([name, one]) => `${name} = ${JSON.stringify(one)}`)
  writeFileSync(
    join(on.workspace, '.ontoref/config.ncl'),
    `{ nats_events = { ${members.join(', ')} } }`,
  )
}

async function until(what: string, so: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 1_200; tries++) {
    if (await so()) return
    await sleep(systemClock, 50)
  }
  throw new Error(`it never came to this: ${what}`)
}

const status = (on: Infra) => {
  try {
    return JSON.parse(readFileSync(linkStatusFile(join(on.workspace, '.prov')), 'utf8')) as {
      state: string
      waiting: number
      published: number
      received: number
      dropped: number
    }
  } catch {
    return undefined
  }
}

async function applied(t: Tap, prov: Runtime): Promise<string> {
  const { id } = await prov.submit(restart)
  t.equal((await prov.op(id).settled({ timeoutMs: 120_000 })).outcome, 'applied')
  return id
}
type Tap = Parameters<typeof infra>[0] & { equal(found: unknown, wanted: unknown): unknown }

/** Everything that an outside reader gets from ECOSYSTEM, by subject; grows as it comes. */
function listen(t: Tap, bus: Bus) {
  const end = new AbortController()
  t.teardown(() => end.abort())
  const got: { subject: string; body: Record<string, unknown> }[] = []
  void (async () => {
    await bus.ensureConsumer({ stream: 'ECOSYSTEM', name: 'outside' })
    for await (const delivery of bus.pull('ECOSYSTEM', 'outside', { signal: end.signal })) {
      got.push({ subject: delivery.subject, body: delivery.body as Record<string, unknown> })
      await delivery.ack().catch(() => {})
    }
  })().catch(() => {})
  return got
}

t.test(
  'what happens here is told outside, in the four forms, with its envelope',
  { skip },
  async (t) => {
    const server = await natsServer(path ?? '', t)
    const on = await infra(t)
    settings(on, { enabled: true, url: server.url, subscribe: ['ecosystem.lian-build.>'] })
    const prov = await on.open()
    t.teardown(() => prov.close())
    const outside = await natsBus({ servers: server.url })
    t.teardown(() => outside.close())
    await until('connected', () => status(on)?.state === 'connected')
    const got = listen(t, outside)
    const op = await applied(t, prov)
    const tell = prov.service(ecosystem)
    const { id } = await tell.emit({
      subject: 'ecosystem.my-infra.build.completed',
      data: { image: 'app:7' },
      correlation: 'story-1',
      causation: 'cause-1',
    })
    await tell.emit({ subject: 'ecosystem.daemon.reload' })
    await tell.emit({ subject: 'ecosystem.ontoref.sync.done' })
    for (const subject of [
      'ecosystem.other.build.completed',
      'ops.cmd.my-infra',
      'ecosystem.my-infra',
    ]) {
      t.equal(await codeOf(tell.emit({ subject })), 'PROV_ECOSYSTEM_SUBJECT', subject)
    }
    await until('all heard', () => got.length >= 5)
    t.same(got.map(({ subject }) => subject).sort(), [
      'ecosystem.actor.alice.op.submitted',
      'ecosystem.daemon.reload',
      'ecosystem.my-infra.build.completed',
      'ecosystem.my-infra.op.applied',
      'ecosystem.ontoref.sync.done',
    ])
    const built = got.find(({ subject }) => subject === 'ecosystem.my-infra.build.completed')?.body
    t.match(built, {
      specversion: '1.0',
      id,
      source: 'prov/my-infra',
      type: 'prov.my-infra.build.completed',
      datacontenttype: 'application/json',
      workspace: 'my-infra',
      correlationid: 'story-1',
      causationid: 'cause-1',
      data: { image: 'app:7' },
    })
    const end = got.find(({ subject }) => subject === 'ecosystem.my-infra.op.applied')?.body
    t.match(end, { correlationid: op, data: { op } })

    // From outside in, and not out again.
    const waiting = on.child(['wait', 'event', 'ecosystem.lian-build.build.completed', '--json'])
    const deaf = on.child(['wait', 'event', 'ecosystem.lian-build.never.comes', '--timeout', '1s'])
    t.equal((await deaf).code, 7, 'what never comes ends by its time')
    await outside.publish('ecosystem.lian-build.build.completed', {
      id: 'b1',
      body: { image: 'x' },
    })
    await outside.publish('ecosystem.lian-build.build.completed', {
      id: 'b2',
      body: { image: 'y' },
    })
    const heard = await waiting
    t.equal(heard.code, 0, heard.err)
    t.match(JSON.parse(heard.out), { subject: 'ecosystem.lian-build.build.completed' })
    await until('received', () => (status(on)?.received ?? 0) === 2)
    const read = await on.json<{ subject: string }[]>('events', 'ecosystem.lian-build.>')
    t.equal(read.length, 2)
    const after = await tell.emit({ subject: 'ecosystem.my-infra.build.after' })
    await until('after', () => got.some(({ body }) => body['id'] === after.id))
    t.equal(got.filter(({ subject }) => subject.startsWith('ecosystem.lian-build')).length, 2)
  },
)

t.test('only what emit names leaves; the rest stays readable here', { skip }, async (t) => {
  const server = await natsServer(path ?? '', t)
  const on = await infra(t)
  settings(on, { enabled: true, url: server.url, emit: ['ecosystem.my-infra.build.>'] })
  const prov = await on.open()
  t.teardown(() => prov.close())
  const tell = prov.service(ecosystem)
  await applied(t, prov)
  await tell.emit({ subject: 'ecosystem.my-infra.secret.plan' })
  await tell.emit({ subject: 'ecosystem.my-infra.build.done' })
  const outside = await natsBus({ servers: server.url })
  t.teardown(() => outside.close())
  const got = listen(t, outside)
  await until('one out', () => (status(on)?.published ?? 0) === 1 && status(on)?.waiting === 0)
  await until('heard', () => got.length > 0)
  t.same(
    got.map(({ subject }) => subject),
    ['ecosystem.my-infra.build.done'],
  )
  t.ok((await on.json<unknown[]>('events', 'ecosystem.my-infra.secret.>')).length === 1)
})

t.test(
  'a server that is absent, comes, dies and comes back empty holds up nothing',
  { skip },
  async (t) => {
    const server = await natsServer(path ?? '', t)
    await server.stop()
    const on = await infra(t)
    settings(on, { enabled: true, url: server.url })
    const lines: LogLine[] = []
    const prov = await on.open({ log: (line) => void lines.push(line) })
    t.teardown(() => prov.close())
    const ops = [await applied(t, prov), await applied(t, prov)]
    await until('counted', () => (status(on)?.waiting ?? 0) >= 4)
    const told = () =>
      lines.filter(({ level, text }) => level === 'warn' && text.includes('events stay here'))
    t.equal(told().length, 1, 'it is told once')
    const doctor = await on.prov('nats', 'status', '--json')
    t.match(doctor.out, 'PROV_BUS_SILENT')

    await server.start()
    await until('drained', () => status(on)?.state === 'connected' && status(on)?.waiting === 0)
    t.equal(told().length, 1)
    await server.stop()
    ops.push(await applied(t, prov))
    await until('away', () => status(on)?.state === 'away')
    t.equal(told().length, 2, 'and once again when it is lost again')
    await server.start({ empty: true })
    await until('drained', () => status(on)?.state === 'connected' && status(on)?.waiting === 0)
    const outside = await natsBus({ servers: server.url })
    t.teardown(() => outside.close())
    const got = listen(t, outside)
    const last = ops.at(-1) ?? ''
    await until('the last one told', () => got.some(({ body }) => body['correlationid'] === last))
    await prov.close()
    t.same(
      on.marks(),
      ops.flatMap(() => once.restart),
      'each ran once',
    )
    t.same(await on.faults(), [])
  },
)

t.test(
  'permissions that are taken away and a store that is full cost events, never operations',
  { skip },
  async (t) => {
    const user = nkeys.createUser()
    const conf = (
      allow: string,
    ) => `authorization: { users: [ { nkey: ${user.getPublicKey()}, permissions: {
    publish: [${allow}], subscribe: ["_INBOX.>", "ecosystem.>"] } } ] }`
    const server = await natsServer(path ?? '', t, conf('"ecosystem.>", "$JS.>"'))
    const on = await infra(t)
    settings(on, { enabled: true, url: server.url })
    const env = { NATS_NKEY_SEED: Buffer.from(user.getSeed()).toString() }
    const lines: LogLine[] = []
    const prov = await on.open({
      env: { ...process.env, ...env },
      log: (line) => void lines.push(line),
    })
    t.teardown(() => prov.close())
    await applied(t, prov)
    await until('told', () => (status(on)?.published ?? 0) >= 2)
    await server.configure(conf('"ecosystem.actor.>", "$JS.>"'))
    await applied(t, prov)
    await until('refused ones counted', () => (status(on)?.dropped ?? 0) >= 1)
    t.equal(lines.filter(({ text }) => text.includes('an event stays here')).length, 1)
    await server.configure(`${conf('"ecosystem.>", "$JS.>"')}\njetstream: { max_file_store: 1 }`, {
      restart: true,
    })
    await applied(t, prov)
    t.notMatch(JSON.stringify(lines), env.NATS_NKEY_SEED.slice(4, 24), 'no log bears the seed')
    await prov.close()
    t.same(await on.faults(), [])
  },
)

t.test(
  'events are switched off and on by their setting, and nothing else moves',
  { skip },
  async (t) => {
    const server = await natsServer(path ?? '', t)
    const on = await infra(t)
    const outside = await natsBus({ servers: server.url })
    t.teardown(() => outside.close())
    const ops: string[] = []
    const life = async (enabled: boolean, over = async (): Promise<void> => {}): Promise<void> => {
      settings(on, { enabled, url: server.url })
      const prov = await on.open()
      ops.push(await applied(t, prov))
      await over()
      await prov.close()
    }
    const taken = async () => (await outside.streamInfo('ECOSYSTEM'))?.lastSequence ?? 0
    await life(true, () =>
      until('submitted and applied are told', async () => (await taken()) >= 2),
    )
    const before = await taken()
    await life(false)
    t.equal(await taken(), before, 'off: nothing leaves')
    const here = await on.json<unknown[]>('events', 'ecosystem.my-infra.op.applied')
    t.equal(here.length, 2, 'off: all of it can be read here')
    const got = listen(t, outside)
    const end = () => got.filter(({ subject }) => subject.endsWith('op.applied'))
    await life(true, () => until('all ends are told', () => end().length === ops.length))
    t.same(
      end().map(({ body }) => body['correlationid']),
      ops,
      'on again: what was kept leaves as well, in its order',
    )
    t.same(on.marks(), [...once.restart, ...once.restart, ...once.restart], 'each ran once')
    t.same(await on.faults(), [])
  },
)

t.test('a wrong setting keeps nothing from running, and is told with its remedy', async (t) => {
  const on = await infra(t)
  settings(on, { enabled: true, urls: 'nats://127.0.0.1:1' })
  const lines: LogLine[] = []
  const prov = await on.open({ log: (line) => void lines.push(line) })
  t.teardown(() => prov.close())
  await applied(t, prov)
  const [told] = lines.filter(({ text }) => text.includes('events stay here'))
  t.match(told?.text, /nats_events.urls/)
  t.match(told?.detail, { code: 'PROV_CONFIG_NATS_INVALID' })
})

t.test('an event is waited for without any server', async (t) => {
  const on = await infra(t)
  const waiting = on.child(['wait', 'event', 'ecosystem.my-infra.build.*', '--json'])
  const told = await on.prov(
    'events',
    'emit',
    'ecosystem.my-infra.build.completed',
    '{"image":"a"}',
  )
  t.equal(told.code, 0, told.err)
  // Whether it came before the other process listened nobody knows: tell again until it heard.
  let heard = false
  void waiting.then(() => (heard = true))
  while (!heard)
    await on.prov('events', 'emit', 'ecosystem.my-infra.build.completed', '{"image":"a"}')
  const { code, out } = await waiting
  t.equal(code, 0)
  t.match(JSON.parse(out), { event: { data: { image: 'a' }, specversion: '1.0' } })
  const past = await on.prov('wait', 'event', 'ecosystem.my-infra.build.*', '--since', '1h')
  t.equal(past.code, 0, 'what came before counts when it is asked for')
  t.equal((await on.prov('wait', 'event', 'a..b')).code, 64)
})
