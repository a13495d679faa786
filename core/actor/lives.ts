/**
 * The lives of actors: coming back from the journal, starting, ending, starting again.
 *
 * It is one file because every way in must leave the same things behind that every way out takes away:
 * cell, timers, promises, group, children.
 *
 * @module
 */
import { asProvError, messageOf, ProvError } from '../errors.ts'
import type { JournalEntry } from '../journal/journal.ts'
import type { JsonValue } from '../json.ts'
import { defined } from '../optional.ts'
import { asRunner, runnerOf } from '../running.ts'
import type { Count, Millis } from '../units.ts'
import { address as makeAddress, parseAddress, typeOf } from './address.ts'
import type { Address } from './address.ts'
import { Cell, flag } from './cell.ts'
import type { Kind } from './cell.ts'
import { childAddress } from './children.ts'
import type { ActorDef } from './define.ts'
import { actorErrors } from './errors.ts'
import { plainGroup } from './groups.ts'
import type { Group } from './groups.ts'
import { consequencesOf, hasParent, lastWords, sayLast, showParent } from './kin.ts'
import type { Consequences } from './kin.ts'
import { crashCap, isTold } from './ledger.ts'
import type { Birth, KernelRecords, Parked, Stored } from './ledger.ts'
import { eventOf, Mail } from './mail.ts'
import { roomMade } from './overflow.ts'
import { addressedTo } from './post.ts'
import { ownEntries } from './partitions.ts'
import { none } from './program/program.ts'
import type { Program, Standing, Step } from './program/program.ts'
import type { RemoteProgram } from './program/remote.ts'
import type { Realm } from './realm.ts'
import { eventsElsewhere } from './remote-events.ts'
import { revive, reviveElsewhere, unreadableCodes } from './restore.ts'
import type { Revived } from './restore.ts'
import { Lane } from './scheduler.ts'
import { persisted, standingOf } from './state.ts'
import type { ActorState } from './state.ts'
import { loaded } from './timers.ts'
import { fingerprint } from './versions.ts'
import type { CrashReport } from './system.ts'
import { sorted } from './turns.ts'
import { withoutSteps } from './warden.ts'

type Kept = Stored & { readonly state: ActorState }

/** What a first step leads to, wherever it was computed. */
interface First extends Consequences {
  readonly at: Standing
  readonly beside: readonly JournalEntry[]
  /** Monotonic less wall time when its timers were reckoned. */
  readonly gapMs: Millis
}

/** Addresses in one record of those that went. */
const retiredMost: Count = 4_096

export class Lives {
  readonly #realm: Realm
  readonly #lanes = new Map<string, Lane>()

  constructor(realm: Realm) {
    this.#realm = realm
  }

  // ── types ──────────────────────────────────────────────────────────────────────────────────────

  /** A type with the lane of its owner. */
  kind(
    def: ActorDef,
    owner: string | undefined,
    behaviour: Pick<Kind, 'program' | 'remote'>,
  ): Kind {
    let lane = this.#lanes.get(owner ?? '')
    if (!lane) this.#lanes.set(owner ?? '', (lane = new Lane()))
    const { mailbox, durability } = def
    return {
      def,
      ...behaviour,
      owner,
      runner: runnerOf(owner ?? 'Prov', `a step of ${def.type}`),
      lane,
      capacity: mailbox.capacity,
      keyed: mailbox.overflow === 'coalesce',
      kept: durability !== 'volatile',
    }
  }

  /** Throws when another definition has the type, or there is no journal for it. */
  admit(def: ActorDef): void {
    const known = this.#realm.kinds.get(def.type)
    if (known) throw actorErrors.PROV_ACTOR_TYPE_TAKEN({ type: def.type })
    if (def.durability !== 'volatile' && !this.#realm.writer) {
      const { type, durability } = def
      throw actorErrors.PROV_ACTOR_JOURNAL_MISSING({ type, durability })
    }
  }

  /** Brings the actors of a type back. */
  takeOver(kind: Kind): void {
    const { program } = kind
    const { kinds, ledger } = this.#realm
    kinds.set(kind.def.type, kind)
    this.#mark(kind)
    // Taking an entry out of a map while walking it is sound.
    for (const actor of ledger.stored.values()) {
      if (program && isKept(actor) && typeOf(actor.address) === kind.def.type) {
        const mark = ledger.types.get(kind.def.type)
        const revived = asRunner(kind.runner, () => revive(program, actor, mark?.fingerprint))
        this.#revive(kind, actor, revived)
      }
    }
    this.#disown(kind)
    this.reissue(kind.def.type)
  }

