/**
 * Passivation: idle actors leave the hot cells for the packed arena, and the arena for a file when it
 * grows beyond its budget. Whoever needs one gets it back as it was.
 *
 *     hot cell ──idle, over budget──▶ arena ──over its budget──▶ spill file
 *         ▲                             │                           │
 *         └──── message, timer, query ──┴───────────────────────────┘
 *
 * Who goes is chosen by a second-chance clock: a hand goes round over the cells; one that was used
 * since it last came by is spared once.
 *
 * V1  Live = passive = woken: state, sequence, timers and what comes of the next event are the same.
 * V2  Nobody goes whom something still holds: a commit, waiting mail, an owed promise or a running
 *     effect, a follower, a tap, a child, a pause, a park, somebody who waits for room. Neither does
 *     a context of an actor that keeps nothing, when JSON could not say it.
 * V3  Timers of passive actors stay in the alarm and wake them.
 * V4  Whoever holds a cell over a turn of the event loop looks again: the hand clears marks only
 *     between turns, and within one it takes only cells that nobody has used.
 * V5  Arena and file are derived. The journal is the truth; its snapshots contain the passive ones.
 *
 * @module
 */
import type { Timer } from '../clock.ts'
import { asProvError } from '../errors.ts'
import type { Bytes, Count, Millis } from '../units.ts'
import { typeOf } from './address.ts'
import type { Address } from './address.ts'
import { Arena } from './arena.ts'
import type { Packed } from './arena.ts'
import { Cell, flag } from './cell.ts'
import type { Kind, Rare } from './cell.ts'
import { actorErrors } from './errors.ts'
import type { Stored } from './ledger.ts'
import { pack, stateOf, unpack } from './pack.ts'
import type { Unpacked } from './pack.ts'
import { freezeNew } from './program/freeze.ts'
import { none } from './program/program.ts'
import type { Config, Program, Standing } from './program/program.ts'
import type { Realm } from './realm.ts'
import { rowOf } from './rows.ts'
import { Spill } from './spill.ts'
import { standingOf } from './state.ts'
import type { ActorRow } from './system.ts'

/** How much memory actors may take. */
export interface MemoryOptions {
  /**
   * Actors that stay in memory ready to run; about 300 bytes each and what their contexts take.
   * Default 100,000. Beyond it idle ones rest at about 65 bytes each and are woken in microseconds.
   * `Infinity`: nobody ever rests. Those that are not idle stay, however many they are.
   */
  readonly hot?: Count | undefined
  /** What resting ones may take before the oldest go to `spill`. Default 256 MiB; alone it does nothing. */
  readonly arenaBytes?: Bytes | undefined
  /**
   * A file for what does not fit, of this process alone: thrown away at every start. It holds states,
   * so it belongs where the journal is. Default: none, everything stays in memory.
   */
  readonly spill?: string | undefined
}

export type WokenBy = 'message' | 'timer' | 'query' | 'effect'

const defaultHot: Count = 100_000
const defaultArenaBytes: Bytes = 268_435_456

/** Cells looked at for each one that comes, and in one go between two turns of the event loop. */
const glance: Count = 8
const longLook: Count = 2_048
/** When everybody is busy there is no use in looking again at once. */
const restMs: Millis = 1_000

/** Ends that are remembered for handles from before a rest; older ones show as stopped, no more. */
const mostEnded: Count = 1_024

/** Configurations remembered per program. */
const mostConfigs: Count = 4_096

/** Flags of a cell that must stay. Status is looked at apart: who is done may rest as well. */
const held =
  flag.queued |
  flag.busy |
  flag.followed |
  flag.tapped |
  flag.dirty |
  flag.ending |
  flag.gone |
  flag.wanted

export class Passive {
  readonly #realm: Realm
  readonly #hot: Count
  readonly #arena: Arena
  readonly #spill: Spill | undefined
  readonly #configs = new WeakMap<Program, Map<string, Config>>()
  readonly #ended = new Map<Address, Cell>()
  #hand: Iterator<Cell> | undefined
  /** Cells passed since the last one that went. */
  #vain: Count = 0
  #coming = false
  /** Everybody was busy: nobody looks again before that, or before somebody comes. */
  #rest: Timer | undefined
  /** Somebody could not be read back: no snapshot may be taken that would say otherwise. */
  #lost = false
  #over = false

  constructor(realm: Realm, options: MemoryOptions = {}) {
    const { hot = defaultHot, arenaBytes = defaultArenaBytes, spill: path } = options
    this.#realm = realm
    this.#hot = Math.max(0, hot)
    const failed = ({ message, code }: { readonly message: string; readonly code: string }): void =>
      process.emitWarning(message, { type: 'ProvWarning', code })
    this.#spill = path === undefined ? undefined : new Spill({ path, failed })
    this.#arena = new Arena({ spill: this.#spill, memoryBytes: arenaBytes })
  }

