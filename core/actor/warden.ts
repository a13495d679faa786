/**
 * What happens to an actor whose step threw, and to the message it threw at. `supervise.ts` decides;
 * this does it.
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import { asProvError, ProvError } from '../errors.ts'
import type { Millis } from '../units.ts'
import type { Books } from './books.ts'
import type { Cell } from './cell.ts'
import { actorErrors } from './errors.ts'
import type { InspectRecordOf } from './inspect.ts'
import type { Parked } from './ledger.ts'
import type { Listeners } from './listeners.ts'
import { decide } from './supervise.ts'
import type { CrashReport, LetterReason, WatchEvent } from './system.ts'
import { Mail } from './mail.ts'
import type { Item } from './mail.ts'
import type { Recorder } from './recorder.ts'
import { valueOf } from './turns.ts'
import type { Failure } from './turns.ts'

export interface WardenOptions {
  readonly clock: Clock
  readonly books: Books
  readonly recorder: Recorder
  readonly say: (record: InspectRecordOf<'crash'>, cell: Cell, message: Mail) => void
  readonly watchers: Listeners<WatchEvent>
  readonly goOn: (cell: Cell) => void
  readonly end: (cell: Cell, kind: 'stopped' | 'failed', crash?: CrashReport) => void
}

/** Steps of the actor that a crash report carries, the failed one included. */
const recentSteps = 16

export class Warden {
  readonly #options: WardenOptions

  constructor(options: WardenOptions) {
    this.#options = options
  }

  failed(cell: Cell, { message, thrown }: Failure): void {
    const { clock, recorder, say, watchers, goOn, end } = this.#options
    const { address } = cell
    const event = message.event.type
    const detail = { address, event, state: valueOf(cell), what: messageOf(thrown) }
    const error = actorErrors.PROV_ACTOR_STEP_FAILED(detail, { cause: thrown })
    const { supervision } = cell.kind.def
    const { directive, pauseMs, failures } = decide(
      supervision,
      cell.failures ?? [],
      clock.monotonic(),
    )
    cell.failures = failures
    const { state } = detail
    recorder.failed(address, event, cell.config, cell.sequence, clock.now())
    const recent = recorder.read({ address, last: recentSteps })
    const crash: CrashReport = { event, state, decision: directive, error: error.toJSON(), recent }
    say({ kind: 'crash', ...detail, decision: directive }, cell, message)
    // Whoever applied it was told and owns the retry; the others wait for a person or are given up.
    if (message.waiter) message.waiter.reject(error)
    else if (directive !== 'park') this.#giveUp(cell, message, 'failed')
    switch (directive) {
      case 'resume':
        return goOn(cell)
      case 'restart':
        watchers.tell(address, { address, kind: 'restarted', crash })
        return this.pause(cell, pauseMs, () => goOn(cell))
      case 'park':
        this.#park(cell, message, crash)
        return watchers.tell(address, { address, kind: 'parked', crash })
      case 'stop':
        return end(cell, 'stopped', crash)
      case 'escalate':
        return end(cell, 'failed', crash)
    }
  }

  /** A restart begins: nothing is taken until the pause is over. */
  pause(cell: Cell, pauseMs: Millis, then: () => void): void {
    cell.status = 'restarting'
    cell.restarts++
    const go = (): void => {
      if (cell.status === 'restarting') then()
    }
    this.#options.clock.after(pauseMs, go, { background: true })
  }

  /** A person lets a parked actor go on. Resolves when that is kept; it goes on after that. */
  async lift(cell: Cell, skip: boolean): Promise<void> {
    if (skip && cell.stuck && cell.first === cell.stuck) {
      this.#giveUp(cell, cell.take() as Mail, 'skipped')
    }
    cell.stuck = undefined
    cell.parked = undefined
    cell.sequence++
    const { address, sequence } = cell
    await this.#options.books.keep(cell, 'actor.resumed', { address, sequence })
  }

  #park(cell: Cell, message: Mail, crash: CrashReport): void {
    const { code, message: text } = crash.error
    // What a timer or a promise stands for comes again by itself after a restart.
    const ours = !message.waiter && message.cause === undefined && !message.timer
    const parked: Parked = { code, message: text, ...(ours && { event: message.event }) }
    cell.status = 'parked'
    cell.parked = parked
    cell.sequence++
    const { address, sequence } = cell
    void this.#options.books.keep(cell, 'actor.parked', { address, sequence, parked })
    // Those who wait for an answer get it now; the rest stays until a person decides.
    const waiting = cell.takeAll()
    const waiterOf = (item: Item) => (item instanceof Mail ? item.waiter : undefined)
    for (const item of waiting) {
      waiterOf(item)?.reject(actorErrors.PROV_ACTOR_PARKED({ address, why: text }))
    }
    const staying = waiting.filter((item) => !waiterOf(item))
    if (!message.waiter) staying.unshift((cell.stuck = message))
    cell.unshift(staying)
  }

  /** A message nobody will handle: whatever it stood for must not come back after a restart. */
  #giveUp(cell: Cell, { event, cause, timer }: Mail, reason: LetterReason): void {
    const { books } = this.#options
    books.letter(cell.address, event.type, reason)
    if (cause !== undefined) books.settle(cause)
    if (!timer) return
    const { address } = cell
    cell.timers = cell.timers.filter((other) => other !== timer)
    cell.sequence++
    const { sequence } = cell
    void books.keep(cell, 'actor.skipped', { address, sequence, timer: timer.id })
  }
}

/** What a thrown thing says for itself. */
export const messageOf = (thrown: unknown): string => {
  // Errors of children arrive as data.
  const said = (thrown as { readonly message?: unknown } | null | undefined)?.message
  if (typeof said === 'string' && !ProvError.is(thrown)) return said
  const error = asProvError(thrown)
  return error.cause instanceof Error ? error.cause.message : error.message
}
