/** What the controller's commands print with `--json`. @module */
import { opPhases, shape } from 'prov'
import type { ShapeTable } from 'prov'

const { count, either, flag, list, maybe, number, object, printed, record, text, word } = shape

const letter = object({
  id: text,
  subject: text,
  code: text,
  message: text,
  at: text,
  deliveries: count,
  replays: count,
})

export const shapes: ShapeTable = {
  'controller status': printed(
    1,
    object({
      phases: object(Object.fromEntries(opPhases.map((phase) => [phase, count]))),
      claimed: list(
        object({ op: text, phase: word(...opPhases), writes: list(text), since: text }),
      ),
      lastSeq: maybe(object({ epoch: count, seq: count })),
      refusals: count,
      letters: list(letter),
    }),
  ),
  'controller replay': printed(1, object({ id: text, dryRun: flag })),
  metrics: printed(
    1,
    list(
      object({
        name: text,
        type: word('gauge', 'counter'),
        help: text,
        // Pairs of labels and a number.
        values: list(list(either(record(text), number))),
      }),
    ),
  ),
}
