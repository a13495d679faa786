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
    config: config === undefined ? {} : { [name]: config },
    actors,
    clock: systemClock,
    log: (line) => lines.push(line),
    core: options.core ?? new Map([['prov.bus', bus]]),
    guarded: new Set(['prov.journal']),
    isolation: {
      stallMs: 500,
      beatMs: 50,
      openMs: 10_000,
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
      while (!met(row())) await new Promise((turn) => setTimeout(turn, 10))
      return row()
    },
  }
}

/** Bounds a heap, or all that a process holds: Node alone holds some 60 MB. */
const memoryOf = (tier: Isolation = 'worker'): number =>
  (tier === 'worker' ? 64 : 256) * 1024 * 1024

/** Applies to a neighbour as long as `during` goes on; how long each took, sorted, in ms. */
export async function latencies(actors: ActorSystem, during: Promise<unknown>): Promise<number[]> {
  const ref = await actors.spawn(neighbour, `n${Math.random()}`)
  const took: number[] = []
  let over = false
  void during.finally(() => (over = true)).catch(() => {})
  while (!over || took.length < 200) {
    const from = systemClock.monotonic()
    await ref.apply({ type: 'ok' })
    took.push(systemClock.monotonic() - from)
    await new Promise((turn) => setImmediate(turn))
  }
  if ((ref.snapshot().context as { n: number }).n !== took.length)
    throw new Error('events are lost')
  return took.sort((a, b) => a - b)
}

export const p99 = (sorted: readonly number[]): number =>
  sorted[Math.floor(sorted.length * 0.99)] ?? 0

/** What an actor of a hostile plugin counted. */
export const counted = (ref: ActorRef): number => (ref.snapshot().context as { n: number }).n

/** A hostile plugin with one actor, and what the neighbour measures before anything bad happened. */
export async function hostile(t: Test, options: WorldOptions) {
  const here = await world(t, options)
  const type = `hostile.${String(options.install)}`
  const spawn = (id: string): Promise<ActorRef> => here.actors.spawn({ type } as ActorDef, id)
  const calm = p99(await latencies(here.actors, Promise.resolve()))
  /** Does something bad while the neighbour works. Generous: this machine has others to serve. */
  const beside = async (bad: Promise<unknown>): Promise<void> => {
    const worst = p99(await latencies(here.actors, bad))
    if (worst > 2 * calm + 50) throw new Error(`p99 of the neighbour: ${calm} ms, then ${worst} ms`)
  }
  return { ...here, spawn, beside }
}
