/**
 * The flight recorder: the last steps of all actors, always on. A step costs a few stores into memory
 * that was there before; nothing is allocated, and what was stored gets its names only when somebody
 * reads. It is what is left to look at when something went wrong and nobody was watching.
 *
 *     note ─▶ ring of numbers   [ time, sequence ]
 *             ring of references [ address, event type, configuration ]
 *
 * R1  Bodies of events and contexts are never kept, nor kept alive.
 * R2  Newest wins: a full ring forgets the oldest step, and counts it.
 *
 * @module
 */
import type { JsonValue } from '../json.ts'
import type { Count, Millis } from '../units.ts'
import type { Address } from './address.ts'

/** What is known of a step's end without looking at it. A `Config` is one. */
export interface Noted {
  readonly value: JsonValue
}

/** One step, read back. */
export interface FlightEntry {
  /** Wall time, as coarse as the kernel's own. */
  readonly timeMs: Millis
  readonly address: Address
  readonly event: string
  /** State value after the step; before it for one that failed. */
  readonly state: JsonValue
  /** Of the step; for one that failed, the sequence the actor stayed at. */
  readonly sequence: Count
  readonly failed?: true
}

export interface FlightQuery {
  /** Only steps of this actor. */
  readonly address?: Address | undefined
  /** At most so many, the newest. Default: all that are kept. */
  readonly last?: Count | undefined
}

/** What the system shows of it. */
export interface FlightRecorder {
  /** Steps that fit. */
  readonly capacity: Count
  /** Steps noted so far; those beyond `capacity` are forgotten. */
  readonly count: Count
  /** The newest steps, oldest first. */
  read(query?: FlightQuery): readonly FlightEntry[]
}

/** Steps kept unless somebody says otherwise: about 230 kB in all. */
const defaultCapacity: Count = 4_096

/** Sequences of failed steps are kept as their complement: no flag, no extra store. */
const complement = -1

export class Recorder implements FlightRecorder {
  readonly capacity: Count
  readonly #mask: number
  readonly #numbers: Float64Array
  readonly #references: unknown[]
  #count = 0

  /** `capacity` is rounded up to a power of two, from 2 on. Default 4,096. */
  constructor(capacity: Count = defaultCapacity) {
    this.capacity = 2 ** Math.max(1, Math.ceil(Math.log2(capacity)))
    this.#mask = this.capacity - 1
    this.#numbers = new Float64Array(this.capacity * 2)
    // Pushed, not sized: an array without holes is read and written without looking for them.
    this.#references = []
    for (let at = this.capacity * 3; at > 0; at--) this.#references.push(undefined)
  }

  get count(): Count {
    return this.#count
  }

  /** A step was committed. */
  note(address: Address, event: string, config: Noted, sequence: Count, nowMs: Millis): void {
    const at = this.#count++ & this.#mask
    const numbers = this.#numbers
    numbers[at * 2] = nowMs
    numbers[at * 2 + 1] = sequence
    const references = this.#references
    references[at * 3] = address
    references[at * 3 + 1] = event
    references[at * 3 + 2] = config
  }

  /** A step threw: the actor stays at `sequence`, in `config`. */
  failed(address: Address, event: string, config: Noted, sequence: Count, nowMs: Millis): void {
    this.note(address, event, config, complement - sequence, nowMs)
  }

  read({ address, last = this.capacity }: FlightQuery = {}): readonly FlightEntry[] {
    const entries: FlightEntry[] = []
    const end = Math.max(0, this.#count - this.capacity)
    for (let step = this.#count - 1; step >= end && entries.length < last; step--) {
      const at = step & this.#mask
      const from = this.#references[at * 3] as Address
      if (address === undefined || from === address) entries.push(this.#entry(at, from))
    }
    return entries.reverse()
  }

  #entry(at: number, address: Address): FlightEntry {
    const sequence = this.#numbers[at * 2 + 1] as number
    const { value } = this.#references[at * 3 + 2] as Noted
    return {
      timeMs: this.#numbers[at * 2] as number,
      address,
      event: this.#references[at * 3 + 1] as string,
      state: value,
      ...(sequence < 0 ? { sequence: complement - sequence, failed: true } : { sequence }),
    }
  }
}
