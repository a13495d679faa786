/** What commands about the audit trail and the repositories print with `--json`. @module */
import { shape } from 'prov'
import type { ShapeTable } from 'prov'

const { count, data, flag, list, maybe, object, printed, record, text, word } = shape

/** As it was signed. What each type says in `data` stands in core/protocol/README.md. */
const event = object(
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
    emitter: word('submitter', 'keeper', 'controller', 'orchestrator'),
    epoch: count,
    n: count,
    prev: maybe(text),
    kid: text,
    data,
    signature: text,
  },
  { causationid: text },
)

export const shapes: ShapeTable = {
  'audit log': printed(1, list(event)),
  'audit verify': printed(
    1,
    object({
      journal: maybe(text),
      events: count,
      ends: record(object({ n: count, digest: text })),
      findings: list(shape.error),
      ledger: object(
        {
          path: text,
          commits: count,
          left: list(text),
          behind: count,
          emitters: list(object({ emitter: text, journal: count, ledger: count })),
        },
        { head: text },
      ),
    }),
  ),
  'validate-radicle-governance': printed(
    1,
    object({
      workspace: text,
      production: flag,
      repositories: list(
        object(
          { name: text, path: text, commits: count, delegates: list(text), skipped: list(text) },
          { head: text, threshold: count },
        ),
      ),
      findings: list(shape.error),
    }),
  ),
}