  /** Children whose parent ended while they could not be told. */
  #disown(kind: Kind): void {
    for (const cell of this.#realm.cells.values()) {
      const orphan = cell.kind === kind && cell.birth && !hasParent(this.#realm, cell.birth)
      if (orphan && cell.status !== 'done') void this.stop(cell.address)
    }
  }

  /** The same for behaviour that runs elsewhere: it is asked before the type counts as known. */
  async takeOverElsewhere(known: Kind): Promise<void> {
    const { kinds, ledger } = this.#realm
    const { type } = known.def
    const actors = [...ledger.stored.values()].filter(
      (actor): actor is Kept => isKept(actor) && typeOf(actor.address) === type,
    )
    const remote = known.remote as RemoteProgram
    const [risen, revived] = await Promise.all([
      eventsElsewhere(ledger, known.def, remote),
      Promise.all(actors.map((actor) => reviveElsewhere(known.def, remote, actor))),
    ])
    const kind = { ...known, risen }
    this.admit(kind.def)
    kinds.set(type, kind)
    this.#mark(kind)
    for (const [at, actor] of actors.entries()) this.#revive(kind, actor, revived[at] as Revived)
    this.#disown(kind)
    this.reissue(type)
  }

  /** Whatever is written from now on is written under this version and structure. */
  #mark({ def, kept }: Kind): void {
    if (!kept) return
    const mark = {
      version: def.version,
      fingerprint: def.fingerprint ?? (def.machine ? fingerprint(def.machine) : ''),
    }
    if (!this.#realm.ledger.mark(def.type, mark)) return
    this.#realm.books.note('actor.type', { type: def.type, ...mark })
  }

  #revive(kind: Kind, kept: Kept, { at, migrated, unreadable }: Revived): void {
    const { ledger, cells, books, clock, taps, turns } = this.#realm
    const actor = migrated ?? kept
    const cell = new Cell(actor.address, kind, at, actor.sequence)
    cell.input = actor.input
    cell.birth = actor.birth
    // What a person has to decide is not forgotten while nobody can read it.
    const before = isUnreadable(actor.parked) ? actor.parked?.before : actor.parked
    cell.parked = unreadable ? { ...unreadable, ...(before && { before }) } : before
    if (unreadable) cell.version = actor.version
    if (actor.trouble) cell.rare.trouble = actor.trouble
    const print = migrated ? undefined : actor.fingerprint
    if (print !== undefined && print !== ledger.types.get(kind.def.type)?.fingerprint) {
      cell.rare.foreign = { fingerprint: print, sequence: actor.sequence }
    }
    try {
      this.#join(cell, actor.rank)
    } catch (thrown) {
      // Whoever cannot say where an actor belongs leaves it alone.
      this.#realm.oddity(cell, 'supervision.group', thrown)
    }
    if (cell.parked) {
      cell.status = 'parked'
      if (cell.parked.event) {
        cell.stuck = new Mail(cell.parked.event, clock.now())
        cell.push(cell.stuck)
      }
    } else if (at.config.status === 'done') cell.status = 'done'
    ledger.stored.delete(actor.address)
    cells.set(actor.address, cell)
    showParent(this.#realm, cell, false)
    if (migrated) {
      cell.sequence++
      books.note('actor.started', { ...cell.stored(), state: migrated.state })
    }
    if (!unreadable) {
      this.#timers(cell)
      turns.arm(cell, none)
    }
    if (taps.has(cell.address)) cell.tapped = true
    this.#realm.say({ kind: 'actor.up', address: cell.address, restored: true }, cell)
    // It was done and in its pause when the process ended.
    if (cell.status === 'done' && kind.def.supervision.restart === 'permanent') this.finished(cell)
    this.#realm.passive.grew(true)
  }

