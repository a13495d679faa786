/**
 * A simulated machine: a clock that may be wrong, a disk that may lose what was not synced, and the
 * processes that are kept running there, one life after another. Of two, one waits for its turn.
 *
 *     start ─▶ life ── call n: journal, ledger, bus, provider ──▶ dies (kill -9 | power) ─▶ start …
 *
 * @module
 */
import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { bootRuntime } from '../../core/boot.ts'
import type { BootParts } from '../../core/boot.ts'
import type { Bus } from '../../core/bus/bus.ts'
import { asProvError, ProvError } from '../../core/errors.ts'
import type { JournalFiles } from '../../core/journal/files.ts'
import { openJournal } from '../../core/journal/file.ts'
import type { OpenJournalOptions } from '../../core/journal/file.ts'
import { simulatedDisk } from '../../core/journal/simulated-disk.ts'
import type { SimulatedDisk } from '../../core/journal/simulated-disk.ts'
import { logFor } from '../../core/log.ts'
import type { LogSink } from '../../core/log.ts'
import { Office, officeOf } from '../../core/protocol/office.ts'
import type { PlaneName } from '../../core/protocol/planes.ts'
import type { Plugin } from '../../core/plugin/define.ts'
import type { Count, Millis } from '../../core/units.ts'
import { LedgerDisk } from './ledger-disk.ts'
import { Life, silence } from './life.ts'
import type { Death, Frost } from './life.ts'
import type { DiskError } from './story.ts'
import type { Time } from './time.ts'

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
  /** Told of each life that has started. */
  readonly started: (life: Life) => void
  readonly log?: ((line: string) => void) | undefined
}

/** When what is large is kept, and whether what it makes needless is packed before a start. */
export interface Keeping extends Pick<BootParts, 'keepEvery' | 'snapshotEvery'> {
  readonly archives: boolean
}

const segmentBytes = 65_536
export const workspaceName = 'my-infra'
const startsAgain = new Set([
  'PROV_BUS_UNAVAILABLE',
  'PROV_BUS_FENCED',
  'PROV_PLANE_LED',
  'PROV_JOURNAL_LOCKED',
  'PROV_JOURNAL_FENCED',
  'PROV_JOURNAL_UNUSABLE',
  'PROV_JOURNAL_NO_SPACE',
  'PROV_JOURNAL_POISONED',
])

export class Machine {
  readonly parts: MachineParts
  readonly workspace: string
  skewMs: Millis = 0
  deaths: Count = 0
  /** Processes that are kept running: with two, one leads and one is ready to. */
  seats: Count = 1
  keeps: Keeping | undefined
  /** Deaths of lives to come, by the number of the life, and where those stand still. */
  readonly fate = new Map<Count, Death>()
  readonly frost = new Map<Count, Frost>()
  /** What its disk says to everybody who writes, while it does. */
  diskError: DiskError | undefined
  /** True while an older state of its disk lies in the place of the newest; whoever starts then is turned away. */
  isSetBack = false
  readonly turnedAway: string[] = []
  /** Where the mirror is. */
  readonly ledgerDisk: LedgerDisk | undefined
  readonly lives: Life[] = []
  #disk: SimulatedDisk

  constructor(parts: MachineParts) {
    this.parts = parts
    this.workspace = join(parts.dir, workspaceName)
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

  get #living(): readonly Life[] {
    return this.lives.filter((life) => !life.isDead())
  }

  /** Who answers here: of two, the one that took over. */
  get runs(): Life | undefined {
    if (this.isSetBack) return undefined
    return this.#living.findLast(({ runtime, isFrozen }) => runtime && !isFrozen)
  }

