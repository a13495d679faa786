/**
 * What the kernel writes, and what it reads back. Every record names its actor and that actor's
 * sequence; a record that the book already knows changes nothing, so a snapshot may be a little
 * ahead of its position.
 *
 *     started ─▶ stepped ─▶ turned ─▶ failed ─▶ parked ─▶ resumed ─▶ stepped ─▶ stopped
 *
 * The outbox holds what commits promised and nobody has done yet: effects and tells. A step that was
 * caused by one of them settles it in its own record.
 *
 * It is one file because a record and what reading it back does to the book must change together.
 *
 * @module
 */
import { defined } from '../optional.ts'
import type { JsonValue } from '../json.ts'
import type { Position } from '../journal/journal.ts'
import type { Count, Millis } from '../units.ts'
import type { Address } from './address.ts'
import type { ActorEvent, Durability } from './define.ts'
import type { AskChain } from './mail.ts'
import type { Asked } from './program/program.ts'
import { Outbox } from './outbox.ts'
import { changed } from './state.ts'
import type { ActorState, Change, TimerState } from './state.ts'
import { actorErrors } from './errors.ts'
import { Letters } from './letters.ts'
import type { DeadLetter, LetterRecord, LettersLeft } from './letters.ts'
import type { CrashReport } from './system.ts'
import { typeOf } from './address.ts'
import type { TypeMark } from './versions.ts'

/** Why an actor stands still, and the event it stands at when nobody else keeps that event. */
export interface Parked {
  readonly code: string
  readonly message: string
  readonly event?: ActorEvent
  /** What counts that event, when a promise or a timer keeps it. */
  readonly key?: string
  /** Of one that nobody can read now: why it stood still before. */
  readonly before?: Parked
}

/** What is kept of an actor's failures. */
export interface Trouble {
  /** How often messages failed that will come again: by outbox id, or by timer. */
  readonly tries?: Readonly<Record<string, Count>>
  /** The newest last. */
  readonly crashes?: readonly CrashReport[]
}

/** Crash reports kept per actor. */
export const crashCap: Count = 3
/** Failing messages counted per actor. */
const triesCap: Count = 16

/** Ended actors that are remembered one by one. */
export const graveCap: Count = 10_000

/** Kinds of records that say something of one actor. */
const ofActors: ReadonlySet<string> = new Set<keyof KernelRecords>([
  'actor.started',
  'actor.stepped',
  'actor.skipped',
  'actor.failed',
  'actor.timers',
  'actor.parked',
  'actor.resumed',
  'actor.stopped',
])

/** Where an actor stands in its commits. */
interface Mark {
  readonly address: Address
  readonly sequence: Count
}

/** Of an actor that is the child of another one: what that one's commit said. */
export interface Birth {
  readonly parent: Address
  /** Its name at the parent. */
  readonly id: string
  /** The promise that it fulfils: its first record settles it, so it begins once. */
  readonly cause: string
  /** Its parent wants to hear of each of its states. */
  readonly sync?: true
}

