/**
 * A world for tests: workspace, home, disk, clock and a whole runtime, which can die at a named point
 * of an operation and is started again over what was durable then.
 *
 *     const world = simulate({ seed: 7, workspace: './sample', crashAt: 'effect.done' })
 *     await world.run(({ submit }) => submit({ type: 'restart', target: 'staging-eu/web' }))
 *     t.equal(world.count('restart applied'), 1)
 *
 * W1  After the crash the old life can make nothing durable: its journal is cut off first.
 * W2  `run` returns when every operation has ended or waits for a person, crashes included.
 * W3  Whoever proposed does not know what was taken when the life died: the script runs again, and what
 *     it submits bears the same ids, so the same again is the same answer.
 * W4  Time is simulated and moves only while nothing else is under way. Where real machines take
 *     part, it moves at most as fast as real time.
 *
 * The seed sets how long each write to the disk takes, and so which of several things comes first.
 * What real sockets and processes do is not simulated: the same seed repeats our part, not theirs.
 *
 * @module
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { simulatedClock, systemClock } from './clock.ts'
import type { SimulatedClock } from './clock.ts'
import { coreErrors, ProvError } from './errors.ts'
import type { Journal } from './journal/journal.ts'
import { memoryJournal, MemoryDisk, readMemory } from './journal/memory.ts'
import { journalErrors } from './journal/errors.ts'
import type { LogSink } from './log.ts'
import type { Plugin } from './plugin/define.ts'
import { isAudit } from './protocol/audit.ts'
import type { AuditEvent } from './protocol/audit.ts'
import { onCrashPoint } from './protocol/crash.ts'
import type { CrashPoint } from './protocol/crash.ts'
import { emptyModel, foldAudit, outcomeOf } from './protocol/fold.ts'
import type { OpsModel } from './protocol/fold.ts'
import { contract, keeperDesk, keyStore } from './protocol/services.ts'
import type { Proposal } from './protocol/services.ts'
import { simulatedWorkspace } from './protocol/simulated-workspace.ts'
import { auditEvents } from './protocol/trail.ts'
import { createRuntime } from './runtime.ts'
import type { OpHandle, Runtime } from './runtime.ts'
import { seeded, seedFor } from './seed.ts'
import type { Count, Millis } from './units.ts'

export interface SimulateOptions {
  /** Default: PROV_SEED, else 1. Printed when the process ends with a failure. */
  readonly seed?: Count | undefined
  /**
   * Folder copied as the workspace. Default: a small one with a piece of state `service` (off, on) and a
   * policy that signs the op types of the given plugins by itself and holds everything else.
   */
  readonly workspace?: string | undefined
  /** Further files of the workspace, by path. */
  readonly files?: Readonly<Record<string, string>> | undefined
  /** More plugins, beside Prov's own. */
  readonly plugins?: readonly Plugin[] | undefined
  /** False: only the given plugins. Default true. */
  readonly discover?: boolean | undefined
  readonly config?: Readonly<Record<string, unknown>> | undefined
  /** Where the first life ends: `claim`, or `claim:2` for the second time. Default: nowhere. */
  readonly crashAt?: CrashPoint | `${CrashPoint}:${number}` | undefined
  /** Longest run, in simulated time. Default 10 minutes. */
  readonly limitMs?: Millis | undefined
  readonly log?: LogSink | undefined
}

/** A runtime in a simulated world. */
export interface SimulatedRuntime extends Runtime {
  /** The runtime itself, to be handed on. */
  readonly prov: Runtime
  /** As alice unless somebody else is named, under an id that is the same when the script runs again. */
  submit(proposal: Proposal): Promise<OpHandle>
}

export interface World {
  readonly seed: Count
  readonly clock: SimulatedClock
  /** Absolute path of the workspace. */
  readonly root: string
  /** How many lives there were: one more than crashes and runs before. */
  readonly starts: Count
  /**
   * Starts the runtime, runs the script, waits until every operation settled, ends it. Answers what
   * the script returned; one that died with its life runs again in the next. Alice and bob have keys
   * and are enrolled. Throws PROV_INTERNAL when the operations do not settle in time.
   */
  run<T>(script: (runtime: SimulatedRuntime) => Promise<T>): Promise<T>
  /** How often it happened: `restart applied` is an op type and a phase. Counts signed events. */
  count(what: string): Count
  /** Everything that was ever signed, in order. */
  events(): readonly AuditEvent[]
  /** The same, folded. */
  model(): OpsModel
  /** Removes its folders. Also done when the process ends. */
  close(): void
}

/** Whose keys there are: the first one proposes, the second one can approve. */
const people = ['alice', 'bob'] as const

/** Folders of all worlds of this process: a dead life may write into one that is gone already. */
const folders = new Set<string>()
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

const defaultLimitMs: Millis = 600_000

