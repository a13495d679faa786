/**
 * Turns: steps, their commit, and what follows it.
 *
 *     mailbox ─▶ steps computed, nothing executed
 *                  │
 *                  ▼
 *                commit: one frame {event, change, effects} + records
 *                  │ durable
 *                  ▼
 *                swap state ─▶ effects, tells ─▶ followers ─▶ whoever applied
 *
 * T1  One commit of an actor at a time; other actors go on meanwhile.
 * T2  Nothing outside happens before the commit that asked for it is durable.
 * T3  A step that throws leaves no trace but a dead letter and a crash report.
 * T4  No delivery runs inside another one.
 *
 * An actor that keeps nothing has nothing to wait for: its steps are computed, swapped and followed
 * one by one, in place. The others compute a batch, and it is a batch that is committed.
 *
 * It is one file because T1 to T4 are promises about the order of its parts.
 *
 * @module
 */
import { coreErrors, textOf } from '../errors.ts'
import type { JournalEntry } from '../journal/journal.ts'
import type { JsonValue } from '../json.ts'
import type { Count, Millis } from '../units.ts'
import type { Address } from './address.ts'
import type { AlarmHandle } from './alarm.ts'
import { flag, largestBatch, mailOf } from './cell.ts'
import type { Cell } from './cell.ts'
import type { ActorDef, ActorEvent, RecordMaker } from './define.ts'
import { TurnRecord } from './encode.ts'
import { isTold } from './ledger.ts'
import { stepRecord } from './inspect.ts'
import type { Pending } from './ledger.ts'
import { isChildrens } from './children.ts'
import { consequencesOf } from './kin.ts'
import { eventOf, Mail, nameOf, traced } from './mail.ts'
import type { Item } from './mail.ts'
import { roomMade } from './overflow.ts'
import { ownEntries } from './partitions.ts'
import { none } from './program/program.ts'
import type { Asked, Config, LogLine, Program, Standing, Step } from './program/program.ts'
import type { Realm, Waking } from './realm.ts'
import { remoteSteps } from './remote-turn.ts'
import type { TimerState } from './state.ts'
import { indexOf, withDelays } from './timers.ts'
import { isRefusal } from './writer.ts'
import type { Writer } from './writer.ts'

/** One computed step that waits for its commit. */
export interface Due {
  readonly item: Item
  readonly at: Standing
  readonly sequence: Count
  /** What runs after the commit. */
  readonly effects: readonly Asked[]
  /** What the machine says to whoever listens. */
  readonly emits: readonly ActorEvent[]
  readonly logs: readonly LogLine[]
}

/** The message at which a turn ended because its step threw. */
export interface Failure {
  readonly message: Mail
  readonly thrown: unknown
}

export interface Turn {
  readonly dues: readonly Due[]
  /** One frame: what must be written with the steps, and their record. */
  readonly entries: readonly JournalEntry[]
  readonly failure?: Failure | undefined
  /** Monotonic less wall time when it was computed: what the due times of its timers are to be read by. */
  readonly gapMs: Millis
}

/** Flags under which an actor takes nothing. */
const notNow = flag.status | flag.busy
/** Flags under which somebody wants to hear of each step. */
const heard = flag.followed | flag.tapped

export class Turns {
  readonly #realm: Realm
  readonly #handles = new Map<TimerState, AlarmHandle>()
  /** Messages whose steps are computed elsewhere. */
  readonly #away = new Map<Cell, readonly Item[]>()

  constructor(realm: Realm) {
    this.#realm = realm
  }

  /** Takes a turn, if the actor can; says how many steps it was. Never throws. */
  readonly take = (cell: Cell): Count => {
    if ((cell.flags & notNow) !== 0 || this.#realm.over) return 0
    const { kind } = cell
    try {
      if (kind.program === undefined) return this.#elsewhere(cell)
      return kind.kept ? this.#kept(cell, kind.program) : this.#volatile(cell, kind.program)
    } catch (thrown) {
      this.#ours(cell, thrown)
      return 1
    }
  }

  /**
   * A fault of the kernel's own: it is said, and costs this actor what was left of its turn. What was
   * committed is in the journal; the next start goes on from there.
   */
  #ours(cell: Cell, thrown: unknown, dues: readonly Due[] = []): void {
    const what = `${cell.address}: ${textOf(thrown)}`
    const error = coreErrors.PROV_INTERNAL({ what }, { cause: thrown })
    process.emitWarning(error.message, { type: 'ProvWarning', code: error.code })
    for (const { item } of dues) if (Mail.is(item)) item.waiter?.reject(error)
    if (cell.box !== undefined && (cell.flags & notNow) === 0) this.#realm.scheduler.ready(cell)
  }

