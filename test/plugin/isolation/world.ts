/**
 * A kernel, a plugin that behaves, and one of `test/fixtures/hostile` beside it, installed and trusted
 * like anybody's.
 *
 * @module
 */
import { cpSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { assign, setup } from 'xstate'
import { startActors } from '../../../core/actor/start.ts'
import type { ActorRef, ActorSystem } from '../../../core/actor/system.ts'
import { defineActor } from '../../../core/actor/define.ts'
import type { ActorDef } from '../../../core/actor/define.ts'
import { embeddedBus } from '../../../core/bus/embedded.ts'
import { systemClock } from '../../../core/clock.ts'
import { memoryJournal } from '../../../core/journal/memory.ts'
import type { LogLine } from '../../../core/log.ts'
import { definePlugin } from '../../../core/plugin/define.ts'
import type { Plugin } from '../../../core/plugin/define.ts'
import { discoverPlugins } from '../../../core/plugin/discover.ts'
import { startPlugins } from '../../../core/plugin/host.ts'
import type { PluginHost, PluginRow } from '../../../core/plugin/host.ts'
import type { Isolation, IsolationLimits } from '../../../core/plugin/isolation/tier.ts'
import { trustPlugin } from '../../../core/plugin/trust.ts'
import type { Journal } from '../../../core/journal/journal.ts'
import type { Count } from '../../../core/units.ts'
import { temporaryFolder } from '../../support/folder.ts'
import type { TemporaryFolder } from '../../support/folder.ts'
import { repoRoot } from '../../support/root.ts'

export interface World {
  readonly host: PluginHost
  readonly actors: ActorSystem
  readonly journal: Journal
  readonly lines: readonly LogLine[]
  readonly folder: TemporaryFolder
  /** Row of the plugin that was installed. */
  row(): PluginRow
  /** Resolves once it shows so. */
  until(met: (row: PluginRow) => boolean): Promise<PluginRow>
  /** Trusts what lies there now. */
  trust(): void
}

export interface WorldOptions {
  /** Folder in `test/fixtures/hostile`, or files of a package by name. */
  readonly install: string | Readonly<Record<string, string | object>>
  readonly tier?: Isolation
  readonly config?: unknown
  readonly limits?: Partial<IsolationLimits>
  readonly given?: readonly Plugin[]
  readonly grants?: readonly string[]
  readonly journal?: Journal
  readonly core?: ReadonlyMap<string, unknown>
  readonly startTimeoutMs?: number
}

type Test = { teardown(undo: () => unknown): unknown }

const counter = setup({
  types: {} as { context: { n: number }; events: { type: 'ok' } },
  actions: { count: assign(({ context }) => ({ n: context.n + 1 })) },
}).createMachine({ context: { n: 0 }, on: { ok: { actions: 'count' } } })

/** The plugin that behaves: its actors are what must not notice anything. */
export const neighbour = defineActor({ type: 'neighbour.counter', version: 1, machine: counter })

export async function world(t: Test, options: WorldOptions): Promise<World> {
  const { install, config, limits, given = [], grants } = options
  const name = typeof install === 'string' ? `hostile-${install}` : 'guest'
  const folder = temporaryFolder(t, {
    'ws/package.json': {
      dependencies: { [name]: '*' },
      prov: { isolation: { [name]: options.tier ?? 'worker' } },
    },
  })
  const root = join(folder.dir, 'ws')
  const at = join('ws/node_modules', name)
  if (typeof install === 'string') {
    cpSync(join(repoRoot, 'test/fixtures/hostile', install), join(folder.dir, at), {
      recursive: true,
    })
  } else {
    for (const [file, content] of Object.entries(install)) folder.write(join(at, file), content)
    if (!existsSync(join(folder.dir, at, 'package.json'))) {
      folder.write(join(at, 'package.json'), {
        name,
        type: 'module',
        prov: { plugin: './index.js' },
      })
    }
  }
  const place = { home: join(folder.dir, 'home'), workspace: root }
  const { found } = discoverPlugins({ workspace: root, prov: join(folder.dir, 'none') })
  const trust = (): void => {
    for (const one of found) {
      trustPlugin(one, place, { clock: systemClock, ...(grants && { grants }) })
    }
  }
  trust()
  const journal = options.journal ?? memoryJournal()
  const actors = await startActors({ journal })
  const bus = await embeddedBus({ journal, clock: systemClock })
  const lines: LogLine[] = []
  const host = await startPlugins({
    found,
    given: [definePlugin({ name: 'neighbour', api: 1, actors: { neighbour } }), ...given],
    trust: place,
    hidden: [join(root, '.prov')],
    config: config === undefined ? {} : { [name]: config },
    actors,
    clock: systemClock,
    log: (line) => lines.push(line),
    core: options.core ?? new Map([['prov.bus', bus]]),
    guarded: new Set(['prov.journal']),
    isolation: {
      // Long: on a busy machine a thread that only waits for its turn is silent for a while as well.
      stallMs: 20_000,
      beatMs: 50,
      openMs: 60_000,
      memoryBytes: memoryOf(options.tier),
      ...limits,
    },
    startTimeoutMs: options.startTimeoutMs,
  })
  t.teardown(async () => {
    await host.stop({ keepThreads: true })
    await actors.close({ deadlineMs: 200 })
    await host.release()
    await bus.close()
  })
  const row = (): PluginRow => host.rows().find(({ id }) => id === name) as PluginRow
  return {
    host,
    actors,
    journal,
    lines,
    folder,
    row,
    trust,
    async until(met) {
      while (!met(row())) {
        // Given up for good: what is waited for cannot come any more.
        if (row().state === 'failed') throw new Error(JSON.stringify(row()))
        await new Promise((turn) => setTimeout(turn, 10))
      }
      return row()
    },
  }
}

/** Bounds a heap, or all that a process holds: Node alone holds some 60 MB. */
const memoryOf = (tier: Isolation = 'worker'): number =>
  (tier === 'worker' ? 64 : 256) * 1024 * 1024

/** What a neighbour did while something went on. */
export interface Work {
  readonly steps: Count
  /** Most turns of the event loop that any of its steps took. */
  readonly slowest: Count
  /** Turns of the event loop in all. */
  readonly turns: Count
}

/**
 * Applies to a neighbour as long as `during` goes on, 200 times at least. Counted, not timed: in a
 * turn of the loop everybody has theirs, however slow the machine is, and a kernel that stood still
 * would show no steps.
 */
export async function work(actors: ActorSystem, during: Promise<unknown>): Promise<Work> {
  const ref = await actors.spawn(neighbour, `n${Math.random()}`)
  let [over, applied, steps, slowest, turns] = [false, 0, 0, 0, 0]
  void during.finally(() => (over = true)).catch(() => {})
  const count = (): void => {
    turns++
    next = setImmediate(count)
  }
  let next = setImmediate(count)
  for (; !over || applied < 200; applied++) {
    const from = turns
    await ref.apply({ type: 'ok' })
    slowest = Math.max(slowest, turns - from)
    if (!over) steps++
    await new Promise((turn) => setImmediate(turn))
  }
  clearImmediate(next)
  if ((ref.snapshot().context as { n: number }).n !== applied) throw new Error('events are lost')
  return { steps, slowest, turns }
}

/** What an actor of a hostile plugin counted. */
export const counted = (ref: ActorRef): number => (ref.snapshot().context as { n: number }).n

/** Turns that a step may take more: the kernel lets go of the loop when its time is up. */
const mayYield: Count = 8
/** Limits of a plugin that hangs: many beats, so that no other one is taken for it. */
export const impatient = { stallMs: 2_000 }

/** A hostile plugin with one actor, and how its neighbour works beside it. */
export async function hostile(t: Test, options: WorldOptions) {
  const here = await world(t, options)
  const type = `hostile.${String(options.install)}`
  const spawn = (id: string): Promise<ActorRef> => here.actors.spawn({ type } as ActorDef, id)
  const calm = await work(here.actors, Promise.resolve())
  /** Does something bad while the neighbour works: no step of it may take longer, and some must be done. */
  const beside = async (bad: Promise<unknown>, least: Count = 0): Promise<Work> => {
    const did = await work(here.actors, bad)
    if (did.slowest > calm.slowest + mayYield || did.steps < least) {
      throw new Error(`the neighbour: ${JSON.stringify({ calm, did, least })}`)
    }
    return did
  }
  return { ...here, spawn, beside }
}
