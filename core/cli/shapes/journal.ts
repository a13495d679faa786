/** What commands about the journal print. @module */
import { shape } from '../shape.ts'
import type { ShapeTable } from '../shape.ts'

const { any, count, flag, list, maybe, number, object, printed, record, text } = shape

const head = object({ journal: text, epoch: count, position: count, hash: text }, { batch: count })
const problem = object({ file: text, offset: count, what: text })

export const journalShapes: ShapeTable = {
  'journal adopt': printed(
    1,
    object({ from: maybe(text), to: maybe(text), position: count }, { hash: text }),
  ),
  'journal archive': printed(
    1,
    object({ below: count, segments: count, bytesBefore: count, bytesAfter: count }),
  ),
  'journal dump': printed(
    1,
    list(
      object({
        position: count,
        epoch: count,
        timeMs: number,
        partition: text,
        type: text,
        body: any,
      }),
    ),
  ),
  'journal repair': printed(
    1,
    object(
      { harmless: list(text), done: flag },
      { problem, lost: object({ from: count, to: count }), copy: text },
    ),
  ),
  'journal stats': printed(
    1,
    object({
      lineage: list(text),
      head,
      segments: count,
      bytes: count,
      batches: count,
      records: count,
      partitions: record(record(count)),
      snapshots: list(object({ name: text, positions: list(count) })),
      writer: maybe(object({ pid: count, sinceMs: number, where: text })),
      anchor: maybe(
        object(
          { file: text, dir: text },
          { head: object({ epoch: count, batch: count, position: count, hash: text }) },
        ),
      ),
    }),
  ),
  'journal verify': printed(
    1,
    object(
      { records: count, batches: count, segments: count, torn: flag, problems: list(problem) },
      { head },
    ),
  ),
}
