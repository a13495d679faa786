/**
 * Runs what commits promised. A handler may throw, reject, or never answer: the loop never notices.
 * An answer comes back as an event; one that was aborted gives no answer, because aborting never
 * proves that nothing happened: the promise stays open and is issued again after the next start.
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import { errorRecord } from '../errors.ts'
import type { JsonValue } from '../json.ts'
import type { Address } from './address.ts'
import type { ActorEvent, EffectContext, EffectHandler } from './define.ts'
import type { Inspect } from './inspect.ts'
import type { Pending } from './ledger.ts'

/** What an effect's end looks like to its actor. */
export interface EffectEvent extends ActorEvent {
  readonly id: string
  readonly output?: JsonValue
  readonly error?: { readonly code: string; readonly message: string; readonly detail: JsonValue }
}

export class Effects {
  readonly #clock: Clock
  readonly #inspect: Inspect | null
  /** Hears of every end; without an event the promise stays open. */
  readonly #answer: (pending: Pending, event: EffectEvent | undefined) => void
  readonly #running = new Map<string, { readonly from: Address; readonly stop: AbortController }>()
  #halted = false

  constructor(
    clock: Clock,
    inspect: Inspect | null,
    answer: (pending: Pending, event: EffectEvent | undefined) => void,
  ) {
    this.#clock = clock
    this.#inspect = inspect
    this.#answer = answer
  }

  get running(): number {
    return this.#running.size
  }

  /** Starts one, unless it was halted; a handler that is missing by now is a failed effect. */
  run(pending: Pending, handler: EffectHandler | undefined): void {
    const { id, from, name } = pending
    if (this.#halted) return
    const stop = new AbortController()
    this.#running.set(id, { from, stop })
    this.#inspect?.({ kind: 'effect', id, name, phase: 'started' })
    void this.#ended(pending, handler, stop.signal)
  }

  /** Aborts those of one actor, the newest first. */
  abort(from: Address): void {
    for (const running of [...this.#running.values()].reverse()) {
      if (running.from === from) running.stop.abort()
    }
  }

  /** Aborts all, the newest first, and starts none any more: what is asked from now on is owed. */
  halt(): void {
    this.#halted = true
    for (const { stop } of [...this.#running.values()].reverse()) stop.abort()
  }

  async #ended(
    pending: Pending,
    handler: EffectHandler | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { id, from, name, params } = pending
    let event: EffectEvent | undefined
    try {
      // Handlers start outside of the turn that asked for them.
      await Promise.resolve()
      if (!handler) throw new Error(`no effect is called ${name} any more`)
      const context: EffectContext = { signal, id, self: from, clock: this.#clock }
      const output = await handler(params as never, context)
      // Who notices the abort often just returns: empty hands are no answer either.
      const empty = output === undefined || output === null
      if (!(signal.aborted && empty)) {
        event = { type: `effect.done.${name}`, id, ...(output !== undefined && { output }) }
      }
    } catch (thrown) {
      if (!signal.aborted) {
        event = { type: `effect.failed.${name}`, id, error: errorRecord(thrown) }
      }
    }
    this.#running.delete(id)
    const phase = event === undefined ? 'aborted' : event.error ? 'failed' : 'done'
    this.#inspect?.({ kind: 'effect', id, name, phase })
    this.#answer(pending, event)
  }
}
