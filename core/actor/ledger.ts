/**
 * What the kernel writes, and what it reads back. Every record names its actor and that actor's
 * sequence; a record that the book already knows changes nothing, so a snapshot may be a little
 * ahead of its position.
 *
 *     started ─▶ stepped ─▶ stepped ─▶ parked ─▶ resumed ─▶ stepped ─▶ stopped
 *
 * The outbox holds what commits promised and nobody has done yet: effects and tells. A step that was
 * caused by one of them settles it in its own record.
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
import { changed } from './state.ts'
import type { ActorState, Change } from './state.ts'
import type { DeadLetter } from './system.ts'

/** Why an actor stands still, and the event it stands at when nobody else keeps that event. */
export interface Parked {
  readonly code: string
  readonly message: string
  readonly event?: ActorEvent
}

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
}

/** The kernel's record types and their bodies. */
export interface KernelRecords {
  /** A first state, or a migrated one. */
  'actor.started': Mark & {
    readonly version: Count
    readonly durability: Durability
    readonly state: ActorState
    readonly input?: JsonValue
    readonly birth?: Birth
    readonly effects?: readonly Asked[]
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
  'actor.parked': Mark & { readonly parked: Parked }
  'actor.resumed': Mark
  'actor.stopped': Mark & { readonly why: string; readonly effects?: readonly Asked[] }
  'actor.settled': { readonly ids: readonly string[] }
  'actor.letters': { readonly first: Count; readonly letters: readonly DeadLetter[] }
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
  /** Of `permanent` actors. */
  readonly input?: JsonValue
  readonly birth?: Birth
}

/** A promise made by a commit. */
export interface Pending extends Asked {
  readonly id: string
  readonly from: Address
  /** False for promises of volatile actors. */
  readonly kept: boolean
  /** Who waits for what comes of it; known only in this life. */
  readonly chain?: AskChain | undefined
  /** Trace it belongs to, as W3C `traceparent`. */
  readonly traceparent?: string | undefined
}

/** A message to another actor, by a machine or, to the parent of a child that ended, by the kernel. */
export const isTold = (name: string): boolean => name === 'tell' || name === 'child.ended'

/** Dead letters kept; older ones are only counted. */
export const letterCap = 1_000

/** What a system snapshot holds. */
export interface LedgerBody {
  readonly actors: readonly Stored[]
  readonly outbox: readonly Pending[]
  readonly letters: readonly DeadLetter[]
  readonly letterCount: Count
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

/** As it is written: who waits for it is gone after a restart. */
export function withoutChain(pending: Pending): Pending {
  if (pending.chain === undefined) return pending
  const { chain: _chain, ...rest } = pending
  return rest
}

export class Ledger {
  /** Actors that no registered type has taken over yet. */
  readonly stored = new Map<Address, Stored>()
  readonly outbox = new Map<string, Pending>()
  letters: DeadLetter[] = []
  letterCount: Count = 0
  position: Position = 0

  load(position: Position, body: JsonValue): void {
    const kept = body as unknown as LedgerBody
    for (const actor of kept.actors) this.stored.set(actor.address, actor)
    for (const pending of kept.outbox) this.outbox.set(pending.id, pending)
    this.letters = [...kept.letters]
    this.letterCount = kept.letterCount
    this.position = position
  }

  /** What is worth keeping, with the running actors that the caller adds. */
  body(running: Iterable<Stored>): LedgerBody {
    return {
      actors: [...this.stored.values(), ...running].filter(
        (actor) => actor.durability !== 'volatile',
      ),
      outbox: [...this.outbox.values()].filter((pending) => pending.kept).map(withoutChain),
      letters: this.letters,
      letterCount: this.letterCount,
    }
  }

  /** One record, in order of position. Kinds it does not know are somebody else's. */
  enter(type: string, body: JsonValue): void {
    if (type === 'actor.settled') {
      for (const id of (body as unknown as KernelRecords['actor.settled']).ids)
        this.outbox.delete(id)
    } else if (type === 'actor.letters') {
      const { first, letters } = body as unknown as KernelRecords['actor.letters']
      const fresh = letters.slice(Math.max(0, this.letterCount + 1 - first))
      this.letterCount = Math.max(this.letterCount, first - 1)
      for (const letter of fresh) this.letter(letter)
    } else if (type === 'actor.turned') {
      for (const step of stepsOf(body)) this.#enterActor('actor.stepped', step)
    } else this.#enterActor(type, body as unknown as Mark)
  }

  #enterActor(type: string, mark: Mark): void {
    const known = this.stored.get(mark.address)
    if (known && mark.sequence <= known.sequence) return
    if (type === 'actor.started') {
      const { effects, ...actor } = mark as KernelRecords['actor.started']
      this.stored.set(mark.address, actor)
      if (actor.birth) this.outbox.delete(actor.birth.cause)
      this.promise(mark, effects)
    } else if (known) {
      const next = this.#next(known, type, mark)
      this.stored.set(mark.address, { ...next, sequence: mark.sequence })
    }
  }

  #next(known: Stored, type: string, mark: Mark): Stored {
    const { state } = known
    switch (type) {
      case 'actor.stepped': {
        const step = mark as KernelRecords['actor.stepped']
        const { cause, change, effects, version } = step
        if (cause !== undefined) this.outbox.delete(cause)
        this.promise(mark, effects, true, step)
        return defined({ ...known, version, state: state && changed(state, change) }) as Stored
      }
      case 'actor.skipped': {
        const { timer } = mark as KernelRecords['actor.skipped']
        const timers = state?.timers?.filter((one) => one.id !== timer)
        return defined({ ...known, state: state && changed(state, defined({ timers })) }) as Stored
      }
      case 'actor.parked':
        return { ...known, parked: (mark as KernelRecords['actor.parked']).parked }
      case 'actor.resumed':
        return defined({ ...known, parked: undefined }) as Stored
      case 'actor.stopped':
        this.forget(mark.address)
        this.promise(mark, (mark as KernelRecords['actor.stopped']).effects)
        return defined({ ...known, parked: undefined, state: undefined }) as Stored
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
    for (const pending of promises) this.outbox.set(pending.id, pending)
    return promises
  }

  /** A stopped actor's effects have nobody to answer to; what it told others still holds. */
  forget(address: Address): void {
    for (const [id, pending] of this.outbox) {
      if (pending.from === address && !isTold(pending.name)) this.outbox.delete(id)
    }
  }

  letter(letter: DeadLetter): void {
    this.letterCount++
    this.letters.push(letter)
    if (this.letters.length > letterCap) this.letters.shift()
  }
}
