/** What the tools around a workspace print. @module */
import { shape } from '../shape.ts'
import type { ShapeTable } from '../shape.ts'
import { helpTopics } from '../topics.ts'

const { count, data, either, list, object, printed, text, word } = shape

export const finding = object(
  { check: text, level: word('good', 'note', 'bad'), found: text },
  { code: text, fix: text },
)

const place = { file: text, line: count, col: count }

export const toolShapes: ShapeTable = {
  completion: printed(1, object({ shell: word('bash', 'zsh', 'fish'), script: text })),
  doctor: printed(1, object({ findings: list(finding) })),
  help: printed(
    1,
    either(
      object({ topic: word(...helpTopics), head: list(text), rows: list(list(text)) }),
      // `help json` with a command, and alone.
      object({ topic: word('json'), command: text, shapeVersion: count, schema: data }),
      object({
        topic: word('json'),
        json: count,
        error: data,
        commands: list(object({ command: text, shapeVersion: count })),
      }),
    ),
  ),
  'ncl export': printed(
    1,
    object({ file: text, format: word('json', 'yaml', 'toml', 'raw'), text }),
  ),
  'ncl key': printed(1, object({ file: text, key: text })),
  'ncl lint': printed(
    1,
    object({
      file: text,
      findings: list(
        object({
          ...place,
          rule: word('function', 'import', 'primitive', 'nesting', 'parse'),
          message: text,
        }),
      ),
    }),
  ),
}