/**
 * Makes the world; nothing runs yet. Only one world may run at a time. What a dead life does outside
 * of its journal, in a git repository or on a machine, it may still do for a moment: that is what
 * the kill tests with real processes are for.
 */
export function simulate(options: SimulateOptions = {}): World {
  return new SimulatedWorld(options)
}

class SimulatedWorld implements World {
  readonly seed: Count
  // Real machines compare their own clock with ours, so the world begins now.
  readonly clock = simulatedClock({ startMs: systemClock.now() })
  readonly root: string
  starts: Count = 0
  readonly #dir: string
  readonly #disk = new MemoryDisk()
  readonly #options: SimulateOptions
  readonly #counts = new Map<string, Count>()
  #model: OpsModel = emptyModel()
  #crash: { point: string; left: number } | undefined
  #busy = 0
  #counted = -1
  #events: readonly AuditEvent[] = []
  #runs = 0

  constructor(options: SimulateOptions) {
    this.#options = options
    this.seed = seedFor('a world was', options.seed)
    this.#dir = mkdtempSync(join(tmpdir(), 'prov-world-'))
    this.root = join(this.#dir, 'workspace')
    folders.add(this.#dir)
    if (options.workspace !== undefined) {
      cpSync(options.workspace, this.root, { recursive: true })
    }
    mkdirSync(join(this.root, '.ontology'), { recursive: true })
    const own = options.workspace === undefined ? simulatedWorkspace(options.plugins ?? []) : {}
    for (const [path, content] of Object.entries({ ...own, ...options.files })) {
      mkdirSync(dirname(join(this.root, path)), { recursive: true })
      writeFileSync(join(this.root, path), content)
    }
    const random = seeded(this.seed)
    this.#disk.beforeSync = async () => {
      for (let turn = random(4); turn > 0; turn--) await nextTurn()
    }
    const [point, nth] = (options.crashAt ?? '').split(':')
    if (point) this.#crash = { point, left: Number(nth ?? 1) }
  }

  async run<T>(script: (runtime: SimulatedRuntime) => Promise<T>): Promise<T> {
    let answer: { readonly value: T } | undefined
    this.#runs++
    for (let life = this.#life(); ; life = this.#life()) {
      try {
        answer = (await this.#drive(life, answer ? undefined : script)) ?? answer
      } finally {
        // It may also die while it is being taken down.
        await this.#end(life)
        onCrashPoint(undefined)
      }
      if (!life.dead && answer) break
    }
    await this.#count()
    return answer.value
  }

  events(): readonly AuditEvent[] {
    return this.#events
  }

  count(what: string): Count {
    return this.#counts.get(what) ?? 0
  }

  model(): OpsModel {
    return this.#model
  }

  close(): void {
    rmSync(this.#dir, { recursive: true, force: true })
  }

  /** One life: a runtime over the disk as it is, and a journal that can be cut off. */
  #life(): SimulatedLife {
    this.starts++
    this.#disk.held = false
    const life = new SimulatedLife(memoryJournal({ disk: this.#disk, clock: this.clock }), () => {
      this.#busy = 0
    })
    onCrashPoint((name) => {
      if (life.dead) throw interrupted(name)
      const crash = this.#crash
      if (crash?.point !== name || --crash.left > 0) return
      this.#crash = undefined
      life.die()
      throw interrupted(name)
    })
    const { plugins, discover, config, log } = this.#options
    const chance = seeded(this.seed + this.starts)
    life.runtime = createRuntime({
      workspace: this.root,
      home: join(this.#dir, 'home'),
      journal: life.journal,
      clock: this.clock,
      plugins,
      discover,
      config,
      random: () => chance(1_000) / 1_000,
      log: log ?? (() => {}),
    })
    life.runtime.catch(() => {})
    return life
  }

  async #drive<T>(
    life: SimulatedLife,
    script: ((runtime: SimulatedRuntime) => Promise<T>) | undefined,
  ): Promise<{ readonly value: T } | undefined> {
    const started = this.clock.monotonic()
    const limit = this.#options.limitMs ?? defaultLimitMs
    let answer: { value: T } | undefined
    let failure: { thrown: unknown } | undefined
    let finished = false
    void (async () => {
      const runtime = await life.runtime
      await this.#prepare(runtime)
      if (script) answer = { value: await script(this.#handedOut(runtime)) }
    })()
      .catch((thrown: unknown) => (failure = { thrown }))
      .finally(() => (finished = true))
    for (;;) {
      if (life.dead) return answer
      if (finished && failure) throw failure.thrown
      if (finished && (await this.#settled())) return answer
      if (this.clock.monotonic() - started > limit) {
        throw coreErrors.PROV_INTERNAL({
          what: `seed ${this.seed}: not settled after ${limit} ms of simulated time`,
        })
      }
      await this.#tick()
    }
  }

  #handedOut(runtime: Runtime): SimulatedRuntime {
    let proposed = 0
    const submit = (proposal: Proposal): Promise<OpHandle> => {
      const opId = `run-${this.#runs}-op-${++proposed}`
      return runtime.submit({ as: people[0], opId, ...proposal })
    }
    return { ...runtime, prov: runtime, submit }
  }

  /** Two people with unsealed keys, and the policy of the workspace in force: as after a set-up. */
  async #prepare(runtime: Runtime): Promise<void> {
    const keys = runtime.service(keyStore)
    const deal = runtime.service(contract)
    const known = await keys.list()
    for (const actor of people) {
      const record =
        known.find((one) => one.actor === actor) ??
        (await keys.create({ actor, kind: 'human', passphrase: '' }))
      if (!deal.keyring.key(record.kid)) await deal.enrol({ record, as: people[0] })
    }
    if (!existsSync(join(this.root, 'keeper_policy.ncl'))) return
    try {
      const desk = runtime.service(keeperDesk)
      if ((await desk.status()).policy === null) await desk.activatePolicy({ as: people[0] })
    } catch (thrown) {
      if (!ProvError.is(thrown) || thrown.code !== 'PROV_PLUGIN_SERVICE_MISSING') throw thrown
    }
  }

  async #settled(): Promise<boolean> {
    await this.#count()
    for (const row of this.#model.ops.values()) {
      if (outcomeOf(row.phase) === undefined) return false
    }
    return true
  }

  /** Folds the whole disk again: a test's journal is short, and nothing can be missed. */
  async #count(): Promise<void> {
    if (this.#counted === this.#disk.last) return
    this.#counted = this.#disk.last
    this.#counts.clear()
    let model = emptyModel()
    const events: AuditEvent[] = []
    for await (const event of auditEvents(readMemory(this.#disk))) {
      events.push(event)
      model = foldAudit(model, event)
      const type = isAudit(event, 'op.submitted')
        ? event.data.op.type
        : model.ops.get(event.subject)?.type
      if (type === undefined || !event.type.startsWith('prov.op.')) continue
      const what = `${type} ${event.type.slice('prov.op.'.length)}`
      this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1)
    }
    this.#model = model
    this.#events = events
  }

  /** Lets everything that is under way go on; moves time only when nothing is (W4). */
  async #tick(): Promise<void> {
    this.#busy++
    for (let turn = 0; turn < 4; turn++) await nextTurn()
    const real = process.getActiveResourcesInfo().filter((kind) => !quiet.has(kind)).length > 0
    if (real) {
      const stepMs: Millis = 5
      await new Promise<void>((resolve) => systemClock.after(stepMs, resolve))
      return this.clock.advance(stepMs)
    }
    if (this.#busy < 8) return
    this.#busy = 0
    const due = this.clock.nextDue()
    await this.clock.advance(due === undefined ? 1 : Math.max(1, due - this.clock.monotonic()))
  }

  /** A dead life is taken down, too, so that it leaves no timers; it can write nothing any more. */
  async #end(life: SimulatedLife): Promise<void> {
    let closed = false
    void life.runtime
      .then((runtime) => runtime.close())
      .catch(() => {})
      .finally(() => (closed = true))
    while (!closed) await this.#tick()
    if (!life.dead) await life.inner.close()
  }
}

class SimulatedLife {
  dead = false
  runtime: Promise<Runtime> = new Promise<never>(() => {})
  readonly inner: Journal
  readonly journal: Journal

  constructor(inner: Journal, wrote: () => void) {
    this.inner = inner
    const cut = () => journalErrors.PROV_JOURNAL_CLOSED({ journal: inner.id })
    this.journal = {
      ...inner,
      append: async (entries) => {
        wrote()
        if (this.dead) throw cut()
        const position = await inner.append(entries)
        // It is durable, but a dead process never hears of it.
        if (this.dead) throw cut()
        return position
      },
      putSnapshot: async (name, snapshot) => {
        // A snapshot is a shortcut: one that is not written is missed by nobody.
        if (!this.dead) await inner.putSnapshot(name, snapshot)
      },
      follow: (listener) =>
        inner.follow((records) => {
          if (this.dead) return
          try {
            listener(records)
          } catch (thrown) {
            // What it was told last may have been where it died.
            if (!this.dead) throw thrown
          }
        }),
    }
  }

  die(): void {
    this.dead = true
  }
}

/** What a process always has, and what says nothing about work that is under way. */
const quiet = new Set(['Immediate', 'TTYWrap', 'PipeWrap', 'FSEventWrap', 'Timeout'])

function interrupted(name: CrashPoint): ProvError {
  return coreErrors.PROV_INTERRUPTED({ signal: `the simulated crash at ${name}` })
}

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))
