/**
 * Prov's kernel, through the face that everybody uses. Actors are volatile, except in the variants:
 * `memory` (journaled, journal in memory), `encode` (journaled, encoded as on disk, then dropped).
 * `hot` lets nobody rest, `resting` everybody but a thousand.
 * `counting` (hears everything) and `transitions` (hears one kind) are volatile with an inspector.
 *
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AnyStateMachine } from 'xstate'
import type { Address } from '../../../core/actor/address.ts'
import type { ActorEvent, Durability } from '../../../core/actor/define.ts'
import type { ActorSystem } from '../../../core/actor/system.ts'
import type { Journal } from '../../../core/journal/journal.ts'
import { burst, mustBe, targets } from '../cell.ts'
import type { Arm, Cell, Place } from '../cell.ts'
import {
  answerMachine,
  crowdedMachine,
  deepMachine,
  flipMachine,
  playerMachine,
  regionsMachine,
  sleepMachine,
} from '../machines.ts'
import type { Ball, Counted, Player } from '../machines.ts'
import { restoreOwing, retireOwing } from '../owing.ts'
import { openTree, partOf } from '../tree.ts'
import type { Tree } from '../tree.ts'

interface Opened {
  readonly tree: Tree
  readonly system: ActorSystem
  readonly durability: Durability
  readonly figures: (total: number) => Record<string, number>
  /** Waits until all but so many actors rest. */
  readonly rested?: (actors: number) => Promise<void>
}

function countAt(system: ActorSystem, address: Address): number {
  const snapshot = system.ref(address)?.snapshot()
  return (snapshot?.context as Counted | undefined)?.count ?? NaN
}

/** Encodes as the file journal does, keeps nothing. */
function droppingJournal(tree: Tree): { readonly journal: Journal; readonly written: Written } {
  const written = { bytes: 0, frames: 0, commits: 0 }
  const inner = tree.memoryJournal()
  const log = new tree.GroupCommit({
    journal: inner.id,
    epoch: 1,
    clock: tree.systemClock,
    last: 0,
    commit: async (frames) => {
      written.commits++
      written.frames += frames.length
      for (const frame of frames) written.bytes += frame.bytes
    },
  })
  const journal: Journal = {
    ...inner,
    append: (entries) => log.append(entries),
    putSnapshot: async () => {},
  }
  return { journal, written }
}

interface Written {
  bytes: number
  frames: number
  commits: number
}

async function open({ root, variant }: Place): Promise<Opened> {
  const tree = await openTree(root)
  const none = () => ({})
  if (variant === 'memory') {
    const system = await tree.startActors({ journal: tree.memoryJournal() })
    return { tree, system, durability: 'journal', figures: none }
  }
  if (variant === 'encode') {
    const { journal, written } = droppingJournal(tree)
    const system = await tree.startActors({ journal, snapshotEvery: 1e12 })
    const figures = (total: number) => ({
      bytesPerEvent: written.bytes / total,
      framesPerEvent: written.frames / total,
      commitsPerEvent: written.commits / total,
    })
    return { tree, system, durability: 'journal', figures }
  }
  if (variant === 'counting') {
    let records = 0
    const system = await tree.startActors({ inspect: () => void records++ })
    const figures = (total: number) => ({ recordsPerEvent: records / total })
    return { tree, system, durability: 'volatile', figures }
  }
  if (variant === 'hot') {
    const system = await tree.startActors({ memory: { hot: Infinity } })
    return { tree, system, durability: 'volatile', figures: none }
  }
  if (variant === 'resting') return openResting(tree)
  if (variant === 'transitions') {
    let records = 0
    const system = await tree.startActors({ inspect: { transition: () => void records++ } })
    const figures = (total: number) => ({ recordsPerEvent: records / total })
    return { tree, system, durability: 'volatile', figures }
  }
  if (variant !== '') throw new Error(`no variant ${variant}`)
  return { tree, system: await tree.startActors(), durability: 'volatile', figures: none }
}

/** Actors that stay hot while the others rest. */
const hot = 1_000

