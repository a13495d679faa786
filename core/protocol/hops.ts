/**
 * Hops that nobody confirmed yet. A server that took a message may still lose it, so an intent stays
 * here until the keeper's own trail shows that it arrived, and a command until the controller's does.
 * What stays too long goes out once more, under another message id and the same operation.
 *
 *     frame { outbox } ─▶ bus ─▶ receiver's frame ─▶ audit ─▶ confirmed
 *             └────────────────── unconfirmed: again ◀──────┘
 *
 * @module
 */
import type { Bus, StreamInfo } from '../bus/bus.ts'
import type { Clock, Timer } from '../clock.ts'
import { asProvError } from '../errors.ts'
import { newId } from '../ids.ts'
import type { Log } from '../log.ts'
import type { Count, Millis } from '../units.ts'
import type { AuditEvent } from './audit.ts'
import { seqKey } from './fold.ts'
import { isHop } from './outbox.ts'
import type { OutboxItem } from './outbox.ts'

export interface Hop {
  readonly role: string
  readonly item: OutboxItem
  /** Monotonic time from which on it goes out again, later after each time: a clock that is set moves nothing. */
  dueMs: Millis
  pauseMs: Millis
}

/** How long a hop may stay open before it is sent again, and how long at most between two times. */
export const hopPauses = { firstMs: 3_000, longestMs: 600_000, looksMs: 1_000 } as const
/** From then on it is sent again also while messages wait to be fetched: ours may not be one. */
const queuedMs: Millis = 20_000

/** The id under which a message goes out again; each time another one, or the bus would drop it. */
export const resentId = (id: string, clock: Clock): string => `${id}~${newId('again', clock)}`

/** True for a message under its own id or sent again. */
export const isMessage = (id: string, own: string): boolean =>
  id === own || id.startsWith(`${own}~`)

export class Hops {
  readonly #open = new Map<string, Hop>()

  /** Takes what a frame sends; what is no hop of an operation is none of its business. */
  sent(role: string, item: OutboxItem, nowMs: Millis): void {
    if (!isHop(item.id)) return
    const pauseMs = hopPauses.firstMs
    this.#open.set(item.id, { role, item, dueMs: nowMs + pauseMs, pauseMs })
  }

  /** Takes an event of anybody: it may say that something arrived. */
  heard({ emitter, subject, type, data }: AuditEvent): void {
    // A refused token may be anybody's under the name of our operation.
    if (this.#open.size === 0 || type === 'prov.token.refused') return
    if (emitter === 'keeper') this.#open.delete(`intent:${subject}`)
    const { seq, keeper_epoch: epoch } = data as { seq?: unknown; keeper_epoch?: unknown }
    if (emitter !== 'controller' || typeof seq !== 'number' || typeof epoch !== 'number') return
    this.#open.delete(`command:${seqKey(epoch, seq)}`)
  }

  get size(): Count {
    return this.#open.size
  }

  [Symbol.iterator](): IterableIterator<Hop> {
    return this.#open.values()
  }

  /** Hops of a role that are open for too long, oldest first; each is due again after a longer pause. */
  due(role: string, nowMs: Millis): readonly Hop[] {
    const found = [...this.#open.values()].filter((hop) => hop.role === role && hop.dueMs <= nowMs)
    for (const hop of found) {
      hop.pauseMs = Math.min(hop.pauseMs * 2, hopPauses.longestMs)
      hop.dueMs = nowMs + hop.pauseMs
    }
    return found
  }
}

export interface ResendOptions {
  readonly hops: Hops
  readonly role: string
  /** Stream of a subject, to see whether its messages still lie there. */
  readonly stream: (subject: string) => string
  readonly bus: Bus
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
}

/** Messages that a receiver has not fetched; those that it holds it knows about. */
function waiting(info: StreamInfo | undefined): Count {
  if (!info) return 0
  if (info.consumers.length === 0) return info.messages
  return info.consumers.reduce((sum, { pending }) => sum + pending, 0)
}

/** Looks after the hops of a role until the signal aborts. */
export function resendHops({ hops, role, stream, ...rest }: ResendOptions): void {
  const { bus, clock, log, signal } = rest
  const look = async (): Promise<void> => {
    // What a receiver that is away has not fetched is not lost, and must not pile up there.
    const queued = new Map<string, Count>()
    for (const { item, pauseMs } of hops.due(role, clock.monotonic())) {
      const { subject, id, body } = item
      const name = stream(subject)
      if (!queued.has(name)) queued.set(name, waiting(await bus.streamInfo(name)))
      if (queued.get(name) !== 0 && pauseMs < queuedMs) continue
      log.info(`${id} is not confirmed and goes out again`)
      await bus.publish(subject, { id: resentId(id, clock), body })
    }
  }
  let timer: Timer
  const next = (): void => {
    if (signal.aborted) return
    timer = clock.after(hopPauses.looksMs, () => void again(), { background: true })
  }
  const again = async (): Promise<void> => {
    try {
      await look()
    } catch (thrown) {
      const { code, message } = asProvError(thrown)
      if (!signal.aborted) log.debug(`${role}: nothing goes out again`, { code, message })
    }
    next()
  }
  signal.addEventListener('abort', () => timer.cancel(), { once: true })
  next()
}
