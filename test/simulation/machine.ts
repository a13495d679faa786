/**
 * A simulated machine: a clock that may be wrong, a disk that may lose what was not synced, and one
 * life of a runtime after another. A life touches the world only by calls that pass here, so it can
 * die before or after any of them; nothing it asks for afterwards is ever answered.
 *
 *     start ─▶ life ── call n: journal, ledger, bus, provider ──▶ dies (kill -9 | power) ─▶ start …
 *
 * @module
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { setMaxListeners } from 'node:events'
import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import type { Bus } from '../../core/bus/bus.ts'
import { ProvError } from '../../core/errors.ts'
import type { JournalFiles, WritableFile } from '../../core/journal/files.ts'
import { openJournal } from '../../core/journal/file.ts'
import type { Journal } from '../../core/journal/journal.ts'
import { simulatedDisk } from '../../core/journal/simulated-disk.ts'
import type { SimulatedDisk } from '../../core/journal/simulated-disk.ts'
import type { PlaneName } from '../../core/protocol/planes.ts'
import type { Plugin } from '../../core/plugin/define.ts'
import { createRuntime } from '../../core/runtime.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { Count, Millis } from '../../core/units.ts'
import { LedgerDisk } from './ledger-disk.ts'
import type { DiskError } from './story.ts'
import type { Time } from './time.ts'

/** Where a life ends: at its n-th call, before or after what it asks for happens. */
export interface Death {
  readonly call: Count
  readonly after: boolean
  /** True: the power goes, and with it what was not synced. False: only the process. */
  readonly power: boolean
}

export interface MachineParts {
  readonly name: string
  /** What runs here. */
  readonly planes: readonly PlaneName[]
  /** Its folder: workspace, home, state and disk are below. */
  readonly dir: string
  readonly time: Time
  /** Numbers below a bound, from the seed. */
  readonly random: (below: number) => number
  readonly plugins: (machine: Machine, life: Life) => readonly Plugin[]
  /** The bus that this machine sees; undefined: the one in its journal. */
  readonly bus: ((life: Life) => Bus) | undefined
  /** How long it stays down after a death. */
  readonly downMs: () => Millis
  /** Told what should never be: a life that does not start. */
  readonly failed: (what: string) => void
  readonly log?: ((line: string) => void) | undefined
}

/** One each: whoever waits for it would be kept by one that all share. */
const silence = (): Promise<never> => new Promise(() => {})
const segmentBytes = 65_536
const startsAgain = new Set([
  'PROV_BUS_UNAVAILABLE',
  'PROV_PLANE_LED',
  'PROV_JOURNAL_UNUSABLE',
  'PROV_JOURNAL_NO_SPACE',
  'PROV_JOURNAL_POISONED',
])

/** Whose code runs: what a dead life still asks of files must not pass for a wish of the next one. */
const lives = new AsyncLocalStorage<Life>()

export class Life {
  readonly machine: Machine
  readonly clock: Clock
  readonly number: Count
  /** Aborts when it is dead: for the world around it, never for itself. */
  readonly gone = new AbortController()
  readonly open = new Set<WritableFile>()
  calls: Count = 0
  dies: Death | undefined
  journal: Journal | undefined
  /** Set once it has started. */
  runtime: Runtime | undefined

  constructor(machine: Machine, number: Count) {
    this.machine = machine
    this.number = number
    const { time } = machine.parts
    setMaxListeners(0, this.gone.signal)
    const clock = time.clock(() => machine.skewMs, this.isDead)
    this.clock = {
      ...clock,
      after: (delayMs, act) => clock.after(delayMs, () => this.run(act)),
    }
  }

  /** The life whose code asks, when one does. */
  static get current(): Life | undefined {
    return lives.getStore()
  }

  /** Runs code of this life; whatever that begins is of this life, too. */
  run<T>(act: () => T): T {
    return lives.run(this, act)
  }

  readonly isDead = (): boolean => this.gone.signal.aborted

  /** One call to the world. */
  async through<T>(act: () => T | Promise<T>): Promise<T> {
    const call = this.#begin()
    if (this.isDead()) return silence()
    const answer = await act()
    this.#end(call)
    if (this.isDead()) return silence()
    return answer
  }

  /**
   * The same for files: the dead are thrown out. A library that everybody in this process shares has
   * locks, and whoever never gets an answer would hold them for good.
   */
  async files<T>(act: () => T | Promise<T>): Promise<T> {
    const call = this.#begin()
    this.#assertAlive()
    const answer = await act()
    this.#end(call)
    this.#assertAlive()
    return answer
  }

  /** The same for what must answer in this turn. */
  now<T>(act: () => T): T {
    const call = this.#begin()
    this.#assertAlive()
    const answer = act()
    this.#end(call)
    this.#assertAlive()
    return answer
  }

  #begin(): Count {
    if (this.isDead()) return 0
    const call = ++this.calls
    if (this.dies?.call === call && !this.dies.after) this.machine.die(this.dies.power)
    return call
  }

  #end(call: Count): void {
    if (this.isDead()) return
    if (this.dies?.call === call) this.machine.die(this.dies.power)
  }

  #assertAlive(): void {
    if (this.isDead())
      throw Object.assign(new Error('a dead process asks for something'), { code: 'ENOENT' })
  }
}

export class Machine {
  readonly parts: MachineParts
  readonly workspace: string
  skewMs: Millis = 0
  life: Life | undefined
  deaths: Count = 0
  /** Deaths of lives to come, by the number of the life. */
  readonly fate = new Map<Count, Death>()
  /** What its disk says to everybody who writes, while it does. */
  diskError: DiskError | undefined
  /** Where the mirror is. */
  readonly ledgerDisk: LedgerDisk | undefined
  #lives: Count = 0
  #disk: SimulatedDisk

