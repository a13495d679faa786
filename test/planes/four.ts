/**
 * Four planes as processes of their own on a real server: each with its journal, its home, the key
 * of its plane and the nkey of its role, and nobody else's.
 *
 * @module
 */
import { cpSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'
import { applyTopology } from '../../core/bus/topology.ts'
import type { NatsBus } from '../../core/bus/nats.ts'
import { systemClock } from '../../core/clock.ts'
import { codeOf } from '../../core/kit.ts'
import { natsSettings } from '../../core/config/nats.ts'
import { planeNames } from '../../core/protocol/planes.ts'
import type { PlaneName } from '../../core/protocol/planes.ts'
import { connectAs, makeRoleKeys, roleSeedFile } from '../../core/protocol/role-keys.ts'
import { planesTopology } from '../../core/protocol/roles.ts'
import type { BusRole } from '../../core/protocol/roles.ts'
import { serverConfig } from '../../core/protocol/server-config.ts'
import { leaseBucket } from '../../core/protocol/subjects.ts'
import { createRuntime } from '../../core/runtime.ts'
import type { Runtime } from '../../core/runtime.ts'
import { provChild, provHere } from '../support/cli.ts'
import type { Child, Ran } from '../support/cli.ts'
import { infra } from '../support/infra.ts'
import type { Infra } from '../support/infra.ts'
import { natsServer } from '../support/nats-server.ts'
import type { NatsServer } from '../support/nats-server.ts'

/** A child is a promise of its end, so it travels wrapped. */
export interface Process {
  /** Without warning; resolves when it is gone. */
  kill(): Promise<void>
  /** Resolves when it is gone by itself. */
  readonly gone: Promise<void>
  /** Stops it in the middle of whatever it does, and lets it go on. */
  freeze(): void
  thaw(): void
  /** How it ended. */
  end(): Promise<Ran>
  /** Resolves when stderr has said so much. */
  said(text: string): Promise<void>
}

export interface Four {
  readonly on: Infra
  readonly server: NatsServer
  readonly admin: NatsBus
  home(plane: PlaneName): string
  state(plane: PlaneName): string
  /** What the workspace says about NATS, from the next start of a process on. */
  configure(nats: Readonly<Record<string, string | boolean>>): void
  /** Copies the folder of a plane's state, as a backup would; the socket in it is no file. */
  backUp(plane: PlaneName, to: string): void
  /** One command line of whoever keeps the server: where the planes came from, with every role's key. */
  operator(...argv: readonly string[]): Promise<Ran>
  /** One command line over the journal of a plane. */
  prov(plane: PlaneName, ...argv: readonly string[]): Promise<Ran>
  /** The same in a process of its own. */
  child(plane: PlaneName, argv: readonly string[], env?: Readonly<Record<string, string>>): Child
  /** Starts the process of a plane; resolves when it runs. */
  start(plane: PlaneName, env?: Readonly<Record<string, string>>): Promise<Process>
  /** Starts one that waits for its turn; resolves at once. */
  standby(plane: PlaneName, env?: Readonly<Record<string, string>>): Process
  /** Environment of whoever runs a plane. */
  env(plane: PlaneName): Readonly<Record<string, string>>
  /** What was handed over: the bundle of a plane. */
  bundle(plane: PlaneName): string
  readonly passphrase: string
  /** The submitter in this process, so that a test can propose. */
  submitter(): Promise<Runtime>
  /** What a role may do on the server. */
  as(role: BusRole): Promise<NatsBus>
  /** Makes streams and consumers, also after the server lost them. */
  topology(): Promise<void>
}

export async function four(t: Test, path: string): Promise<Four> {
  const on = await infra(t)
  const workspace = 'my-infra'
  const folder = dirname(on.workspace)
  const origin = join(folder, 'home')
  const roles = await makeRoleKeys(origin, workspace)
  const keys = Object.fromEntries(roles.map(({ role, key }) => [role, key]))
  const server = await natsServer(path, t, ({ port, monitor }) =>
    serverConfig({ workspace, keys, listen: `127.0.0.1:${port}`, monitor: `127.0.0.1:${monitor}` }),
  )
  const passphrase = join(folder, 'passphrase')
  writeFileSync(passphrase, 'correct horse\n', { mode: 0o600 })
  const common = { NATS_URL: `nats://${server.url}`, PROV_PASSPHRASE_FILE: passphrase }
  const cwd = on.workspace
  const home = (plane: PlaneName): string => join(folder, `home-${plane}`)
  const state = (plane: PlaneName): string => join(folder, `state-${plane}`)
  const envOf = (plane: PlaneName) => ({
    NATS_URL: common.NATS_URL,
    PROV_HOME: home(plane),
    PROV_STATE: state(plane),
    PROV_ACTOR: 'alice',
  })
  const demand = ({ code, err }: Ran): void => {
    if (code !== 0) throw new Error(`exit ${code}: ${err}`)
  }
  for (const plane of planeNames) {
    const file = join(folder, `${plane}.plane`)
    const own = { ...common, PROV_HOME: origin }
    demand(await provHere(['plane', 'export', plane, '--out', file], { cwd, env: own }))
    mkdirSync(join(home(plane), 'nats', workspace), { recursive: true, mode: 0o700 })
    cpSync(roleSeedFile(origin, workspace, plane), roleSeedFile(home(plane), workspace, plane))
    const there = { ...envOf(plane), PROV_PASSPHRASE_FILE: passphrase }
    demand(await provHere(['plane', 'join', file], { cwd, env: there }))
  }
  for (const [plane, actors] of [
    ['submitter', ['alice']],
    ['keeper', ['bob']],
  ] as const) {
    for (const actor of actors) {
      cpSync(join(origin, 'keys', `${actor}.json`), join(home(plane), 'keys', `${actor}.json`))
    }
  }
  const settings = await natsSettings({ home: origin, env: common })
  const as = async (role: BusRole): Promise<NatsBus> => {
    const bus = await connectAs({ settings, home: origin, workspace, role, clock: systemClock })
    t.teardown(() => bus.close())
    return bus
  }
  const admin = await as('admin')
  const topology = async (): Promise<void> => {
    // After a start of the server the connection needs its time.
    for (;;) {
      const code = await codeOf(admin.streamInfo('ECOSYSTEM'))
      if (code !== 'PROV_BUS_UNAVAILABLE') break
    }
    const rows = await applyTopology(admin, planesTopology(workspace))
    const refused = rows.filter((row) => row.state === 'refused')
    if (refused.length > 0) throw new Error(JSON.stringify(refused))
    await admin.keyValue(leaseBucket(workspace))
  }
  await topology()
  const spawned = (plane: PlaneName, flags: readonly string[], env: object): Process => {
    const place = { cwd, env: { ...envOf(plane), ...env } }
    const child = provChild(['plane', 'run', ...flags], place)
    const gone = (async () => void (await child))()
    const kill = async (): Promise<void> => {
      child.kill('SIGKILL')
      await gone
    }
    t.teardown(kill)
    return {
      kill,
      gone,
      freeze: () => child.kill('SIGSTOP'),
      thaw: () => child.kill('SIGCONT'),
      end: async () => child,
      said: (text) => child.said(text),
    }
  }
  return {
    on,
    server,
    admin,
    home,
    state,
    configure(nats) {
      mkdirSync(join(cwd, '.ontoref'), { recursive: true })
      const said = Object.entries(nats).map(([name, value]) => `${name} = ${JSON.stringify(value)}`)
      writeFileSync(join(cwd, '.ontoref/config.ncl'), `{ nats_events = { ${said.join(', ')} } }`)
    },
    backUp(plane, to) {
      const filter = (file: string): boolean => !statSync(file).isSocket()
      cpSync(state(plane), to, { recursive: true, filter })
    },
    as,
    topology,
    operator: (...argv) => provHere(argv, { cwd, env: { ...common, PROV_HOME: origin } }),
    prov: (plane, ...argv) => provHere(argv, { cwd, env: envOf(plane) }),
    child: (plane, argv, env = {}) => provChild(argv, { cwd, env: { ...envOf(plane), ...env } }),
    async start(plane, env = {}) {
      const process = spawned(plane, [], env)
      await process.said(`running: ${plane}`)
      return process
    },
    standby: (plane, env = {}) => spawned(plane, ['--standby'], env),
    env: envOf,
    bundle: (plane) => join(folder, `${plane}.plane`),
    passphrase,
    async submitter() {
      const prov = await createRuntime({
        workspace: cwd,
        state: state('submitter'),
        home: home('submitter'),
        env: { PATH: process.env['PATH'], ...envOf('submitter') },
        log: () => {},
      })
      t.teardown(() => prov.close())
      return prov
    },
  }
}

/** Service keys that a home holds. */
export function keysIn(home: string): readonly string[] {
  const dir = join(home, 'keys/services')
  return readdirSync(dir).flatMap((journal) => readdirSync(join(dir, journal)).sort())
}
