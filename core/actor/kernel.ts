/**
 * The kernel: one object that puts the parts together and is the actor system's face. What happens
 * in which order stands in `turns.ts`; who gets what in `post.ts`; who lives in `lives.ts`.
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import { textOf } from '../errors.ts'
import type { Journal } from '../journal/journal.ts'
import type { Count, Millis } from '../units.ts'
import { typeOf } from './address.ts'
import type { Address } from './address.ts'
import { Alarm } from './alarm.ts'
import { Asks } from './asks.ts'
import type { AskOptions } from './asks.ts'
import { Books } from './books.ts'
import { flag } from './cell.ts'
import type { Cell } from './cell.ts'
import type { ActorDef, ActorEvent } from './define.ts'
import { Effects } from './effects.ts'
import { actorErrors } from './errors.ts'
import { facadeIn } from './facade-port.ts'
import type { XStateFacade } from './facade.ts'
import { hooksOf } from './inspect.ts'
import type { Inspect, Inspector } from './inspect.ts'
import type { Ledger, Stored } from './ledger.ts'
import { largestBody } from './letters.ts'
import type { DeadLetter, DeadLetters, LetterFilter } from './letters.ts'
import { Listeners } from './listeners.ts'
import { childrenIn } from './kin.ts'
import { Lives, isUnreadable } from './lives.ts'
import type { AskChain } from './mail.ts'
import { Passive } from './passivate.ts'
import type { MemoryOptions, WokenBy } from './passivate.ts'
import { Post } from './post.ts'
import { programFor } from './program/choose.ts'
import type { Proofs } from './program/proofs.ts'
import type { RemoteProgram } from './program/remote.ts'
import { Realm } from './realm.ts'
import type { FlightRecorder } from './recorder.ts'
import { Ref } from './ref.ts'
import { byAddress, rowOf, rowOfKind, rowOfStored } from './rows.ts'
import { Scheduler } from './scheduler.ts'
import type {
  ActorRef,
  ActorRow,
  ActorSnapshot,
  ActorSystem,
  Replayed,
  Sent,
  TypeRow,
  WatchEvent,
} from './system.ts'
import { Taps } from './taps.ts'
import type { Tracing } from './telemetry.ts'
import { Turns } from './turns.ts'
import { Warden } from './warden.ts'
import { Writer } from './writer.ts'

export interface KernelOptions {
  readonly journal: Journal | undefined
  readonly clock: Clock
  readonly inspect: Inspector | readonly Inspector[] | undefined
  readonly tracing?: Tracing | undefined
  readonly partition: string
  /** How long reading back took. */
  readonly openedMs?: Millis | undefined
  readonly snapshotEvery: Count | undefined
  readonly memory?: MemoryOptions | undefined
  readonly schedule: ((ready: Count) => Count) | undefined
  readonly random: () => number
  readonly proofs?: Proofs | undefined
}

export class Kernel implements ActorSystem {
  readonly #realm: Realm
  readonly #proofs: Proofs | undefined
  #closed: Promise<void> | undefined