  constructor(parts: MachineParts) {
    this.parts = parts
    this.workspace = join(parts.dir, 'my-infra')
    mkdirSync(join(parts.dir, 'disk'), { recursive: true })
    mkdirSync(join(parts.dir, 'state'), { recursive: true })
    const place = join(parts.dir, 'state', 'journal')
    // Whoever looks for the journal where it belongs finds it on its disk of its own.
    if (!existsSync(join(parts.dir, 'disk', 'journal')))
      mkdirSync(join(parts.dir, 'disk', 'journal'))
    if (!existsSync(place)) symlinkSync('../disk/journal', place)
    this.#disk = this.#freshDisk()
    if (!parts.planes.includes('mirror')) return
    const folder = join(parts.dir, 'state', 'my-infra-state')
    this.ledgerDisk = new LedgerDisk({ folder, random: this.#chance })
  }

  get runs(): Life | undefined {
    return this.life?.runtime && !this.life.isDead() ? this.life : undefined
  }

  /** Begins a life. Its start may take time, and may be its end. */
  start(): void {
    const life = new Life(this, ++this.#lives)
    this.life = life
    life.dies = this.fate.get(life.number)
    const running = life.run(() => this.#run(life))
    void running.catch((thrown: unknown) => {
      if (life.isDead()) return
      // Whoever keeps processes running starts it again.
      if (ProvError.is(thrown) && startsAgain.has(thrown.code)) return this.die(false)
      this.parts.failed(`${this.parts.name} does not start: ${String((thrown as Error).stack)}`)
    })
  }

  die(power: boolean): void {
    const life = this.life
    if (!life || life.isDead()) return
    this.deaths++
    life.gone.abort()
    for (const file of life.open) file.close()
    if (power) {
      this.#disk.cut()
      this.#disk = this.#freshDisk()
      this.ledgerDisk?.cut()
    }
    const { time, downMs } = this.parts
    time.after(downMs(), () => this.start())
  }

  /** From now on nothing goes wrong here. */
  calm(): void {
    this.skewMs = 0
    this.diskError = undefined
    this.fate.clear()
    if (this.life) this.life.dies = undefined
  }

  /** Ends for good. */
  end(): void {
    const life = this.life
    if (!life || life.isDead()) return
    life.gone.abort()
    for (const file of life.open) file.close()
  }

  /** Throws what the disk says to whoever writes now. */
  assertDisk(): void {
    const code = this.diskError
    if (code) throw Object.assign(new Error(`${code}: the disk says so`), { code })
  }

  /** True when the path is on this machine. */
  owns(path: string): boolean {
    return path.startsWith(`${this.parts.dir}/`)
  }

  async #run(life: Life): Promise<void> {
    const { dir, plugins, bus, log } = this.parts
    const { clock } = life
    life.journal = await openJournal({
      dir: join(dir, 'disk', 'journal'),
      anchors: join(dir, 'disk', 'anchors'),
      clock,
      segmentBytes,
      files: this.#filesOf(life),
      processes: {
        self: () => ({
          bootId: 'b',
          pidNamespace: 'n',
          pid: life.number,
          startTime: '1',
          host: 'h',
        }),
        look: ({ pid }) => (pid === this.life?.number ? 'alive' : 'dead'),
      },
    })
    const runtime = await createRuntime({
      workspace: this.workspace,
      state: join(dir, 'state'),
      home: join(dir, 'home'),
      journal: life.journal,
      bus: bus?.(life),
      clock,
      discover: false,
      strict: true,
      env: {},
      isolation: false,
      plugins: plugins(this, life),
      random: () => this.parts.random(1_000) / 1_000,
      log: ({ level, from, text, detail }) => {
        const at = `${this.parts.time.nowMs.toFixed(1)} ${this.parts.name}#${life.number}`
        log?.(`${at} ${level} ${from}: ${text} ${detail ? JSON.stringify(detail) : ''}`)
      },
    })
    // A process that must not go on ends, and is started again.
    runtime.over.addEventListener('abort', () => !life.isDead() && this.die(false), { once: true })
    life.runtime = runtime
  }

  #freshDisk(): SimulatedDisk {
    return simulatedDisk({ folder: join(this.parts.dir, 'disk'), random: this.#chance })
  }

  readonly #chance = (): number => this.parts.random(1_000_000) / 1_000_000

  /** The disk as one life sees it: a sync takes its time. */
  #filesOf(life: Life): JournalFiles {
    const { files } = this.#disk
    const { time, random } = this.parts
    const slow = <T>(act: () => Promise<T>): Promise<T> =>
      life.through(async () => {
        await time.sleep(random(80) / 10)
        if (life.isDead()) return silence()
        return act()
      })
    return {
      open: (path, options) => {
        const file = life.now(() => files.open(path, options))
        life.open.add(file)
        return {
          write: (bytes, offset) =>
            life.through(() => {
              const part = this.diskError ? random(bytes.byteLength + 1) : bytes.byteLength
              const written = file.write(bytes.subarray(0, part), offset)
              this.assertDisk()
              return written
            }),
          datasync: () =>
            slow(async () => {
              this.assertDisk()
              await file.datasync()
            }),
          truncate: (length) => life.through(() => file.truncate(length)),
          close() {
            if (life.isDead() || !life.open.delete(file)) return
            file.close()
          },
        }
      },
      rename: (from, to) => life.through(() => files.rename(from, to)),
      syncFolder: (path) => slow(() => files.syncFolder(path)),
      link: (from, to) => life.through(() => files.link(from, to)),
      remove: (path) => life.through(() => files.remove(path)),
      list: (path) => life.through(() => files.list(path)),
      makeFolder: (path) => life.through(() => files.makeFolder(path)),
    }
  }
}
