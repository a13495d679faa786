/**
 * `prov run` whose planes meet on a server because the workspace says so: the server has the
 * configuration that Prov prints, every role its own key and nothing more than it needs.
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import type { Bus } from '../../core/bus/bus.ts'
import { systemClock } from '../../core/clock.ts'
import { natsSettings } from '../../core/config/nats.ts'
import { connectAs, roleSeedFile } from '../../core/protocol/role-keys.ts'
import { streams } from '../../core/protocol/subjects.ts'
import { provChild, provHere } from '../support/cli.ts'
import type { Ran } from '../support/cli.ts'
import { infra, once } from '../support/infra.ts'
import type { Infra } from '../support/infra.ts'
import { findNatsServer, howToInstall, natsServer } from '../support/nats-server.ts'
import type { NatsServer } from '../support/nats-server.ts'
import { laptop } from './laptop.ts'

t.setTimeout(600_000)
const path = findNatsServer()
const skip = path === undefined && howToInstall
const workspace = 'my-infra'

interface Daemon {
  /** Resolves with how it ended. */
  end(signal: NodeJS.Signals): Promise<Ran>
}

interface Place {
  readonly on: Infra
  readonly server: NatsServer
  /** Lets the workspace say where its planes meet. */
  say(planes: boolean): void
  daemon(): Promise<Daemon>
  /** One command line beside it; answers stdout. */
  beside(...argv: readonly string[]): Promise<string>
  submit(type: string, target: string): Promise<string>
  settled(op: string): Promise<string>
  /** How many messages a stream has taken so far. */
  taken(stream: string): Promise<number>
  /** Resolves once others on the server were told so much about an operation. */
  told(op: string, ...words: readonly string[]): Promise<void>
}

async function place(t: Test): Promise<Place> {
  const on = await infra(t)
  const server = await natsServer(path ?? '', t)
  const monitor = server.monitor.replace('http://', '')
  const demand = async (...argv: readonly string[]): Promise<string> => {
    const { code, out, err } = await on.prov(...argv)
    if (code !== 0) throw new Error(`${argv.join(' ')}: exit ${code}: ${err}`)
    return out
  }
  const say = (planes: boolean): void => {
    mkdirSync(join(on.workspace, '.ontoref'), { recursive: true })
    const text = `{ nats_events = { enabled = true, planes = ${planes}, url = "nats://${server.url}" } }`
    writeFileSync(join(on.workspace, '.ontoref/config.ncl'), text)
  }
  say(false)
  await demand('nats', 'keys')
  const config = await demand('nats', 'config', '--listen', server.url, '--monitor', monitor)
  await server.configure(config, { restart: true })
  await demand('nats', 'apply')
  const env = { PROV_HOME: on.home, PROV_ACTOR: 'alice' }
  const beside = async (...argv: readonly string[]): Promise<string> => {
    const { code, out, err } = await on.child(argv)
    if (code !== 0) throw new Error(`${argv.join(' ')}: exit ${code}: ${err}`)
    return out
  }
  const admin = async (): Promise<Bus> => {
    const files = { home: on.home, env: { NATS_URL: `nats://${server.url}` } }
    const settings = await natsSettings(files)
    const where = { settings, home: on.home, workspace, clock: systemClock }
    const bus = await connectAs({ ...where, role: 'admin' })
    t.teardown(() => bus.close())
    return bus
  }
  return {
    on,
    server,
    say,
    beside,
    async daemon() {
      const child = provChild(['run'], { cwd: on.workspace, env })
      const end = async (signal: NodeJS.Signals): Promise<Ran> => {
        child.kill(signal)
        return child
      }
      t.teardown(() => end('SIGKILL'))
      await child.said('is held by process')
      return { end }
    },
    async submit(type, target) {
      return (await on.json<{ readonly op: string }>('op', 'submit', type, target, '--no-wait')).op
    },
    async settled(op) {
      await on.child(['op', 'wait', op, '--for', 'ended', '--timeout', '3m'])
      return (await on.row(op)).phase
    },
    async taken(stream) {
      const info = await (await admin()).streamInfo(stream)
      return info?.lastSequence ?? 0
    },
    async told(op, ...words) {
      const bus = await admin()
      const missing = new Set(words)
      await bus.ensureConsumer({ stream: streams.ecosystem, name: `about-${op}` })
      const { signal } = new AbortController()
      for await (const delivery of bus.pull(streams.ecosystem, `about-${op}`, { signal })) {
        const { subject, body } = delivery
        if (JSON.stringify(body).includes(op)) missing.delete(subject.split('.').at(-1) ?? '')
        await delivery.ack()
        if (missing.size === 0) return
      }
    },
  }
}

