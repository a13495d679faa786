/** What commands about the NATS server print. @module */
import { busRoles } from '../../protocol/roles.ts'
import { shape } from '../shape.ts'
import type { ShapeTable } from '../shape.ts'
import { finding } from './tools.ts'

const { count, flag, list, number, object, printed, record, text, word } = shape

const settings = object({
  enabled: flag,
  planes: flag,
  leadership: text,
  url: text,
  emit: list(text),
  subscribe: list(text),
  streams_config: text,
  seed: word('none', 'there is one'),
  tls: flag,
})

/** As the process that publishes left it. */
const link = object(
  {
    pid: count,
    url: text,
    state: word('connecting', 'connected', 'away', 'ended'),
    waiting: count,
    published: count,
    received: count,
    dropped: count,
  },
  { why: text },
)

const leader = object({ key: text, holder: text, epoch: count, free: flag, ttlMs: number })

/** In the server's own words, times in nanoseconds. */
const stream = object(
  { name: text, subjects: list(text), retention: text, storage: word('file') },
  { max_age: number, max_msgs: count, duplicate_window: number },
)
const consumer = object(
  { stream: text, durable_name: text, ack_policy: word('explicit') },
  { filter_subjects: list(text), ack_wait: number, max_ack_pending: count },
)

export const natsShapes: ShapeTable = {
  'nats apply': printed(
    1,
    list(
      object(
        {
          what: word('stream', 'consumer'),
          name: text,
          state: word(
            'created',
            'same',
            'changed',
            'refused',
            'would be created',
            'would be changed',
          ),
        },
        { error: shape.error },
      ),
    ),
  ),
  'nats config': printed(1, object({ config: text })),
  'nats keys': printed(
    1,
    list(
      object({
        role: word(...busRoles),
        state: word('made', 'known', 'not made'),
        key: text,
        file: text,
      }),
    ),
  ),
  'nats status': printed(
    1,
    object(
      { from: record(text), leaders: list(leader), findings: list(finding) },
      { settings, link },
    ),
  ),
  'nats topology': printed(1, object({ streams: list(stream), consumers: list(consumer) })),
}
