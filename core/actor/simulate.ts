/**
 * A world of actors for tests: kernel, clock, disk and scheduler, all driven by one seed, which can die
 * around a commit and is started again over what was durable then.
 *
 *     const world = simulateActors({ seed: 7, defs: [purse], crashAt: 'effect.done' })
 *     await world.run(async ({ system }) => {
 *       const eu = await system.spawn(purse, 'eu')
 *       if (eu.snapshot().context.spent === 0) await eu.apply({ type: 'spend' })
 *     })
 *     t.equal(world.count('pay'), 2, 'the handler ran again, under the same id')
 *
 * A1  The same seed and the same script give the same journal, byte for byte.
 * A2  A dead life makes nothing durable any more, and whoever waits for it hears that it was cut off.
 * A3  Whoever acted does not know what was kept when the life died: the script runs again in the next
 *     one, and looks before it acts.
 * A4  Time stands still while anything can go on without it, and is never waited for.
 *
 * The seed decides which of the ready actors goes next, how long each write takes and the jitter of
 * back-offs. Scripts and handlers that go outside, to files or sockets, are waited for but not
 * repeated. It is one file because a world and its lives share who is dead.
 *
 * @module
 */
import { simulatedClock, sleep, systemClock } from '../clock.ts'
import type { SimulatedClock } from '../clock.ts'
import { coreErrors } from '../errors.ts'
import type { ProvError } from '../errors.ts'
import { journalErrors } from '../journal/errors.ts'
import type { Journal, JournalRecord } from '../journal/journal.ts'
import { memoryJournal, MemoryDisk, readMemory } from '../journal/memory.ts'
import type { JsonValue } from '../json.ts'
import { seeded, seedFor } from '../seed.ts'
import type { Count, Millis } from '../units.ts'
import type { Address } from './address.ts'
import type { ActorDef, ActorEvent, EffectHandler } from './define.ts'
import type { Inspector } from './inspect.ts'
import { stepsOf } from './ledger.ts'
import { startActors } from './start.ts'
import type { ActorSystem } from './system.ts'

/** Where a life can end. */
export const actorCrashPoints = [
  /** A frame was handed to the journal and is not on disk. */
  'append',
  /** It is on disk; nobody heard of it, nothing that it promises has begun. */
  'appended',
  /** An effect is about to run; others of its step may have begun. */
  'effect.started',
  /** An effect did what it does; its answer is not kept. */
  'effect.done',
  /** A snapshot is not written: of the system, or of a `snapshot` actor, whose commit it is. */
  'snapshot',
  /** A snapshot is written; nobody heard of it. */
  'snapshot.kept',
] as const

export type ActorCrashPoint = (typeof actorCrashPoints)[number]

export interface SimulateActorsOptions {
  /** Default: PROV_SEED, else 1. Printed when the process ends with a failure. */
  readonly seed?: Count | undefined
  readonly defs: readonly ActorDef[]
  /**
   * Where a life ends: `append`, or `append:3` for the third time. `random`: at any point, one time in
   * eight, as the seed has it. Default: nowhere.
   */
  readonly crashAt?: ActorCrashPoint | `${ActorCrashPoint}:${number}` | 'random' | undefined
  /** How many lives end that way. Default 1, for `random` 3. */
  readonly crashes?: Count | undefined
  /** Longest write to the disk. Default 3 ms. 0: none takes time. */
  readonly writeMs?: Millis | undefined
  /** Records between two snapshots. Default 16: a short test sees some. */
  readonly snapshotEvery?: Count | undefined
  /** Longest run, in simulated time. Default 30 days; after 100,000 timers a run ends as well. */
  readonly limitMs?: Millis | undefined
  readonly inspect?: Inspector | readonly Inspector[] | undefined
}

/** What a script gets of the present life. */
export interface ActorLife {
  readonly system: ActorSystem
  readonly clock: SimulatedClock
  /** Chance of the script's own, from 0: the same again in every life. */
  random(below: number): number
  /** 1 in the first life. */
  readonly life: Count
}

