/**
 * The server configuration that Prov prints, on a real server: each role can do all that it needs and
 * nothing beyond it. The rows are what a stolen key would try.
 */
import t from 'tap'
import { connect, headers, nkeyAuthenticator, nkeys } from 'nats'
import type { NatsConnection } from 'nats'
import type { Bus, Delivery, StreamConfig } from '../../core/bus/bus.ts'
import { lead } from '../../core/bus/leadership.ts'
import { ask, serve } from '../../core/bus/exchange.ts'
import { natsBus } from '../../core/bus/nats.ts'
import type { NatsBus } from '../../core/bus/nats.ts'
import { applyTopology } from '../../core/bus/topology.ts'
import { systemClock } from '../../core/clock.ts'
import { codeOf } from '../../core/kit.ts'
import { defined } from '../../core/optional.ts'
import { planeNames } from '../../core/protocol/planes.ts'
import { busRoles, inboxOf, roleRow } from '../../core/protocol/roles.ts'
import type { BusRole } from '../../core/protocol/roles.ts'
import { planesTopology } from '../../core/protocol/roles.ts'
import { serverConfig } from '../../core/protocol/server-config.ts'
import { leaseBucket, subjects } from '../../core/protocol/subjects.ts'
import { findNatsServer, howToInstall, natsServer } from '../support/nats-server.ts'

t.setTimeout(120_000)
const path = findNatsServer()
const skip = path === undefined && howToInstall
const workspace = 'my-infra'

async function place(t: { teardown(undo: () => unknown): unknown }) {
  const users = Object.fromEntries(busRoles.map((role) => [role, nkeys.createUser()])) as Record<
    BusRole,
    ReturnType<typeof nkeys.createUser>
  >
  const keys = Object.fromEntries(busRoles.map((role) => [role, users[role].getPublicKey()]))
  const server = await natsServer(path ?? '', t, ({ port, monitor }) =>
    serverConfig({ workspace, keys, listen: `127.0.0.1:${port}`, monitor: `127.0.0.1:${monitor}` }),
  )
  const open = async (role: BusRole): Promise<NatsBus> => {
    const bus = await natsBus({
      servers: server.url,
      nkeySeed: users[role].getSeed(),
      inboxPrefix: inboxOf(role, workspace),
      timeoutMs: 2_000,
    })
    t.teardown(() => bus.close())
    return bus
  }
  const raw = async (role: BusRole): Promise<NatsConnection> => {
    const connection = await connect({
      servers: server.url,
      authenticator: nkeyAuthenticator(users[role].getSeed()),
      inboxPrefix: inboxOf(role, workspace),
    })
    t.teardown(() => connection.close())
    return connection
  }
  const admin = await open('admin')
  const rows = await applyTopology(admin, planesTopology(workspace))
  if (rows.some(({ state }) => state !== 'created')) throw new Error(JSON.stringify(rows))
  await admin.keyValue(leaseBucket(workspace))
  return { server, open, raw, admin }
}

async function first(bus: Bus, stream: string, consumer: string): Promise<Delivery> {
  const pull = bus.pull(stream, consumer, { signal: new AbortController().signal })
  return (await pull[Symbol.asyncIterator]().next()).value as Delivery
}

t.test('with the printed configuration every role does all it needs', { skip }, async (t) => {
  const { open, raw, admin } = await place(t)
  const { signal } = new AbortController()
  const heard: string[] = []
  const observer = await raw('observer')
  for (const subject of roleRow('observer', workspace).hears) {
    observer.subscribe(subject, { callback: (_, message) => void heard.push(message.subject) })
  }
  await observer.flush()
  const said: string[] = []
  const data = Buffer.from('question')
  const person = await open('person')
  for (const role of planeNames) {
    const bus = await open(role)
    const row = roleRow(role, workspace)
    // The planes ensure what they use when they start: it is there, so that is a look.
    for (const stream of planesTopology(workspace).streams) {
      t.equal(await bus.ensureStream(stream), 'same', `${role} finds ${stream.name}`)
    }
    for (const pattern of row.says) {
      const subject = pattern.replace('>', `from-${role}`)
      await bus.publish(subject, { id: `${role} ${subject}`, body: role })
      said.push(subject)
    }
    for (const [stream, name, filter] of row.pulls)
      t.equal(await bus.ensureConsumer(defined({ stream, name, filter })), 'same')
    for (const key of row.leases) {
      const store = await bus.keyValue(leaseBucket(workspace))
      const lease = await lead({ store, key, holder: role, clock: systemClock, signal })
      t.ok(lease.held(), `${role} holds the lease ${key}`)
      await lease.release()
    }
    const desk = subjects.desk(workspace, role)
    const inboxes = inboxOf('person', workspace)
    const denied = (error: Error): void => void t.fail(error.message)
    serve(bus, { subject: desk, inboxes, denied, heard: (_, answer) => answer(data) })
    // The server reads one connection in order: what it listens to is known when this is answered.
    await bus.ensureStream(planesTopology(workspace).streams[0] as StreamConfig)
    const judge = (answer: Uint8Array) => answer.toString()
    const question = { subject: desk, data, timeoutMs: 5_000, clock: systemClock, signal, judge }
    t.same(await ask(person, question), { answer: data.toString() }, `${role} answers a person`)
  }
  for (const role of planeNames) {
    const bus = await open(role)
    for (const [stream, name] of roleRow(role, workspace).pulls) {
      const delivery = await first(bus, stream, name)
      await delivery.working()
      await delivery.ack()
      t.pass(`${role} works off ${stream}`)
    }
  }
  await observer.flush()
  const between = ['ops.pending', 'ops.cmd', 'ops.ask']
  const audible = said.filter((subject) => !between.some((start) => subject.startsWith(start)))
  t.same(heard.sort(), audible.sort(), 'the observer hears what is for everybody')
  t.ok(await admin.streamInfo('ECOSYSTEM'))
})

