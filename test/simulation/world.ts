/**
 * A simulated world: one machine that holds all planes, or four that hold one each and meet on a bus,
 * and the provider. It begins where a workspace stands whose people are enrolled and whose policy is in
 * force; that beginning is made once per process and copied for each run.
 *
 * @module
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openJournal } from '../../core/journal/file.ts'
import type { AuditEvent } from '../../core/protocol/audit.ts'
import { heardEntry, joinedEntry, planeKeys, planeNames } from '../../core/protocol/planes.ts'
import type { PlaneName } from '../../core/protocol/planes.ts'
import { contract, keeperDesk, keyStore } from '../../core/protocol/services.ts'
import { seeded } from '../../core/seed.ts'
import type { Count } from '../../core/units.ts'
import controller from '../../plugins/controller/index.ts'
import keeper from '../../plugins/keeper/index.ts'
import mirror from '../../plugins/mirror/index.ts'
import orchestrator from '../../plugins/orchestrator/index.ts'
import submitter from '../../plugins/submitter/index.ts'
import { Broker } from './broker.ts'
import { isOnlooker, Life } from './life.ts'
import { Machine, workspaceName } from './machine.ts'
import { Provider, worldPlugin } from './provider.ts'
import { holdFor, holdStill } from './still.ts'
import { Time } from './time.ts'

/** All planes on one machine, or each on its own. */
export type Shape = 'together' | 'apart'

export const people = ['alice', 'bob', 'carol'] as const

/** Policies that may be in force: the second one wants people for what the first one signs. */
export const policyText = (flips: 'signed' | 'held'): string => `{
  policy = {
    version = 1,
    auto_sign = [
      { id = "notes", op_type = "note" },
      { id = "looks", op_type = "look" },
      ${flips === 'signed' ? '{ id = "flips", op_type = "flip" },' : ''}
    ],
    deny = [{ id = "never", op_type = "drain" }],
  },
}
`

const planePlugins = [submitter, keeper, orchestrator, controller, mirror]

export interface World {
  readonly shape: Shape
  readonly time: Time
  readonly provider: Provider
  readonly broker: Broker | undefined
  readonly machines: readonly Machine[]
  /** The machine that holds a plane. */
  at(plane: PlaneName): Machine
  /** Id of the workspace's journal. */
  readonly journal: string
  /** What should never have been: machines that did not start, promises that did not hold at a start. */
  readonly failures: string[]
  /** From now on nothing goes wrong. */
  isCalm: boolean
  /** Told of each life that has started. */
  atStart: (life: Life) => void
  /** Ends all lives. */
  end(): void
}

const memory = '/dev/shm'
let folder: string | undefined
let journalId = ''

const worldDir = (): string => join(folder as string, 'world')
const beginningDir = (shape: Shape): string => join(folder as string, shape)

/** Begins a world; its machines do not run yet. */
export async function beginWorld(
  shape: Shape,
  seed: Count,
  log?: (line: string) => void,
): Promise<World> {
  await begin()
  rmSync(worldDir(), { recursive: true, force: true })
  cpSync(beginningDir(shape), worldDir(), { recursive: true, verbatimSymlinks: true })
  return worldOf(shape, seed, log)
}

function worldOf(shape: Shape, seed: Count, log?: (line: string) => void): World {
  const time = new Time()
  const chance = (nth: Count) => seeded(seed * 31 + nth)
  const provider = new Provider(time, chance(1))
  const broker = shape === 'apart' ? new Broker(time, chance(2)) : undefined
  const failures: string[] = []
  const groups: readonly (readonly PlaneName[])[] =
    shape === 'together' ? [planeNames] : planeNames.map((name) => [name])
  const machines = groups.map((planes, at) => {
    const random = chance(3 + at)
    const name = shape === 'together' ? 'all' : (planes[0] as string)
    const dir = join(worldDir(), name)
    return new Machine({
      name,
      planes,
      dir,
      time,
      random,
      log,
      plugins: (_, life) => [worldPlugin(provider, life), ...planePlugins],
      bus: broker && ((life: Life) => broker.connection(life)),
      downMs: () => 50 + random(20_000),
      failed: (what) => void failures.push(what),
      started: (life) => world.atStart(life),
    })
  })
  holdFor({
    seed,
    gate: async (call, act) => {
      if (isOnlooker()) return act()
      const machine = machines.find((one) => one.owns(call.path))
      const write = machine?.ledgerDisk?.instead(call)
      const does = write
        ? () => {
            machine?.assertDisk()
            return write()
          }
        : act
      const life =
        Life.current?.machine === machine ? Life.current : (machine?.runs ?? machine?.lives.at(-1))
      return life ? life.files(does) : does()
    },
  })
  const world: World = {
    shape,
    time,
    provider,
    broker,
    machines,
    failures,
    isCalm: false,
    atStart: () => {},
    journal: journalId,
    at: (plane) => machines.find(({ parts }) => parts.planes.includes(plane)) as Machine,
    end: () => machines.forEach((machine) => machine.end()),
  }
  return world
}