/** An effect that was begun. */
export interface EffectRun {
  readonly id: string
  readonly name: string
  readonly params: JsonValue
  readonly life: Count
}

/** A durable step. */
export interface StepTaken {
  readonly address: Address
  readonly sequence: Count
  readonly event: ActorEvent
  /** Id of the effect or tell that the event came from. */
  readonly cause?: string
  /** What the step asked for: effects and tells. */
  readonly effects?: readonly { readonly name: string; readonly params: JsonValue }[]
}

export interface ActorWorld {
  readonly seed: Count
  readonly clock: SimulatedClock
  /** How many lives there were: one more than crashes and runs before. */
  readonly starts: Count
  /** Effects that were begun, in order; those of lives that died afterwards as well. */
  readonly effects: readonly EffectRun[]
  /** How often an effect was begun. */
  count(effect: string): Count
  /**
   * Starts the actors, runs the script, waits until nothing is under way but timers, closes. Answers
   * what the script returned; one that died with its life runs again in the next. Throws what the
   * script threw, or PROV_INTERNAL when it waits for something that cannot come.
   */
  run<T>(script: (life: ActorLife) => Promise<T>): Promise<T>
  /** Every durable step of `journal` actors, in order. */
  steps(): Promise<readonly StepTaken[]>
  /** Everything that is durable, as text. */
  journal(): string
  /** The same, read; of one partition or of all. */
  records(partition?: string): Promise<readonly JournalRecord[]>
}

/** Makes the world; nothing runs yet. */
export function simulateActors(options: SimulateActorsOptions): ActorWorld {
  return new Actors(options)
}

const defaultLimitMs: Millis = 30 * 86_400_000
const mostTimers: Count = 100_000
/** Turns of the event loop without any sign of life after which nothing goes on by itself. */
const quietTurns = 12

class Actors implements ActorWorld {
  readonly seed: Count
  readonly clock = simulatedClock()
  readonly effects: EffectRun[] = []
  starts: Count = 0
  readonly #options: SimulateActorsOptions
  readonly #disk = new MemoryDisk()
  readonly #crash: Crash
  readonly #order: (below: number) => number
  readonly #jitter: (below: number) => number
  /** Grows whenever anything happens. */
  #pulse = 0
  /** Writes and effects that are under way in this life. */
  #open = 0