/** The kernel's record types and their bodies. */
export interface KernelRecords {
  /** A type became known under another version or structure: what follows was written under it. */
  'actor.type': TypeMark & { readonly type: string }
  /** A first state, or a migrated one. */
  'actor.started': Mark & {
    readonly version: Count
    readonly durability: Durability
    readonly state: ActorState
    readonly input?: JsonValue
    readonly birth?: Birth
    readonly rank?: Count
    readonly trouble?: Trouble
    readonly effects?: readonly Asked[]
    /** It begins anew: what its former life owed is void. */
    readonly anew?: boolean
  }
  'actor.stepped': Mark & {
    readonly version: Count
    readonly atMs: Millis
    readonly event: ActorEvent
    /** Id of the effect or tell that this event came from. */
    readonly cause?: string
    readonly timer?: string
    readonly change: Change
    readonly effects?: readonly Asked[]
    /** W3C trace context of what it asked for. */
    readonly traceparent?: string
  }
  /** Several steps of one turn: the first one bears this sequence. */
  'actor.turned': Mark & {
    readonly version: Count
    readonly atMs: Millis
    readonly steps: readonly Omit<KernelRecords['actor.stepped'], keyof Mark | 'version' | 'atMs'>[]
  }
  /** A message was given up: its timer is used up. */
  'actor.skipped': Mark & { readonly timer: string }
  /** A step threw: what was decided, and what became of the message. */
  'actor.failed': Mark & {
    readonly crash: CrashReport
    /** The message is tried again: which one, and how often it failed. */
    readonly again?: { readonly key: string; readonly tries: Count }
    /** It is given up: what counted it. */
    readonly over?: string
    /** It is given up, and its timer is used up. */
    readonly timer?: string
    readonly parked?: Parked
  }
  /** Timers that were overdue when their actor was loaded and did not just fire. */
  'actor.timers': Mark & {
    readonly timers: readonly TimerState[]
    readonly skipped: readonly string[]
    readonly restarted: readonly string[]
    /** Earlier than they were set for: the wall clock was set back. */
    readonly moved?: readonly string[]
  }
  'actor.parked': Mark & { readonly parked: Parked }
  'actor.resumed': Mark
  'actor.stopped': Mark & {
    readonly why: string
    readonly effects?: readonly Asked[]
    readonly trouble?: Trouble
  }
  /** They are done, and nobody will ask for them: nothing of them stays. */
  'actor.retired': { readonly addresses: readonly Address[] }
  'actor.settled': { readonly ids: readonly string[] }
  'actor.letters': LetterRecord
  /** A dead letter became a promise. */
  'actor.replayed': { readonly letter: Count; readonly pending: Pending }
}

/** The steps of an `actor.turned` record, each as if it had a record of its own. */
export function stepsOf(body: JsonValue): readonly KernelRecords['actor.stepped'][] {
  const { steps, ...mark } = body as unknown as KernelRecords['actor.turned']
  return steps.map((step, at) => ({ ...mark, ...step, sequence: mark.sequence + at }))
}

/** An actor as it is kept. Without `state` it has stopped; its sequence keeps effect ids unique. */
export interface Stored {
  readonly address: Address
  readonly version: Count
  readonly sequence: Count
  readonly durability: Durability
  readonly state?: ActorState
  readonly parked?: Parked
  /** Of actors that may start anew. */
  readonly input?: JsonValue
  readonly birth?: Birth
  /** Of members of groups: place in the order of starts. */
  readonly rank?: Count
  /** Of the machine that wrote the state; absent: as the type's newest mark says. */
  readonly fingerprint?: string
  readonly trouble?: Trouble
}

/** A promise made by a commit. */
export interface Pending extends Asked {
  readonly id: string
  readonly from: Address
  /** False for promises of volatile actors. */
  readonly kept: boolean
  /** Of a tell that an earlier version may have written: version of the receiver's type at that time. */
  readonly version?: Count | undefined
  /** Who waits for what comes of it; known only in this life. */
  readonly chain?: AskChain | undefined
  /** Trace it belongs to, as W3C `traceparent`. */
  readonly traceparent?: string | undefined
}

/** A message to another actor, by a machine or, to the parent of a child that ended, by the kernel. */
export const isTold = (name: string): boolean => name === 'tell' || name === 'child.ended'

/** What a system snapshot holds. */
export interface LedgerBody {
  readonly actors: readonly Stored[]
  readonly outbox: readonly Pending[]
  readonly letters: readonly DeadLetter[]
  readonly letterCount: Count
  /** Letters that made room, by their reason. Absent: none did. */
  readonly lettersLeft?: LettersLeft
  /** What each type was last. Absent in snapshots of the first kernel. */
  readonly types?: Readonly<Record<string, TypeMark>>
  readonly rank?: Count
  /** Absent while no ended actor was forgotten. */
  readonly floor?: Count
  /** Wall time at which it was taken. Absent in snapshots from before that was kept. */
  readonly atMs?: Millis
}

