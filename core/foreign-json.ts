/**
 * JSON of somebody else's making. `JSON.parse` takes any depth, and whoever walks what it gave would
 * run out of stack: nesting is looked at before, in one pass over the text.
 *
 * @module
 */
import type { JsonValue } from './json.ts'
import type { Count } from './units.ts'

/** Nothing that is meant nests half as deep. */
export const mostNested: Count = 256

/** Throws SyntaxError for what is no JSON or nests deeper than `mostNested`. */
export function foreignJson(text: string): JsonValue {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const sign = text.charCodeAt(at)
    if (sign === quote) at = endOfText(text, at)
    else if (sign === brace || sign === bracket) depth++
    else if (sign === braceEnd || sign === bracketEnd) depth--
    if (depth > mostNested) throw new SyntaxError(`nested deeper than ${mostNested}`)
  }
  return JSON.parse(text) as JsonValue
}

const [quote, backslash, bracket, bracketEnd, brace, braceEnd] = [34, 92, 91, 93, 123, 125]

/** Where the text that begins at a quote ends; the end of all where it does not. */
function endOfText(text: string, from: Count): Count {
  for (let at = text.indexOf('"', from + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let before = at - 1
    while (text.charCodeAt(before) === backslash) before--
    if ((at - before) % 2 === 1) return at
  }
  return text.length
}
