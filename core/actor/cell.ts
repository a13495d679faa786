/**
 * One actor in memory: a lean object without closures, maps or sets of its own. The mailbox exists
 * only while something waits in it.
 *
 * @module
 */
import type { JsonValue } from '../json.ts'
import type { Count, Millis } from '../units.ts'
import type { Address } from './address.ts'
import type { ActorEvent, ActorDef } from './define.ts'
import type { Parked, Stored } from './ledger.ts'
import type { Live, Program } from './program.ts'
import { persisted } from './state.ts'
import type { TimerState } from './state.ts'
import type { ActorSnapshot, ActorStatus } from './system.ts'

/** A registered type: what all its cells share. */
export interface Kind {
  readonly def: ActorDef
  readonly program: Program
  readonly owner: string | undefined
}

/** Who waits for the step of a message. */
export interface Waiter {
  resolve(snapshot: ActorSnapshot): void
  reject(error: Error): void
}

export interface Message {
  readonly event: ActorEvent
  readonly atMs: Millis
  /** Outbox id of the effect or tell it came from. */
  readonly cause?: string | undefined
  /** The timer it came from: stale once the state no longer holds this very one. */
  readonly timer?: TimerState | undefined
  /** Gone when its caller gave up before the message was taken. */
  waiter?: Waiter | undefined
  dropped?: boolean
}

/** Most messages of one actor that share a commit. */
const largestBatch = 64

export class Cell {
  readonly address: Address
  readonly kind: Kind
  /** Version that wrote the state: the type's own, except while a foreign state stands parked. */
  version: Count
  live: Live
  sequence: Count
  status: ActorStatus = 'active'
  /** In the ready ring. */
  queued = false
  /** A commit is under way: nothing is decided until it is durable. */
  busy = false
  followed = false
  /** Messages per commit; 1 while a batch that the journal refused is taken apart. */
  batch: Count = largestBatch
  restarts: Count = 0
  failures: readonly Millis[] | undefined
  parked: Parked | undefined
  /** Somebody waits for it to stop: it does as soon as the commit under way is durable. */
  ending: (() => void) | undefined
  /** A write of its state is owed once the present one is through. */
  dirty = false
  /** The message it is parked at, while that one heads the mailbox. */
  stuck: Message | undefined
  /** Kept for `permanent` actors only: they start again when they are done. */
  input: JsonValue | undefined
  #mailbox: Message[] | undefined
  #head = 0

  constructor(address: Address, kind: Kind, live: Live, sequence: Count) {
    this.address = address
    this.kind = kind
    this.version = kind.def.version
    this.live = live
    this.sequence = sequence
  }

  get depth(): Count {
    return this.#mailbox === undefined ? 0 : this.#mailbox.length - this.#head
  }

  get first(): Message | undefined {
    return this.#mailbox?.[this.#head]
  }

  push(message: Message): void {
    ;(this.#mailbox ??= []).push(message)
  }

  /** Back to the front, in their order: they were taken but nothing came of it. */
  unshift(messages: readonly Message[]): void {
    const all = [...messages, ...this.takeAll()]
    if (all.length > 0) this.#mailbox = all
  }

  take(): Message | undefined {
    const box = this.#mailbox
    if (box === undefined) return undefined
    const message = box[this.#head] as Message
    if (++this.#head === box.length) {
      this.#mailbox = undefined
      this.#head = 0
    } else if (this.#head === 1_024) {
      box.splice(0, this.#head)
      this.#head = 0
    } else box[this.#head - 1] = taken
    return message
  }

  takeAll(): Message[] {
    const rest = this.#mailbox?.slice(this.#head) ?? []
    this.#mailbox = undefined
    this.#head = 0
    return rest
  }

  wholeBatch(): void {
    this.batch = largestBatch
  }

  snapshot(live = this.live, sequence = this.sequence): ActorSnapshot {
    const { snapshot } = live
    const standing = this.status === 'active' && snapshot.status === 'done'
    return {
      address: this.address,
      value: snapshot.value,
      context: snapshot.context,
      status: standing ? 'done' : this.status,
      sequence,
      version: this.version,
      tags: snapshot.tags as ReadonlySet<string>,
      ...(snapshot.output !== undefined && { output: snapshot.output }),
    }
  }

  /** As it is kept, or as it will be after a commit. */
  stored(live = this.live, sequence = this.sequence): Stored {
    return {
      address: this.address,
      version: this.version,
      sequence,
      durability: this.kind.def.durability,
      ...(this.status !== 'stopped' && { state: persisted(live) }),
      ...(this.parked && { parked: this.parked }),
      ...(this.input !== undefined && { input: this.input }),
    }
  }
}

/** Stands where a taken message was, so that it can be collected. */
const taken: Message = { event: { type: '' }, atMs: 0 }
