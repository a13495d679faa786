/** What commands about plugins print. @module */
import { shape } from '../shape.ts'
import type { ShapeTable } from '../shape.ts'

const { count, flag, list, maybe, number, object, printed, ref, text, word } = shape

const isolation = word('none', 'worker', 'process', 'sandbox')

const plugin = object(
  {
    id: text,
    source: text,
    state: word(
      'found',
      'untrusted',
      'refused',
      'starting',
      'running',
      'restarting',
      'ended',
      'failed',
      'stopped',
    ),
  },
  {
    version: text,
    why: text,
    fix: text,
    isolation,
    fault: object({ code: text, message: text, timeMs: number, past: flag }),
    restarts: count,
    contributes: list(text),
    routes: list(text),
  },
)

/** What took how long in a start. */
const span = object(
  { name: text, startMs: number, ms: number, children: list(ref('span')) },
  { note: text },
)

export const pluginShapes: ShapeTable = {
  plugins: printed(1, object({ plugins: list(plugin) }, { boot: ref('span') }), { span }),
  'plugins reload': printed(
    1,
    object({ plugin: text, generation: maybe(count), checked: count, dryRun: flag }),
  ),
  'plugins trust': printed(
    1,
    object(
      {
        id: text,
        digest: text,
        files: list(text),
        before: word('own', 'new', 'changed', 'trusted'),
        grants: list(text),
        pinned: flag,
      },
      { isolation },
    ),
  ),
}
