/**
 * What happens to an actor whose step threw, to the message it threw at, and to those that are
 * supervised with it. `supervise.ts` and `groups.ts` decide; this does it.
 *
 *     failure ─▶ decide ─▶ (group) ─▶ message: again, letter, or kept ─▶ crash report: one record
 *                                                                          │
 *           goes on ◀── owed effects issued again ◀── pause ◀── effects aborted
 *
 * @module
 */
import { messageOf, ProvError } from '../errors.ts'
import { defined } from '../optional.ts'
import type { Count, Millis } from '../units.ts'
import type { Address } from './address.ts'
import type { Cell } from './cell.ts'
import { actorErrors } from './errors.ts'
import type { Verdict } from './groups.ts'
import { timerKey, troubled, withoutTries } from './ledger.ts'
import type { KernelRecords, Parked } from './ledger.ts'
import { bounded } from './letters.ts'
import type { LetterReason } from './letters.ts'
import { Mail, nameOf, unreadableName } from './mail.ts'
import type { Item } from './mail.ts'
import type { Realm } from './realm.ts'
import { decide, noPast, pauseOf } from './supervise.ts'
import type { Decision } from './supervise.ts'
import type { CrashReport } from './system.ts'
import { valueOf } from './turns.ts'
import type { Failure } from './turns.ts'

type Failed = Omit<KernelRecords['actor.failed'], 'address' | 'sequence' | 'crash'>

type Decided = Decision & { readonly verdict?: Verdict | undefined }

/** What the event is called that a start is, in XState and in crash reports. */
const startEvent = 'xstate.init'

/** Steps of the actor that a crash report carries, the failed one included. */
const recentSteps = 16

export class Warden {
  readonly #realm: Realm
  readonly #random: () => number