t.test('with the printed configuration no role does anything else', { skip }, async (t) => {
  const { server, raw, admin } = await place(t)
  const others = busRoles.filter((role) => role !== 'admin')
  const audit = 'OPS_AUDIT_MY_INFRA'
  const bucket = leaseBucket(workspace)
  const attempts: [what: string, subject: string, except?: readonly BusRole[]][] = [
    ['propose', 'ops.pending.my-infra.deploy', ['submitter']],
    ['command', 'ops.cmd.my-infra', ['keeper']],
    ['speak in the audit', 'ops.audit.my-infra', ['submitter', 'keeper', 'controller']],
    ['propose to another workspace', 'ops.pending.other.deploy'],
    ['command another workspace', 'ops.cmd.other'],
    ['speak for another project', 'ecosystem.other.op.held'],
    ...[audit, 'OPS_CMD_MY_INFRA', 'ECOSYSTEM', `KV_${bucket}`].flatMap(
      (stream): [string, string][] => [
        ['delete a stream', `$JS.API.STREAM.DELETE.${stream}`],
        ['purge a stream', `$JS.API.STREAM.PURGE.${stream}`],
        ['change a stream', `$JS.API.STREAM.UPDATE.${stream}`],
        ['make a stream', `$JS.API.STREAM.CREATE.${stream}`],
        ['delete a message', `$JS.API.STREAM.MSG.DELETE.${stream}`],
        ['restore a stream', `$JS.API.STREAM.RESTORE.${stream}`],
        ['copy a stream', `$JS.API.STREAM.SNAPSHOT.${stream}`],
        ['make a consumer', `$JS.API.CONSUMER.CREATE.${stream}.thief`],
        ['make a durable', `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.thief`],
        ['delete a consumer', `$JS.API.CONSUMER.DELETE.${stream}.mirror`],
        ['pause a consumer', `$JS.API.CONSUMER.PAUSE.${stream}.mirror`],
        ['read a message at will', `$JS.API.STREAM.MSG.GET.${stream}`],
      ],
    ),
    ['take proposals', '$JS.API.CONSUMER.MSG.NEXT.OPS_PENDING_MY_INFRA.keeper', ['keeper']],
    ['take commands', '$JS.API.CONSUMER.MSG.NEXT.OPS_CMD_MY_INFRA.controller', ['controller']],
    ['acknowledge commands', '$JS.ACK.OPS_CMD_MY_INFRA.controller.1.1.1.1.0', ['controller']],
    ['take evidence', '$JS.API.CONSUMER.MSG.NEXT.ECOSYSTEM.evidence-my-infra', ['controller']],
    ['acknowledge for the mirror', `$JS.ACK.${audit}.mirror.1.1.1.1.0`, ['mirror']],
    ['seize the lease of the controller', `$KV.${bucket}.controller`, ['controller']],
    ['seize the lease of the keeper', `$KV.${bucket}.keeper`, ['keeper']],
    ['answer for somebody else', '_INBOX_controller_my-infra.x', []],
    ['answer a person', '_INBOX_person_my-infra.x', ['person', ...planeNames]],
    ['ask at the desk', 'ops.desk.my-infra.keeper', ['person']],
    ['ask at the desk of another workspace', 'ops.desk.other.keeper'],
    ['ask the server', '$SYS.REQ.SERVER.PING'],
    ['step a leader down', '$JS.API.META.LEADER.STEPDOWN'],
  ]
  const listening = [
    '>',
    '_INBOX.>',
    '$JS.API.>',
    '$KV.>',
    '$SYS.>',
    'ops.cmd.my-infra',
    'ops.pending.my-infra.>',
    'ops.desk.>',
    'ops.desk.other.keeper',
  ]
  for (const role of others) {
    const connection = await raw(role)
    const refused = new Set<string>()
    void (async () => {
      for await (const { data } of connection.status()) refused.add(JSON.stringify(data))
    })()
    for (const [what, subject, except = []] of attempts) {
      if (except.includes(role)) continue
      const code = await connection
        .request(subject, '', { timeout: 1_500, headers: harmless() })
        .then(
          () => 'answered',
          (thrown: { code?: string }) => thrown.code,
        )
      t.equal(code, 'PERMISSIONS_VIOLATION', `${role} cannot ${what}: ${subject}`)
    }
    for (const subject of [
      ...listening,
      ...others.filter((one) => one !== role).map((one) => `${inboxOf(one, workspace)}.>`),
    ]) {
      const outcome = await new Promise((resolve) => {
        const subscription = connection.subscribe(subject, {
          callback: (error) => resolve(error?.code),
        })
        void connection.flush().then(() => resolve('heard'), resolve)
        void subscription.closed
      })
      t.equal(outcome, 'PERMISSIONS_VIOLATION', `${role} cannot listen to ${subject}`)
    }
  }
  t.equal((await admin.streamInfo(audit))?.lastSequence, 0, 'nothing of it arrived')
  const strange = { servers: server.url, timeoutMs: 1_000 }
  t.equal(await codeOf(natsBus(strange)), 'PROV_BUS_DENIED', 'nobody enters without a key')
  const nkeySeed = nkeys.createUser().getSeed()
  t.equal(
    await codeOf(natsBus({ ...strange, nkeySeed })),
    'PROV_BUS_DENIED',
    'nor with another one',
  )
})

/** A message that a stream would refuse, should it get through. */
function harmless() {
  const own = headers()
  own.set('Nats-Expected-Stream', 'NONE')
  return own
}