/** What a message hands on to whatever is asked for because of it. A mail is one. */
export type Trail = Pick<Pending, 'chain' | 'traceparent'>

/** The promises of one commit; their ids follow from its place. */
export function promised(
  mark: Mark,
  effects: readonly Asked[],
  kept: boolean,
  trail?: Trail,
): readonly Pending[] {
  return effects.map(({ name, params }, index) => ({
    id: `${mark.address}:${mark.sequence}:${index}`,
    from: mark.address,
    name,
    params,
    kept,
    ...(trail?.chain && { chain: trail.chain }),
    ...(trail?.traceparent !== undefined && { traceparent: trail.traceparent }),
  }))
}

export class Ledger {
  /** Actors that no registered type has taken over yet. */
  readonly stored = new Map<Address, Stored>()
  readonly outbox = new Outbox()
  readonly letters = new Letters()
  /** What each kept type was last, in the journal's order. */
  readonly types = new Map<string, TypeMark>()
  /** Ended actors that may be forgotten, the oldest first: that they ended is durable. */
  readonly #graves = new Set<Address>()
  /**
   * Highest sequence of an actor that ended and is no longer listed. Whoever starts where nobody is
   * known goes on behind it, so that no effect id comes twice.
   */
  floor: Count = 0
  /** Highest place in the order of starts so far. */
  rank: Count = 0
  position: Position = 0
  /** Wall time of the newest thing that was read: it is past, whatever the clock says now. */
  lastMs: Millis = 0
  /** Records that were read back, those that the snapshot stood for not counted. */
  entered: Count = 0

  load(position: Position, body: JsonValue): void {
    const kept = body as unknown as LedgerBody
    for (const [type, mark] of Object.entries(kept.types ?? {})) this.types.set(type, mark)
    for (const actor of kept.actors) this.#keep(actor)
    for (const pending of kept.outbox) this.outbox.set(pending)
    this.letters.load(kept.letters, kept.letterCount, kept.lettersLeft)
    this.rank = Math.max(this.rank, kept.rank ?? 0)
    this.floor = kept.floor ?? 0
    this.lastMs = kept.atMs ?? 0
    this.position = position
  }

  /** Everything is read: whoever ended before may be forgotten, the oldest first. */
  opened(): void {
    for (const { address, sequence } of this.stored.values()) this.bury(address, sequence)
  }

  /** That an actor ended with this sequence is durable. The newest `graveCap` ends are remembered. */
  bury(address: Address, sequence: Count): void {
    const ended = this.stored.get(address)
    if (!ended || ended.state || ended.sequence !== sequence) return
    this.#graves.add(address)
    if (this.#graves.size <= graveCap) return
    for (const oldest of this.#graves) {
      this.floor = Math.max(this.floor, this.stored.get(oldest)?.sequence ?? 0)
      this.stored.delete(oldest)
      this.#graves.delete(oldest)
      return
    }
  }

  /** Somebody stands at the address again. */
  rose(address: Address): void {
    this.stored.delete(address)
    this.#graves.delete(address)
  }

  /** What is worth keeping, with the running actors that the caller adds. */
  body(running: Iterable<Stored>): LedgerBody {
    return {
      actors: [...this.stored.values(), ...running].filter(
        (actor) => actor.durability !== 'volatile',
      ),
      outbox: [...this.outbox.values()]
        .filter((pending) => pending.kept)
        .map((pending) => this.written(pending)),
      letters: this.letters.kept,
      letterCount: this.letters.count,
      ...(Object.keys(this.letters.left).length > 0 && { lettersLeft: this.letters.left }),
      types: Object.fromEntries(this.types),
      rank: this.rank,
      ...(this.floor > 0 && { floor: this.floor }),
    }
  }

  /**
   * One record, in order of position. Throws PROV_ACTOR_RECORD_UNKNOWN for a kind that it does not
   * know: passed over, it would leave its actor standing where it is not.
   */
  enter(type: string, body: JsonValue): void {
    if (type === 'actor.settled') {
      for (const id of (body as unknown as KernelRecords['actor.settled']).ids)
        this.outbox.delete(id)
    } else if (type === 'actor.retired') {
      this.retire((body as unknown as KernelRecords['actor.retired']).addresses)
    } else if (type === 'actor.letters') {
      this.letters.enter(body as unknown as LetterRecord)
    } else if (type === 'actor.replayed') {
      const { letter, pending } = body as unknown as KernelRecords['actor.replayed']
      // A letter that is gone already was replayed before the snapshot was taken.
      if (this.letters.take(letter)) this.outbox.set(pending)
    } else if (type === 'actor.type') {
      const { type: name, ...mark } = body as unknown as KernelRecords['actor.type']
      this.#marked(name, mark)
    } else if (type === 'actor.turned') {
      for (const step of stepsOf(body)) this.#enterActor('actor.stepped', step)
    } else this.#enterActor(type, body as unknown as Mark)
  }

  #enterActor(type: string, mark: Mark): void {
    if (!ofActors.has(type)) throw actorErrors.PROV_ACTOR_RECORD_UNKNOWN({ kind: type })
    const known = this.stored.get(mark.address)
    if (known && mark.sequence <= known.sequence) return
    if (type === 'actor.started') {
      const { effects, anew, ...actor } = mark as KernelRecords['actor.started']
      if (anew) this.forget(mark.address)
      this.#keep(actor)
      if (actor.birth) this.outbox.delete(actor.birth.cause)
      this.promise(mark, effects)
    } else if (known) {
      const next = this.#next(known, type, mark)
      this.stored.set(mark.address, { ...next, sequence: mark.sequence })
    }
  }

