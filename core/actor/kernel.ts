/**
 * The kernel: who gets which message, and what happens in which order around a step.
 *
 *     send ─▶ mailbox ─▶ turn: steps computed, nothing executed
 *                          │
 *                          ▼
 *                        commit: one frame {event, change, effects} + records
 *                          │ durable
 *                          ▼
 *                        swap state ─▶ effects, tells ─▶ followers ─▶ whoever applied
 *
 * K1  One commit of an actor at a time; other actors go on meanwhile.
 * K2  Nothing outside happens before the commit that asked for it is durable.
 * K3  A step that throws leaves no trace but a dead letter and a crash report.
 * K4  No delivery runs inside another one.
 *
 * It is one file because these orders are one idea; what is decided or written alone lives beside it.
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import { ProvError } from '../errors.ts'
import type { Journal, JournalEntry } from '../journal/journal.ts'
import type { JsonValue } from '../json.ts'
import { defined } from '../optional.ts'
import type { Count, Millis } from '../units.ts'
import { address as makeAddress, typeOf } from './address.ts'
import type { Address } from './address.ts'
import { Alarm } from './alarm.ts'
import { Asks } from './asks.ts'
import type { AskOptions } from './asks.ts'
import { Books } from './books.ts'
import { Cell } from './cell.ts'
import type { Kind, Message } from './cell.ts'
import type { ActorDef, ActorEvent } from './define.ts'
import { Effects } from './effects.ts'
import type { EffectEvent } from './effects.ts'
import { actorErrors } from './errors.ts'
import { guarded } from './inspect.ts'
import type { Inspect } from './inspect.ts'
import type { Ledger, Parked, Pending, Stored } from './ledger.ts'
import { Listeners } from './listeners.ts'
import { Program } from './program.ts'
import type { Asked, Live, Step } from './program.ts'
import { Ref } from './ref.ts'
import { abandoned, abortable, isEvent, refused } from './refuse.ts'
import { revive, unreadableCodes } from './restore.ts'
import { byAddress, rowOf, rowOfStored } from './rows.ts'
import { Scheduler } from './scheduler.ts'
import { persisted } from './state.ts'
import type { ActorState, TimerState } from './state.ts'
import { decide } from './supervise.ts'
import type {
  ActorRef,
  ActorRow,
  ActorSnapshot,
  ActorSystem,
  CrashReport,
  DeadLetter,
  LetterReason,
  Refusal,
  Sent,
  WatchEvent,
} from './system.ts'
import { sorted, takeTurn, valueOf } from './turn.ts'
import type { Due, Turn } from './turn.ts'
import { messageOf, Warden } from './warden.ts'
import { Writer } from './writer.ts'

export interface KernelOptions {
  readonly journal: Journal | undefined
  readonly clock: Clock
  readonly inspect: Inspect | undefined
  readonly partition: string
  readonly snapshotEvery: Count
}

const accepted: Sent = { accepted: true }

export class Kernel implements ActorSystem {
  readonly #clock: Clock
  readonly #ledger: Ledger
  readonly #writer: Writer | undefined
  readonly #books: Books
  readonly #warden: Warden
  readonly #inspect: Inspect | null
  readonly #scheduler = new Scheduler(
    (cell) => this.#turn(cell),
    () => this.#calmed(),
  )
  readonly #alarm: Alarm<{ readonly cell: Cell; readonly timer: TimerState }>
  readonly #effects: Effects
  readonly #kinds = new Map<string, Kind>()
  readonly #cells = new Map<Address, Cell>()
  readonly #starting = new Map<Address, Promise<unknown>>()
  readonly #asks: Asks
  /** Promises read from the journal whose type is not registered yet. */
  readonly #unissued: Set<string>
  readonly #watchers: Listeners<WatchEvent>
  readonly #followers: Listeners<ActorSnapshot>
  #commits = 0
  #closing: Promise<void> | undefined
  #calm: (() => void) | undefined
  /** Closed: whatever still rings or answers is too late. */
  #over = false
  /** Why the journal takes nothing more. */
  #broken: Error | undefined

  constructor(ledger: Ledger, options: KernelOptions) {
    const { journal, clock, partition, snapshotEvery } = options
    this.#clock = clock
    this.#ledger = ledger
    this.#asks = new Asks(clock)
    this.#unissued = new Set(ledger.outbox.keys())
    this.#inspect = options.inspect ? guarded(options.inspect) : null
    this.#alarm = new Alarm(
      clock,
      ({ cell, timer }) => this.#ring(cell, timer),
      ({ cell, timer }) => this.#stands(cell, timer),
    )
    this.#effects = new Effects(clock, this.#inspect, (pending, event) => {
      if (event) this.#answered(pending, event)
      this.#calmed()
    })
    const failed = (address: Address, thrown: unknown): void =>
      this.#inspect?.({ kind: 'observer.failed', address, what: String(thrown) })
    this.#watchers = new Listeners(failed)
    this.#followers = new Listeners(failed)
    this.#writer =
      journal &&
      new Writer({
        journal,
        partition,
        snapshotEvery,
        position: ledger.position,
        body: () => ledger.body([...this.#cells.values()].map((cell) => cell.stored())),
        broke: (error) => this.#broke(error),
      })
    this.#books = new Books({
      ledger,
      clock,
      writer: this.#writer,
      cell: (address) => this.#cells.get(address),
      free: (cell) => this.#next(cell),
      broke: (error) => this.#broke(error),
    })
    this.#warden = new Warden({
      clock,
      books: this.#books,
      inspect: this.#inspect,
      watchers: this.#watchers,
      goOn: (cell) => this.#goOn(cell),
      end: (cell, kind, crash) => this.#end(cell, kind, crash),
    })
  }

  /** From now on nothing can be made durable, so nothing is taken. */
  #broke(error: Error): void {
    this.#broken ??= error
    this.#calm?.()
  }

  // ── types ──────────────────────────────────────────────────────────────────────────────────────

  register(def: ActorDef, options: { readonly owner?: string } = {}): void {
    const known = this.#kinds.get(def.type)
    if (known?.def === def) return
    if (known) throw actorErrors.PROV_ACTOR_TYPE_TAKEN({ type: def.type })
    if (def.durability !== 'volatile' && !this.#writer) {
      const { type, durability } = def
      throw actorErrors.PROV_ACTOR_JOURNAL_MISSING({ type, durability })
    }
    const kind: Kind = { def, program: new Program(def), owner: options.owner }
    this.#kinds.set(def.type, kind)
    // Taking an entry out of a map while walking it is sound.
    for (const actor of this.#ledger.stored.values()) {
      if (actor.state && typeOf(actor.address) === def.type) {
        this.#revive(kind, { ...actor, state: actor.state })
      }
    }
    this.#reissue(def.type)
  }

  #revive(kind: Kind, actor: Stored & { readonly state: ActorState }): void {
    const { live, migrated, unreadable } = revive(kind.program, actor)
    const cell = new Cell(actor.address, kind, live, actor.sequence)
    cell.input = actor.input
    cell.parked = unreadable ?? (isUnreadable(actor.parked) ? undefined : actor.parked)
    if (unreadable) cell.version = actor.version
    if (cell.parked) {
      cell.status = 'parked'
      if (cell.parked.event) {
        cell.stuck = { event: cell.parked.event, atMs: this.#clock.now() }
        cell.push(cell.stuck)
      }
    } else if (live.snapshot.status === 'done') cell.status = 'done'
    this.#ledger.stored.delete(actor.address)
    this.#cells.set(actor.address, cell)
    if (migrated) {
      cell.sequence++
      this.#books.note('actor.started', { ...cell.stored(), state: migrated })
    }
    if (!unreadable) this.#arm(cell, [])
    this.#inspect?.({ kind: 'actor.up', address: cell.address, restored: true })
  }

  /** Effects of this type run again under their old ids; what was told to it is told again. */
  #reissue(type: string): void {
    for (const id of Array.from(this.#unissued)) {
      const pending = this.#ledger.outbox.get(id)
      if (!pending) this.#unissued.delete(id)
      else if (pending.name === 'tell') {
        const { to } = toldOf(pending)
        if (typeOf(to) !== type && typeOf(to) !== 'ask') continue
        this.#unissued.delete(id)
        this.#tell(pending)
      } else if (typeOf(pending.from) === type) {
        const cell = this.#cells.get(pending.from)
        if (cell && isUnreadable(cell.parked)) continue
        this.#unissued.delete(id)
        if (cell) this.#perform(cell, pending)
        else this.#books.settle(id)
      }
    }
  }

  // ── life ───────────────────────────────────────────────────────────────────────────────────────

  async spawn<C, E extends ActorEvent, I>(
    def: ActorDef<C, E, I>,
    id: string,
    ...[input]: undefined extends I ? [input?: I] : [input: I]
  ): Promise<ActorRef<C, E>> {
    const address = makeAddress(def.type, id)
    const kind = this.#kinds.get(def.type)
    if (!kind) throw actorErrors.PROV_ACTOR_UNREGISTERED({ type: def.type })
    for (let other = this.#starting.get(address); other; other = this.#starting.get(address)) {
      await other.catch(() => {})
    }
    let cell = this.#cells.get(address)
    if (!cell) {
      const starting = this.#start(kind, address, input)
      this.#starting.set(address, starting)
      try {
        cell = await starting
      } finally {
        this.#starting.delete(address)
        if (this.#unissued.size > 0) this.#reissue(def.type)
        this.#calmed()
      }
    }
    return new Ref(this, cell) as ActorRef as ActorRef<C, E>
  }

  async #start(kind: Kind, address: Address, input: unknown, from: Count = 0): Promise<Cell> {
    if (this.#closing) throw actorErrors.PROV_ACTOR_STOPPED({ address })
    if (this.#broken) throw this.#broken
    const { def, program } = kind
    const before = this.#ledger.stored.get(address)
    const sequence = Math.max(before?.sequence ?? 0, from) + 1
    let step: Step
    let due: ReturnType<typeof sorted>
    try {
      step = program.start(input, this.#clock.now())
      due = sorted(def, step.asked, address, sequence)
    } catch (thrown) {
      if (ProvError.is(thrown) && thrown.code === 'PROV_ACTOR_UNSUPPORTED') throw thrown
      const what = messageOf(thrown)
      throw actorErrors.PROV_ACTOR_START_FAILED({ address, what }, { cause: thrown })
    }
    const cell = new Cell(address, kind, step.live, sequence)
    if (def.supervision.restart === 'permanent') cell.input = (input ?? null) as JsonValue
    const body = defined({
      ...cell.stored(),
      state: persisted(step.live),
      effects: due.effects.length > 0 ? due.effects : undefined,
    })
    const writer = def.durability === 'volatile' ? undefined : this.#writer
    if (!writer) this.#up(cell, due.effects)
    else {
      const entries = [writer.entry('actor.started', body as never), ...due.beside]
      // Its consequences come before the promise: a snapshot taken in between would miss it.
      await new Promise<void>((resolve, reject) => {
        writer.append(entries, () => resolve(this.#up(cell, due.effects)), reject)
      })
    }
    return cell
  }

  #up(cell: Cell, effects: readonly Asked[]): void {
    const { address } = cell
    this.#ledger.stored.delete(address)
    this.#cells.set(address, cell)
    cell.followed = this.#followers.has(address)
    this.#inspect?.({ kind: 'actor.up', address, restored: false })
    this.#arm(cell, [])
    const kept = cell.kind.def.durability !== 'volatile'
    for (const one of this.#ledger.promise(cell, effects, kept)) this.#perform(cell, one)
    if (cell.live.snapshot.status === 'done') this.#finished(cell)
  }

  ref(address: Address): ActorRef | undefined {
    const cell = this.#cells.get(address)
    return cell && new Ref(this, cell)
  }

  /** The cell that stands at an address now. For `Ref`. */
  cell(address: Address): Cell | undefined {
    return this.#cells.get(address)
  }

  async resume(address: Address, options: { readonly skip?: boolean } = {}): Promise<void> {
    const cell = this.#cells.get(address)
    if (!cell) throw actorErrors.PROV_ACTOR_UNKNOWN({ address })
    const { parked } = cell
    if (!parked) return
    const why = parked.message
    if (isUnreadable(parked)) throw actorErrors.PROV_ACTOR_PARKED({ address, why })
    await this.#warden.lift(cell, options.skip === true)
    await this.#writer?.settled()
    if (this.#broken) throw this.#broken
    this.#watchers.tell(address, { address, kind: 'resumed' })
    this.#goOn(cell)
  }

  #goOn(cell: Cell): void {
    cell.status = 'active'
    if (cell.depth > 0) this.#scheduler.ready(cell)
  }

  async stop(address: Address): Promise<void> {
    const cell = this.#cells.get(address)
    if (!cell) return
    if (cell.busy) await ended(cell)
    else this.#end(cell, 'stopped')
    await this.#writer?.settled()
  }

  #end(cell: Cell, kind: 'stopped' | 'failed', crash?: CrashReport): void {
    cell.status = 'stopped'
    cell.sequence++
    this.#cells.delete(cell.address)
    const { address, sequence, version } = cell
    const { durability } = cell.kind.def
    this.#ledger.stored.set(address, { address, version, sequence, durability })
    if (durability !== 'volatile')
      this.#books.note('actor.stopped', { address, sequence, why: kind })
    this.#effects.abort(address)
    this.#ledger.forget(address)
    this.#empty(cell)
    cell.ending?.()
    this.#inspect?.({ kind: 'actor.down', address, why: kind })
    this.#watchers.tell(address, { address, kind, ...(crash && { crash }) })
  }

  /** Nothing will be taken from this mailbox any more: everybody is told. */
  #empty(cell: Cell, forGood = true): void {
    for (const message of cell.takeAll()) {
      // After a close the timer and the promise still stand: they come again at the next start.
      if (message.dropped || message.timer || (!forGood && message.cause !== undefined)) continue
      if (message.waiter) {
        message.waiter.reject(actorErrors.PROV_ACTOR_STOPPED({ address: cell.address }))
      } else this.#books.letter(cell.address, message.event.type, 'stopped')
      if (message.cause !== undefined) this.#books.settle(message.cause)
    }
  }

  #finished(cell: Cell): void {
    const { def } = cell.kind
    if (def.supervision.restart === 'permanent') return this.#startAgain(cell)
    cell.status = 'done'
    this.#empty(cell)
    this.#watchers.tell(cell.address, { address: cell.address, kind: 'done' })
  }

  #startAgain(cell: Cell): void {
    const { supervision } = cell.kind.def
    const decision = decide(
      { ...supervision, onFailure: 'restart' },
      cell.failures ?? [],
      this.#clock.monotonic(),
    )
    if (decision.directive !== 'restart') return this.#end(cell, 'failed')
    const waiting = cell.takeAll()
    cell.failures = decision.failures
    this.#warden.pause(cell, decision.pauseMs, () => {
      void this.#start(cell.kind, cell.address, cell.input ?? undefined, cell.sequence).then(
        (fresh) => {
          fresh.failures = cell.failures
          fresh.restarts = cell.restarts
          fresh.unshift([...waiting, ...cell.takeAll()])
          this.#scheduler.ready(fresh)
        },
        () => this.#end(cell, 'failed'),
      )
    })
  }

  // ── delivery ───────────────────────────────────────────────────────────────────────────────────

  send(address: Address, event: ActorEvent): Sent {
    const cell = this.#cells.get(address)
    const reason = this.#refusal(address, cell, event)
    if (reason !== undefined) {
      this.#books.letter(address, String(event?.type), reason)
      return { accepted: false, reason }
    }
    this.#deliver(cell as Cell, { event, atMs: this.#clock.now() })
    return accepted
  }

  /** For `Ref.apply`. */
  apply(
    address: Address,
    event: ActorEvent,
    signal: AbortSignal | undefined,
  ): Promise<ActorSnapshot> {
    return new Promise((resolve, reject) => {
      const cell = this.#cells.get(address)
      const reason = this.#refusal(address, cell, event)
      if (reason !== undefined) return reject(this.#broken ?? refused(reason, address, cell, event))
      if (signal?.aborted) return reject(abandoned(address, event))
      const message: Message = { event, atMs: this.#clock.now() }
      message.waiter = signal
        ? abortable(message, signal, address, { resolve, reject })
        : { resolve, reject }
      this.#deliver(cell as Cell, message)
    })
  }

  #refusal(address: Address, cell: Cell | undefined, event: ActorEvent): Refusal | undefined {
    if (!isEvent(event)) return 'invalid'
    if (this.#closing || this.#broken) return 'stopped'
    if (cell === undefined) return this.#ledger.stored.has(address) ? 'stopped' : 'unknown'
    if (cell.status === 'parked') return 'parked'
    if (cell.status === 'done' || cell.status === 'stopped' || cell.ending) return 'stopped'
    if (cell.depth < cell.kind.def.mailbox.capacity) return undefined
    this.#inspect?.({ kind: 'mailbox', address: cell.address, depth: cell.depth, full: true })
    return 'full'
  }

  #deliver(cell: Cell, message: Message, from?: Address): void {
    if (this.#inspect) {
      const { address: to } = cell
      this.#inspect({ kind: 'event', to, type: message.event.type, ...(from && { from }) })
    }
    cell.push(message)
    if (cell.status === 'active' && !cell.busy) this.#scheduler.ready(cell)
  }

  #perform(cell: Cell, pending: Pending): void {
    if (pending.name === 'tell') return this.#tell(pending)
    this.#effects.run(pending, cell.kind.def.effects[pending.name])
  }

  /** Tells are kept in the outbox, so a full mailbox is no reason to lose them. */
  #tell(pending: Pending): void {
    const { to, event } = toldOf(pending)
    const give = (reason: LetterReason): void => {
      this.#books.letter(to, String(event?.type), reason)
      this.#books.settle(pending.id)
    }
    if (!isEvent(event)) return give('invalid')
    if (this.#asks.answer(to, event)) return this.#books.settle(pending.id)
    const cell = this.#cells.get(to)
    if (cell && cell.status !== 'done') {
      const message = { event, atMs: this.#clock.now(), cause: pending.id }
      return this.#deliver(cell, message, pending.from)
    }
    if (this.#starting.has(to) || (!cell && this.#ledger.stored.get(to)?.state)) {
      void this.#unissued.add(pending.id)
      return
    }
    give(cell || this.#ledger.stored.has(to) ? 'stopped' : 'unknown')
  }

  #answered(pending: Pending, event: EffectEvent): void {
    const cell = this.#cells.get(pending.from)
    if (this.#over) return
    if (!cell || cell.status === 'done') this.#books.settle(pending.id)
    else this.#deliver(cell, { event, atMs: this.#clock.now(), cause: pending.id })
  }

  #ring(cell: Cell, timer: TimerState): void {
    if (this.#over || !this.#stands(cell, timer)) return
    this.#deliver(cell, { event: timer.event, atMs: this.#clock.now(), timer })
  }

  #stands(cell: Cell, timer: TimerState): boolean {
    return this.#cells.get(cell.address) === cell && cell.live.timers.includes(timer)
  }

  #arm(cell: Cell, before: readonly TimerState[]): void {
    if (cell.live.timers === before) return
    for (const timer of cell.live.timers) {
      if (!before.includes(timer)) this.#alarm.set(timer.dueMs, { cell, timer })
    }
  }

  // ── a turn ─────────────────────────────────────────────────────────────────────────────────────

  #turn(cell: Cell): void {
    if (cell.busy || cell.status !== 'active' || this.#over) return
    const turn = takeTurn(cell, this.#clock.now())
    if (turn.dues.length > 0) this.#commit(cell, turn)
    else if (turn.failure) this.#warden.failed(cell, turn.failure)
    else if (cell.depth > 0) this.#scheduler.ready(cell)
  }

  #commit(cell: Cell, turn: Turn): void {
    const writer = this.#writer as Writer
    cell.busy = true
    this.#commits++
    const durable = (): void => {
      this.#commits--
      this.#committed(cell, turn)
      this.#calmed()
    }
    const refused = (error: Error): void => {
      this.#commits--
      this.#uncommitted(cell, turn, error)
      this.#calmed()
    }
    switch (cell.kind.def.durability) {
      case 'volatile':
        return durable()
      case 'journal':
        return writer.append(entriesOf(writer, turn), durable, refused)
      case 'snapshot':
        void this.#books.put(cell, turn.dues).then(durable, (error: Error) => {
          this.#broke(error)
          refused(error)
        })
    }
  }

  #committed(cell: Cell, { dues, failure }: Turn): void {
    cell.busy = false
    cell.wholeBatch()
    const { durability } = cell.kind.def
    const kept = durability !== 'volatile'
    const before = cell.live.timers
    for (const due of dues) {
      const { message, live, sequence, effects } = due
      const from = cell.live
      cell.live = live
      cell.sequence = sequence
      if (message.cause !== undefined) this.#books.caused(message.cause, durability === 'journal')
      const promises = effects.length > 0 ? this.#ledger.promise(cell, effects, kept) : []
      for (const pending of promises) this.#perform(cell, pending)
      this.#publish(cell, due, from)
    }
    this.#arm(cell, before)
    const done = cell.live.snapshot.status === 'done'
    if (done) this.#finished(cell)
    else if (failure) this.#warden.failed(cell, failure)
    this.#next(cell)
  }

  /** After a commit: what waited for it. */
  #next(cell: Cell): void {
    if (cell.ending && cell.status !== 'stopped') this.#end(cell, 'stopped')
    if (cell.dirty && !cell.busy) void this.#books.touch(cell)
    if (cell.status === 'active' && cell.depth > 0) this.#scheduler.ready(cell)
  }

  #publish(cell: Cell, { message, logs, live, sequence }: Due, before: Live): void {
    const { event, waiter } = message
    if (this.#inspect) {
      const { address } = cell
      for (const log of logs) this.#inspect({ kind: 'log', address, ...log })
      const [from, to] = [valueOf(before), valueOf(live)]
      this.#inspect({ kind: 'transition', address, sequence, event: event.type, from, to })
    }
    if (!waiter && !cell.followed) return
    const snapshot = cell.snapshot()
    if (cell.followed) this.#followers.tell(cell.address, snapshot)
    waiter?.resolve(snapshot)
  }

  /**
   * The journal took none of it. When it lives on, one of these steps cannot be written: they are
   * taken one by one, and the one that cannot fails like a step that threw.
   */
  #uncommitted(cell: Cell, { dues, failure }: Turn, error: Error): void {
    cell.busy = false
    if (this.#broken) {
      for (const { message } of dues) message.waiter?.reject(error)
      failure?.message.waiter?.reject(error)
      for (const message of cell.takeAll()) message.waiter?.reject(error)
      cell.ending?.()
      return
    }
    const messages = dues.map((due) => due.message)
    if (failure) messages.push(failure.message)
    if (messages.length > 1) {
      cell.unshift(messages)
      cell.batch = 1
    } else this.#warden.failed(cell, { message: messages[0] as Message, thrown: error })
    this.#next(cell)
  }

  // ── asking and looking ─────────────────────────────────────────────────────────────────────────

  async ask(
    address: Address,
    question: (replyTo: Address) => ActorEvent,
    options: AskOptions = {},
  ): Promise<ActorEvent> {
    const put = (event: ActorEvent): void => {
      const cell = this.#cells.get(address)
      const reason = this.#refusal(address, cell, event)
      if (reason !== undefined) throw this.#broken ?? refused(reason, address, cell, event)
      this.#deliver(cell as Cell, { event, atMs: this.#clock.now() })
    }
    return this.#asks.ask(address, question, put, options)
  }

  watch(address: Address, listener: (event: WatchEvent) => void): () => void {
    return this.#watchers.add(address, listener)
  }

  /** For `Ref.changes`. */
  follow(cell: Cell, listener: (snapshot: ActorSnapshot) => void): () => void {
    const stop = this.#followers.add(cell.address, listener)
    cell.followed = true
    return () => {
      stop()
      const now = this.#cells.get(cell.address)
      if (now) now.followed = this.#followers.has(cell.address)
    }
  }

  list(filter: { readonly type?: string } = {}): readonly ActorRow[] {
    const rows = [...this.#ledger.stored.values()].map(rowOfStored)
    for (const cell of this.#cells.values()) rows.push(rowOf(cell, this.#clock.now()))
    const { type } = filter
    return rows.filter((row) => type === undefined || row.type === type).sort(byAddress)
  }

  deadLetters(): { readonly count: Count; readonly rows: readonly DeadLetter[] } {
    return { count: this.#ledger.letterCount, rows: [...this.#ledger.letters].reverse() }
  }

  // ── the end ────────────────────────────────────────────────────────────────────────────────────

  halt(): void {
    this.#effects.halt()
  }

  close(options: { readonly deadlineMs?: Millis } = {}): Promise<void> {
    return (this.#closing ??= this.#close(options.deadlineMs ?? 5_000))
  }

  async #close(deadlineMs: Millis): Promise<void> {
    this.halt()
    await new Promise<void>((resolve) => {
      const deadline = this.#clock.after(deadlineMs, resolve)
      this.#calm = () => {
        deadline.cancel()
        resolve()
      }
      queueMicrotask(() => this.#calmed())
    })
    for (const cell of [...this.#cells.values()].reverse()) {
      if (cell.stuck && cell.first === cell.stuck) cell.take()
      this.#empty(cell, false)
    }
    this.#books.post()
    await this.#writer?.settled()
    if (!this.#broken) await this.#writer?.save()
    this.#over = true
    this.#alarm.stop()
  }

  /** Something ended; when it was the last thing, whoever closes goes on. */
  #calmed(): void {
    if (!this.#calm || !this.#scheduler.idle || this.#commits > 0) return
    if (this.#effects.running === 0 && this.#starting.size === 0) this.#calm()
  }
}

/** Marks an actor to stop after the commit under way; resolves when it has. */
function ended(cell: Cell): Promise<void> {
  const others = cell.ending
  return new Promise((resolve) => {
    cell.ending = () => {
      others?.()
      resolve()
    }
  })
}

/** One frame: every step and what must be written with it. */
function entriesOf(writer: Writer, { dues }: Turn): JournalEntry[] {
  return dues.flatMap(({ record, beside }) =>
    record ? [writer.entry('actor.stepped', record), ...beside] : beside,
  )
}

function toldOf(pending: Pending): { readonly to: Address; readonly event: ActorEvent } {
  const told = (pending.params ?? {}) as { readonly to?: unknown; readonly event?: unknown }
  return { to: String(told.to) as Address, event: told.event as ActorEvent }
}

const isUnreadable = (parked: Parked | undefined): boolean =>
  parked !== undefined && unreadableCodes.has(parked.code)
