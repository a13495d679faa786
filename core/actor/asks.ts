/**
 * Questions that wait for an answer. Each has an address of its own, `ask/<id>`, that nobody can
 * mistake for an actor; the first event told to it is the answer, and a late one a dead letter.
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import { newId } from '../ids.ts'
import type { Millis } from '../units.ts'
import { address as makeAddress } from './address.ts'
import type { Address } from './address.ts'
import type { ActorEvent } from './define.ts'
import { actorErrors } from './errors.ts'
import { abandoned } from './refuse.ts'

export interface AskOptions {
  readonly timeoutMs?: Millis
  readonly signal?: AbortSignal
}

const defaultTimeoutMs: Millis = 5_000

export class Asks {
  readonly #clock: Clock
  readonly #waiting = new Map<string, (event: ActorEvent) => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Hands the question to `put`, which throws when it is refused, and waits for the answer. */
  ask(
    to: Address,
    question: (replyTo: Address) => ActorEvent,
    put: (event: ActorEvent) => void,
    { timeoutMs = defaultTimeoutMs, signal }: AskOptions,
  ): Promise<ActorEvent> {
    return new Promise((resolve, reject) => {
      const replyTo = makeAddress('ask', newId('ask', this.#clock))
      const event = question(replyTo)
      if (signal?.aborted) throw abandoned(to, event)
      put(event)
      const end = (): void => {
        this.#waiting.delete(replyTo)
        deadline.cancel()
        signal?.removeEventListener('abort', abort)
      }
      const fail = (error: Error): void => {
        end()
        reject(error)
      }
      const abort = (): void => fail(abandoned(to, event))
      const deadline = this.#clock.after(timeoutMs, () =>
        fail(actorErrors.PROV_ACTOR_TIMEOUT({ address: to, timeoutMs })),
      )
      signal?.addEventListener('abort', abort, { once: true })
      this.#waiting.set(replyTo, (reply) => {
        end()
        resolve(reply)
      })
    })
  }

  /** False when nobody waits at that address any more. */
  answer(replyTo: string, event: ActorEvent): boolean {
    const waiting = this.#waiting.get(replyTo)
    waiting?.(event)
    return waiting !== undefined
  }
}