async function openResting(tree: Tree): Promise<Opened> {
  let resting = 0
  let woken = 0
  const system = await tree.startActors({
    memory: { hot },
    inspect: { passivated: () => void resting++, woken: () => void (resting--, woken++) },
  })
  const rested = async (actors: number): Promise<void> => {
    for (let turn = 0; resting < actors - 2 * hot; turn++) {
      if (turn > 1e6) throw new Error(`only ${resting} of ${actors} actors rest`)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const figures = (total: number) => ({ resting, woken, wokenPerMessage: woken / total })
  return { tree, system, durability: 'volatile', figures, rested }
}

async function one(
  place: Place,
  machine: AnyStateMachine,
  types: readonly string[],
): Promise<Cell> {
  const { tree, system, durability, figures } = await open(place)
  const def = tree.defineActor({ type: 'bench', version: 1, machine, durability })
  system.register(def)
  const ref = await system.spawn(def, 'one', undefined as never)
  return {
    async run(times) {
      for (let done = 0; done < times;) {
        const until = Math.min(times, done + burst) - 1
        for (; done < until; done++) ref.send({ type: types[done % types.length] as string })
        await ref.apply({ type: types[done++ % types.length] as string })
      }
    },
    check: (total) => mustBe('events', (ref.snapshot().context as Counted).count, total),
    figures,
    close: () => system.close(),
  }
}

async function random(place: Place): Promise<Cell> {
  const { tree, system, durability, figures, rested } = await open(place)
  const machine = flipMachine()
  const def = tree.defineActor({ type: 'dimension', version: 1, machine, durability })
  system.register(def)
  const all: Address[] = []
  for (let at = 0; at < place.actors; at++) {
    all.push((await system.spawn(def, `gitops-${at}`, undefined as never)).address)
  }
  await rested?.(place.actors)
  const order = targets(1 << 18, place.actors)
  let at = 0
  const next = (): Address => all[order[at++ & (order.length - 1)] as number] as Address
  return {
    async run(times) {
      for (let done = 0; done < times;) {
        const until = Math.min(times, done + burst) - 1
        for (; done < until; done++) system.send(next(), { type: 'flip' })
        await system.ref(next())?.apply({ type: 'flip' })
        done++
      }
    },
    check(total) {
      let sum = 0
      for (const one of all) sum += countAt(system, one)
      mustBe('flips', sum, total)
    },
    figures,
  }
}

/** Round and round, so that whoever is next has rested for long. Its going away again is counted. */
async function wake(place: Place): Promise<Cell> {
  const { tree, system, figures, rested } = await open(place)
  const machine = flipMachine()
  const def = tree.defineActor({ type: 'dimension', version: 1, machine, durability: 'volatile' })
  system.register(def)
  const all: Address[] = []
  for (let at = 0; at < place.actors; at++) {
    all.push((await system.spawn(def, `gitops-${at}`, undefined as never)).address)
  }
  await rested?.(place.actors)
  let at = 0
  let sum = 0
  return {
    async run(times) {
      for (let done = 0; done < times;) {
        const until = Math.min(times, done + hot / 2)
        for (; done < until; done++) {
          system.send(all[at] as Address, { type: 'flip' })
          at = (at + 1) % place.actors
        }
        sum += times === done ? times : 0
        await new Promise((resolve) => setImmediate(resolve))
        await rested?.(place.actors)
      }
    },
    check(total) {
      // Looking at all of them would wake them: they are counted when it is over.
      const { woken = 0 } = figures(total)
      if (woken < total * 0.95) throw new Error(`only ${woken} of ${total} messages woke somebody`)
    },
    figures,
    close() {
      let flips = 0
      for (const one of all) flips += countAt(system, one)
      mustBe('flips', flips, sum)
      return system.close()
    },
  }
}

async function ask(place: Place): Promise<Cell> {
  const { tree, system, durability } = await open(place)
  const machine = answerMachine({
    type: 'tell',
    params: ({ event, context }: { event: { replyTo: string }; context: Counted }) => ({
      to: event.replyTo,
      event: { type: 'got', count: context.count },
    }),
  })
  const def = tree.defineActor({ type: 'bench', version: 1, machine, durability })
  system.register(def)
  const { address } = await system.spawn(def, 'one', undefined as never)
  let wrong = 0
  let asked = 0
  return {
    async run(times) {
      for (let at = 0; at < times; at++) {
        const answer = await system.ask(
          address,
          (replyTo) => ({ type: 'get', replyTo }) as ActorEvent,
        )
        if ((answer as unknown as Counted).count !== ++asked) wrong++
      }
    },
    check() {
      mustBe('wrong answers', wrong, 0)
    },
    close: () => system.close(),
  }
}

async function passing(place: Place, length: number, throws: number): Promise<Cell> {
  const { tree, system, durability } = await open(place)
  type Args = { readonly event: Ball; readonly context: Player }
  const machine = playerMachine({
    pass: {
      type: 'tell',
      params: ({ event, context }: Args) => ({
        to: context.next,
        event: { type: 'ball', left: event.left - 1, over: event.over },
      }),
    },
    over: {
      type: 'tell',
      params: ({ event }: Args) => ({ to: event.over, event: { type: 'over' } }),
    },
  })
  const def = tree.defineActor({ type: 'bench', version: 1, machine, durability })
  system.register(def)
  const all: Address[] = []
  for (let at = 0; at < length; at++) {
    const input = { next: `bench/p${(at + 1) % length}` }
    all.push((await system.spawn(def, `p${at}`, input as never)).address)
  }
  let runs = 0
  return {
    async run(times) {
      runs++
      const left = times * throws
      await system.ask(all[0] as Address, (over) => ({ type: 'ball', left, over }) as ActorEvent, {
        timeoutMs: 300_000,
      })
    },
    check(total) {
      let sum = 0
      for (const one of all) sum += countAt(system, one)
      mustBe('balls', sum, total * throws + runs)
    },
    close: () => system.close(),
  }
}

async function spawn(place: Place): Promise<Cell> {
  const { tree, system, durability, figures, rested } = await open(place)
  const machine = flipMachine()
  const def = tree.defineActor({ type: 'dimension', version: 1, machine, durability })
  system.register(def)
  let there = 0
  return {
    async run(times) {
      if (durability === 'volatile') {
        for (let at = 0; at < times; at++) {
          await system.spawn(def, `gitops-${at}`, undefined as never)
          there++
        }
        return
      }
      // One after the other would wait for a commit each; a thousand share one.
      for (let at = 0; at < times; at += 1_000) {
        const count = Math.min(1_000, times - at)
        await Promise.all(
          Array.from({ length: count }, (_, one) =>
            system.spawn(def, `gitops-${at + one}`, undefined as never),
          ),
        )
        there += count
      }
    },
    settle: async () => rested?.(there),
    figures,
    check(total) {
      mustBe('spawned', there, total)
      mustBe('found', system.ref(`dimension/gitops-${total - 1}`) === undefined ? 0 : 1, 1)
    },
    close: () => system.close(),
  }
}

/** 128 actors on a real disk; variant `append`: the same number of bytes straight to the journal. */
async function durable(place: Place): Promise<Cell> {
  const tree = await openTree(place.root)
  const dir = mkdtempSync(join(tmpdir(), 'prov-bench-'))
  const journal = await tree.openJournal({ dir })
  const end = async (): Promise<void> => {
    await journal.close()
    rmSync(dir, { recursive: true, force: true })
  }
  const writers = 128
  const share = async (times: number, act: (writer: number) => Promise<unknown>) => {
    let left = times
    const work = async (writer: number) => {
      while (left-- > 0) await act(writer)
    }
    await Promise.all(Array.from({ length: writers }, (_, writer) => work(writer)))
  }
  if (place.variant === 'append') {
    const body = { filler: 'x'.repeat(110) }
    let done = 0
    return {
      run: (times) =>
        share(times, async () => {
          await journal.append([{ partition: 'bench', type: 'filler', body }])
          done++
        }),
      check: (total) => mustBe('appends', done, total),
      close: end,
    }
  }
  const system = await tree.startActors({ journal })
  const def = tree.defineActor({ type: 'bench', version: 1, machine: flipMachine() })
  system.register(def)
  const refs = await Promise.all(
    Array.from({ length: writers }, (_, at) => system.spawn(def, `w${at}`, undefined as never)),
  )
  return {
    run: (times) =>
      share(times, (writer) => (refs[writer] as (typeof refs)[0]).apply({ type: 'flip' })),
    check(total) {
      const counts = refs.map((ref) => (ref.snapshot().context as Counted).count)
      mustBe(
        'flips',
        counts.reduce((a, b) => a + b, 0),
        total,
      )
    },
    close: async () => {
      await system.close()
      await end()
    },
  }
}

/** The heap of timers; an older one had no `cancel`, only somebody who says what still stands. */
interface Heap {
  set(dueMs: number, item: unknown): unknown
  cancel?(handle: unknown): boolean
  stop(): void
  readonly size: number
}

async function heap(place: Place, dead: Set<unknown>): Promise<{ heap: Heap; now: number }> {
  const { Alarm } = (await partOf(place.root, 'core/actor/alarm')) as {
    readonly Alarm: new (
      clock: unknown,
      ring: () => void,
      stands: (item: unknown) => boolean,
    ) => Heap
  }
  const { systemClock } = await openTree(place.root)
  return {
    heap: new Alarm(
      systemClock,
      () => {},
      (item) => !dead.has(item),
    ),
    now: Date.now(),
  }
}

async function timers(place: Place): Promise<Cell> {
  const gone = {}
  const { heap: alarm, now } = await heap(place, new Set([gone]))
  for (let at = 0; at < place.actors; at++) alarm.set(now + 3_600_000 + at, { at })
  return {
    run(times) {
      for (let at = 0; at < times; at++) {
        const handle = alarm.set(now + 3_600_000 + (at % 1_000), gone)
        if (alarm.cancel && !alarm.cancel(handle)) throw new Error('not taken back')
      }
    },
    check() {
      if (alarm.cancel) mustBe('pending', alarm.size, place.actors)
      else mustBe('swept', alarm.size <= 2 * place.actors + 64 ? 1 : 0, 1)
    },
    close: () => alarm.stop(),
  }
}

async function timersSize(place: Place): Promise<Cell> {
  const item = {}
  const { heap: alarm, now } = await heap(place, new Set())
  return {
    run(times) {
      for (let at = 0; at < times; at++) alarm.set(now + 3_600_000 + (at % 1_000), item)
    },
    check: (total) => mustBe('pending', alarm.size, total),
    close: () => alarm.stop(),
  }
}

/** All that a pending timer of an actor takes: its place in the heap, and whatever names it. */
async function sleepers(place: Place): Promise<Cell> {
  const { tree, system } = await open(place)
  const def = tree.defineActor({
    type: 'dimension',
    version: 1,
    machine: sleepMachine(),
    durability: 'volatile',
  })
  system.register(def)
  const all: Address[] = []
  for (let at = 0; at < place.actors; at++) {
    all.push((await system.spawn(def, `gitops-${at}`, undefined as never)).address)
  }
  const asleep = (): number => system.list().filter(({ value }) => value === 'asleep').length
  return {
    async run(times) {
      for (let at = 0; at < times; at++) {
        system.send(all[at] as Address, { type: 'flip' })
        if (at % burst === 0) await new Promise((resolve) => setImmediate(resolve))
      }
    },
    check: (total) => mustBe('asleep', asleep(), total),
    close: () => system.close(),
  }
}

async function recorder(place: Place): Promise<Cell> {
  const { Recorder } = (await partOf(place.root, 'core/actor/recorder')) as {
    readonly Recorder: new () => {
      note(address: string, event: string, config: object, sequence: number, now: number): void
      readonly count: number
    }
  }
  const ring = new Recorder()
  const configs = [{ value: 'a' }, { value: 'b' }]
  return {
    run(times) {
      for (let at = 0; at < times; at++) {
        ring.note('bench/one', 'flip', configs[at & 1] as object, at, 1.7e12 + at)
      }
    },
    check: (total) => mustBe('noted', ring.count, total),
  }
}

/** From records alone, or (variant `snapshot`) from the snapshot that a close leaves behind. */
async function restore(place: Place): Promise<Cell> {
  const tree = await openTree(place.root)
  const disk = new tree.MemoryDisk()
  const machine = flipMachine()
  const def = tree.defineActor({ type: 'dimension', version: 1, machine })
  const count = 100_000
  const journal = tree.memoryJournal({ disk })
  const system = await tree.startActors({ journal, snapshotEvery: 1e12 })
  system.register(def)
  for (let at = 0; at < count; at += 1_000) {
    await Promise.all(
      Array.from({ length: 1_000 }, (_, one) =>
        system.spawn(def, `gitops-${at + one}`, undefined as never),
      ),
    )
  }
  await system.close()
  await journal.close()
  if (place.variant !== 'snapshot') disk.snapshots.clear()
  let back: ActorSystem | undefined
  return {
    async run() {
      back = await tree.startActors({ journal: tree.memoryJournal({ disk }), snapshotEvery: 1e12 })
      back.register(def)
    },
    check: (total) => mustBe('actors', back?.list().length ?? 0, total),
    close: () => back?.close(),
  }
}

const numbered = [0, 1, 2, 3, 4, 5, 6, 7].map((at) => `flip${at}`)

export const arm: Arm = {
  cells: {
    burst: (place) => one(place, flipMachine(), ['flip']),
    random,
    ask,
    pingpong: (place) => passing(place, 2, 2),
    'regions-one': (place) => one(place, regionsMachine('one'), numbered),
    'regions-all': (place) => one(place, regionsMachine('all'), ['flip']),
    depth: (place) => one(place, deepMachine(8), ['flip']),
    chain: (place) => passing(place, place.actors, 1),
    spawn,
    durable,
    recorder,
    wake,
    timers,
    'timers-size': timersSize,
    'timers-held': sleepers,
    'timers-kept': (place) => one(place, crowdedMachine(), ['flip']),
    restore,
    'restore-owing': restoreOwing,
    'retire-owing': retireOwing,
  },
}
