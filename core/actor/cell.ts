/**
 * One actor in memory: a lean object without closures, maps or sets of its own. It is the standing
 * that its program steps from. Whatever only few actors have lives in `Rare`, made on first use.
 *
 * @module
 */
import type { JsonObject, JsonValue } from '../json.ts'
import type { Count, Millis } from '../units.ts'
import type { Address } from './address.ts'
import type { ActorDef } from './define.ts'
import type { Birth, Parked, Stored, Trouble } from './ledger.ts'
import { giveRing, Mail, takeRing } from './mail.ts'
import type { Item, Ring } from './mail.ts'
import { shown } from './program/freeze.ts'
import type { Config, Program, Standing } from './program/program.ts'
import type { RemoteProgram } from './program/remote.ts'
import type { RisenEvents } from './remote-events.ts'
import type { Lane } from './scheduler.ts'
import { persisted } from './state.ts'
import type { TimerState } from './state.ts'
import { noPast } from './supervise.ts'
import type { Past } from './supervise.ts'
import type { ActorSnapshot, ActorStatus, CrashReport } from './system.ts'

/** A registered type: what all its cells share. */
export interface Kind {
  readonly def: ActorDef
  /** Behaviour in this thread. Exactly one of the two is there. */
  program: Program | undefined
  /** Behaviour that runs elsewhere. */
  remote: RemoteProgram | undefined
  readonly owner: string | undefined
  /** Who is said to run while one of its actors has its turn. */
  readonly runner: Count
  readonly lane: Lane
  readonly capacity: Count
  /** Messages coalesce. */
  readonly keyed: boolean
  readonly kept: boolean
  /** Of behaviour elsewhere: what events of older versions mean. */
  readonly risen?: RisenEvents
}

/** Most messages of one actor that share a commit. */
export const largestBatch: Count = 64

const statuses: readonly ActorStatus[] = [
  'active',
  'restarting',
  'parked',
  'done',
  'stopped',
  'dormant',
]

const done = statuses.indexOf('done')

/** Bits of `Cell.flags`; the lowest three are the status, 0 is active. */
export const flag = {
  status: 7,
  /** In a ready ring. */
  queued: 8,
  /** A commit is under way: nothing is decided until it is durable. */
  busy: 16,
  followed: 32,
  tapped: 64,
  /** Its newest state is not written yet. */
  dirty: 128,
  /** Stops as soon as the commit under way is durable. */
  ending: 256,
  /** No longer the actor at its address: look again. */
  gone: 512,
  /** Somebody waits for room in its mailbox. */
  wanted: 1_024,
  /** Used since the last sweep for idle ones. */
  used: 2_048,
  /** Has rested: handles may hold an older cell of the same actor. */
  woken: 4_096,
  /** Its box is a ring: told by a bit, since events have any shape and looking at one costs more. */
  many: 8_192,
} as const

/** What few actors have. */
export class Rare {
  restarts: Count = 0
  batch: Count = largestBatch
  version: Count | undefined = undefined
  failures: Past | undefined = undefined
  trouble: Trouble | undefined = undefined
  /** The message at its head that is tried again, when nothing else counts it. */
  failing: { readonly mail: Mail; readonly tries: Count } | undefined = undefined
  rank: Count | undefined = undefined
  /** The state up to this sequence was written by another machine of the same version. */
  foreign: { readonly fingerprint: string; readonly sequence: Count } | undefined = undefined
  parked: Parked | undefined = undefined
  ending: (() => void) | undefined = undefined
  stuck: Mail | undefined = undefined
  input: JsonValue | undefined = undefined
  birth: Birth | undefined = undefined
  /** Why it ended, when it failed. */
  crash: CrashReport | undefined = undefined
  /** Waiting messages by their key, where messages coalesce. */
  keys: Map<string, Mail> | undefined = undefined
  /** Called when there is room again. */
  room: (() => void)[] | undefined = undefined
}

export class Cell implements Standing {
  readonly address: Address
  readonly kind: Kind
  config: Config
  context: JsonObject
  timers: readonly TimerState[]
  sequence: Count
  flags = 0
  box: Item | Ring | undefined = undefined
  #rare: Rare | undefined = undefined

  constructor(address: Address, kind: Kind, at: Standing, sequence: Count) {
    this.address = address
    this.kind = kind
    this.config = at.config
    this.context = at.context
    this.timers = at.timers
    this.sequence = sequence
  }

  stand(at: Standing): void {
    this.config = at.config
    this.context = at.context
    this.timers = at.timers
  }

  // ── mailbox ────────────────────────────────────────────────────────────────────────────────────