  /** Actors that rest. */
  get size(): Count {
    return this.#arena.size
  }

  /** Memory they take. */
  get bytes(): Bytes {
    return this.#arena.bytes
  }

  // ── going ──────────────────────────────────────────────────────────────────────────────────────

  /** One more cell is there. `spare` when whoever brought it still has others in hand. */
  grew(spare = false): void {
    const { cells } = this.#realm
    if (cells.size <= this.#hot) return
    if (!spare) this.#look(glance, false)
    if (cells.size > this.#hot) this.#soon()
  }

  #soon(): void {
    if (this.#coming || this.#over) return
    this.#coming = true
    this.#rest?.cancel()
    this.#rest = undefined
    setImmediate(this.#sweep)
  }

  readonly #sweep = (): void => {
    this.#coming = false
    const { cells, clock } = this.#realm
    // Nobody is passed twice in one go: who was used is spared for a turn of the event loop at least.
    this.#look(Math.min(longLook, cells.size + 1), true)
    if (this.#over || cells.size <= this.#hot) return
    if (this.#vain <= 2 * cells.size) return this.#soon()
    this.#vain = 0
    this.#rest = clock.after(restMs, () => this.#soon(), { background: true })
  }

  /** Moves the hand over so many cells at most. */
  #look(most: Count, clearing: boolean): void {
    const { cells } = this.#realm
    if (this.#over) return
    for (let left = most; left > 0 && cells.size > this.#hot; left--) {
      this.#hand ??= cells.values()
      const next = this.#hand.next()
      if (next.done === true) {
        this.#hand = undefined
        continue
      }
      const cell = next.value
      if (this.#rests(cell, clearing)) this.#vain = 0
      else this.#vain++
    }
  }

  /** Sends it off if it may go; says whether it went. */
  #rests(cell: Cell, clearing: boolean): boolean {
    const { flags, address } = cell
    if ((flags & held) !== 0 || cell.box !== undefined) return false
    if ((flags & flag.used) !== 0) {
      if (clearing) {
        cell.flags &= ~flag.used
        this.#vain = 0
      }
      return false
    }
    const { status, kind, rareIfAny: rare } = cell
    if (status !== 'active' && status !== 'done') return false
    if (rare && holds(rare)) return false
    const { ledger, starting, children, cells, turns, hooks } = this.#realm
    if (ledger.outbox.owns(address) || starting.has(address)) return false
    if (children.of(address).size > 0) return false
    if (
      !kind.kept &&
      !isJson([cell.context, cell.timers, cell.config.output, cell.input, rare?.trouble])
    ) {
      return false
    }
    const handles = cell.timers.length > 0 ? turns.letGo(cell.timers) : undefined
    const { text, state } = pack(cell, handles)
    if (!this.#arena.put(address, text, state)) {
      if (handles) turns.takeUp(cell.timers, handles)
      return false
    }
    cells.delete(address)
    cell.flags |= flag.gone
    // Only handles still see this one, when nobody stands at the address any more.
    cell.status = 'stopped'
    hooks.passivated?.({ kind: 'passivated', address, bytes: text.length }, cell)
    return true
  }

  // ── coming back ────────────────────────────────────────────────────────────────────────────────

  /** The actor at an address that rests, ready to run; undefined when nobody rests there. */
  wake(address: Address, by: WokenBy): Cell | undefined {
    const kind = this.#realm.kinds.get(typeOf(address))
    if (!kind) return undefined
    let packed: Packed | undefined
    try {
      packed = this.#arena.take(address)
    } catch (thrown) {
      return this.#over ? undefined : this.#unreadable(address, kind, thrown)
    }
    if (!packed) return undefined
    const cell = this.#made(address as Address, kind, packed, true)
    this.#back(cell)
    this.#realm.hooks.woken?.({ kind: 'woken', address, by }, cell)
    return cell
  }

  #back(cell: Cell): void {
    const { cells, followers, taps } = this.#realm
    const { address } = cell
    cell.flags |= flag.used | flag.woken
    if (followers.has(address)) cell.followed = true
    if (taps.has(address)) cell.tapped = true
    cells.set(address, cell)
    this.grew(true)
  }

  /** The cell it was. One that does not run only shows what it is. */
  #made(address: Address, kind: Kind, packed: Packed, runs: boolean): Cell {
    const unpacked = unpack(packed)
    const { sequence, done, frozen, context, few } = unpacked
    if (frozen) freezeNew(context)
    let at: Standing
    let failure: unknown
    try {
      at = this.#standing(runs ? kind.program : undefined, unpacked)
    } catch (thrown) {
      failure = thrown
      at = standingOf(stateOf(unpacked), unpacked.tags)
    }
    const cell = new Cell(address, kind, at, sequence)
    if (done) cell.status = 'done'
    if (few) Object.assign(cell.rare, few)
    if (runs && unpacked.handles) this.#realm.turns.takeUp(cell.timers, unpacked.handles)
    if (failure === undefined) return cell
    const what = asProvError(failure).message
    const { code, message } = actorErrors.PROV_ACTOR_RESTORE_FAILED({ address, what })
    return parked(cell, code, message)
  }

  /** Programs that intern their configurations are asked once for each. */
  #standing(program: Program | undefined, unpacked: Unpacked): Standing {
    if (!program) return standingOf(stateOf(unpacked), unpacked.tags)
    const { valueText, context, timers = none, done, history } = unpacked
    if (program.mode !== 'compiled' || done || history) return program.restore(stateOf(unpacked))
    let configs = this.#configs.get(program)
    if (!configs) this.#configs.set(program, (configs = new Map()))
    let config = configs.get(valueText)
    if (!config) {
      config = program.restore(stateOf(unpacked)).config
      if (configs.size < mostConfigs) configs.set(valueText, config)
    }
    return { config, context, timers }
  }

  /** The disk does not give it back. It stands parked; the journal still has it. */
  #unreadable(address: Address, kind: Kind, thrown: unknown): Cell {
    this.#lost = true
    const { code, message } = asProvError(thrown)
    const nothing = standingOf({ value: null, context: {}, status: 'active' })
    const cell = parked(new Cell(address, kind, nothing, 0), code, message)
    this.#back(cell)
    return cell
  }

