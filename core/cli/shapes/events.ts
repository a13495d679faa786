/** What commands about events print. @module */
import { shape } from '../shape.ts'
import type { ShapeTable } from '../shape.ts'

const { any, data, either, list, object, printed, text, word } = shape

/** A CloudEvent under the subject that it went to. */
const notice = object({
  subject: text,
  event: object(
    {
      specversion: word('1.0'),
      id: text,
      source: text,
      type: text,
      subject: text,
      time: text,
      datacontenttype: word('application/json'),
      workspace: text,
      correlationid: text,
      data: any,
    },
    { causationid: text },
  ),
})

export const eventShapes: ShapeTable = {
  // With --watch a line for each.
  events: printed(1, either(list(notice), notice)),
  'events emit': printed(
    1,
    object({ id: text, subject: text, data }, { correlation: text, causation: text }),
  ),
  'wait event': printed(1, notice),
}
