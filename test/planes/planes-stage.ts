/**
 * Planes apart: each with a runtime, a journal and a home of its own, over one bus that may lose
 * what it took. They begin as one workspace whose planes are handed over.
 *
 * @module
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Bus } from '../../core/bus/bus.ts'
import { memoryJournal, MemoryDisk } from '../../core/journal/memory.ts'
import type { AuditEvent } from '../../core/protocol/audit.ts'
import { ContractFold } from '../../core/protocol/checkpoint.ts'
import { openKeyStore } from '../../core/protocol/keys.ts'
import { heardEntry, joinedEntry, planeKeys, planeNames } from '../../core/protocol/planes.ts'
import type { PlaneName } from '../../core/protocol/planes.ts'
import { grantOf } from '../../core/protocol/regrant.ts'
import { auditEvents, verifyTrail } from '../../core/protocol/trail.ts'
import { live, people, stage } from '../plugins/stage.ts'
import type { Life, Stage } from '../plugins/stage.ts'
import { lossyBus } from './lossy-bus.ts'
import type { LossyBus } from './lossy-bus.ts'

export interface Apart {
  readonly bus: LossyBus
  readonly lives: Map<PlaneName, Life>
  readonly stages: Map<PlaneName, Stage>
  /** The running plane. */
  plane(name: PlaneName): Life
  start(name: PlaneName): Promise<Life>
  stop(name: PlaneName): Promise<void>
  /** The keeper has nothing but its key; the controller, which does not run, grants it an epoch. */
  loseKeeper(): Promise<{ readonly keeper_epoch: number }>
  /** Lets time pass until the promise has ended. */
  during<T>(work: Promise<T>): Promise<T>
  readonly origin: { readonly journal: string }
}

const here = ['submitter', 'keeper', 'controller'] as const
const actors = ['alice', 'bob', 'robot'] as const

export interface ApartOptions {
  /** Text of the policy; null for none. Default: the stage's. */
  readonly policy?: string | null | undefined
  /** A way to the bus for each process that starts. Default: one that may lose what it took. */
  readonly bus?: (() => Promise<Bus>) | undefined
  /** Lets a little time pass. Default: a quarter of a second at once. */
  readonly pass?: ((clock: Stage['clock']) => Promise<void>) | undefined
}

