/** What the orchestrator's commands print with `--json`. @module */
import { shape } from 'prov'
import type { ShapeTable } from 'prov'

const { count, list, maybe, object, printed, text, word } = shape

export const shapes: ShapeTable = {
  drift: printed(
    1,
    list(
      object({
        provider: text,
        machine: maybe(text),
        op: maybe(text),
        step: maybe(count),
        drift: word('none', 'differs', 'unknown'),
        lines: list(text),
        why: text,
      }),
    ),
  ),
}
