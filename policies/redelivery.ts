/**
 * What the bus is told about a message after it was handled: `ack` (done, never again), `nak` (again
 * later), `term` (never again, it was wrong), or nothing (its ack wait runs out and it comes again).
 * Follows from the disposition of the error, so a new error row needs no new code here.
 *
 * @module
 */
import type { Disposition } from 'prov'

export type BusAnswer =
  | { readonly answer: 'ack' }
  | { readonly answer: 'nak'; readonly delayMs: number }
  | { readonly answer: 'term'; readonly audit: boolean }
  | { readonly answer: 'silence' }

const table: Readonly<Record<Disposition, BusAnswer>> = {
  // A message nobody could mean. Refusing it for ever is the only safe thing.
  usage: { answer: 'term', audit: true },
  blocked: { answer: 'term', audit: true },
  refuse: { answer: 'term', audit: true },
  conflict: { answer: 'term', audit: true },
  fail: { answer: 'term', audit: true },
  // Held is on disk with the op: the message has done its work.
  held: { answer: 'ack' },
  retry: { answer: 'nak', delayMs: 1_000 },
  // Whether the effect happened is not known: the message must come again, after the look.
  unknown: { answer: 'silence' },
  crash: { answer: 'silence' },
}

/** No disposition: it went well. `retryAfterMs` is what the trouble itself asked for. */
export function busAnswer(
  disposition: Disposition | undefined,
  options: { readonly retryAfterMs?: number | undefined } = {},
): BusAnswer {
  if (disposition === undefined) return { answer: 'ack' }
  const answer = table[disposition]
  if (answer.answer !== 'nak') return answer
  return { answer: 'nak', delayMs: Math.max(answer.delayMs, options.retryAfterMs ?? 0) }
}

/** A message that came this often is set aside in the dead letters for a person. */
export const mostDeliveries = 20