  // ── keeps nothing ──────────────────────────────────────────────────────────────────────────────

  #volatile(cell: Cell, program: Program): Count {
    const { hooks, recorder, tracing, nowMs, gapMs } = this.#realm
    let steps = 0
    while (steps < largestBatch && cell.box !== undefined) {
      const item = cell.take() as Item
      const mail = Mail.is(item) ? item : undefined
      if (mail !== undefined && this.#stale(mail, cell)) continue
      const event = mail === undefined ? (item as ActorEvent) : mail.event
      if (tracing !== null) traced(tracing, cell.address, mail)
      steps++
      const before = cell.config
      const { timers } = cell
      let config: Step['config']
      let context: Step['context']
      let set: Step['timers']
      let asked: Step['asked']
      let logs: Step['logs']
      try {
        const step =
          mail?.timer?.to === undefined
            ? program.leap(cell, event, nowMs, mail?.timer?.id)
            : passOn(cell, mail.timer)
        // At once: whatever follows may make the program leap for another actor.
        ;({ config, context, timers: set, asked, logs } = step)
        if (asked !== none) demandPlain(asked)
      } catch (thrown) {
        this.#realm.warden.failed(cell, { message: mailOf(item, nowMs), thrown })
        break
      }
      cell.config = config
      cell.context = context
      cell.timers = set
      cell.sequence++
      if (set !== timers) this.arm(cell, timers, gapMs)
      // What failed is tried again before anything else.
      if (steps === 1 && cell.rareIfAny !== undefined) this.#realm.warden.through(cell, item)
      if (mail?.cause !== undefined) this.#realm.books.caused(mail.cause, false)
      if (asked !== none) this.#asked(cell, asked, mail)
      recorder.note(cell.address, nameOf(event), config, cell.sequence, nowMs)
      if (logs !== none) this.#log(cell, logs)
      const hear = hooks.transition
      if (hear !== null) hear(cell, event, before, item)
      if (mail?.waiter !== undefined || (cell.flags & heard) !== 0) {
        this.#publish(cell, item, event, before)
      }
      if (config.status === 'done') {
        this.#realm.lives.finished(cell)
        break
      }
      if ((cell.flags & notNow) !== 0) break
    }
    this.next(cell)
    return steps
  }

