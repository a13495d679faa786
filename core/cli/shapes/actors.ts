/** What commands about actors print. @module */
import { shape } from '../shape.ts'
import type { ShapeTable } from '../shape.ts'

const { any, count, data, either, flag, list, maybe, number, object, printed, text, word } = shape

const status = word('active', 'restarting', 'parked', 'done', 'stopped', 'dormant')
const parked = object({ code: text, message: text }, { event: text })

const step = object(
  { timeMs: number, address: text, event: text, state: any, sequence: count },
  { failed: flag },
)

const crash = object(
  {
    address: text,
    timeMs: number,
    event: text,
    state: any,
    tries: count,
    decision: word('restart', 'reset', 'resume', 'park', 'stop', 'escalate'),
    why: text,
    pauseMs: number,
    error: shape.error,
    recent: list(step),
  },
  { body: data },
)

const actor = object(
  {
    address: text,
    type: text,
    version: count,
    status,
    value: any,
    sequence: count,
    depth: maybe(count),
    restarts: maybe(count),
  },
  {
    parked,
    owner: text,
    mode: word('compiled', 'interpreted', 'elsewhere'),
    why: text,
    warning: text,
    crashes: list(crash),
  },
)

const letter = object(
  {
    id: count,
    address: text,
    event: text,
    reason: word(
      'unknown',
      'stopped',
      'full',
      'dropped',
      'parked',
      'failed',
      'poison',
      'skipped',
      'invalid',
    ),
    timeMs: number,
  },
  {
    body: data,
    bodiless: word('large', 'not-json', 'volatile'),
    from: text,
    version: count,
    of: count,
    replays: count,
  },
)

const replayed = object({
  letter: count,
  address: text,
  event: text,
  outcome: word('sent', 'spent', 'bodiless', 'would be sent'),
  replays: count,
})

const happened = object(
  { timeMs: number, sequence: count, what: text, state: any },
  { event: text, cause: text, asked: list(text), why: text, traceparent: text },
)

export const actorShapes: ShapeTable = {
  // All of them, or the one that was named.
  actors: printed(1, either(list(actor), actor)),
  'actors letters': printed(1, list(letter)),
  'actors replay': printed(1, list(replayed)),
  'actors resume': printed(
    1,
    object({ address: text, skip: flag, status, parked: maybe(parked), resumed: flag }),
  ),
  'actors steps': printed(1, list(happened)),
}
