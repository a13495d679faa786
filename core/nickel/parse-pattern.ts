/**
 * Patterns of `let`, `fun` and `match`.
 *
 * `or` is an ordinary name unless it stands between two patterns; an enum pattern with an argument
 * must be in parentheses wherever two patterns may follow each other (function arguments, nested
 * arguments).
 *
 * @module
 */
import type { FieldPattern, Node, Pattern, PatternTail } from './ast.ts'
import type { Num } from './number.ts'
import type { Parser } from './parser.ts'
import { parseStaticText } from './parse-string.ts'

/** A pattern with nothing forbidden: `let`, `match`, elements of records and arrays. */
export function parsePattern(parser: Parser): Pattern {
  const { start } = parser.token
  const first = alternative(parser, { bareVariant: true })
  if (!isOr(parser)) return first
  const options = [first]
  while (isOr(parser)) {
    parser.take()
    options.push(alternative(parser, { bareVariant: true }))
  }
  return { kind: 'or', span: parser.span(start), options }
}

/** A function argument: variants and alternatives need parentheses. */
export function parseFunPattern(parser: Parser): Pattern {
  return alternative(parser, { bareVariant: false })
}

const isOr = (parser: Parser): boolean => parser.is('or', 'name')

interface Allowed {
  readonly bareVariant: boolean
}

function alternative(parser: Parser, allowed: Allowed): Pattern {
  const { start, kind } = parser.token
  if (kind === 'name') {
    const name = parser.take().text
    if (!parser.accept('@')) return { kind: 'any', span: parser.span(start), name }
    const inner = alternative(parser, allowed)
    return { ...inner, alias: name, span: parser.span(start) }
  }
  if (kind === 'tag' || kind === 'quotedTag') {
    const tag = parser.tag()
    if (!allowed.bareVariant || !startsPattern(parser)) {
      return { kind: 'enum', span: parser.span(start), tag }
    }
    const arg = variantArgument(parser)
    if (arg === undefined) return { kind: 'enum', span: parser.span(start), tag }
    return { kind: 'enum', span: parser.span(start), tag, arg }
  }
  if (parser.is('(')) {
    parser.take()
    const inner = parsePattern(parser)
    parser.expect(')')
    if (inner.kind !== 'or' && inner.kind !== 'enum') {
      throw parser.lexer.error(
        'only enum patterns and alternatives may be in parentheses',
        inner.span.start,
        inner.span.end,
      )
    }
    return inner
  }
  if (parser.is('{')) return recordPattern(parser)
  if (parser.is('[')) return arrayPattern(parser)
  return constantPattern(parser)
}

/** `'Tag or` followed by a pattern is an alternative; `'Tag or` alone binds the name `or`. */
function variantArgument(parser: Parser): Pattern | undefined {
  if (isOr(parser)) {
    const next = parser.peek()
    const ends = next.kind === 'end' || (next.kind === 'punctuation' && !'{[(-'.includes(next.text))
    const word = next.kind === 'keyword' && !['true', 'false', 'null', '_'].includes(next.text)
    if (!ends && !word) return undefined
  }
  return alternative(parser, { bareVariant: false })
}

function startsPattern(parser: Parser): boolean {
  const { kind, text } = parser.token
  if (kind === 'punctuation') return text === '{' || text === '[' || text === '(' || text === '-'
  if (kind === 'keyword') return ['true', 'false', 'null', '_'].includes(text)
  return ['name', 'number', 'tag', 'quotedTag', 'quote'].includes(kind)
}

function constantPattern(parser: Parser): Pattern {
  const { start, kind, text } = parser.token
  const constant = (value: null | boolean | Num | string): Pattern => ({
    kind: 'constant',
    span: parser.span(start),
    value,
  })
  if (kind === 'keyword') {
    if (text === '_') {
      parser.take()
      return { kind: 'wildcard', span: parser.span(start) }
    }
    if (text === 'true' || text === 'false' || text === 'null') {
      parser.take()
      return constant(text === 'null' ? null : text === 'true')
    }
  }
  if (kind === 'number' || parser.is('-')) return constant(parser.signedNumber() as Num)
  if (kind === 'quote') return constant(parseStaticText(parser, 'a string pattern'))
  throw parser.unexpected('a pattern')
}

function tailOf(parser: Parser): PatternTail {
  if (parser.token.kind === 'name') return { kind: 'capture', name: parser.take().text }
  return { kind: 'open' }
}

function recordPattern(parser: Parser): Pattern {
  const { start } = parser.take()
  const fields: FieldPattern[] = []
  let tail: PatternTail = { kind: 'closed' }
  while (!parser.is('}')) {
    if (parser.accept('..')) {
      tail = tailOf(parser)
      break
    }
    const field = fieldPattern(parser)
    if (fields.some(({ name }) => name === field.name)) {
      throw parser.lexer.error(
        `the field \`${field.name}\` appears twice in this pattern`,
        field.span.start,
        field.span.end,
      )
    }
    fields.push(field)
    if (!parser.accept(',')) break
  }
  parser.expect('}', '`,` or `}`')
  return { kind: 'record', span: parser.span(start), fields, tail }
}

function fieldPattern(parser: Parser): FieldPattern {
  const { start } = parser.token
  const name = parser.name()
  const nameSpan = parser.span(start)
  const annotations = parser.annotations()
  const fallback: Node | undefined = parser.accept('?') ? parser.term() : undefined
  const pattern: Pattern = parser.accept('=')
    ? parsePattern(parser)
    : { kind: 'any', span: nameSpan, name }
  const base = { name, annotations, pattern, span: parser.span(start) }
  return fallback === undefined ? base : { ...base, fallback }
}

function arrayPattern(parser: Parser): Pattern {
  const { start } = parser.take()
  const items: Pattern[] = []
  let tail: PatternTail = { kind: 'closed' }
  while (!parser.is(']')) {
    if (parser.accept('..')) {
      tail = tailOf(parser)
      break
    }
    items.push(parsePattern(parser))
    if (!parser.accept(',')) break
  }
  parser.expect(']', '`,` or `]`')
  return { kind: 'array', span: parser.span(start), items, tail }
}