  /** It ended after it had rested: whoever has a handle from before that asks here how. */
  ended(cell: Cell): void {
    if ((cell.flags & flag.woken) === 0) return
    this.#ended.delete(cell.address)
    this.#ended.set(cell.address, cell)
    if (this.#ended.size <= mostEnded) return
    for (const oldest of this.#ended.keys()) {
      this.#ended.delete(oldest)
      return
    }
  }

  /** How the last one at an address ended, when that is not long ago. */
  lastOf(address: Address): Cell | undefined {
    return this.#ended.get(address)
  }

  // ── looking ────────────────────────────────────────────────────────────────────────────────────

  /** Their rows. Nobody wakes for that. What cannot be read is left out. */
  rows(): ActorRow[] {
    const { groups } = this.#realm
    const rows: ActorRow[] = []
    try {
      for (const { key, ...packed } of this.#arena.entries()) {
        const cell = this.#made(key as Address, this.#kindOf(key), packed, false)
        const group = groups.of(cell.address)?.name
        rows.push({ ...rowOf(cell, 0, 0, group), passive: true })
      }
    } catch {
      // Whoever asks for one of these hears why.
    }
    return rows
  }

  addresses(): Iterable<string> {
    return this.#arena.keys()
  }

  /** As they are kept. Throws when one of them cannot be read: a snapshot without it would be wrong. */
  *stored(): Generator<Stored> {
    if (this.#lost) throw new Error('somebody who rested could not be read back')
    for (const { key, ...packed } of this.#arena.entries()) {
      const kind = this.#kindOf(key)
      if (kind.kept) yield this.#made(key as Address, kind, packed, false).stored()
    }
  }

  #kindOf(key: string): Kind {
    return this.#realm.kinds.get(typeOf(key)) as Kind
  }

  /** Nobody goes any more. The file is given up; those in memory can still be looked at. */
  close(): void {
    this.#over = true
    this.#rest?.cancel()
    this.#spill?.close()
  }
}

function parked(cell: Cell, code: string, message: string): Cell {
  cell.status = 'parked'
  cell.parked = { code, message }
  return cell
}

/** Nested deeper than this may as well hold itself. */
const deepest = 64

/** What a text does not tell. */
const holds = ({ parked, stuck, ending, crash, room, failing, version }: Rare): boolean =>
  (parked ?? stuck ?? ending ?? crash ?? room ?? failing ?? version) !== undefined

/** Whether JSON gives the very same back. */
function isJson(value: unknown, depth = 0): boolean {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return true
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0)
  // What is not there at the top is left out, and comes back as not there.
  if (typeof value !== 'object') return depth === 1 && value === undefined
  if (depth > deepest) return false
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) if (!isJson(value[at], depth + 1)) return false
    return true
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return false
  const keys = Object.keys(value)
  if (Reflect.ownKeys(value).length !== keys.length) return false
  for (const key of keys) {
    if (!isJson((value as Readonly<Record<string, unknown>>)[key], depth + 1)) return false
  }
  return true
}