  /** Without a journal behind it, a promise is kept at once or never. */
  #asked(cell: Cell, asked: readonly Asked[], mail: Mail | undefined): void {
    if (cell.birth === undefined && !hasTrail(mail) && onlyTells(asked)) {
      for (let at = 0; at < asked.length; at++) {
        this.#realm.post.tellNow(cell.address, (asked[at] as Asked).params)
      }
      return
    }
    let rest: Asked[] | undefined
    const { effects, emits } = consequencesOf(asked, cell, cell.address, cell.birth, cell.kind)
    this.emit(cell, emits)
    for (const one of effects) {
      if (one.name === 'tell' && !hasTrail(mail)) this.#realm.post.tellNow(cell.address, one.params)
      else (rest ??= []).push(one)
    }
    if (rest) this.perform(cell, rest, cell.sequence, mail)
  }

  // ── keeps its steps, or its newest state ───────────────────────────────────────────────────────

  #kept(cell: Cell, program: Program): Count {
    const turn = this.#compute(cell, program)
    this.#done(cell, turn)
    return turn.dues.length
  }

  #done(cell: Cell, turn: Turn): void {
    if (turn.dues.length > 0) this.#commit(cell, turn)
    else if (turn.failure) this.#realm.warden.failed(cell, turn.failure)
    else this.next(cell)
  }

  #compute(cell: Cell, program: Program): Turn {
    const { nowMs, gapMs, partition, tracing } = this.#realm
    const { def } = cell.kind
    const record = def.durability === 'journal' ? new TurnRecord(partition, cell, nowMs) : undefined
    const dues: Due[] = []
    const entries: JournalEntry[] = []
    let failure: Failure | undefined
    let before: Standing = cell
    let { sequence } = cell
    for (let left = cell.batch; left > 0 && cell.box !== undefined; left--) {
      const item = cell.take() as Item
      const mail = Mail.is(item) ? item : undefined
      if (mail !== undefined && this.#stale(mail, before)) continue
      const event = eventOf(item)
      if (tracing !== null) traced(tracing, cell.address, mail)
      try {
        const step =
          mail?.timer?.to === undefined
            ? program.step(before, event, nowMs, mail?.timer?.id)
            : passOn(before, mail.timer)
        const after = def.timers ? withDelays(def.timers, before, step, nowMs) : step
        const next = sequence + 1
        const { effects: own, beside } = sorted(def, after.asked, cell.address, next)
        const { effects, emits } = consequencesOf(own, after, cell.address, cell.birth, cell.kind)
        const written =
          beside.length > 0 ? ownEntries(def.type, cell.kind.owner, partition, beside) : none
        record?.add(event, before, after, mail, effects)
        for (const entry of written) entries.push(entry)
        dues.push({ item, at: after, sequence: next, effects, emits, logs: after.logs })
        before = after
        sequence = next
      } catch (thrown) {
        failure = { message: mailOf(item, nowMs), thrown }
        break
      }
      if (before.config.status === 'done') break
    }
    if (record && dues.length > 0) entries.push(record.entry())
    return { dues, entries, failure, gapMs }
  }

  /** The same turn where the behaviour runs elsewhere: the actor is busy until its steps come back. */
  #elsewhere(cell: Cell): Count {
    const items: Item[] = []
    while (items.length < cell.batch && cell.box !== undefined) {
      // A timer may be cancelled by the step before it: it starts a turn of its own.
      const { first } = cell
      if (items.length > 0 && first !== undefined && Mail.is(first) && first.timer) break
      const item = cell.take() as Item
      if (!Mail.is(item) || !this.#stale(item, cell)) items.push(item)
    }
    if (items.length === 0) return 0
    cell.busy = true
    this.#realm.commits++
    this.#away.set(cell, items)
    void remoteSteps(this.#realm, cell, items).then(({ turn, left }) => {
      // The system was closed meanwhile.
      if (!this.#away.delete(cell)) return
      this.#realm.commits--
      cell.busy = false
      cell.unshift(left)
      const { failure } = turn
      const ending = (cell.flags & flag.ending) !== 0
      if (failure && this.#realm.halted && !ending && isDown(failure.thrown)) {
        // Nobody computes its steps any more before the end: no failure of this message, and no try again.
        cell.unshift([failure.message])
        if (turn.dues.length > 0) this.#commit(cell, { ...turn, failure: undefined })
        return this.#realm.calmed()
      }
      // Whoever asked it to stop meanwhile gets that first: nothing of these steps is durable.
      if ((cell.flags & flag.ending) !== 0) cell.unshift(turn.dues.map((due) => due.item))
      if ((cell.flags & flag.ending) !== 0 || this.#realm.over) this.next(cell)
      else this.#done(cell, turn)
      this.#realm.calmed()
    })
    return items.length
  }

  /** Whoever computes steps elsewhere is not waited for: nothing of them was written. */
  recall(): void {
    for (const [cell, items] of this.#away) {
      this.#realm.commits--
      cell.busy = false
      cell.unshift(items)
    }
    this.#away.clear()
  }

  #commit(cell: Cell, turn: Turn): void {
    const realm = this.#realm
    cell.flags |= flag.busy
    realm.commits++
    const durable = (): void => {
      realm.commits--
      try {
        this.#committed(cell, turn)
      } catch (thrown) {
        this.#ours(cell, thrown, turn.dues)
      }
      realm.calmed()
    }
    const refused = (error: Error): void => {
      realm.commits--
      this.#uncommitted(cell, turn, error)
      realm.calmed()
    }
    switch (cell.kind.def.durability) {
      case 'volatile':
        return durable()
      case 'journal':
        return (realm.writer as Writer).append(turn.entries, durable, refused)
      case 'snapshot':
        void realm.books.put(cell, turn.dues).then(durable, (error: Error) => {
          if (!isRefusal(error)) realm.breakDown(error)
          refused(error)
        })
    }
  }

  #committed(cell: Cell, { dues, failure, gapMs }: Turn): void {
    const { books, lives, warden, hooks, recorder, nowMs } = this.#realm
    cell.flags &= ~flag.busy
    const { rareIfAny } = cell
    if (rareIfAny) rareIfAny.batch = largestBatch
    const journaled = cell.kind.def.durability === 'journal'
    const { timers } = cell
    for (const { item, at, sequence, effects, emits, logs } of dues) {
      const before = cell.config
      const mail = Mail.is(item) ? item : undefined
      cell.config = at.config
      cell.context = at.context
      cell.timers = at.timers
      cell.sequence = sequence
      if (rareIfAny) warden.through(cell, item)
      if (mail?.cause !== undefined) books.caused(mail.cause, journaled)
      if (effects.length > 0) this.perform(cell, effects, sequence, mail)
      if (emits.length > 0) this.emit(cell, emits)
      const event = eventOf(item)
      recorder.note(cell.address, nameOf(event), at.config, sequence, nowMs)
      if (logs !== none) this.#log(cell, logs)
      const hear = hooks.transition
      if (hear !== null) hear(cell, event, before, item)
      if (mail?.waiter !== undefined || (cell.flags & heard) !== 0) {
        this.#publish(cell, item, event, before)
      }
    }
    this.arm(cell, timers, gapMs)
    if (cell.config.status === 'done') lives.finished(cell)
    else if (failure) warden.failed(cell, failure)
    this.next(cell)
  }

  /**
   * The journal took none of it. When it lives on, one of these steps cannot be written: they are
   * taken one by one, and the one that cannot fails like a step that threw.
   */
  #uncommitted(cell: Cell, { dues, failure }: Turn, error: Error): void {
    cell.busy = false
    const items = dues.map((due) => due.item)
    if (failure) items.push(failure.message)
    if (this.#realm.broken) {
      for (const item of [...items, ...cell.takeAll()]) {
        if (Mail.is(item)) item.waiter?.reject(error)
      }
      cell.rareIfAny?.ending?.()
      return
    }
    if (items.length > 1) {
      cell.unshift(items)
      cell.rare.batch = 1
    } else {
      const message = mailOf(items[0] as Item, this.#realm.nowMs)
      this.#realm.warden.failed(cell, { message, thrown: error })
    }
    this.next(cell)
  }

  // ── what follows ───────────────────────────────────────────────────────────────────────────────

  /** After a turn or a commit: what waited for it. */
  next(cell: Cell): void {
    const { lives, books, scheduler } = this.#realm
    if ((cell.flags & (flag.ending | flag.dirty | flag.wanted)) !== 0) {
      if ((cell.flags & flag.ending) !== 0 && cell.status !== 'stopped') lives.end(cell, 'stopped')
      if (cell.dirty && !cell.busy) void books.touch(cell)
      if ((cell.flags & flag.wanted) !== 0) roomMade(cell)
    }
    if (cell.box !== undefined && (cell.flags & notNow) === 0) scheduler.ready(cell)
  }

  /** Makes the promises of one commit and begins to keep them. */
  perform(cell: Cell, asked: readonly Asked[], sequence: Count, mail?: Mail): void {
    const mark = { address: cell.address, sequence }
    const promises = this.#realm.ledger.promise(mark, asked, cell.kind.kept, mail)
    for (const pending of promises) this.issue(cell, pending)
  }

  issue(cell: Cell, pending: Pending): void {
    try {
      this.#issue(cell, pending)
    } catch (thrown) {
      // It is written as it was when it was looked at: the next start keeps the promise.
      this.#realm.oddity(cell, pending.name, thrown)
    }
  }

  #issue(cell: Cell, pending: Pending): void {
    if (isTold(pending.name)) return this.#realm.post.tell(pending)
    if (isChildrens(pending.name)) return this.#realm.children.perform(pending)
    this.#realm.effects.run(pending, cell.kind.def.effects[pending.name])
  }

  emit(cell: Cell, events: readonly ActorEvent[]): void {
    const { listeners } = this.#realm
    const { address } = cell
    for (const event of events) {
      this.#realm.say({ kind: 'emitted', address, type: nameOf(event) }, cell)
      listeners.tell(address, event)
    }
  }

  /** `gapMs` as it was when the due times were reckoned. Default: as it is now. */
  arm({ address, timers }: Cell, before: readonly TimerState[], gapMs?: Millis): void {
    if (timers === before) return
    this.disarm(before, timers)
    const { alarm } = this.#realm
    const armed = indexOf(before)
    for (const timer of timers) {
      if (armed?.has(timer) ?? before.includes(timer)) continue
      const waking: Waking = { address, timer }
      this.#handles.set(timer, alarm.set(timer.dueMs, waking, gapMs))
    }
  }

  /** Nobody waits for these any more, except for those that stay. */
  disarm(timers: readonly TimerState[], except: readonly TimerState[] = none): void {
    const staying = indexOf(except)
    for (const timer of timers) {
      const handle = this.#handles.get(timer)
      if (handle === undefined || (staying?.has(timer) ?? except.includes(timer))) continue
      this.#handles.delete(timer)
      this.#realm.alarm.cancel(handle)
    }
  }

  rang(timer: TimerState): void {
    this.#handles.delete(timer)
  }

  /** Who holds these timers leaves memory; they stay in the alarm, under the handles given. */
  letGo(timers: readonly TimerState[]): readonly AlarmHandle[] {
    return timers.map((timer) => {
      const handle = this.#handles.get(timer) ?? 0
      this.#handles.delete(timer)
      return handle
    })
  }

  /** The same timers, when their holder is back. */
  takeUp(timers: readonly TimerState[], handles: readonly AlarmHandle[]): void {
    for (const [at, timer] of timers.entries()) {
      const handle = handles[at] ?? 0
      if (handle !== 0) this.#handles.set(timer, handle)
    }
  }

  /**
   * Its caller gave up, its timer was cancelled or set anew since it rang, or what it came from was
   * handled meanwhile: an effect that ran again while its first answer was under way.
   */
  #stale({ dropped, timer, cause }: Mail, at: Standing): boolean {
    return (
      dropped ||
      (timer !== undefined && !at.timers.includes(timer)) ||
      (cause !== undefined && !this.#realm.ledger.outbox.has(cause))
    )
  }

  #log(cell: Cell, logs: readonly LogLine[]): void {
    const { address } = cell
    for (const log of logs) this.#realm.say({ kind: 'log', address, ...log }, cell)
  }

  /** For those who wait for this very step, or hear of each. */
  #publish(cell: Cell, item: Item, event: ActorEvent, before: Config): void {
    const { followers, taps } = this.#realm
    const { address, flags } = cell
    if ((flags & flag.tapped) !== 0) {
      taps.tell(address, stepRecord(cell, event, before), cell, item)
    }
    const waiter = Mail.is(item) ? item.waiter : undefined
    if (waiter === undefined && (flags & flag.followed) === 0) return
    const snapshot = cell.snapshot()
    if ((flags & flag.followed) !== 0) followers.tell(address, snapshot)
    waiter?.resolve(snapshot)
  }
}