t.test('the daemon keeps its planes on the server, each with its own role', { skip }, async (t) => {
  const { on, server, say, daemon, beside, submit, settled, taken, told } = await place(t)
  say(true)
  const first = await daemon()
  const auto = await submit('restart', 'monitoring/grafana')
  t.equal(await settled(auto), 'applied')
  const held = await submit('deploy', 'app-cluster/cert-manager')
  await beside('op', 'approve', held, '--actor', 'bob', '--reason', 'looked at it')
  t.equal(await settled(held), 'applied')
  t.equal(await taken(streams.pending(workspace)), 2, 'intents went over the server')
  t.equal(await taken(streams.command(workspace)), 2, 'and commands')
  t.ok((await taken(streams.audit(workspace))) > 8, 'and what planes say')
  await told(held, 'submitted', 'held', 'approved', 'applied')

  await first.end('SIGKILL')
  const second = await daemon()
  await server.stop()
  const dark = await submit('restart', 'monitoring/grafana')
  await server.start({ empty: true })
  await beside('nats', 'apply')
  t.equal(await settled(dark), 'applied', 'a server that lost everything lost no operation')
  const { err } = await second.end('SIGTERM')
  t.notMatch(err, /PROV_BUS_DENIED/, 'nothing was refused to any role')
  const marks = [...once.restart, ...once.deploy, ...once.restart].sort()
  t.same([...on.marks()].sort(), marks, 'every step ran once')
  t.same(await on.faults(), [])
})

t.test(
  'people elsewhere act on the daemon, at the desk of each of its planes',
  { skip },
  async (t) => {
    const { on, server, say, daemon } = await place(t)
    say(true)
    const running = await daemon()
    const [alice, bob] = [laptop({ on, server }, 'alice'), laptop({ on, server }, 'bob')]
    const deploy = ['op', 'submit', 'deploy', 'app-cluster/cert-manager'] as const
    const { op } = await alice.json<{ readonly op: string }>(...deploy)
    t.match(await bob.json('op', 'approve', op), { phase: 'applied' })
    const { err } = await running.end('SIGTERM')
    t.notMatch(err, /PROV_BUS_DENIED|from elsewhere/, 'nothing was refused to any role')
    t.same(await on.faults(), [])
  },
)

t.test('where planes meet may change while operations wait', { skip }, async (t) => {
  const { on, say, daemon, beside, submit, settled, taken } = await place(t)
  const approve = async (op: string): Promise<string> => {
    await beside('op', 'approve', op, '--actor', 'bob', '--reason', 'looked at it')
    return settled(op)
  }
  const held = async (type: string, target: string): Promise<string> => {
    const op = await submit(type, target)
    await on.child(['op', 'wait', op, '--timeout', '3m'])
    return op
  }
  say(false)
  const first = await daemon()
  const deploy = await held('deploy', 'app-cluster/cert-manager')
  await first.end('SIGTERM')

  say(true)
  const second = await daemon()
  t.equal(await approve(deploy), 'applied', 'begun in the journal, ended over the server')
  const drain = await held('drain', 'app-cluster')
  await second.end('SIGTERM')
  t.equal(await taken(streams.command(workspace)), 1)

  say(false)
  const third = await daemon()
  t.equal(await approve(drain), 'applied', 'begun over the server, ended in the journal')
  await third.end('SIGTERM')
  t.equal(await taken(streams.command(workspace)), 1)
  t.same(on.marks(), [...once.deploy, ...once.drain], 'every step ran once')
  t.same(await on.faults(), [])
})

t.test(
  'after a hand-over the daemon holds the other planes, each with its own role',
  { skip },
  async (t) => {
    const { on, server, daemon, submit, settled } = await place(t)
    const folder = dirname(on.workspace)
    const secret = join(folder, 'secret')
    writeFileSync(secret, 'right\n', { mode: 0o600 })
    const demand = async (home: string, ...argv: readonly string[]): Promise<void> => {
      const env = { PROV_HOME: home, PROV_PASSPHRASE_FILE: secret }
      const { code, err } = await provHere(argv, { cwd: on.workspace, env })
      if (code !== 0) throw new Error(err)
    }
    const file = join(folder, 'keeper.plane')
    const [home, state] = [join(folder, 'home-keeper'), join(folder, 'state-keeper')]
    await demand(on.home, 'plane', 'export', 'keeper', '--out', file)
    await demand(home, 'plane', 'join', file, '--state', state)
    mkdirSync(join(home, 'nats', workspace), { recursive: true, mode: 0o700 })
    const seed = roleSeedFile(on.home, workspace, 'keeper')
    renameSync(seed, roleSeedFile(home, workspace, 'keeper'))
    const env = { PROV_HOME: home, NATS_URL: `nats://${server.url}` }
    const keeper = provChild(['plane', 'run', '--state', state], { cwd: on.workspace, env })
    t.teardown(async () => {
      keeper.kill('SIGKILL')
      await keeper
    })
    await keeper.said('running: keeper')
    const rest = await daemon()
    const op = await submit('restart', 'monitoring/grafana')
    t.equal(await settled(op), 'applied')
    const { err } = await rest.end('SIGTERM')
    t.notMatch(err, /PROV_BUS_DENIED/, 'nothing was refused to any role')
    t.same([...on.marks()].sort(), [...once.restart].sort(), 'every step ran once')
    const { out } = await on.prov('audit', 'verify', '--json')
    t.match(JSON.parse(out), { findings: [] })
  },
)
