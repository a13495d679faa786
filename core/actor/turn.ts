/**
 * A turn, computed: the messages an actor takes now, the states they lead to, and what would have to
 * be written. Nothing is done: the kernel commits it, or throws it away and takes it again.
 *
 * @module
 */
import type { JournalEntry } from '../journal/journal.ts'
import type { JsonValue } from '../json.ts'
import type { Count, Millis } from '../units.ts'
import type { Address } from './address.ts'
import type { Cell, Message } from './cell.ts'
import type { ActorDef, RecordMaker } from './define.ts'
import type { KernelRecords } from './ledger.ts'
import type { Asked, Live, Step } from './program.ts'
import { changeBetween } from './state.ts'

/** One computed step that waits for its commit. */
export interface Due {
  readonly message: Message
  readonly live: Live
  readonly sequence: Count
  readonly effects: readonly Asked[]
  /** Absent for actors that keep no steps. */
  readonly record: KernelRecords['actor.stepped'] | undefined
  /** Entries of other partitions in the same frame. */
  readonly beside: readonly JournalEntry[]
  readonly logs: Step['logs']
}

/** The message at which a turn ended because its step threw. */
export interface Failure {
  readonly message: Message
  readonly thrown: unknown
}

export interface Turn {
  readonly dues: readonly Due[]
  readonly failure?: Failure
}

/** Takes messages until the batch is full, the machine is done, or a step throws. */
export function takeTurn(cell: Cell, nowMs: Millis): Turn {
  const dues: Due[] = []
  let { live, sequence } = cell
  for (let left = cell.batch; left > 0 && cell.depth > 0; left--) {
    const message = cell.take() as Message
    // Its caller gave up, or its timer was cancelled or set anew since it rang.
    if (message.dropped || (message.timer && !live.timers.includes(message.timer))) continue
    try {
      const due = dueOf(cell, message, live, sequence + 1, nowMs)
      dues.push(due)
      live = due.live
      sequence++
    } catch (thrown) {
      return { dues, failure: { message, thrown } }
    }
    if (live.snapshot.status === 'done') break
  }
  return { dues }
}

function dueOf(cell: Cell, message: Message, before: Live, sequence: Count, atMs: Millis): Due {
  const { def, program } = cell.kind
  const { address, version } = cell
  const { event, cause, timer } = message
  const { live, asked, logs } = program.step(before, event, atMs, timer?.id)
  const { effects, beside } = sorted(def, asked, address, sequence)
  const record = def.durability === 'journal' && {
    address,
    version,
    sequence,
    atMs,
    event,
    change: changeBetween(before, live),
    ...(cause !== undefined && { cause }),
    ...(timer && { timer: timer.id }),
    ...(effects.length > 0 && { effects }),
  }
  return { message, live, sequence, effects, record: record || undefined, beside, logs }
}

/** What the machine named, split into what runs after the commit and what is written with it. */
export function sorted(
  def: ActorDef,
  asked: readonly Asked[],
  self: Address,
  sequence: Count,
): { readonly effects: readonly Asked[]; readonly beside: readonly JournalEntry[] } {
  if (asked.length === 0) return { effects: asked, beside: [] }
  const effects: Asked[] = []
  const beside: JournalEntry[] = []
  for (const one of asked) {
    const make: RecordMaker | undefined = def.records[one.name]
    if (make) beside.push(...[make(one.params as never, { self, sequence })].flat())
    else effects.push(one)
  }
  return { effects, beside }
}

/** State value of a live state, for people. */
export const valueOf = (live: Live): JsonValue => live.snapshot.value as JsonValue