  #keep(actor: Stored): void {
    this.stored.set(actor.address, actor)
    this.rank = Math.max(this.rank, actor.rank ?? 0)
  }

  /** What was written before keeps the mark it was written under. */
  #marked(type: string, mark: TypeMark): void {
    const before = this.types.get(type)
    this.types.set(type, mark)
    if (!before) return
    for (const actor of this.stored.values()) {
      if (typeOf(actor.address) !== type || actor.fingerprint !== undefined) continue
      this.stored.set(actor.address, { ...actor, fingerprint: before.fingerprint })
    }
    for (const pending of this.outbox.values()) {
      if (pending.version !== undefined || !isTellTo(pending, type)) continue
      this.outbox.set({ ...pending, version: before.version })
    }
  }

  /** A type is registered as this. True when that is news: then it must be written. */
  mark(type: string, mark: TypeMark): boolean {
    const known = this.types.get(type)
    if (known?.version === mark.version && known.fingerprint === mark.fingerprint) return false
    this.#marked(type, mark)
    return true
  }

  #next(known: Stored, type: string, mark: Mark): Stored {
    const { state } = known
    switch (type) {
      case 'actor.stepped': {
        const step = mark as KernelRecords['actor.stepped']
        const { cause, change, effects, version } = step
        if (cause !== undefined) this.outbox.delete(cause)
        this.promise(mark, effects, true, step)
        const trouble = known.trouble && withoutTries(known.trouble, step)
        const next = { ...known, version, fingerprint: undefined, trouble }
        return defined({ ...next, state: state && changed(state, change) }) as Stored
      }
      case 'actor.failed': {
        const failed = mark as KernelRecords['actor.failed']
        const next = { ...known, trouble: troubled(known.trouble, failed) }
        const { parked = known.parked } = failed
        return defined({ ...next, parked, state: withoutTimer(state, failed.timer) }) as Stored
      }
      case 'actor.timers': {
        const { timers } = mark as KernelRecords['actor.timers']
        return defined({ ...known, state: state && changed(state, { timers }) }) as Stored
      }
      case 'actor.skipped': {
        const { timer } = mark as KernelRecords['actor.skipped']
        return defined({ ...known, state: withoutTimer(state, timer) }) as Stored
      }
      case 'actor.parked':
        return { ...known, parked: (mark as KernelRecords['actor.parked']).parked }
      case 'actor.resumed':
        return defined({ ...known, parked: undefined }) as Stored
      case 'actor.stopped': {
        this.forget(mark.address)
        const { effects, trouble } = mark as KernelRecords['actor.stopped']
        this.promise(mark, effects)
        const { input: _input, rank: _rank, fingerprint: _print, ...rest } = known
        return defined({ ...rest, parked: undefined, state: undefined, trouble }) as Stored
      }
      default:
        return known
    }
  }

  /** Enters the promises of one commit. */
  promise(
    mark: Mark,
    effects: readonly Asked[] = [],
    kept = true,
    trail?: Trail,
  ): readonly Pending[] {
    const promises = promised(mark, effects, kept, trail)
    for (const pending of promises) this.outbox.set(pending)
    return promises
  }

  /** A stopped actor's effects have nobody to answer to; what it told others still holds. */
  forget(address: Address): void {
    for (const { id, name } of this.outbox.of(address)) {
      if (!isTold(name)) this.outbox.delete(id)
    }
  }

  /** As if they had never been; what they told others still holds. */
  retire(addresses: Iterable<Address>): void {
    for (const address of addresses) {
      this.stored.delete(address)
      this.forget(address)
    }
  }

  /** A promise as it is kept elsewhere than in its record: with the version that it was made under. */
  written(pending: Pending): Pending {
    const { chain: _chain, ...rest } = pending
    if (pending.name !== 'tell' || pending.version !== undefined) return rest
    const version = this.types.get(typeOf(receiverOf(pending) ?? ''))?.version
    return version === undefined ? rest : { ...rest, version }
  }
}