  get #ring(): Ring | undefined {
    return (this.flags & flag.many) === 0 ? undefined : (this.box as Ring)
  }

  get depth(): Count {
    return this.box === undefined ? 0 : (this.#ring?.size ?? 1)
  }

  get first(): Item | undefined {
    const ring = this.#ring
    return ring === undefined ? (this.box as Item | undefined) : ring.first
  }

  push(item: Item): void {
    const { box } = this
    if ((this.flags & flag.many) !== 0) (box as Ring).push(item)
    else if (box === undefined) this.box = item
    else {
      const ring = takeRing()
      ring.push(box as Item)
      ring.push(item)
      this.box = ring
      this.flags |= flag.many
    }
  }

  take(): Item | undefined {
    const { box } = this
    let item = box as Item | undefined
    if ((this.flags & flag.many) !== 0) {
      const ring = box as Ring
      item = ring.take()
      if (ring.size === 0) {
        this.#emptied()
        giveRing(ring)
      }
    } else this.box = undefined
    if (this.kind.keyed && item !== undefined && Mail.is(item) && item.key !== undefined)
      this.#rare?.keys?.delete(item.key)
    return item
  }

  takeAll(): Item[] {
    const all = this.#waiting
    this.#emptied()
    this.#rare?.keys?.clear()
    return all
  }

  #emptied(): void {
    this.box = undefined
    this.flags &= ~flag.many
  }

  get #waiting(): Item[] {
    const { box } = this
    return box === undefined ? [] : (this.#ring?.toArray() ?? [box as Item])
  }

  /** True when what came of this promise waits to be handled. */
  awaits(promise: string): boolean {
    return this.#waiting.some((item) => Mail.is(item) && item.cause === promise)
  }

  /** Back to the front, in their order: they were taken but nothing came of it. */
  unshift(items: readonly Item[]): void {
    for (const item of [...items, ...this.takeAll()]) this.push(item)
  }

  // ── flags ──────────────────────────────────────────────────────────────────────────────────────

  get status(): ActorStatus {
    return statuses[this.flags & flag.status] as ActorStatus
  }

  /** Whether its machine came to its end, without the name for it. */
  get done(): boolean {
    return (this.flags & flag.status) === done
  }

  set status(status: ActorStatus) {
    this.flags = (this.flags & ~flag.status) | statuses.indexOf(status)
  }

  get busy(): boolean {
    return (this.flags & flag.busy) !== 0
  }

  set busy(on: boolean) {
    this.#set(flag.busy, on)
  }

  get dirty(): boolean {
    return (this.flags & flag.dirty) !== 0
  }

  set dirty(on: boolean) {
    this.#set(flag.dirty, on)
  }

  set followed(on: boolean) {
    this.#set(flag.followed, on)
  }

  set tapped(on: boolean) {
    this.#set(flag.tapped, on)
  }

  #set(bit: number, on: boolean): void {
    this.flags = on ? this.flags | bit : this.flags & ~bit
  }

  // ── what few have ──────────────────────────────────────────────────────────────────────────────

  get rare(): Rare {
    return (this.#rare ??= new Rare())
  }

  /** For looking without making one. */
  get rareIfAny(): Rare | undefined {
    return this.#rare
  }

  /** Version that wrote the state: the type's own, except while a foreign state stands parked. */
  get version(): Count {
    return this.#rare?.version ?? this.kind.def.version
  }

  set version(version: Count) {
    this.rare.version = version
  }

  /** Messages per commit; 1 while a batch that the journal refused is taken apart. */
  get batch(): Count {
    return this.#rare?.batch ?? largestBatch
  }

  get restarts(): Count {
    return this.#rare?.restarts ?? 0
  }

  set restarts(restarts: Count) {
    this.rare.restarts = restarts
  }

  /** What its supervision counts. */
  get failures(): Past {
    return this.#rare?.failures ?? noPast
  }

  set failures(failures: Past) {
    if (failures !== noPast || this.#rare) this.rare.failures = failures
  }

  /** The fingerprint that wrote its state, where that is not its type's own. */
  get foreign(): string | undefined {
    const foreign = this.#rare?.foreign
    return foreign?.sequence === this.sequence ? foreign.fingerprint : undefined
  }

  get parked(): Parked | undefined {
    return this.#rare?.parked
  }

  set parked(parked: Parked | undefined) {
    if (parked !== undefined || this.#rare) this.rare.parked = parked
  }

  /** The message it stands parked at, when it is in the mailbox. */
  get stuck(): Mail | undefined {
    return this.#rare?.stuck
  }

  set stuck(stuck: Mail | undefined) {
    if (stuck !== undefined || this.#rare) this.rare.stuck = stuck
  }

  /** What it started from, of types that may start again. */
  get input(): JsonValue | undefined {
    return this.#rare?.input
  }

  set input(input: JsonValue | undefined) {
    if (input !== undefined || this.#rare) this.rare.input = input
  }

  /** Of a child: whose, and under which name. */
  get birth(): Birth | undefined {
    return this.#rare?.birth
  }

  set birth(birth: Birth | undefined) {
    if (birth !== undefined || this.#rare) this.rare.birth = birth
  }

  // ── shown and kept ─────────────────────────────────────────────────────────────────────────────

  snapshot(): ActorSnapshot {
    const { config, context, status } = this
    const output = config.output
    return {
      address: this.address,
      value: config.value,
      context: shown(context),
      status: status === 'active' ? config.status : status,
      sequence: this.sequence,
      version: this.version,
      tags: config.tags,
      ...(output !== undefined && { output }),
    }
  }

  /** As it is kept, or as it will be after a commit. */
  stored(at: Standing = this, sequence = this.sequence): Stored {
    const { parked, input, birth, rareIfAny, foreign } = this
    const { rank, trouble } = rareIfAny ?? {}
    return {
      address: this.address,
      version: this.version,
      sequence,
      durability: this.kind.def.durability,
      ...(this.status !== 'stopped' && { state: persisted(at) }),
      ...(parked && { parked }),
      ...(input !== undefined && { input }),
      ...(birth && { birth }),
      ...(rank !== undefined && { rank }),
      ...(trouble && { trouble }),
      ...(foreign !== undefined && sequence === this.sequence && { fingerprint: foreign }),
    }
  }
}

/** An envelope for what was taken out of one, for those who need to say more of it. */
export const mailOf = (item: Item, nowMs: Millis): Mail =>
  Mail.is(item) ? item : new Mail(item, nowMs)
