/** What `prov demo` and `prov setup` print with `--json`. @module */
import { shape } from 'prov'
import type { ShapeTable } from 'prov'

const { count, flag, list, maybe, number, object, printed, text, word } = shape

const story = object({
  op: text,
  type: text,
  target: text,
  outcome: word('applied', 'held', 'refused', 'failed', 'unknown', 'withdrawn', 'expired'),
  why: text,
})

export const shapes: ShapeTable = {
  demo: printed(
    1,
    object({
      folder: text,
      home: text,
      automatic: story,
      held: story,
      applied: story,
      moved: object({ dimension: text, from: text, to: text }),
      gate: object({ id: text, before: text, after: text }),
      ledger: object({ path: text, commits: count, verified: count, by: text }),
      tookMs: number,
    }),
  ),
  setup: printed(
    1,
    object({
      root: text,
      workspace: text,
      kind: word('DevWorkspace', 'Mixed'),
      files: list(object({ path: text, action: word('written', 'would be written', 'kept') })),
      actor: object({ name: text, key: word('made', 'would be made', 'kept'), sealed: flag }),
      policy: object({
        action: word('activated', 'would be activated', 'kept', 'left to a person'),
        version: maybe(count),
      }),
      next: list(text),
    }),
  ),
}