/** Whom a promised message is for; undefined for an effect. */
export const receiverOf = ({ name, params }: Pending): Address | undefined =>
  isTold(name) ? (String((params as { readonly to?: unknown } | null)?.to) as Address) : undefined

const isTellTo = (pending: Pending, type: string): boolean =>
  pending.name === 'tell' && typeOf(receiverOf(pending) ?? '') === type

/** Whatever counts a timer: two that are set one after the other are not the same. */
export const timerKey = ({ id, dueMs }: TimerState): string => `${id}@${dueMs}`

/** Failures as they are remembered after one more. */
export function troubled(
  trouble: Trouble | undefined,
  { crash, again, over }: Pick<KernelRecords['actor.failed'], 'crash' | 'again' | 'over'>,
): Trouble {
  const { [again?.key ?? over ?? '']: _, ...rest } = trouble?.tries ?? {}
  const entries = [...Object.entries(rest), ...(again ? [[again.key, again.tries] as const] : [])]
  const tries = entries.length > 0 ? Object.fromEntries(entries.slice(-triesCap)) : undefined
  const crashes = [...(trouble?.crashes ?? []), crash].slice(-crashCap)
  return defined({ tries, crashes }) as Trouble
}

/** What failed before went through: it is not counted any more. */
export function withoutTries(
  trouble: Trouble,
  { cause, timer }: { readonly cause?: string | undefined; readonly timer?: string | undefined },
): Trouble {
  if (!trouble.tries || (cause ?? timer) === undefined) return trouble
  const left = Object.entries(trouble.tries).filter(
    ([key]) => key !== cause && !(timer !== undefined && key.startsWith(`${timer}@`)),
  )
  const tries = left.length > 0 ? Object.fromEntries(left) : undefined
  return defined({ ...trouble, tries }) as Trouble
}

function withoutTimer(
  state: ActorState | undefined,
  timer: string | undefined,
): ActorState | undefined {
  const place = state?.timers?.findIndex(({ id }) => id === timer) ?? -1
  return state && place >= 0 ? changed(state, { timed: { gone: [place] } }) : state
}

export function toldOf(pending: Pending): { readonly to: Address; readonly event: ActorEvent } {
  const told = (pending.params ?? {}) as { readonly to?: unknown; readonly event?: unknown }
  return { to: String(told.to) as Address, event: told.event as ActorEvent }
}