  /** `random` is what jitter is taken from. */
  constructor(realm: Realm, random: () => number) {
    this.#realm = realm
    // Jitter is not worth a failure of its own.
    this.#random = () => {
      try {
        const share = random()
        return share >= 0 && share < 1 ? share : 0
      } catch {
        return 0
      }
    }
  }

  // ── a step threw ───────────────────────────────────────────────────────────────────────────────

  failed(cell: Cell, { message, thrown }: Failure): void {
    const { lives, recorder } = this.#realm
    const { address } = cell
    const event = nameOf(message.event)
    const detail = { address, event, state: valueOf(cell), what: messageOf(thrown) }
    const error = actorErrors.PROV_ACTOR_STEP_FAILED(detail, { cause: thrown })
    if (isSenders(thrown, message)) {
      // No JSON, so no message at all: that is the sender's doing and says nothing of this actor.
      if (message.waiter) message.waiter.reject(error)
      else this.#letter(cell, message, 'invalid')
      return this.goOn(cell)
    }
    // Whoever applied it is told and owns the retry.
    const own = triesOf(cell, message) + 1
    const { after } = cell.kind.def.supervision.poison
    const tries = message.waiter ? 0 : isFinal(thrown) ? Math.max(own, after) : own
    const decided = this.#decided(cell, tries)
    const { directive, letter, pauseMs, why, verdict } = decided
    const timeMs = this.#realm.clock.now()
    recorder.failed(address, event, cell.config, cell.sequence, timeMs)
    const crash = defined({
      address,
      timeMs,
      event,
      body: bounded(message.event).body,
      state: detail.state,
      tries,
      decision: directive,
      why,
      pauseMs,
      error: error.toJSON(),
      recent: recorder.read({ address, last: recentSteps }),
    }) as CrashReport
    const told = { kind: 'crash' as const, ...detail, decision: directive, tries, why }
    this.#realm.say(told, cell, message)
    if (message.waiter) {
      message.waiter.reject(error)
      // Told is told: it costs no record, and is remembered while the process lives.
      if (directive !== 'park') {
        cell.rare.trouble = troubled(cell.rare.trouble, { crash: withoutSteps(crash) })
      }
    } else if (directive !== 'park') {
      if (letter) this.#giveUp(cell, message, letter, crash)
      else this.#retry(cell, message, tries, crash)
    }
    switch (directive) {
      case 'resume':
        return this.goOn(cell)
      case 'restart':
      case 'reset':
        return this.#again(verdict?.restart ?? [address], pauseMs, crash)
      case 'park':
        return this.#park(cell, message, tries, crash)
      case 'stop':
        return lives.end(cell, 'stopped', crash)
      case 'escalate':
        return this.#end(verdict?.end ?? [address], crash)
    }
  }

  /** Its machine is done and it is permanent: that counts as a failure, without a message. */
  done(cell: Cell): void {
    this.#anew(cell, this.#decided(cell, 0, true))
  }

  /** It was to begin anew and its start threw: a failure, too, and without a message. */
  unborn(cell: Cell, error: ProvError): void {
    const { address } = cell
    // Somebody ended it meanwhile.
    if (this.#realm.find(address) !== cell) return
    const { lives, clock, recorder } = this.#realm
    const decided = this.#decided(cell, 0, true)
    const { directive, why, pauseMs } = decided
    const detail = { address, event: startEvent, state: valueOf(cell), what: messageOf(error) }
    const crash: CrashReport = {
      address,
      timeMs: clock.now(),
      event: startEvent,
      state: detail.state,
      tries: 0,
      decision: directive,
      why,
      pauseMs,
      error: error.toJSON(),
      recent: recorder.read({ address, last: recentSteps }),
    }
    this.#realm.say({ kind: 'crash', ...detail, decision: directive, tries: 0, why }, cell)
    cell.rare.trouble = troubled(cell.rare.trouble, { crash: withoutSteps(crash) })
    if (directive === 'stop') return lives.end(cell, 'stopped', crash)
    this.#anew(cell, decided, crash)
  }

  #anew(cell: Cell, { directive, pauseMs, verdict }: Decided, crash?: CrashReport): void {
    const { address } = cell
    if (directive === 'escalate') return this.#end(verdict?.end ?? [address], crash)
    this.#again(verdict?.restart ?? [address], pauseMs, crash)
  }

  /** `anew`: no message failed, and it begins from its input whatever its type says. */
  #decided(cell: Cell, tries: Count, anew = false): Decided {
    const { groups, clock } = this.#realm
    const { address } = cell
    const nowMs = clock.monotonic()
    const grouped = groups.has(address)
    const own = cell.kind.def.supervision
    const policy = anew ? { ...own, onFailure: 'reset' as const } : own
    const random = this.#random
    const occasion = { nowMs, tries, messageless: anew, grouped, random }
    const decision = decide(policy, cell.failures, occasion)
    cell.failures = decision.past
    const { directive } = decision
    const escalates = directive === 'escalate'
    const restarts = directive === 'restart' || directive === 'reset'
    if (!grouped || !(escalates || (restarts && !decision.past.open))) return decision
    const verdict = groups.failed(address, nowMs, { counts: tries <= 1, escalates })
    const why = `${decision.why}; ${verdict.why}`
    if (verdict.end.length > 0) {
      return { ...decision, directive: 'escalate', letter: 'failed', pauseMs: 0, why, verdict }
    }
    const again = policy.onFailure === 'reset' ? ('reset' as const) : ('restart' as const)
    const pauseMs = pauseOf(own.backoff, verdict.failures + Math.max(0, tries - 1), random)
    return { ...decision, directive: again, pauseMs, why, verdict }
  }

  // ── the message ────────────────────────────────────────────────────────────────────────────────

  #retry(cell: Cell, message: Mail, tries: Count, crash: CrashReport): void {
    const key = keyOf(message)
    if (key === undefined) cell.rare.failing = { mail: message, tries }
    this.#kept(cell, crash, key === undefined ? {} : { again: { key, tries } })
    cell.unshift([message])
  }

  /** A message nobody will handle: whatever it stood for must not come back after a restart. */
  #giveUp(cell: Cell, message: Mail, reason: LetterReason, crash: CrashReport): void {
    const { timer } = message
    this.#letter(cell, message, reason)
    const over = keyOf(message)
    this.#kept(cell, crash, defined({ over, timer: timer?.id }) as Failed)
  }

  #letter(cell: Cell, message: Mail, reason: LetterReason): void {
    const { books } = this.#realm
    const { event, cause, timer } = message
    books.letter(cell.address, event, reason, message)
    if (cause !== undefined) books.settle(cause)
    if (timer) cell.timers = cell.timers.filter((other) => other !== timer)
  }

  #kept(cell: Cell, crash: CrashReport, more: Failed): void {
    const { address } = cell
    const kept = { crash: withoutSteps(crash), ...more }
    cell.rare.trouble = troubled(cell.rare.trouble, kept)
    const sequence = ++cell.sequence
    void this.#realm.books.keep(cell, 'actor.failed', { address, sequence, ...kept })
  }

  /** A message went through: if it failed before, that is forgotten, and an open circuit closes. */
  through(cell: Cell, item: Item): void {
    const { rare } = cell
    if (rare.failing?.mail === item) rare.failing = undefined
    if (rare.failures?.open) rare.failures = noPast
    if (rare.trouble?.tries && Mail.is(item)) {
      rare.trouble = withoutTries(rare.trouble, { cause: item.cause, timer: item.timer?.id })
    }
  }

  // ── restart ────────────────────────────────────────────────────────────────────────────────────

  /** Together: aborted from the last one started, going on from the first one, each as its type says. */
  #again(addresses: readonly Address[], pauseMs: Millis, crash?: CrashReport): void {
    const { effects, watchers, clock, lives, groups } = this.#realm
    const cells = addresses.flatMap((address) => this.#restartable(address) ?? [])
    for (const cell of [...cells].reverse()) effects.abort(cell.address)
    if (addresses.length > 1 && crash) {
      const { name: group, strategy } = groups.of(crash.address) ?? { name: '', strategy: '' }
      this.#realm.say({ kind: 'group.restarted', group, strategy, by: crash.address, addresses })
    }
    const rounds = cells.map((cell) => {
      cell.status = 'restarting'
      const { address } = cell
      watchers.tell(address, { address, kind: 'restarted', ...(crash && { crash }) })
      return ++cell.rare.restarts
    })
    const go = (): void => {
      cells.forEach((cell, at) => {
        // Another failure may have begun another pause, or a person may have stopped it.
        if (cell.status !== 'restarting' || cell.restarts !== rounds[at]) return
        if (resets(cell)) return lives.anew(cell)
        this.#owed(cell)
        this.goOn(cell)
      })
    }
    clock.after(pauseMs, go, { background: true })
  }

  /** A temporary one is never restarted, also not for others; a parked one waits for its person. */
  #restartable(address: Address): Cell | undefined {
    const cell = this.#realm.find(address)
    if (!cell || cell.status === 'parked' || cell.status === 'stopped') return undefined
    if (this.#isReplaced(cell)) return undefined
    if (cell.status === 'done' && cell.kind.def.supervision.restart !== 'permanent')
      return undefined
    if (cell.kind.def.supervision.restart !== 'temporary') return cell
    void this.#realm.lives.stop(address)
    return undefined
  }

  /** It begins anew already: as soon as that is durable another one stands in its place. */
  #isReplaced({ status, address }: Cell): boolean {
    return status === 'restarting' && this.#realm.starting.has(address)
  }

  #end(addresses: readonly Address[], crash?: CrashReport): void {
    const { lives } = this.#realm
    for (const address of addresses) {
      const cell = this.#realm.find(address)
      if (!cell) continue
      // Behind steps that are under way, or the next start would find its end before them.
      const isUnderWay = cell.busy && address !== crash?.address
      if (isUnderWay || this.#isReplaced(cell)) void lives.stop(address)
      else lives.end(cell, 'failed', crash)
    }
  }

  /** What its commits promised and nobody answered is issued again. */
  #owed(cell: Cell): void {
    const { ledger, turns, unissued } = this.#realm
    const { effects } = cell.kind.def
    for (const pending of ledger.outbox.of(cell.address)) {
      // Its children live on, and what it told is told.
      const own = Object.hasOwn(effects, pending.name)
      // An answer that only waits to be handled is an answer.
      if (own && !unissued.has(pending.id) && !cell.awaits(pending.id)) turns.issue(cell, pending)
    }
  }

  goOn(cell: Cell): void {
    cell.status = 'active'
    this.#realm.turns.next(cell)
  }

  // ── parking ────────────────────────────────────────────────────────────────────────────────────

  #park(cell: Cell, message: Mail, tries: Count, crash: CrashReport): void {
    const { code, message: text } = crash.error
    // What a timer or a promise stands for comes again by itself after a restart.
    const key = keyOf(message)
    const ours = !message.waiter && key === undefined
    const parked = defined({
      code,
      message: text,
      event: ours ? message.event : undefined,
      key: message.waiter ? undefined : key,
    }) as Parked
    cell.parked = parked
    const again = key !== undefined && !message.waiter ? { again: { key, tries } } : {}
    if (ours) cell.rare.failing = { mail: message, tries }
    this.#still(cell, message.waiter ? undefined : message)
    this.#kept(cell, crash, { parked, ...again })
    this.#realm.watchers.tell(cell.address, { address: cell.address, kind: 'parked', crash })
  }

  /** What it was told by another version cannot be read: it waits for one that can. */
  unreadable(cell: Cell, error: ProvError): void {
    const { books, watchers } = this.#realm
    if (cell.status !== 'active' && cell.status !== 'restarting') return
    const { address } = cell
    const parked: Parked = { code: error.code, message: error.message }
    cell.parked = parked
    this.#still(cell)
    const sequence = ++cell.sequence
    void books.keep(cell, 'actor.parked', { address, sequence, parked })
    watchers.tell(address, { address, kind: 'parked' })
  }

  /** Those who wait for an answer get it now; the rest stays until a person decides. */
  #still(cell: Cell, message?: Mail): void {
    const { address } = cell
    const { code, message: why } = cell.parked as Parked
    cell.status = 'parked'
    const waiting = cell.takeAll()
    const waiterOf = (item: Item) => (Mail.is(item) ? item.waiter : undefined)
    for (const item of waiting) {
      waiterOf(item)?.reject(actorErrors.PROV_ACTOR_PARKED({ address, why, code }))
    }
    const staying = waiting.filter((item) => !waiterOf(item))
    if (message) staying.unshift((cell.stuck = message))
    cell.unshift(staying)
  }

  /**
   * The message it stands at is given up, wherever it is: in the mailbox, still with its timer, or, as
   * the answer of an effect that runs again after a restart, not there yet.
   */
  #skip(cell: Cell): void {
    const { books, ledger, turns } = this.#realm
    const { stuck, parked, address } = cell
    const key = parked?.key
    const items = cell.takeAll()
    const at = items.findIndex(
      (item) => Mail.is(item) && (item === stuck || (key && keyOf(item) === key)),
    )
    const [found] = at < 0 ? [] : (items.splice(at, 1) as Mail[])
    cell.unshift(items)
    const timer = found?.timer ?? cell.timers.find((one) => timerKey(one) === key)
    if (found) this.#letter(cell, found, 'skipped')
    else if (timer) books.letter(address, timer.event, 'skipped')
    else if (key !== undefined && ledger.outbox.has(key)) books.settle(key)
    if (!timer) return
    turns.disarm([timer])
    cell.timers = cell.timers.filter((other) => other !== timer)
    const sequence = ++cell.sequence
    void books.keep(cell, 'actor.skipped', { address, sequence, timer: timer.id })
  }

  /** A person lets a parked actor go on. Resolves when that is kept; it goes on after that. */
  async lift(cell: Cell, skip: boolean): Promise<void> {
    const { books } = this.#realm
    const { address } = cell
    if (skip) this.#skip(cell)
    cell.stuck = undefined
    cell.parked = undefined
    cell.failures = noPast
    const sequence = ++cell.sequence
    await books.keep(cell, 'actor.resumed', { address, sequence })
  }
}

