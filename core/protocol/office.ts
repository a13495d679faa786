/**
 * A plane that several processes could run over one server, and one of them does: who leads is settled
 * by a lease there, and the lease remembers how far the journal of the leader had come.
 *
 *     lead ──the journal is the one it remembers──▶ hold ──lost──▶ lead again, if nobody else wrote
 *                    └─ another one, an older one: refused by name            └─ else it is over
 *
 * F1  Nothing is claimed without it, and every claim bears its epoch.
 * F2  Between a claim and its effect the server says, after the claim was durable, that nobody took over
 *     (`confirm`). Whoever slept through its time learns it there.
 * F3  Only who shows the same journal may take over, so what was claimed before is known.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { readFileSync, realpathSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Bus } from '../bus/bus.ts'
import { lead } from '../bus/leadership.ts'
import type { Leadership, LeadershipOptions } from '../bus/leadership.ts'
import { sleep } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { asProvError, ProvError } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import type { Journal, JournalHead } from '../journal/journal.ts'
import { lockHolder, systemProcesses } from '../journal/lock.ts'
import type { Processes } from '../journal/lock.ts'
import { checkWitness } from '../journal/witness.ts'
import type { Witness } from '../journal/witness.ts'
import type { Log } from '../log.ts'
import { replaceFile } from '../small-file.ts'
import type { Count, Millis } from '../units.ts'
import { planeErrors } from './plane-errors.ts'
import type { PlaneName } from './planes.ts'
import { leaseBucket } from './subjects.ts'

export type OfficePlane = Extract<PlaneName, 'keeper' | 'controller'>

/** The plane of these that only one process may run, or undefined. */
export function officeOf(planes: readonly PlaneName[]): OfficePlane | undefined {
  return (['controller', 'keeper'] as const).find((plane) => planes.includes(plane))
}

export interface OfficeOptions {
  readonly plane: OfficePlane
  readonly workspace: string
  readonly bus: Bus
  /** Folder of the state: its journal is the one that must be the same, until another one is bound. */
  readonly stateDir: string
  /** The journal, when it is open already: then whoever had it before is dead. */
  readonly journal?: Journal | undefined
  /** Longest wait for another process to leave. Default: for ever. */
  readonly waitMs?: Millis | undefined
  readonly clock: Clock
  readonly log: Log
  /** Ends the waiting of `open`. */
  readonly signal: AbortSignal
  /** False while it is open whether this journal is the newest: the lease keeps what it remembers. Default: true. */
  readonly speaks?: (() => boolean) | undefined
  /** Keeper epoch that the journal was granted, see `Joined`. Default: none. */
  readonly granted?: Count | undefined
  /** Life of the lease without a renewal. Default 15 s. */
  readonly ttlMs?: Millis | undefined
  /** Who is alive. Replaced where several processes are simulated in one. */
  readonly processes?: Processes | undefined
}

const retryMs: Millis = 500
/** Where people see what is remembered. */
const remembered = 'prov nats status'

export class Office {
  readonly plane: OfficePlane
  readonly #options: OfficeOptions
  readonly #file: string
  readonly #end = new AbortController()
  readonly #over = new AbortController()
  #journal: Journal | undefined
  #head: JournalHead | undefined
  #lease: Leadership | undefined
  #known: Count
  #wake: (() => void)[] = []
  #remembered = false

