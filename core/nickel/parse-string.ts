/**
 * Strings: one-line, multi-line (with the common indentation removed) and symbolic.
 *
 * @module
 */
import type { Chunk, Node } from './ast.ts'
import type { Parser } from './parser.ts'

/** A string with interpolations, at its opening token. */
export function parseString(parser: Parser): Node {
  const opening = parser.takeOpening()
  const { kind, start } = opening
  const percents = kind === 'quote' || kind === 'quotedTag' ? 0 : opening.text.length
  const chunks: Chunk[] = []
  for (;;) {
    const chunk = parser.lexer.textChunk(percents, start)
    if (chunk.kind === 'close') break
    if (chunk.kind === 'text') {
      const last = chunks.at(-1)
      if (typeof last === 'string') chunks[chunks.length - 1] = last + chunk.text
      else chunks.push(chunk.text)
    } else {
      parser.token = parser.lexer.next()
      const term = parser.term()
      if (!parser.is('}')) throw parser.unexpected('`}` at the end of the interpolation')
      // The token after the brace is text, so it must not be read as a token: stay on the brace.
      parser.lastEnd = parser.token.end
      parser.lexer.at = parser.token.end
      chunks.push({ term, indent: 0 })
    }
  }
  parser.lastEnd = parser.lexer.at
  parser.token = parser.lexer.next()
  const span = parser.span(start)
  const stripped = percents > 0 ? stripIndent(chunks) : chunks
  if (kind === 'symbolic') {
    return { kind: 'symbolic', span, prefix: opening.prefix as string, chunks: stripped }
  }
  return { kind: 'string', span, chunks: stripped }
}

/** A string in which nothing may be interpolated; `what` says what it is for. */
export function parseStaticText(parser: Parser, what: string): string {
  const { kind } = parser.token
  if (kind !== 'quote' && kind !== 'quotedTag' && kind !== 'multiline') {
    throw parser.unexpected(`${what} in quotes`)
  }
  const node = parseString(parser)
  if (node.kind !== 'string') throw parser.unexpected(what)
  let text = ''
  for (const chunk of node.chunks) {
    if (typeof chunk !== 'string') {
      const { start, end } = chunk.term.span
      throw parser.lexer.error(`${what} must not contain an interpolation`, start, end)
    }
    text += chunk
  }
  return text
}

const isBlank = (char: string): boolean => char === ' ' || char === '\t'

/** The smallest indentation of a line that holds more than white space. */
function commonIndent(chunks: readonly Chunk[]): number {
  let smallest = Infinity
  let current = 0
  let lineStart = true
  for (const chunk of chunks) {
    if (typeof chunk !== 'string') {
      if (lineStart) smallest = Math.min(smallest, current)
      lineStart = false
      continue
    }
    for (const char of chunk) {
      if (char === '\n') {
        current = 0
        lineStart = true
      } else if (lineStart) {
        if (isBlank(char)) current++
        else {
          smallest = Math.min(smallest, current)
          lineStart = false
        }
      }
    }
  }
  return smallest
}

/**
 * Removes the common indentation, a blank first line and a blank last line. An interpolation that
 * stands alone on its line remembers how far it is indented, so that the lines of its value can be
 * indented alike.
 */
function stripIndent(chunks: readonly Chunk[]): Chunk[] {
  const common = commonIndent(chunks)
  const result: Chunk[] = []
  let current = 0
  let lineStart = true
  let aloneAt: number | undefined
  for (const [index, chunk] of chunks.entries()) {
    if (typeof chunk !== 'string') {
      if (lineStart) {
        aloneAt = index
        result.push({ term: chunk.term, indent: current - common })
      } else {
        const alone = aloneAt === undefined ? undefined : result[aloneAt]
        if (aloneAt !== undefined && alone !== undefined && typeof alone !== 'string') {
          result[aloneAt] = { term: alone.term, indent: 0 }
        }
        aloneAt = undefined
        result.push(chunk)
      }
      lineStart = false
      continue
    }
    let text = ''
    for (const char of chunk) {
      if (char === '\n') {
        current = 0
        lineStart = true
        aloneAt = undefined
        text += char
      } else if (lineStart && isBlank(char)) {
        current++
        if (current > common) text += char
      } else {
        lineStart = false
        text += char
      }
    }
    if (index === 0) text = text.replace(/^[ \t]*\n/, '')
    if (index === chunks.length - 1) text = text.replace(/\n[ \t]*$/, '')
    result.push(text)
  }
  return result
}