/** As it is kept: the steps before it are in the journal already. */
export const withoutSteps = (crash: CrashReport): CrashReport => ({ ...crash, recent: [] })

/** What counts a message that will come again by itself, also in another process. */
const keyOf = ({ cause, timer }: Mail): string | undefined => cause ?? (timer && timerKey(timer))

function triesOf(cell: Cell, message: Mail): Count {
  const { failing, trouble } = cell.rareIfAny ?? {}
  if (failing?.mail === message) return failing.tries
  const key = keyOf(message)
  return (key !== undefined && trouble?.tries?.[key]) || 0
}

const resets = ({ kind, config }: Cell): boolean =>
  kind.def.supervision.onFailure === 'reset' || config.status === 'done'

/** What cannot be read or written is the event itself, not what the machine made of it. */
const isSenders = (thrown: unknown, { event }: Mail): boolean =>
  nameOf(event) === unreadableName ||
  (ProvError.is(thrown) &&
    thrown.code === 'PROV_JOURNAL_NOT_JSON' &&
    bounded(event).bodiless === 'not-json')

/** It was tried enough where it ran, at a price that others paid: trying again here helps nobody. */
const isFinal = (thrown: unknown): boolean =>
  ProvError.is(thrown) && (thrown.detail as Partial<typeof thrown.detail>)?.['final'] === true
