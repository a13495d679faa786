/**
 * One life of a process on a simulated machine. It touches the world only by calls that pass here, so it
 * can die before or after any of them, and stand still before one; nothing that the dead ask for is ever
 * answered, and what the frozen are told, they hear when they are let go.
 *
 *     call ─▶ dies? ─▶ frozen? waits ─▶ the world ─▶ dies? ─▶ frozen? waits ─▶ answer
 *
 * @module
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { setMaxListeners } from 'node:events'
import type { Clock } from '../../core/clock.ts'
import type { WritableFile } from '../../core/journal/files.ts'
import type { Journal } from '../../core/journal/journal.ts'
import type { Contract } from '../../core/protocol/contract.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { Count, Millis } from '../../core/units.ts'
import type { Machine } from './machine.ts'

/** Where a life ends: at its n-th call, before or after what it asks for happens. */
export interface Death {
  readonly call: Count
  readonly after: boolean
  /** True: the power goes, and with it what was not synced. False: only the process. */
  readonly power: boolean
}

/** Where a life stands still, and for how long. */
export interface Frost {
  readonly call: Count
  readonly forMs: Millis
}

/** One each: whoever waits for it would be kept by one that all share. */
export const silence = (): Promise<never> => new Promise(() => {})

/** Whose code runs: what a dead life still asks of files must not pass for a wish of the next one. */
const lives = new AsyncLocalStorage<Life>()
const onlookers = new AsyncLocalStorage<true>()

/** Runs code that is of no machine: what it reads moves no call of anybody. */
export const lookingOn = <T>(act: () => T): T => onlookers.run(true, act)
export const isOnlooker = (): boolean => onlookers.getStore() === true

export class Life {
  readonly machine: Machine
  readonly clock: Clock
  readonly number: Count
  /** Aborts when it is dead: for the world around it, never for itself. */
  readonly gone = new AbortController()
  readonly open = new Set<WritableFile>()
  calls: Count = 0
  dies: Death | undefined
  freezes: Frost | undefined
  journal: Journal | undefined
  /** Known when its plugins are. */
  contract: Contract | undefined
  /** Set once it has started. */
  runtime: Runtime | undefined
  /** Ids of messages that it published, and of those that its journal said at its start had gone out. */
  readonly said: string[] = []
  vouchedFor: ReadonlySet<string> = new Set()
  /** It stood still for a while. */
  wasFrozen = false
  #thaw: (() => void) | undefined
  #thawed: Promise<void> | undefined

  constructor(machine: Machine, number: Count) {
    this.machine = machine
    this.number = number
    const { time } = machine.parts
    setMaxListeners(0, this.gone.signal)
    const clock = time.clock(() => machine.skewMs, this.isDead)
    this.clock = {
      ...clock,
      after: (delayMs, act) => {
        let isOff = false
        const due = (): void => {
          if (this.#thawed) void this.#thawed.then(due)
          else if (!isOff && !this.isDead()) this.run(act)
        }
        const timer = clock.after(delayMs, due)
        return {
          cancel() {
            isOff = true
            timer.cancel()
          },
        }
      },
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

  get isFrozen(): boolean {
    return this.#thawed !== undefined
  }

  /** As SIGSTOP: what it asked for goes on without it. */
  freeze(forMs: Millis): void {
    if (this.isFrozen || this.isDead()) return
    this.wasFrozen = true
    this.#thawed = new Promise((resolve) => (this.#thaw = resolve))
    this.machine.parts.time.after(forMs, () => this.thaw())
  }

  thaw(): void {
    this.#thawed = undefined
    this.#thaw?.()
  }

  /** One call to the world. */
  async through<T>(act: () => T | Promise<T>): Promise<T> {
    const call = this.#begin()
    if ((await this.#isLost()) || this.isDead()) return silence()
    const answer = await act()
    this.#end(call)
    if ((await this.#isLost()) || this.isDead()) return silence()
    return answer
  }

  /**
   * The same for files: the dead are thrown out. A library that everybody in this process shares has
   * locks, and whoever never gets an answer would hold them for good.
   */
  async files<T>(act: () => T | Promise<T>): Promise<T> {
    const call = this.#begin()
    if (await this.#isLost()) return silence()
    this.#assertAlive()
    const answer = await act()
    this.#end(call)
    if (await this.#isLost()) return silence()
    this.#assertAlive()
    return answer
  }

  /** The same for what must answer in this turn: one that is frozen here stands still at its next call. */
  now<T>(act: () => T): T {
    const call = this.#begin()
    this.#assertAlive()
    const answer = act()
    this.#end(call)
    this.#assertAlive()
    return answer
  }

  /** True for one that died while it was frozen: it was in nobody's way. */
  async #isLost(): Promise<boolean> {
    if (!this.#thawed) return false
    await this.#thawed
    return this.isDead()
  }

  #begin(): Count {
    if (this.isDead()) return 0
    const call = ++this.calls
    if (this.freezes?.call === call) this.freeze(this.freezes.forMs)
    if (this.dies?.call === call && !this.dies.after) this.machine.die(this, this.dies.power)
    return call
  }

  #end(call: Count): void {
    if (this.isDead()) return
    if (this.dies?.call === call) this.machine.die(this, this.dies.power)
  }

  #assertAlive(): void {
    if (this.isDead())
      throw Object.assign(new Error('a dead process asks for something'), { code: 'ENOENT' })
  }
}