/** Makes the two beginnings, once per process. */
async function begin(): Promise<void> {
  if (folder !== undefined) return
  holdStill()
  // Thousands of small files per run: where there is a folder in memory, it is many times faster.
  const made = mkdtempSync(join(existsSync(memory) ? memory : tmpdir(), 'prov-simulation-'))
  folder = made
  process.once('exit', () => rmSync(made, { recursive: true, force: true }))
  const machineDir = join(worldDir(), 'all')
  mkdirSync(join(machineDir, workspaceName, '.ontology'), { recursive: true })
  writeFileSync(join(machineDir, workspaceName, 'keeper_policy.ncl'), policyText('signed'))
  const world = worldOf('together', 1)
  const machine = world.at('keeper')
  machine.start()
  await world.time.until(() => machine.runs !== undefined || world.failures.length > 0, 60_000)
  if (world.failures[0] !== undefined) throw new Error(world.failures[0])
  const life = machine.runs as Life
  const runtime = life.runtime
  if (!runtime) throw new Error('it does not run')
  const events = await world.time.during(
    (async () => {
      const keys = runtime.service(keyStore)
      const deal = runtime.service(contract)
      for (const actor of people) {
        const record = await keys.create({ actor, kind: 'human', passphrase: '' })
        await deal.enrol({ record, as: people[0] })
      }
      await runtime.service(keeperDesk).activatePolicy({ as: people[0] })
      journalId = deal.journal
      const said: AuditEvent[] = []
      for await (const event of deal.events()) said.push(event)
      const { epoch } = deal
      await runtime.close()
      await life.journal?.close()
      return { said, epoch }
    })(),
    600_000,
  )
  machine.end()
  renameSync(worldDir(), beginningDir('together'))
  await takeApart(events.said, events.epoch)
}

/** What handing each plane over comes to: its key, the trail so far, a journal of its own. */
async function takeApart(events: readonly AuditEvent[], epoch: Count): Promise<void> {
  const whole = join(beginningDir('together'), 'all')
  for (const plane of planeNames) {
    const dir = join(worldDir(), plane)
    mkdirSync(join(dir, 'home', 'keys', 'services', journalId), { recursive: true, mode: 0o700 })
    cpSync(join(whole, workspaceName), join(dir, workspaceName), { recursive: true })
    if (plane === 'submitter' || plane === 'keeper' || plane === 'controller') {
      for (const actor of people) {
        const file = join('home', 'keys', `${actor}.json`)
        cpSync(join(whole, file), join(dir, file))
      }
    }
    for (const key of planeKeys([plane])) {
      const file = join('home', 'keys', 'services', journalId, `${key}.json`)
      if (existsSync(join(whole, file))) cpSync(join(whole, file), join(dir, file))
    }
  }
  const world = worldOf('apart', 1)
  await world.time.during(
    (async () => {
      for (const machine of world.machines) {
        const { dir, planes } = machine.parts
        const journal = await openJournal({
          dir: join(dir, 'disk', 'journal'),
          anchors: join(dir, 'disk', 'anchors'),
          clock: world.time.clock(
            () => 0,
            () => false,
          ),
          segmentBytes: 65_536,
          processes: {
            self: () => ({ bootId: 'b', pidNamespace: 'n', pid: 999, startTime: '1', host: 'h' }),
            look: () => 'dead',
          },
        })
        const [plane] = planes
        if (!plane) continue
        const lineage = [journalId]
        const joined = { workspace: workspaceName, journal: journalId, lineage, plane, epoch }
        await journal.append([joinedEntry(joined)])
        for (const event of events) await journal.append([heardEntry(event)])
        await journal.close()
      }
    })(),
    60_000,
  )
  world.end()
  renameSync(worldDir(), beginningDir('apart'))
}
