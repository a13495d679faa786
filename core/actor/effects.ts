/**
 * Runs what commits promised. A handler may throw, reject, or never answer: the loop never notices.
 * An answer comes back as an event; one that was aborted gives no answer, because aborting never
 * proves that nothing happened: the promise stays open and is issued again after the next start.
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import { errorRecord, messageOf, ProvError } from '../errors.ts'
import { during, runnerOf } from '../running.ts'
import type { JsonValue } from '../json.ts'
import type { Address } from './address.ts'
import type { ActorEvent, EffectContext, EffectHandler } from './define.ts'
import type { AskOptions } from './asks.ts'
import type { InspectRecordOf } from './inspect.ts'
import type { AskChain } from './mail.ts'
import type { Pending } from './ledger.ts'
import { Owned } from './outbox.ts'
import type { Tracing } from './telemetry.ts'
import { actorErrors } from './errors.ts'

/** What an effect's end looks like to its actor. */
export interface EffectEvent extends ActorEvent {
  readonly id: string
  readonly output?: JsonValue
  readonly error?: { readonly code: string; readonly message: string; readonly detail: JsonValue }
}

export interface EffectsOptions {
  readonly clock: Clock
  readonly tracing: Tracing | null
  /** Whose effect it is, for who looks what keeps the thread busy. */
  readonly owner: (pending: Pending) => string
  readonly say: (record: InspectRecordOf<'effect'>, pending: Pending) => void
  readonly ask: (
    address: Address,
    question: (replyTo: Address) => ActorEvent,
    options: AskOptions,
    chain: AskChain,
  ) => Promise<ActorEvent>
  /** Hears of every end; without an event the promise stays open. */
  readonly answer: (pending: Pending, event: EffectEvent | undefined) => void
}

/** One that runs. Most handlers look at neither signal nor id: the signal is made when asked for. */
class Running implements EffectContext {
  readonly id: string
  readonly self: Address
  readonly clock: Clock
  readonly #pending: Pending
  readonly #ask: EffectsOptions['ask']
  traceparent: string | undefined
  #stop: AbortController | undefined
  aborted = false
  /** Asked for again while it was on its way out. */
  again = false

  constructor(pending: Pending, options: EffectsOptions) {
    this.id = pending.id
    this.self = pending.from
    this.clock = options.clock
    this.traceparent = pending.traceparent
    this.#pending = pending
    this.#ask = options.ask
  }

  get signal(): AbortSignal {
    this.#stop ??= new AbortController()
    if (this.aborted) this.#stop.abort()
    return this.#stop.signal
  }

  readonly ask: EffectContext['ask'] = (address, question, options = {}) =>
    this.#ask(address, question, options, { address: this.self, up: this.#pending.chain })

  abort(): void {
    this.aborted = true
    this.#stop?.abort()
  }
}

export class Effects {
  readonly #options: EffectsOptions
  readonly #running = new Owned<Running>()
  #halted = false

  constructor(options: EffectsOptions) {
    this.#options = options
  }

  get running(): number {
    return this.#running.size
  }

  /** Starts one, unless it was halted; a handler that is missing by now is a failed effect. */
  run(pending: Pending, handler: EffectHandler | undefined): void {
    const { id, name } = pending
    if (this.#halted) return
    const known = this.#running.get(id)
    if (known) {
      known.again = true
      return
    }
    const running = new Running(pending, this.#options)
    this.#running.add(id, pending.from, running)
    this.#options.say({ kind: 'effect', id, name, phase: 'started' }, pending)
    void this.#ended(pending, handler, running)
  }

  /** Aborts those of one actor, the newest first. */
  abort(from: Address): void {
    for (const running of [...this.#running.of(from)].reverse()) running.abort()
  }

  /** Aborts all, the newest first, and starts none any more: what is asked from now on is owed. */
  halt(): void {
    this.#halted = true
    for (const running of [...this.#running.values()].reverse()) running.abort()
  }

  async #ended(
    pending: Pending,
    handler: EffectHandler | undefined,
    running: Running,
  ): Promise<void> {
    const { id, name, params } = pending
    let event: EffectEvent | undefined
    try {
      // Handlers start outside of the turn that asked for them.
      await Promise.resolve()
      if (!handler) throw new Error(`no effect is called ${name} any more`)
      const { tracing, owner } = this.#options
      const handled = (): ReturnType<EffectHandler> =>
        during(runnerOf(owner(pending), `effect ${name}`), () => handler(params as never, running))
      const output = await (tracing === null
        ? handled()
        : tracing.effect(pending, (traceparent) => {
            running.traceparent = traceparent
            return handled()
          }))
      // Who notices the abort often just returns: empty hands are no answer either.
      const empty = output === undefined || output === null
      if (!(running.aborted && empty)) {
        event = { type: `effect.done.${name}`, id, ...(output !== undefined && { output }) }
      }
    } catch (thrown) {
      if (!running.aborted) {
        event = { type: `effect.failed.${name}`, id, error: failureOf(thrown, pending) }
      }
    }
    this.#running.delete(id)
    const phase = event === undefined ? 'aborted' : event.error ? 'failed' : 'done'
    const { say, answer } = this.#options
    say({ kind: 'effect', id, name, phase }, pending)
    answer(pending, event)
    if (event === undefined && running.again) this.run(pending, handler)
  }
}

/** A failure with a code keeps it; any other is its author's, in the author's words, with its place. */
function failureOf(thrown: unknown, { from, name }: Pending): Required<EffectEvent>['error'] {
  const message = messageOf(thrown)
  if (ProvError.is(thrown)) return { ...errorRecord(thrown), message }
  const failed = { address: from, effect: name, what: message }
  return { ...errorRecord(actorErrors.PROV_ACTOR_EFFECT_FAILED(failed)), message }
}
