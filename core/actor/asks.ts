/**
 * Questions that wait for an answer. Each has an address of its own, `ask/<n>`, that nobody can
 * mistake for an actor; the first event told to it is the answer, and a late one a dead letter.
 *
 * A question that is asked by an effect knows for whom: its chain of askers. One that comes back to an
 * actor of its own chain would never end, so it is refused by name before it is sent.
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import type { Count, Millis } from '../units.ts'
import type { Address } from './address.ts'
import { Alarm } from './alarm.ts'
import type { AlarmHandle } from './alarm.ts'
import type { ActorEvent } from './define.ts'
import { actorErrors } from './errors.ts'
import type { Glance } from './glance.ts'
import { empty } from './mail.ts'
import type { AskChain } from './mail.ts'
import type { Post } from './post.ts'
import { abandoned } from './refuse.ts'

export interface AskOptions {
  readonly timeoutMs?: Millis
  readonly signal?: AbortSignal
}

const defaultTimeoutMs: Millis = 5_000

/** Ends of numbers, by a thousand: the text before them is made once for all of these. */
const ends = Array.from({ length: 1_000 }, (_, at) => String(at).padStart(3, '0'))

/** One question under way. */
class Asked {
  readonly number: Count
  readonly to: Address
  readonly timeoutMs: Millis
  readonly resolve: (event: ActorEvent) => void
  readonly reject: (error: Error) => void
  deadline: AlarmHandle = 0
  /** Takes the abort listener away. */
  calm: (() => void) | undefined = undefined

  constructor(
    number: Count,
    to: Address,
    timeoutMs: Millis,
    resolve: (event: ActorEvent) => void,
    reject: (error: Error) => void,
  ) {
    this.number = number
    this.to = to
    this.timeoutMs = timeoutMs
    this.resolve = resolve
    this.reject = reject
  }
}

export class Asks {
  readonly #glance: Glance
  readonly #deadlines: Alarm<Asked>
  /** What the addresses of this life begin with. */
  readonly #prefix: string
  /** Those that wait, each at its number modulo the length. */
  #waiting: (Asked | undefined)[] = empty(16)
  #size: Count = 0
  #count: Count = 0
  /** What the addresses of this thousand begin with. */
  #head: string
  /** Where the question that is being posted wants its answer; empty when none is. */
  #asking = ''
  /** What came there before it was posted to the end. */
  #answer: ActorEvent | undefined = undefined

  /**
   * `life` is another one each time, so that an answer which an earlier one was told meets no question
   * of this one. It is written with the questions, so it is nothing random: the same run, the same text.
   */
  constructor(clock: Clock, glance: Glance, life: string) {
    this.#glance = glance
    this.#prefix = `ask/${life}-`
    this.#head = this.#prefix
    this.#deadlines = new Alarm(clock, (asked) => this.#late(asked), { background: false })
  }

  /** Posts the question, rejects when it is refused, and waits for the answer. */
  ask(
    to: Address,
    question: (replyTo: Address) => ActorEvent,
    post: Post,
    options: AskOptions | undefined,
    chain: AskChain | undefined,
  ): Promise<ActorEvent> {
    const signal = options?.signal
    const number = ++this.#count
    const replyTo = this.#addressOf(number)
    const outer = this.#asking
    const outerAnswer = this.#answer
    let event: ActorEvent
    let answer: ActorEvent | undefined
    try {
      if (chain) refuseCycle(to, chain)
      event = question(replyTo)
      if (signal?.aborted) throw abandoned(to, event)
      this.#asking = replyTo
      this.#answer = undefined
      post.ask(to, event, chain)
      answer = this.#answer
    } catch (thrown) {
      return Promise.reject(thrown as Error)
    } finally {
      this.#asking = outer
      this.#answer = outerAnswer
    }
    if (answer !== undefined) return Promise.resolve(answer)
    return new Promise((resolve, reject) => {
      const timeoutMs = options?.timeoutMs ?? defaultTimeoutMs
      this.#glance.look()
      const asked = new Asked(number, to, timeoutMs, resolve, reject)
      this.#keep(asked)
      asked.deadline = this.#deadlines.setMonotonic(this.#glance.monotonicMs + timeoutMs, asked)
      if (!signal) return
      const abort = (): void => {
        if (this.#end(asked)) reject(abandoned(to, event))
      }
      signal.addEventListener('abort', abort, { once: true })
      asked.calm = () => signal.removeEventListener('abort', abort)
    })
  }

  /** Text from two parts that are there already: writing a number out takes longer than a step. */
  #addressOf(number: Count): Address {
    const end = number % 1_000
    if (end === 0) this.#head = `${this.#prefix}${number / 1_000}`
    return (this.#head + (number < 1_000 ? end : (ends[end] as string))) as Address
  }

  /** False when nobody waits at that address any more. */
  answer(replyTo: string, event: ActorEvent): boolean {
    if (replyTo === this.#asking && replyTo !== '' && this.#answer === undefined) {
      this.#answer = event
      return true
    }
    // One letter first: this runs for every tell there is.
    if (this.#size === 0 || replyTo.charCodeAt(0) !== 97) return false
    const number = numberIn(replyTo, this.#prefix)
    const asked = this.#waiting[number & (this.#waiting.length - 1)]
    if (asked === undefined || asked.number !== number || number === 0) return false
    this.#end(asked)
    asked.resolve(event)
    return true
  }

  /** Nobody waits: no deadline should keep the process. */
  rest(): void {
    this.#deadlines.rest()
  }

  /** Nobody will answer any more: all who wait are told. Says how many. */
  stop(): Count {
    const count = this.#size
    for (const asked of this.#waiting) {
      if (asked && this.#end(asked)) asked.reject(abandoned(asked.to, { type: 'a question' }))
    }
    this.#deadlines.stop()
    return count
  }

  #keep(asked: Asked): void {
    const at = asked.number & (this.#waiting.length - 1)
    if (this.#waiting[at] !== undefined) {
      // Numbers are dense, so twice the length keeps those apart that wait together.
      const all = this.#waiting
      this.#waiting = empty(2 * all.length)
      for (const other of all) {
        if (other) this.#waiting[other.number & (this.#waiting.length - 1)] = other
      }
      return this.#keep(asked)
    }
    this.#waiting[at] = asked
    this.#size++
  }

  /** Whether it still waited. */
  #end(asked: Asked): boolean {
    const at = asked.number & (this.#waiting.length - 1)
    if (this.#waiting[at] !== asked) return false
    this.#waiting[at] = undefined
    this.#deadlines.cancel(asked.deadline)
    asked.calm?.()
    if (--this.#size === 0) this.#glance.turn()
    return true
  }

  #late(asked: Asked): void {
    const { to: address, timeoutMs } = asked
    if (this.#end(asked)) asked.reject(actorErrors.PROV_ACTOR_TIMEOUT({ address, timeoutMs }))
  }
}

/** The whole number behind a prefix; 0 when the text is something else. */
function numberIn(text: string, prefix: string): number {
  if (!text.startsWith(prefix)) return 0
  let number = 0
  for (let at = prefix.length; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 48
    if (digit < 0 || digit > 9) return 0
    number = number * 10 + digit
  }
  return number
}

function refuseCycle(to: Address, chain: AskChain | undefined): void {
  const path: string[] = []
  for (let link = chain; link; link = link.up) {
    path.unshift(link.address)
    if (link.address !== to) continue
    throw actorErrors.PROV_ACTOR_ASK_CYCLE({ address: to, path: [...path, to].join(' → ') })
  }
}
