/** What commands that run and move planes print. @module */
import { shape } from '../shape.ts'
import type { ShapeTable } from '../shape.ts'

const { count, flag, list, maybe, object, printed, text, word } = shape

const contractRow = object({ check: text, good: flag, found: text }, { fix: text })

export const planeShapes: ShapeTable = {
  'plane export': printed(1, object({ plane: text, file: text, events: count, dry: flag })),
  'plane join': printed(1, object({ plane: text, state: text, events: count, joined: flag })),
  'plane list': printed(
    1,
    list(
      object({
        plane: text,
        here: flag,
        unfinished: maybe(text),
        journal: maybe(text),
      }),
    ),
  ),
  'plane run': printed(1, object({ planes: list(text) })),
  run: printed(1, object({ workspace: text, events: count, since: text })),
  'validate-ops-contract': printed(
    1,
    object({ bus: word('nats', 'embedded'), rows: list(contractRow) }),
  ),
}