  constructor(ledger: Ledger, options: KernelOptions) {
    const { journal, clock, partition, snapshotEvery, schedule } = options
    const realm = new Realm(
      ledger,
      clock,
      partition,
      hooksOf(options.inspect),
      options.tracing ?? null,
    )
    this.#realm = realm
    this.#proofs = options.proofs
    const { hooks } = realm
    if (ledger.position > 0) {
      hooks.replayed?.({
        kind: 'replayed',
        actors: [...ledger.stored.values()].filter(({ state }) => state).length,
        records: ledger.entered,
        tookMs: options.openedMs ?? 0,
      })
    }
    const failed = (address: Address, thrown: unknown): void =>
      hooks['observer.failed']?.({ kind: 'observer.failed', address, what: textOf(thrown) })
    realm.watchers = new Listeners(failed)
    realm.followers = new Listeners(failed)
    realm.taps = new Taps(failed)
    realm.alarm = new Alarm(clock, ({ address, timer }) => {
      realm.turns.rang(timer)
      realm.post.ring(address, timer)
    })
    realm.listeners = new Listeners(failed)
    realm.children = childrenIn(realm)
    realm.asks = new Asks(clock, realm.glance, `${journal?.epoch ?? 0}.${ledger.position}`)
    realm.effects = new Effects({
      clock,
      tracing: realm.tracing,
      owner: ({ from }) => realm.kinds.get(typeOf(from))?.owner ?? 'Prov',
      say: (record, pending) => realm.say(record, realm.find(pending.from), pending),
      ask: (address, question, ask, chain) => this.ask(address, question, ask, chain),
      answer: (pending, event) => {
        if (event) realm.post.answered(pending, event)
        realm.calmed()
      },
    })
    realm.writer =
      journal &&
      new Writer({
        journal,
        partition,
        snapshotEvery,
        position: ledger.position,
        since: ledger.entered,
        body: () => ({ ...ledger.body(kept(realm)), atMs: clock.now() }),
        broke: (error) => realm.breakDown(error),
      })
    realm.books = new Books({
      ledger,
      clock,
      writer: realm.writer,
      cell: (address) => realm.find(address),
      kind: (type) => realm.kinds.get(type),
      free: (cell) => realm.turns.next(cell),
      broke: (error) => realm.breakDown(error),
    })
    realm.post = new Post(realm)
    realm.passive = new Passive(realm, options.memory)
    realm.turns = new Turns(realm)
    realm.lives = new Lives(realm)
    realm.warden = new Warden(realm, options.random)
    for (const { address, birth, state } of ledger.stored.values()) {
      if (birth && state) realm.children.adopt(address, birth)
    }
    realm.scheduler = new Scheduler({
      clock,
      turn: realm.turns.take,
      rested: () => realm.calmed(),
      tick: () => realm.glance.look(),
      pick: schedule,
    })
  }

  // ── types ──────────────────────────────────────────────────────────────────────────────────────