const isDown = (thrown: unknown): boolean =>
  (thrown as { readonly code?: unknown } | null)?.code === 'PROV_PLUGIN_DOWN'

/** Whoever is told must hear on whose behalf, so a mere event will not do. */
const hasTrail = (mail: Mail | undefined): boolean =>
  mail !== undefined && (mail.chain !== undefined || mail.traceparent !== undefined)

/** Most of what is asked for is. */
function onlyTells(asked: readonly Asked[]): boolean {
  for (let at = 0; at < asked.length; at++) if ((asked[at] as Asked).name !== 'tell') return false
  return true
}

/** A timer that rings for somebody else: all that happens here is that it is used up. */
export function passOn(at: Standing, timer: TimerState): Step {
  const { config, context } = at
  const { to = '', event } = timer
  const timers = at.timers.filter((one) => one !== timer)
  const asked = [{ name: 'xstate.send', params: { to, event: event as never } }]
  return { config, context, timers: timers.length > 0 ? timers : none, asked, logs: none }
}

const nothing = { effects: none, beside: none }

/** What the machine named, split into what runs after the commit and what is written with it. */
export function sorted(
  def: ActorDef,
  asked: readonly Asked[],
  self: Address,
  sequence: Count,
): { readonly effects: readonly Asked[]; readonly beside: readonly JournalEntry[] } {
  if (asked.length === 0) return nothing
  const effects: Asked[] = []
  const beside: JournalEntry[] = []
  for (const one of asked) {
    const make: RecordMaker | undefined = def.records[one.name]
    if (make) beside.push(...[make(one.params as never, { self, sequence })].flat())
    else effects.push(one)
  }
  return { effects, beside }
}

/** Params of volatile actors go through no JSON; what cannot be a tell fails its step all the same. */
function demandPlain(asked: readonly Asked[]): void {
  for (const { name, params } of asked) {
    if (name !== 'tell' || (typeof params === 'object' && params !== null)) continue
    throw new TypeError('tell needs params { to, event }')
  }
}

/** State value of a standing, for people. */
export const valueOf = (at: Standing): JsonValue => at.config.value