  constructor(options: SimulateActorsOptions) {
    const { crashAt, crashes } = options
    this.#options = options
    this.seed = seedFor('actors were', options.seed)
    // Chances of their own, so that one more write does not change whose turn it is.
    const chance = (stream: number) => seeded(this.seed * 8 + stream)
    const disk = chance(1)
    const crash = chance(3)
    this.#order = chance(2)
    this.#jitter = chance(5)
    this.#crash = new Crash(crashAt, crashes, crash)
    const { writeMs = 3 } = options
    this.#disk.beforeSync = async () => {
      const life = this.#life
      const takesMs = disk(writeMs + 1)
      if (takesMs > 0) await sleep(this.clock, takesMs)
      life?.passes('append')
    }
  }

  #life: Life | undefined

  count(effect: string): Count {
    return this.effects.filter(({ name }) => name === effect).length
  }

  journal(): string {
    return this.#disk.batches.map(({ text }) => text).join('')
  }

  async steps(): Promise<readonly StepTaken[]> {
    const records = await this.records('kernel')
    return records.flatMap(({ type, body }): readonly StepTaken[] => {
      if (type === 'actor.turned') return stepsOf(body)
      return type === 'actor.stepped' ? [body as unknown as StepTaken] : []
    })
  }

  async records(partition?: string): Promise<readonly JournalRecord[]> {
    const records: JournalRecord[] = []
    const options = partition === undefined ? {} : { partition }
    for await (const record of readMemory(this.#disk).read(options)) records.push(record)
    return records
  }

  async run<T>(script: (life: ActorLife) => Promise<T>): Promise<T> {
    let answer: { readonly value: T } | undefined
    for (;;) {
      const life = await this.#begin()
      try {
        answer = (await this.#drive(life, answer ? undefined : script)) ?? answer
      } finally {
        await this.#end(life)
      }
      if (!life.dead && answer) return answer.value
    }
  }

  /** Starting may itself die: its journal writes too. */
  async #begin(): Promise<Life> {
    this.starts++
    this.#open = 0
    this.#disk.held = false
    const inner = memoryJournal({ disk: this.#disk, clock: this.clock })
    const life = new Life(this.starts, inner, this.#crash, (open) => {
      this.#pulse++
      this.#open += life.dead ? 0 : open
    })
    this.#life = life
    const { snapshotEvery = 16, inspect = [] } = this.#options
    const pulse = (): void => void this.#pulse++
    const system = await startActors({
      journal: life.journal,
      clock: this.clock,
      snapshotEvery,
      schedule: this.#order,
      random: () => this.#jitter(1_000) / 1_000,
      inspect: [
        pulse,
        ...(Array.isArray(inspect) ? (inspect as Inspector[]) : [inspect as Inspector]),
      ],
    })
    life.system = system
    for (const def of this.#options.defs) system.register(life.watched(def, this.effects))
    return life
  }

  async #drive<T>(
    life: Life,
    script: ((life: ActorLife) => Promise<T>) | undefined,
  ): Promise<{ readonly value: T } | undefined> {
    const started = this.clock.monotonic()
    const { limitMs = defaultLimitMs } = this.#options
    let answer: { value: T } | undefined
    let failure: { thrown: unknown } | undefined
    let finished = script === undefined
    if (script) {
      const handed = {
        system: life.system,
        clock: this.clock,
        random: seeded(this.seed * 8 + 4),
        life: life.number,
      }
      void script(handed)
        .then((value) => void (answer = { value }))
        .catch((thrown: unknown) => void (failure = { thrown }))
        .finally(() => void (finished = true))
    }
    for (let timers = 0; ; timers++) {
      await this.#untilQuiet()
      if (life.dead) return answer
      if (finished && failure) throw failure.thrown
      if (finished && this.#open === 0 && !isUnsettled(life.system)) return answer
      const passedMs = this.clock.monotonic() - started
      if (passedMs > limitMs || timers > mostTimers) {
        throw this.#stuck(`not through after ${passedMs} ms of simulated time`)
      }
      await this.#letTimePass()
    }
  }

  /** Lets everything that needs no time go on, until nothing does. */
  async #untilQuiet(): Promise<void> {
    for (let seen = this.#pulse, quiet = 0; quiet < quietTurns; quiet++) {
      await nextTurn()
      if (this.#pulse === seen) continue
      seen = this.#pulse
      quiet = 0
    }
  }

  async #letTimePass(): Promise<void> {
    const due = this.clock.nextDue()
    if (due !== undefined) return this.clock.advance(Math.max(0, due - this.clock.monotonic()))
    // Nothing is set, so whoever is waited for is outside, or will never come.
    const seen = this.#pulse
    for (let left = patience; left > 0; left--) {
      await new Promise<void>((resolve) => systemClock.after(stepMs, resolve))
      if (this.#pulse !== seen || this.clock.nextDue() !== undefined) return
      if (!isOutside()) break
    }
    if (!isOutside()) throw this.#stuck('nothing is under way, no timer is set, and it still waits')
  }

  #stuck(what: string): ProvError {
    return coreErrors.PROV_INTERNAL({ what: `seed ${this.seed}: ${what}` })
  }

  /** A dead life is taken down, too, so that it leaves no timers; it can write nothing any more. */
  async #end(life: Life): Promise<void> {
    let closed = false
    void life.system
      .close()
      .catch(() => {})
      .finally(() => (closed = true))
    while (!closed) {
      await this.#untilQuiet()
      const due = this.clock.nextDue()
      if (!closed && due !== undefined) await this.clock.advance(due - this.clock.monotonic())
    }
    this.#life = undefined
    if (!life.dead) await life.inner.close()
  }
}

/** How long, in steps of real time, somebody outside may take who shows no other sign of life. */
const patience = 2_000
const stepMs: Millis = 5

/** When and how often a life ends. */
class Crash {
  readonly #point: string
  readonly #random: (below: number) => number
  #skip: Count
  #left: Count

  constructor(
    crashAt: SimulateActorsOptions['crashAt'],
    crashes: Count | undefined,
    random: (below: number) => number,
  ) {
    const [point = '', nth = '1'] = (crashAt ?? '').split(':')
    this.#point = point
    this.#skip = Number(nth) - 1
    this.#random = random
    this.#left = point === '' ? 0 : (crashes ?? (point === 'random' ? 3 : 1))
  }

  strikes(point: ActorCrashPoint): boolean {
    if (this.#left === 0) return false
    if (this.#point === 'random') {
      if (this.#random(8) > 0) return false
    } else if (point !== this.#point || this.#skip-- > 0) return false
    this.#skip = 0
    this.#left--
    return true
  }
}

/** One life: actors over the disk as it is, and a journal that can be cut off. */
class Life {
  dead = false
  readonly number: Count
  readonly inner: Journal
  readonly journal: Journal
  system!: ActorSystem
  readonly #crash: Crash
  /** More (or less) is under way. */
  readonly #under: (open: number) => void

  constructor(number: Count, inner: Journal, crash: Crash, under: (open: number) => void) {
    this.number = number
    this.inner = inner
    this.#crash = crash
    this.#under = under
    this.journal = {
      ...inner,
      append: (entries) =>
        this.#during(async () => {
          const position = await inner.append(entries)
          this.passes('appended')
          return position
        }),
      putSnapshot: (name, snapshot) =>
        this.#during(async () => {
          this.passes('snapshot')
          await inner.putSnapshot(name, snapshot)
          this.passes('snapshot.kept')
        }),
    }
  }

  readonly #watched = new Map<ActorDef, ActorDef>()

  /** Throws when the life ends here, or has ended. */
  passes(point: ActorCrashPoint): void {
    if (!this.dead && this.#crash.strikes(point)) this.dead = true
    if (this.dead) throw journalErrors.PROV_JOURNAL_CLOSED({ journal: `life ${this.number}` })
  }

  /** The same type and its children, with effects that are seen, counted and cut off. */
  watched(def: ActorDef, runs: EffectRun[]): ActorDef {
    // A child is also given by itself, and is one type then.
    const known = this.#watched.get(def) ?? this.#watch(def, runs)
    this.#watched.set(def, known)
    return known
  }

  #watch(def: ActorDef, runs: EffectRun[]): ActorDef {
    const watch =
      (name: string, handler: EffectHandler): EffectHandler =>
      (params, context) =>
        this.#during(async () => {
          this.passes('effect.started')
          runs.push({ id: context.id, name, params, life: this.number })
          const output = await handler(params, context)
          this.passes('effect.done')
          return output
        })
    return {
      ...def,
      effects: Object.fromEntries(
        Object.entries(def.effects).map(([name, handler]) => [name, watch(name, handler)]),
      ),
      children: Object.fromEntries(
        Object.entries(def.children).map(([name, child]) => [name, this.watched(child, runs)]),
      ),
    }
  }

  async #during<T>(work: () => Promise<T>): Promise<T> {
    if (this.dead) this.passes('append')
    this.#under(1)
    try {
      return await work()
    } finally {
      this.#under(-1)
    }
  }
}

/** Somebody has messages left, or comes back by itself after a pause. */
function isUnsettled(system: ActorSystem): boolean {
  return system
    .list()
    .some(({ status, depth }) => status === 'restarting' || (status === 'active' && depth > 0))
}

/** What a process always has, and what says nothing about work that is under way. */
const always = new Set(['Immediate', 'TTYWrap', 'PipeWrap', 'FSEventWrap', 'Timeout'])

function isOutside(): boolean {
  return process.getActiveResourcesInfo().some((kind) => !always.has(kind))
}

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))
