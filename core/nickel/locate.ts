/**
 * Where a value stands in the text that states it: for whoever finds fault with what was exported, and
 * has to say which line a person must change.
 *
 * @module
 */
import type { Node } from './ast.ts'
import { parse } from './parser.ts'
import { placeOf, Source, type Place, type Span } from './source.ts'

/** Names of fields and numbers of elements, from the outside in. */
export type ValuePath = readonly (string | number)[]

interface Found {
  readonly span: Span
  readonly depth: number
}

/**
 * The place of the value, or of the innermost one around it that the text shows: what a name stands for
 * is not followed. Throws a NickelError when the text does not parse.
 */
export function locate(text: string, name: string, path: ValuePath): Place {
  const root = parse(new Source(name, text))
  return placeOf(deepest(root, path, { span: root.span, depth: 0 }).span)
}

function deepest(node: Node, path: ValuePath, here: Found): Found {
  const [step, ...rest] = path
  if (step === undefined) return here
  const best = (found: readonly Found[]): Found =>
    found.reduce((one, other) => (other.depth > one.depth ? other : one), here)
  switch (node.kind) {
    case 'let':
      return deepest(node.body, path, here)
    case 'annotated':
      return deepest(node.value, path, here)
    case 'op':
      return best(node.args.map((arg) => deepest(arg, path, here)))
    case 'array': {
      const item = typeof step === 'number' ? node.items[step] : undefined
      return item ? deepest(item, rest, { span: item.span, depth: here.depth + 1 }) : here
    }
    case 'record':
      return best(
        node.fields.map(({ path: names, value }) => {
          const fits = names.findIndex((one, at) => !('name' in one) || one.name !== path[at])
          const length = fits < 0 ? names.length : fits
          const span = names[length - 1]?.span
          if (!span) return here
          const field = { span, depth: here.depth + length }
          const isWhole = length === names.length && value !== undefined
          return isWhole ? deepest(value, path.slice(length), field) : field
        }),
      )
    default:
      return here
  }
}