  /** Begins as many lives as are missing. A start may take time, and may be the end of a life. */
  start(): void {
    while (this.#living.length < this.seats) this.#begin()
  }

  #begin(): void {
    const life = new Life(this, this.lives.length + 1)
    this.lives.push(life)
    life.dies = this.fate.get(life.number)
    life.freezes = this.frost.get(life.number)
    const running = life.run(() => this.#run(life))
    void running.catch((thrown: unknown) => {
      if (life.isDead()) return
      // Whoever keeps processes running starts it again; one that was frozen while it began took too long.
      const tooLong =
        ProvError.is(thrown) && thrown.code === 'PROV_PLUGIN_TIMEOUT' && life.wasFrozen
      if (ProvError.is(thrown) && (startsAgain.has(thrown.code) || this.isSetBack || tooLong)) {
        return this.#over(life, thrown)
      }
      this.parts.failed(`${this.parts.name} does not start: ${String((thrown as Error).stack)}`)
    })
  }

  die(life: Life, power: boolean): void {
    if (life.isDead()) return
    for (const one of power ? this.#living : [life]) {
      this.deaths++
      this.#bury(one)
    }
    if (power) {
      this.#disk.cut()
      this.#disk = this.#freshDisk()
      this.ledgerDisk?.cut()
    }
    const { time, downMs } = this.parts
    time.after(downMs(), () => this.start())
  }

  /** Ends whatever lives here, lets somebody change the disk, and begins anew. */
  between(change: (dir: string) => void): void {
    for (const life of this.#living) this.#bury(life)
    change(this.parts.dir)
    this.#disk = this.#freshDisk()
    this.start()
  }

  /** From now on nothing goes wrong here. */
  calm(): void {
    this.skewMs = 0
    this.diskError = undefined
    this.fate.clear()
    this.frost.clear()
    for (const life of this.#living) {
      life.dies = undefined
      life.freezes = undefined
      life.thaw()
    }
  }

  /** Ends for good. */
  end(): void {
    for (const life of this.#living) this.#bury(life)
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

  #bury(life: Life): void {
    life.gone.abort()
    for (const file of life.open) file.close()
  }

  /** A process that must not go on, or cannot begin, ends, and is started again. */
  #over(life: Life, reason: unknown): void {
    if (life.isDead()) return
    const { code, message } = asProvError(reason)
    this.parts.log?.(`${this.parts.time.nowMs} ${this.parts.name}#${life.number} ends: ${message}`)
    if (this.isSetBack) this.turnedAway.push(code)
    this.die(life, false)
  }

  async #run(life: Life): Promise<void> {
    const { dir, plugins, bus, log, time } = this.parts
    const { clock } = life
    const files = this.#filesOf(life)
    const sink: LogSink = ({ level, from, text, detail }) => {
      const at = `${time.nowMs.toFixed(1)} ${this.parts.name}#${life.number}`
      log?.(`${at} ${level} ${from}: ${text} ${detail ? JSON.stringify(detail) : ''}`)
    }
    const connection = bus?.(life)
    const office = await this.#turn(life, connection, sink)
    const place: OpenJournalOptions = {
      dir: join(dir, 'disk', 'journal'),
      clock,
      segmentBytes,
      files,
      processes: this.#processesOf(life),
    }
    if (this.keeps?.archives && this.seats === 1) {
      const { archiveJournal } = await import('../../core/journal/archive.ts')
      await archiveJournal(place)
    }
    const journal = await openJournal({
      ...place,
      anchors: join(dir, 'disk', 'anchors'),
      supersede: () => office?.leads() === true,
      speaks: () => life.contract?.vouched === true,
    })
    life.journal = journal
    await office?.bind(journal)
    const runtime = await bootRuntime(
      {
        workspace: this.workspace,
        state: join(dir, 'state'),
        home: join(dir, 'home'),
        journal,
        bus: connection,
        clock,
        discover: false,
        strict: true,
        env: {},
        isolation: false,
        plugins: plugins(this, life),
        random: () => this.parts.random(1_000) / 1_000,
        log: sink,
      },
      { ...this.keeps, files, office },
    )
    await journal.anchor()
    const over = (): void => this.#over(life, runtime.over.reason)
    if (runtime.over.aborted) return over()
    runtime.over.addEventListener('abort', over, { once: true })
    life.runtime = runtime
    this.parts.started(life)
  }

  /** Of two processes each waits for the lease before it opens the journal. */
  async #turn(life: Life, bus: Bus | undefined, sink: LogSink): Promise<Office | undefined> {
    const plane = officeOf(this.parts.planes)
    if (this.seats < 2 || !plane || !bus) return undefined
    return Office.open({
      plane,
      workspace: workspaceName,
      bus,
      stateDir: join(this.parts.dir, 'state'),
      clock: life.clock,
      log: logFor('office', sink),
      signal: new AbortController().signal,
      speaks: () => life.contract?.vouched === true,
      processes: this.#processesOf(life),
    })
  }

  #processesOf({ number }: Life): NonNullable<OpenJournalOptions['processes']> {
    const system = { bootId: 'b', pidNamespace: 'n', startTime: '1', host: 'h' }
    return {
      self: () => ({ ...system, pid: number }),
      look: ({ pid }) => (this.lives[pid - 1]?.isDead() === false ? 'alive' : 'dead'),
    }
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
    // Two lives of one machine are two processes: each has temporary files of its own.
    const tail = `.${process.pid}.tmp`
    const own = (path: string): string =>
      path.endsWith(tail) ? `${path.slice(0, -4)}-${life.number}.tmp` : path
    return {
      open: (path, options) => {
        const file = life.now(() => files.open(own(path), options))
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
      rename: (from, to) => life.through(() => files.rename(own(from), to)),
      syncFolder: (path) => slow(() => files.syncFolder(path)),
      link: (from, to) => life.through(() => files.link(own(from), to)),
      remove: (path) => life.through(() => files.remove(own(path))),
      list: (path) => life.through(() => files.list(path)),
      makeFolder: (path) => life.through(() => files.makeFolder(path)),
    }
  }
}
