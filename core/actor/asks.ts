/**
 * Questions that wait for an answer. Each has an address of its own, `ask/<n>`, that nobody can
 * mistake for an actor; the first event told to it is the answer, and a late one a dead letter.
 *
 * A question that is asked by an effect knows for whom: its chain of askers. One that comes back to an
 * actor of its own chain would never end, so it is refused by name before it is sent.
 *
 * @module
 */
import type { Clock, Timer } from '../clock.ts'
import type { Millis } from '../units.ts'
import type { Address } from './address.ts'
import type { ActorEvent } from './define.ts'
import { actorErrors } from './errors.ts'
import type { AskChain } from './mail.ts'
import { abandoned } from './refuse.ts'

export interface AskOptions {
  readonly timeoutMs?: Millis
  readonly signal?: AbortSignal
}

const defaultTimeoutMs: Millis = 5_000

/** One question under way. */
class Asked {
  readonly to: Address
  readonly replyTo: Address
  readonly timeoutMs: Millis
  readonly resolve: (event: ActorEvent) => void
  readonly reject: (error: Error) => void
  deadline: Timer | undefined = undefined
  /** Takes the abort listener away. */
  calm: (() => void) | undefined = undefined

  constructor(
    to: Address,
    replyTo: Address,
    timeoutMs: Millis,
    resolve: (event: ActorEvent) => void,
    reject: (error: Error) => void,
  ) {
    this.to = to
    this.replyTo = replyTo
    this.timeoutMs = timeoutMs
    this.resolve = resolve
    this.reject = reject
  }
}

export class Asks {
  readonly #clock: Clock
  readonly #waiting = new Map<string, Asked>()
  readonly #life: string
  #count = 0

  /**
   * `life` is another one each time, so that an answer which an earlier one was told meets no question
   * of this one. It is written with the questions, so it is nothing random: the same run, the same text.
   */
  constructor(clock: Clock, life: string) {
    this.#clock = clock
    this.#life = life
  }

  /** Hands the question to `put`, which throws when it is refused, and waits for the answer. */
  ask(
    to: Address,
    question: (replyTo: Address) => ActorEvent,
    put: (event: ActorEvent) => void,
    { timeoutMs = defaultTimeoutMs, signal }: AskOptions,
    chain?: AskChain,
  ): Promise<ActorEvent> {
    return new Promise((resolve, reject) => {
      refuseCycle(to, chain)
      const replyTo = `ask/${this.#life}-${(++this.#count).toString(36)}` as Address
      const event = question(replyTo)
      if (signal?.aborted) throw abandoned(to, event)
      put(event)
      const asked = new Asked(to, replyTo, timeoutMs, resolve, reject)
      this.#waiting.set(replyTo, asked)
      asked.deadline = this.#clock.after(timeoutMs, () => this.#late(asked))
      if (!signal) return
      const abort = (): void => {
        if (!this.#waiting.delete(replyTo)) return
        asked.deadline?.cancel()
        reject(abandoned(to, event))
      }
      signal.addEventListener('abort', abort, { once: true })
      asked.calm = () => signal.removeEventListener('abort', abort)
    })
  }

  /** False when nobody waits at that address any more. */
  answer(replyTo: string, event: ActorEvent): boolean {
    if (this.#waiting.size === 0) return false
    const asked = this.#waiting.get(replyTo)
    if (asked === undefined) return false
    this.#waiting.delete(replyTo)
    asked.deadline?.cancel()
    asked.calm?.()
    asked.resolve(event)
    return true
  }

  #late(asked: Asked): void {
    if (!this.#waiting.delete(asked.replyTo)) return
    asked.calm?.()
    const { to: address, timeoutMs } = asked
    asked.reject(actorErrors.PROV_ACTOR_TIMEOUT({ address, timeoutMs }))
  }
}

function refuseCycle(to: Address, chain: AskChain | undefined): void {
  const path: string[] = []
  for (let link = chain; link; link = link.up) {
    path.unshift(link.address)
    if (link.address !== to) continue
    throw actorErrors.PROV_ACTOR_ASK_CYCLE({ address: to, path: [...path, to].join(' → ') })
  }
}