  /**
   * Waits for the lease. Throws PROV_PLANE_LED when it does not come in time, what `checkWitness` says
   * of the journal, and what the bus refuses.
   */
  static async open(options: OfficeOptions): Promise<Office> {
    const office = new Office(options)
    const { waitMs, clock, signal, plane, log } = options
    let holder = 'another process'
    const late = (): void => office.#end.abort(planeErrors.PROV_PLANE_LED({ plane, holder }))
    const timer = waitMs === undefined ? undefined : clock.after(waitMs, late)
    const stop = (): void => office.#end.abort(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    try {
      signal.throwIfAborted()
      await office.#take((name) => {
        holder = name
        log.info(`${plane} is led by ${name}; this process waits for its turn`)
      })
    } catch (thrown) {
      office.#end.abort()
      throw thrown
    } finally {
      timer?.cancel()
      signal.removeEventListener('abort', stop)
    }
    void office.#keep()
    return office
  }

  private constructor(options: OfficeOptions) {
    this.plane = options.plane
    this.#options = options
    this.#journal = options.journal
    this.#file = join(options.stateDir, `${options.plane}.epoch`)
    this.#known = knownIn(this.#file)
  }

  /** Aborts when this process must not go on; its reason says why. */
  get over(): AbortSignal {
    return this.#over.signal
  }

  /** Asked before a decision. Throws PROV_PLANE_NOT_LEADING while somebody else may lead. */
  epoch(): Count {
    if (!this.#lease?.held()) throw planeErrors.PROV_PLANE_NOT_LEADING({ plane: this.plane })
    return this.#lease.epoch
  }

  /** True when the server remembered a journal, and it is this one. */
  get remembered(): boolean {
    return this.#remembered
  }

  /** True while the lease is held: somebody who wrote the journal before may be replaced. */
  leads(): boolean {
    return this.#lease?.held() === true
  }

  /** From here on it remembers how far this journal has come. */
  async bind(journal: Journal): Promise<void> {
    this.#journal = journal
    await this.confirm()
  }

  /**
   * Awaited between a claim and its effect: resolves when the server knows of everything that was
   * durable at the call, and nobody took over; answers with the epoch. Waits while nobody knows;
   * rejects once it is over.
   */
  async confirm(): Promise<Count> {
    for (;;) {
      const lease = await this.#held()
      this.#head = await this.#journal?.head()
      try {
        await lease.confirm()
        return lease.epoch
      } catch (thrown) {
        if (!isOfBus(thrown)) throw thrown
        await sleep(this.#options.clock, retryMs, this.#ended)
      }
    }
  }

  /** Gives the lease back. */
  async close(): Promise<void> {
    // What the next one is measured by.
    this.#head = (await this.#journal?.head().catch(() => undefined)) ?? this.#head
    this.#end.abort()
    await this.#lease?.release()
  }

  get #ended(): AbortSignal {
    return AbortSignal.any([this.#end.signal, this.#over.signal])
  }

  async #held(): Promise<Leadership> {
    for (;;) {
      const ended = this.#ended
      if (ended.aborted) throw asProvError(ended.reason)
      if (this.#lease && !this.#lease.lost.aborted) return this.#lease
      await new Promise<void>((resolve) => {
        this.#wake.push(resolve)
        ended.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  }

  async #take(waiting: (holder: string) => void): Promise<void> {
    const { bus, workspace, clock, ttlMs, plane } = this.#options
    const options: LeadershipOptions = {
      store: await bus.keyValue(leaseBucket(workspace)),
      key: plane,
      holder: `${hostname()} ${process.pid}`,
      knownEpoch: this.#known,
      ttlMs,
      clock,
      signal: this.#ended,
      about: () => this.#about(),
      admit: (about) => this.#admit(about),
      isOver: (about) => this.#isOver(about),
      waiting,
    }
    const lease = await lead(options)
    this.#known = lease.epoch
    replaceFile(this.#file, `${lease.epoch}\n`)
    this.#lease = lease
    for (const wake of this.#wake.splice(0)) wake()
  }

  /** Leads again whenever it was lost, for as long as nobody else wrote. */
  async #keep(): Promise<void> {
    const { log, clock, plane } = this.#options
    while (!this.#ended.aborted) {
      const lost = (this.#lease as Leadership).lost
      await new Promise<void>((resolve) => {
        if (lost.aborted || this.#ended.aborted) resolve()
        lost.addEventListener('abort', () => resolve(), { once: true })
        this.#ended.addEventListener('abort', () => resolve(), { once: true })
      })
      if (this.#ended.aborted) return
      log.warn(`${plane} leads no more and claims nothing until it does`, {
        code: asProvError(lost.reason).code,
      })
      while (this.#lease?.lost === lost && !this.#ended.aborted) {
        try {
          await this.#take(() => {})
          log.info(`${plane} leads again, epoch ${this.#known}`)
        } catch (thrown) {
          if (this.#ended.aborted) return
          if (!isOfBus(thrown)) return this.#over.abort(asProvError(thrown))
          await sleep(clock, retryMs, this.#ended).catch(() => {})
        }
      }
    }
  }

  #about(): JsonObject | undefined {
    if (!this.#head || this.#options.speaks?.() === false) return undefined
    const { journal, batch = 0, position, hash } = this.#head
    const { granted = 0 } = this.#options
    return { journal, batch, position, hash, place: this.#place(), granted }
  }

  get #dir(): string {
    return this.#journal?.dir ?? join(this.#options.stateDir, 'journal')
  }

  async #admit(about: JsonObject | undefined): Promise<void> {
    // Whoever was replaced in this very folder has nothing to lead.
    await this.#journal?.anchor()
    if (about === undefined || (this.#journal && this.#journal.dir === undefined)) return
    const { plane, granted = 0 } = this.#options
    const theirs = Number(about['granted'] ?? 0)
    if (granted < theirs) throw planeErrors.PROV_PLANE_REPLACED({ plane, granted: theirs })
    // What is remembered is the journal that was lost: F3 was the controller's to judge, who granted this.
    if (granted > theirs) return
    await checkWitness(this.#dir, about as unknown as Witness, remembered)
    this.#remembered = true
  }

  /** True when the last one to lead wrote in this folder, and nobody does: it is dead. */
  async #isOver(about: JsonObject | undefined): Promise<boolean> {
    await this.#journal?.anchor()
    const place = this.#place()
    if (place === null || about?.['place'] !== place) return false
    const { processes } = this.#options
    return this.#journal !== undefined || !(await lockHolder(`${this.#dir}/lock`, processes))
  }

  /** This folder on this machine since it was started, for whoever asks from the same place. */
  #place(): string | null {
    const { bootId } = systemProcesses.self()
    const dir = statSync(this.#dir, { throwIfNoEntry: false })
    if (!dir || bootId === '') return null
    const place = [bootId, realpathSync(this.#dir), dir.dev, dir.ino].join('\n')
    return createHash('sha256').update(place).digest('hex')
  }
}

const isOfBus = (thrown: unknown): boolean =>
  ProvError.is(thrown) && thrown.code.startsWith('PROV_BUS_')

function knownIn(file: string): Count {
  try {
    const epoch = Number(readFileSync(file, 'utf8'))
    return Number.isSafeInteger(epoch) && epoch > 0 ? epoch : 0
  } catch {
    return 0
  }
}