  register(def: ActorDef, options: { readonly owner?: string } = {}): void {
    const { lives, kinds, hooks } = this.#realm
    if (kinds.get(def.type)?.def === def) return
    lives.admit(def)
    for (const child of Object.values(def.children)) this.register(child, options)
    const program = programFor(def, this.#proofs)
    const { mode, why } = program
    hooks.program?.({ kind: 'program', type: def.type, mode, ...(why !== undefined && { why }) })
    lives.takeOver(lives.kind(def, options.owner, { program, remote: undefined }))
  }

  async registerRemote(
    def: ActorDef,
    remote: RemoteProgram,
    options: { readonly owner?: string } = {},
  ): Promise<void> {
    const { lives } = this.#realm
    lives.admit(def)
    await lives.takeOverElsewhere(lives.kind(def, options.owner, { program: undefined, remote }))
  }

  swapRemote(type: string, remote: RemoteProgram): void {
    const kind = this.#realm.kinds.get(type)
    if (!kind?.remote) throw actorErrors.PROV_ACTOR_UNREGISTERED({ type })
    kind.remote = remote
  }

  // ── life ───────────────────────────────────────────────────────────────────────────────────────

  spawn<C, E extends ActorEvent, I>(
    def: ActorDef<C, E, I>,
    id: string,
    ...[input]: undefined extends I ? [input?: I] : [input: I]
  ): Promise<ActorRef<C, E>> {
    const made = (cell: Cell) => new Ref(this, cell) as ActorRef as ActorRef<C, E>
    try {
      const cell = this.#realm.lives.spawn(def, id, input)
      return cell instanceof Promise ? cell.then(made) : Promise.resolve(made(cell))
    } catch (thrown) {
      return Promise.reject(thrown as Error)
    }
  }

  ref(address: Address): ActorRef | undefined {
    const cell = this.#realm.find(address)
    return cell && new Ref(this, cell)
  }

  /** The cell that stands at an address now. For `Ref`. */
  cell(address: Address, by?: WokenBy): Cell | undefined {
    return this.#realm.find(address, by) ?? this.#realm.passive.lastOf(address)
  }

  async resume(address: Address, options: { readonly skip?: boolean } = {}): Promise<void> {
    const realm = this.#realm
    const cell = realm.find(address)
    if (!cell) throw actorErrors.PROV_ACTOR_UNKNOWN({ address })
    const { parked } = cell
    if (!parked) return
    const { code, message: why } = parked
    if (isUnreadable(parked)) throw actorErrors.PROV_ACTOR_PARKED({ address, why, code })
    await realm.warden.lift(cell, options.skip === true)
    await realm.writer?.settled()
    if (realm.broken) throw realm.broken
    realm.watchers.tell(address, { address, kind: 'resumed' })
    realm.warden.goOn(cell)
  }

  stop(address: Address): Promise<void> {
    return this.#realm.lives.stop(address)
  }

  retire(addresses: readonly Address[]): Promise<readonly Address[]> {
    return this.#realm.lives.retire(addresses)
  }

  /** For `Ref.asXState`. */
  facade(now: () => Cell): XStateFacade {
    return facadeIn(this, this.#realm, now)
  }

  // ── messages ───────────────────────────────────────────────────────────────────────────────────

  send(address: Address, event: ActorEvent): Sent {
    return this.#realm.post.send(address, event)
  }

  /** For `Ref.send`, which knows the cell already. */
  sendTo(address: Address, cell: Cell, event: ActorEvent): Sent {
    const now = (cell.flags & flag.gone) === 0 ? cell : this.#realm.find(address, 'message')
    return this.#realm.post.sendTo(address, now, event)
  }

  /** For `Ref.apply`. */
  apply(
    address: Address,
    event: ActorEvent,
    signal: AbortSignal | undefined,
  ): Promise<ActorSnapshot> {
    return this.#realm.post.apply(address, event, signal)
  }

  ask(
    address: Address,
    question: (replyTo: Address) => ActorEvent,
    options?: AskOptions,
    chain?: AskChain,
  ): Promise<ActorEvent> {
    const { asks, post } = this.#realm
    return asks.ask(address, question, post, options, chain)
  }

  // ── looking ────────────────────────────────────────────────────────────────────────────────────

  watch(address: Address, listener: (event: WatchEvent) => void): () => void {
    return this.#realm.watchers.add(address, listener)
  }

  /** For `Ref.changes`. */
  follow(cell: Cell, listener: (snapshot: ActorSnapshot) => void): () => void {
    const { followers } = this.#realm
    const { address } = cell
    const stop = followers.add(address, listener)
    cell.followed = true
    return () => {
      stop()
      const now = this.#realm.cells.get(address)
      if (now) now.followed = followers.has(address)
    }
  }

  tap(address: Address, listener: Inspect): () => void {
    const { cells, taps } = this.#realm
    const stop = taps.add(address, listener)
    const mark = (): void => {
      const now = cells.get(address)
      if (now) now.tapped = taps.has(address)
    }
    mark()
    return () => {
      stop()
      mark()
    }
  }

  list(filter: { readonly type?: string } = {}): readonly ActorRow[] {
    const { ledger, cells, clock, nowMs, groups } = this.#realm
    const rows = [...ledger.stored.values()].map(rowOfStored)
    for (const cell of cells.values()) {
      rows.push(rowOf(cell, clock.now(), nowMs, groups.of(cell.address)?.name))
    }
    for (const row of this.#realm.passive.rows()) rows.push(row)
    const { type } = filter
    return rows.filter((row) => type === undefined || row.type === type).sort(byAddress)
  }

  /** Registered types, in the order of their registration. */
  types(): readonly TypeRow[] {
    return [...this.#realm.kinds.values()].map(rowOfKind)
  }

  get recorder(): FlightRecorder {
    return this.#realm.recorder
  }

  deadLetters(): DeadLetters {
    const { letters } = this.#realm.ledger
    return { count: letters.count, rows: [...letters.rows].reverse(), left: letters.left }
  }

  async replay(which: Count | LetterFilter): Promise<readonly Replayed[]> {
    const { ledger, books, post, writer } = this.#realm
    const { broken, shut } = this.#realm
    if (shut) throw broken ?? actorErrors.PROV_ACTOR_STOPPED({ address: 'letter' })
    const one = typeof which === 'number'
    const letters = one ? [ledger.letters.find(which)] : ledger.letters.matching(which)
    const results = letters.map((letter) => {
      if (!letter) throw actorErrors.PROV_ACTOR_LETTER_UNKNOWN({ letter: which as Count })
      const result = books.replay(letter)
      if (one) demandSent(letter, result.row)
      return result
    })
    await writer?.settled()
    if (this.#realm.broken) throw this.#realm.broken
    for (const { pending } of results) if (pending) post.tell(pending)
    return results.map(({ row }) => row)
  }

  // ── the end ────────────────────────────────────────────────────────────────────────────────────

  halt(): void {
    this.#realm.halted = true
    this.#realm.effects.halt()
    this.#realm.children.halt()
  }

  close(options: { readonly deadlineMs?: Millis } = {}): Promise<void> {
    return (this.#closed ??= this.#close(options.deadlineMs ?? 5_000))
  }

  async #close(deadlineMs: Millis): Promise<void> {
    const realm = this.#realm
    const { lives, turns, books, writer, clock } = realm
    realm.closing = true
    realm.shut = true
    this.halt()
    await new Promise<void>((resolve) => {
      const deadline = clock.after(deadlineMs, resolve)
      realm.calm = () => {
        deadline.cancel()
        resolve()
      }
      queueMicrotask(() => realm.calmed())
    })
    turns.recall()
    let messages = 0
    for (const cell of [...realm.cells.values()].reverse()) {
      if (cell.stuck && cell.first === cell.stuck) cell.take()
      messages += lives.empty(cell, false)
    }
    books.post()
    const effects = realm.effects.running
    const written = writer && (await within(clock, deadlineMs, this.#written(writer)))
    realm.over = true
    let writes = 0
    if (writer && !written) {
      const error = actorErrors.PROV_ACTOR_CLOSE_UNFINISHED({ deadlineMs })
      realm.breakDown(error)
      // Without its snapshot the next start only replays more.
      writes = writer.abandon(error)
      if (writes > 0) process.emitWarning(error.message, { type: 'ProvWarning', code: error.code })
    }
    realm.alarm.stop()
    realm.passive.close()
    const questions = realm.asks.stop()
    realm.hooks.closed?.({ kind: 'closed', effects, messages, questions, writes })
  }

  async #written(writer: Writer): Promise<void> {
    await writer.settled()
    if (!this.#realm.broken) await writer.save()
  }
}

/** Whether something came to an end before the deadline. */
async function within(clock: Clock, deadlineMs: Millis, ends: Promise<void>): Promise<boolean> {
  return new Promise((resolve) => {
    const deadline = clock.after(deadlineMs, () => resolve(false))
    void ends.then(() => {
      deadline.cancel()
      resolve(true)
    })
  })
}

function demandSent({ id, event, bodiless }: DeadLetter, { outcome, replays }: Replayed): void {
  if (outcome === 'spent') throw actorErrors.PROV_ACTOR_LETTER_SPENT({ letter: id, replays })
  if (outcome === 'sent') return
  const why =
    bodiless === 'large'
      ? `it is larger than ${largestBody} bytes`
      : bodiless === 'volatile'
        ? 'its receiver keeps nothing'
        : 'it is no plain data'
  throw actorErrors.PROV_ACTOR_LETTER_BODILESS({ letter: id, event, why })
}

/** All that run or rest, as they are kept. */
function* kept({ cells, passive }: Realm): Generator<Stored> {
  for (const cell of cells.values()) yield cell.stored()
  yield* passive.stored()
}