  /** Timers whose time came while nobody was there, as their type wants it; those of a clock set back. */
  #timers(cell: Cell): void {
    const { books, clock, ledger } = this.#realm
    const { timers = {} } = cell.kind.def
    const found = loaded(timers, cell.timers, clock.now(), ledger.lastMs)
    if (!found) return
    cell.timers = found.timers
    const sequence = ++cell.sequence
    void books.keep(cell, 'actor.timers', { address: cell.address, sequence, ...found })
  }

  /** A member of a group has a place in the order of starts, and keeps it. */
  #join(cell: Cell, rank?: Count): void {
    const { groups, ledger } = this.#realm
    const { def, runner } = cell.kind
    const group = asRunner(runner, () => groupOf(def, cell.address))
    if (!group) return
    cell.rare.rank = rank ?? ++ledger.rank
    groups.join(group, cell.address, cell.rare.rank)
  }

  /** Effects of this type run again under their old ids; what was told to it is told again. */
  reissue(type: string): void {
    const { unissued, ledger, children } = this.#realm
    const waiting = [...unissued.values()].flatMap((id) => ledger.outbox.get(id) ?? [])
    children.owed(waiting.filter(({ from }) => typeOf(from) === type))
    for (const pending of waiting) {
      const ours = isTold(pending.name) ? addressedTo(pending, type) : typeOf(pending.from) === type
      if (ours) this.#reissueOne(pending.id)
    }
  }

  /** The same of one actor, which stands there now or never will. */
  #reissueAt(address: Address): void {
    const { unissued } = this.#realm
    if (unissued.owns(address)) for (const id of unissued.of(address)) this.#reissueOne(id)
  }

  #reissueOne(id: string): void {
    const { unissued, ledger, books, turns, post } = this.#realm
    const pending = ledger.outbox.get(id)
    if (pending && isTold(pending.name)) {
      unissued.delete(id)
      return post.tell(pending)
    }
    const cell = pending && this.#realm.find(pending.from)
    if (cell && isUnreadable(cell.parked)) return
    unissued.delete(id)
    if (cell) turns.issue(cell, pending)
    else if (pending) books.settle(id)
  }

  // ── start ──────────────────────────────────────────────────────────────────────────────────────

  /** Gets the actor or starts it. */
  spawn(def: ActorDef, id: string, input: unknown, birth?: Birth): Cell | Promise<Cell> {
    const { kinds, starting } = this.#realm
    const address = makeAddress(def.type, id)
    const kind = kinds.get(def.type)
    if (!kind) throw actorErrors.PROV_ACTOR_UNREGISTERED({ type: def.type })
    if (starting.size > 0 && starting.has(address))
      return this.#spawnLater(kind, address, input, birth)
    const known = this.#realm.find(address)
    if (known) return known
    if (kind.kept || !kind.program) return this.#spawnLater(kind, address, input, birth)
    const cell = this.#startNow(kind, address, input, birth)
    this.#reissueAt(address)
    return cell
  }

  async #spawnLater(
    kind: Kind,
    address: Address,
    input: unknown,
    birth: Birth | undefined,
  ): Promise<Cell> {
    const { starting } = this.#realm
    for (let other = starting.get(address); other; other = starting.get(address)) {
      await other.catch(() => {})
    }
    const known = this.#realm.find(address)
    if (known) return known
    const begun = this.#start(kind, address, input, birth)
    starting.set(address, begun)
    try {
      return await begun
    } finally {
      starting.delete(address)
      this.#reissueAt(address)
      this.#realm.calmed()
    }
  }

  #startNow(
    kind: Kind,
    address: Address,
    input: unknown,
    birth: Birth | undefined,
    former?: Cell,
  ): Cell {
    const sequence = Math.max(this.#nextSequence(address), (former?.sequence ?? 0) + 1)
    const { nowMs, gapMs } = this.#now()
    let step: Step
    try {
      step = asRunner(kind.runner, () => (kind.program as Program).start(input, nowMs))
    } catch (thrown) {
      throw startFailed(address, thrown)
    }
    const cell = this.#made(new Cell(address, kind, step, sequence), input, birth, former)
    this.#up(cell, { ...consequencesOf(step.asked, step, address, birth, kind), gapMs }, input)
    return cell
  }

  async #start(
    kind: Kind,
    address: Address,
    input: unknown,
    birth: Birth | undefined,
    former?: Cell,
  ): Promise<Cell> {
    if (!kind.kept && kind.program) return this.#startNow(kind, address, input, birth, former)
    const sequence = Math.max(this.#nextSequence(address), (former?.sequence ?? 0) + 1)
    const first = kind.program
      ? this.#first(kind, address, input, sequence, birth)
      : await this.#firstElsewhere(kind, address, input, sequence, birth)
    const cell = this.#made(new Cell(address, kind, first.at, sequence), input, birth, former)
    const { writer } = this.#realm
    if (!kind.kept || !writer) this.#up(cell, first, input)
    else {
      const body: KernelRecords['actor.started'] = defined({
        ...cell.stored(),
        state: persisted(first.at),
        effects: first.effects.length > 0 ? first.effects : undefined,
        anew: former && true,
      }) as never
      const entries = [writer.entry('actor.started', body), ...first.beside]
      // Its consequences come before the promise: a snapshot taken in between would miss it.
      await new Promise<void>((resolve, reject) => {
        writer.append(entries, () => resolve(this.#up(cell, first, input)), reject)
      })
    }
    return cell
  }

  /** One that begins anew keeps its place in its group and what is known of its failures. */
  #made(cell: Cell, input: unknown, birth: Birth | undefined, former: Cell | undefined): Cell {
    cell.birth = birth
    if (keepsInput(cell.kind)) cell.input = (input ?? null) as JsonValue
    if (former) {
      const { failures, restarts, trouble } = former.rare
      Object.assign(cell.rare, { failures, restarts, trouble })
    }
    try {
      this.#join(cell, former?.rareIfAny?.rank)
    } catch (thrown) {
      throw startFailed(cell.address, thrown)
    }
    return cell
  }

  /** Effect ids stay unique: a stopped address goes on counting where it was. */
  #nextSequence(address: Address): Count {
    const { shut, broken, ledger } = this.#realm
    if (shut) throw broken ?? actorErrors.PROV_ACTOR_STOPPED({ address })
    return (ledger.stored.get(address)?.sequence ?? ledger.floor) + 1
  }

  #first(
    kind: Kind,
    address: Address,
    input: unknown,
    sequence: Count,
    birth: Birth | undefined,
  ): First {
    try {
      const { def, program } = kind
      const { nowMs, gapMs } = this.#now()
      const at = asRunner(kind.runner, () => (program as Program).start(input, nowMs))
      const { effects, beside } = sorted(def, at.asked, address, sequence)
      const own = ownEntries(def.type, kind.owner, this.#realm.partition, beside)
      return { at, beside: own, gapMs, ...consequencesOf(effects, at, address, birth, kind) }
    } catch (thrown) {
      throw startFailed(address, thrown)
    }
  }

  async #firstElsewhere(
    kind: Kind,
    address: Address,
    input: unknown,
    sequence: Count,
    birth: Birth | undefined,
  ): Promise<First> {
    try {
      const { nowMs, gapMs } = this.#now()
      const request = { address, input, sequence, nowMs }
      const { state, tags, asked, beside } = await (kind.remote as RemoteProgram).start(request)
      const at = standingOf(state, tags)
      const own = ownEntries(kind.def.type, kind.owner, this.#realm.partition, beside)
      return { at, beside: own, gapMs, ...consequencesOf(asked, at, address, birth, kind) }
    } catch (thrown) {
      throw startFailed(address, thrown)
    }
  }

  #now(): Pick<First, 'gapMs'> & { readonly nowMs: Millis } {
    const { clock } = this.#realm
    const nowMs = clock.now()
    return { nowMs, gapMs: clock.monotonic() - nowMs }
  }

  #up(
    cell: Cell,
    { effects, emits, gapMs }: Consequences & Pick<First, 'gapMs'>,
    input: unknown,
  ): void {
    const { ledger, cells, followers, taps, hooks, turns, books, children } = this.#realm
    const { address } = cell
    if (ledger.stored.size > 0) ledger.rose(address)
    // In hand until the end of this: not to be sent to rest meanwhile.
    cell.flags |= flag.used
    cells.set(address, cell)
    if (followers.has(address)) cell.followed = true
    if (taps.has(address)) cell.tapped = true
    if (hooks['actor.up'] !== null || (cell.flags & flag.tapped) !== 0) {
      this.#realm.say({ kind: 'actor.up', address, restored: false }, cell, { input })
    }
    turns.arm(cell, none, gapMs)
    if (cell.birth) {
      // Its own record says that this promise was kept.
      if (cell.kind.kept) books.caused(cell.birth.cause, true)
      children.born(cell.birth)
      showParent(this.#realm, cell, true)
    }
    if (effects.length > 0) turns.perform(cell, effects, cell.sequence)
    if (emits.length > 0) turns.emit(cell, emits)
    if (cell.config.status === 'done') this.finished(cell)
    if (cell.box === undefined) cell.flags &= ~flag.used
    this.#realm.passive.grew()
  }

  /** A child that a parent's commit asked for. It begins once, whatever happens in between. */
  async bear(def: ActorDef, birth: Birth, input: unknown): Promise<void> {
    const { ledger, books, starting, children } = this.#realm
    const address = childAddress(def, birth)
    try {
      for (let other = starting.get(address); other; other = starting.get(address)) {
        await other.catch(() => {})
      }
      const old = this.#realm.find(address)
      const known = old?.birth ?? ledger.stored.get(address)?.birth
      if (known?.cause === birth.cause) return books.settle(birth.cause)
      if (old && known?.parent === birth.parent && known.id === birth.id) await this.stop(address)
      // Its parent may have let it go, or gone itself, before it began or while it did.
      if (!children.wants(birth)) return books.settle(birth.cause)
      const cell = await this.spawn(def, parseAddress(address).id, input, birth)
      if (cell.birth?.cause !== birth.cause) {
        const { parent, id } = birth
        throw actorErrors.PROV_ACTOR_CHILD_TAKEN({ address: parent, child: id, place: address })
      }
      const stands = this.#realm.find(address)?.birth?.cause === birth.cause
      if (!children.wants(birth) && stands) await this.stop(address)
    } catch (thrown) {
      if (!this.#realm.shut) children.unborn(birth, thrown)
    }
  }

  // ── end ────────────────────────────────────────────────────────────────────────────────────────

  async stop(address: Address): Promise<void> {
    const { starting } = this.#realm
    for (let other = starting.get(address); other; other = starting.get(address)) {
      await other.catch(() => {})
    }
    const cell = this.#realm.find(address)
    if (!cell) return
    if (cell.busy) await ended(cell)
    else this.end(cell, 'stopped')
    await this.#realm.writer?.settled()
  }

  async retire(addresses: readonly Address[]): Promise<readonly Address[]> {
    const { cells, ledger, books, passive, groups, turns, starting } = this.#realm
    const left: Address[] = []
    const gone = new Set<Address>()
    for (const address of addresses) {
      const cell = this.#realm.find(address)
      // Its record comes behind that of one who is starting there, and would take it away as well.
      if (starting.has(address)) left.push(address)
      else if (cell && (cell.status !== 'done' || cell.busy || cell.birth)) left.push(address)
      else if (cell || ledger.stored.has(address)) gone.add(address)
      if (!cell || !gone.has(address)) continue
      cell.status = 'stopped'
      cell.flags |= flag.gone
      cells.delete(address)
      passive.ended(cell)
      groups.leave(address)
      turns.disarm(cell.timers)
    }
    ledger.retire(gone)
    const all = [...gone]
    for (let at = 0; at < all.length; at += retiredMost) {
      books.note('actor.retired', { addresses: all.slice(at, at + retiredMost) })
    }
    await this.#realm.writer?.settled()
    return left
  }

  end(cell: Cell, why: 'stopped' | 'failed', crash?: CrashReport): void {
    const { cells, ledger, books, effects, turns, watchers } = this.#realm
    const { address, version, birth } = cell
    const { durability } = cell.kind.def
    cell.status = 'stopped'
    cell.flags |= flag.gone
    const sequence = ++cell.sequence
    cells.delete(address)
    this.#realm.passive.ended(cell)
    if (crash) cell.rare.crash = crash
    const words = lastWords(cell, crash?.error)
    const told = words.length > 0 && { effects: words }
    const kin = birth && { birth }
    // Why it ended stays to be seen.
    const known = cell.rareIfAny?.trouble?.crashes ?? []
    const news = crash && !known.some(({ error }) => error === crash.error)
    const crashes = news ? [...known, withoutSteps(crash)] : known
    const trouble = crashes.length > 0 && { trouble: { crashes: crashes.slice(-crashCap) } }
    this.#realm.groups.leave(address)
    ledger.stored.set(address, { address, version, sequence, durability, ...kin, ...trouble })
    if (durability === 'volatile') ledger.bury(address, sequence)
    else {
      const body = { address, sequence, why, ...told, ...trouble }
      books.note('actor.stopped', body, () => ledger.bury(address, sequence))
    }
    effects.abort(address)
    this.#leave(cell)
    ledger.forget(address)
    turns.disarm(cell.timers)
    if (told) turns.perform(cell, words, sequence)
    if (crash) sayLast(this.#realm, cell, crash.error)
    // Nobody will hear of its end, so it must not begin again.
    else if (birth && !cell.kind.kept) books.settle(birth.cause)
    this.#reissueAt(address)
    this.empty(cell)
    cell.rareIfAny?.ending?.()
    this.#realm.say({ kind: 'actor.down', address, why }, cell)
    watchers.tell(address, { address, kind: why, ...(crash && { crash }) })
  }

  /** Nothing will be taken from this mailbox any more: everybody is told. Says how many waited. */
  empty(cell: Cell, forGood = true): Count {
    const { books } = this.#realm
    const items = cell.takeAll()
    for (const item of items) {
      const mail = Mail.is(item) ? item : undefined
      // After a close the timer and the promise still stand: they come again at the next start.
      if (mail?.dropped || mail?.timer || (!forGood && mail?.cause !== undefined)) continue
      if (mail?.waiter) {
        mail.waiter.reject(actorErrors.PROV_ACTOR_STOPPED({ address: cell.address }))
      } else books.letter(cell.address, eventOf(item), 'stopped', mail)
      if (mail?.cause !== undefined) books.settle(mail.cause)
    }
    if ((cell.flags & flag.wanted) !== 0) roomMade(cell)
    return items.length
  }

  /** Its machine is done. */
  finished(cell: Cell): void {
    if (cell.kind.def.supervision.restart === 'permanent') {
      for (const child of this.#realm.children.endOf(cell.address)) void this.stop(child)
      return this.#realm.warden.done(cell)
    }
    cell.status = 'done'
    this.#leave(cell)
    sayLast(this.#realm, cell, undefined)
    this.empty(cell)
    this.#realm.watchers.tell(cell.address, { address: cell.address, kind: 'done' })
  }

  /** Its children end with it, and it is nobody's child any more. */
  #leave({ address, birth }: Cell): void {
    const { children } = this.#realm
    for (const child of children.endOf(address)) void this.stop(child)
    if (birth) children.gone(address, birth)
  }

  /** From its input, with nothing of its former life but its address, its place and its mailbox. */
  anew(cell: Cell): void {
    const { ledger, effects, scheduler, children, turns, starting, shut } = this.#realm
    if (shut) return
    const { address, kind } = cell
    for (const child of children.endOf(address)) void this.stop(child)
    effects.abort(address)
    turns.disarm(cell.timers)
    ledger.forget(address)
    // What its former life asked for is not answered to the new one.
    const waiting = cell.takeAll().filter((item) => {
      const cause = Mail.is(item) ? item.cause : undefined
      return cause === undefined || ledger.outbox.has(cause)
    })
    const begins = this.#start(kind, address, cell.input ?? undefined, cell.birth, cell)
    // Whoever wants its end, or another beginning, waits until this one is in the journal.
    starting.set(address, begins)
    const over = (): void => void starting.delete(address)
    void begins
      .finally(over)
      .then(
        (begun) => {
          cell.flags |= flag.gone
          const fresh = this.#realm.find(address) ?? begun
          fresh.unshift([...waiting, ...cell.takeAll()])
          // Who waits for room asks whoever stands there now.
          if ((cell.flags & flag.wanted) !== 0) roomMade(cell)
          scheduler.ready(fresh)
        },
        (thrown: ProvError) => {
          cell.unshift(waiting)
          if (!this.#realm.shut) this.#realm.warden.unborn(cell, thrown)
        },
      )
      .finally(() => this.#realm.calmed())
  }
}

const isKept = (actor: Stored): actor is Kept => actor.state !== undefined

export const isUnreadable = (parked: Parked | undefined): boolean =>
  parked !== undefined && unreadableCodes.has(parked.code)

const keepsInput = ({ def }: Kind): boolean =>
  def.supervision.restart === 'permanent' || def.supervision.onFailure === 'reset'

/** A group that is only named has the strategy and the limits of the type that names it. */
function groupOf({ supervision }: ActorDef, address: Address): Group | undefined {
  const group: unknown = supervision.group?.(parseAddress(address).id)
  if (group === undefined || group === '') return undefined
  if (typeof group !== 'string') return plainGroup(group)
  const { strategy, intensity, periodMs } = supervision
  return { name: group, strategy, intensity, periodMs }
}

function startFailed(address: Address, thrown: unknown): ProvError {
  if (ProvError.is(thrown) && thrown.code === 'PROV_ACTOR_UNSUPPORTED') return thrown
  const what = messageOf(thrown)
  return actorErrors.PROV_ACTOR_START_FAILED({ address, what }, { cause: asProvError(thrown) })
}

/** Marks an actor to stop after the commit under way; resolves when it has. */
function ended(cell: Cell): Promise<void> {
  const { rare } = cell
  const others = rare.ending
  cell.flags |= flag.ending
  return new Promise((resolve) => {
    rare.ending = () => {
      others?.()
      resolve()
    }
  })
}
