/**
 * What the bus is told about a message that was not decided: refused for ever, again later, or set
 * aside for a person. Pure.
 *
 * @module
 */
import { isRefusal } from 'prov'
import type { Count, Millis, ProvError } from 'prov'
import { busAnswer, mostDeliveries, retries, retryDelayMs } from 'prov/policies'

export type AckResult =
  | { readonly answer: 'ack' }
  | { readonly answer: 'nak'; readonly delayMs: Millis }
  /** The message itself is wrong: never again, and the refusal is audited. */
  | { readonly answer: 'term' }
  /** Nothing says that it is wrong, and it fails each time: never again until a person sends it. */
  | { readonly answer: 'bury' }

/** `attempt` is how often it was delivered, this time included. */
export function ackResult(error: ProvError, attempt: Count): AckResult {
  if (isRefusal(error) && busAnswer(error.disposition).answer === 'term') return { answer: 'term' }
  // A world that is not ready says nothing about the message, however long it takes.
  if (attempt >= mostDeliveries && error.disposition !== 'retry') return { answer: 'bury' }
  const retry = { ...retries.outbox, firstMs: 1_000 }
  return { answer: 'nak', delayMs: retryDelayMs(retry, { attempt: attempt + 1, random: 0 }) ?? 0 }
}