/** A workspace with alice, bob, a robot and the policy in force, taken apart into three processes' worth. */
export async function apart(t: Test, options: ApartOptions = {}): Promise<Apart> {
  const { policy, pass = (clock: Stage['clock']) => clock.advance(250) } = options
  const whole = stage(t, policy)
  const bus = await lossyBus(whole.clock)
  t.teardown(() => bus.close())
  const openBus = options.bus ?? (async () => bus.open())
  whole.bus = openBus
  const life = await live(whole)
  const keys = people(whole)
  for (const actor of actors) {
    const kind = actor === 'robot' ? 'agent' : 'human'
    const record = await keys.create({ actor, kind, passphrase: '' })
    await life.deal.enrol({ record, as: 'alice' })
  }
  if (policy !== null) await life.desk.activatePolicy({ as: 'alice' })
  const events = await life.events()
  const { journal, epoch } = life.deal
  await life.close()

  const homes = mkdtempSync(join(tmpdir(), 'prov-apart-'))
  t.teardown(() => rmSync(homes, { recursive: true, force: true }))
  const stages = new Map<PlaneName, Stage>()
  for (const plane of here) {
    const home = join(homes, plane)
    mkdirSync(join(home, 'keys/services', journal), { recursive: true, mode: 0o700 })
    for (const actor of actors) {
      cpSync(join(whole.home, 'keys', `${actor}.json`), join(home, 'keys', `${actor}.json`))
    }
    for (const key of planeKeys([plane])) {
      const file = join('keys/services', journal, `${key}.json`)
      if (existsSync(join(whole.home, file))) cpSync(join(whole.home, file), join(home, file))
    }
    const disk = new MemoryDisk()
    const begun = memoryJournal({ clock: whole.clock, disk })
    const joined = { workspace: 'my-infra', journal, lineage: [journal], plane, epoch }
    await begun.append([joinedEntry(joined), ...events.map(heardEntry)])
    await begun.close()
    const others = planeNames.filter((name) => name !== plane)
    stages.set(plane, { ...whole, home, disk, deaf: others, bus: openBus })
  }
  const lives = new Map<PlaneName, Life>()
  const apart: Apart = {
    bus,
    lives,
    stages,
    origin: { journal },
    plane(name) {
      const found = lives.get(name)
      if (!found) throw new Error(`${name} does not run`)
      return found
    },
    async start(name) {
      const started = await live(stages.get(name) as Stage)
      lives.set(name, started)
      return started
    },
    async stop(name) {
      await lives.get(name)?.close()
      lives.delete(name)
    },
    async loseKeeper() {
      const { disk, home, clock } = stages.get('controller') as Stage
      const kept = memoryJournal({ clock, disk })
      const fold = new ContractFold('my-infra')
      for await (const record of kept.read()) fold.enter(record)
      const signer = await openKeyStore({ home, clock }).service(journal, 'controller')
      const { granted, entries } = grantOf({
        fold,
        workspace: 'my-infra',
        epoch: epoch + kept.epoch,
        signer,
        clock,
      })
      await kept.append(entries)
      const trail: AuditEvent[] = []
      for await (const event of auditEvents(kept)) trail.push(event)
      await kept.close()
      const empty = new MemoryDisk()
      const begun = memoryJournal({ clock, disk: empty })
      const joined = {
        workspace: 'my-infra',
        journal,
        lineage: [journal],
        plane: 'keeper',
        granted,
      } as const
      await begun.append([joinedEntry({ ...joined, epoch: epoch + 50 }), ...trail.map(heardEntry)])
      await begun.close()
      stages.set('keeper', { ...(stages.get('keeper') as Stage), disk: empty })
      const grant = trail.find(({ type }) => type === 'prov.keeper.granted')
      return grant?.data as { keeper_epoch: number }
    },
    async during(work) {
      let over = false
      const watch = async (): Promise<void> => {
        await work.catch(() => {})
        over = true
      }
      void watch()
      while (!over) await pass(whole.clock)
      return work
    },
  }
  t.teardown(async () => {
    for (const name of here) await apart.stop(name)
  })
  return apart
}

/** Every plane comes to know the same events of every emitter, whole and genuine. */
export async function agreed(t: Test, on: Apart): Promise<void> {
  const heard = () => here.map((name) => JSON.stringify([...on.plane(name).deal.ends].sort()))
  // What one said last may be on its way to the others.
  for (let looks = 0; looks < 200 && new Set(heard()).size > 1; looks++) {
    await on.during(Promise.resolve())
  }
  const ends: unknown[] = []
  for (const name of here) {
    const where = { journal: on.origin.journal, workspace: 'my-infra' }
    const report = await verifyTrail(on.plane(name).deal.events(), where)
    t.same(report.findings, [], `${name} knows a whole trail`)
    ends.push(report.ends)
  }
  t.same(ends[1], ends[0])
  t.same(ends[2], ends[0])
}

/** As a backup would: everything that is durable now. */
export function copyOf(disk: MemoryDisk): MemoryDisk {
  const copy = new MemoryDisk()
  Object.assign(copy, { id: disk.id, epoch: disk.epoch, hash: disk.hash })
  copy.batches.push(...disk.batches)
  for (const [name, text] of disk.snapshots) copy.snapshots.set(name, text)
  return copy
}

export const diskOf = (on: Apart, plane: PlaneName): MemoryDisk =>
  (on.stages.get(plane) as Stage).disk

/** Another journal is where that of a plane was, which does not run. */
export function putBack(on: Apart, plane: PlaneName, disk: MemoryDisk): void {
  on.stages.set(plane, { ...(on.stages.get(plane) as Stage), disk })
}

/** Lets time pass until it is so. */
export const waitUntil = (on: Apart, is: () => boolean): Promise<void> =>
  on.during(
    (async () => {
      while (!is()) await new Promise((turn) => setImmediate(turn))
    })(),
  )
