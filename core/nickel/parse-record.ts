/**
 * Records, their field metadata, and the decision whether a braced thing is a record or a type.
 *
 * @module
 */
import type { Annotation, FieldDecl, Include, Metadata, Node, PathElement, Priority, RecordNode, RecordRow, Type } from './ast.ts' // prettier-ignore
import { isStringOpening } from './lexer.ts'
import type { Parser } from './parser.ts'
import { parseStaticText, parseString } from './parse-string.ts'

/** A record, record type or dictionary type, at its opening brace. */
export function parseRecord(parser: Parser): Node {
  const opened = parser.take()
  const { start } = opened
  if (parser.is('_', 'keyword')) return parseDictionary(parser, start)
  const fields: FieldDecl[] = []
  const includes: Include[] = []
  let open = false
  while (!parser.is('}') && !parser.is(';')) {
    if (parser.accept('..')) {
      open = true
      break
    }
    if (parser.isWord('include') && startsInclude(parser)) includes.push(...parseInclude(parser))
    else fields.push(parseField(parser))
    if (!parser.accept(',')) break
  }
  let tail: { name?: string; span: RecordNode['span'] } | undefined
  const semicolon = parser.token
  if (parser.accept(';')) {
    const at = parser.token.start
    const dyn = parser.accept('Dyn')
    const name = dyn ? undefined : parser.name()
    const span = parser.span(at)
    if (!parser.is('}')) {
      throw parser.lexer.error('fields are separated by commas', semicolon.start, semicolon.end)
    }
    tail = name === undefined ? { span } : { name, span }
  }
  parser.expect('}', '`,` or `}`', opened)
  const node: RecordNode = { kind: 'record', span: parser.span(start), fields, includes, open }
  checkIncludes(parser, node)
  return tail === undefined ? node : { ...node, tail }
}

/** `include` is a keyword only before a name or a list; `include = 1` is a field. */
function startsInclude(parser: Parser): boolean {
  const next = parser.peek()
  return next.kind === 'name' || (next.kind === 'keyword' && next.text !== '_') || next.text === '['
}

function parseInclude(parser: Parser): Include[] {
  parser.take()
  if (parser.accept('[')) {
    const found: Include[] = []
    while (!parser.is(']')) {
      found.push(includeName(parser))
      if (!parser.accept(',')) break
    }
    parser.expect(']', '`,` or `]`')
    return found
  }
  const include = includeName(parser)
  return [{ ...include, meta: parseMetadata(parser) }]
}

function includeName(parser: Parser): Include {
  if (!parser.isFieldName()) throw parser.unexpected('a name to include')
  const { text, start } = parser.take()
  return { name: text, meta: { annotations: [] }, span: parser.span(start) }
}

function checkIncludes(parser: Parser, node: RecordNode): void {
  const seen = new Set<string>()
  for (const include of node.includes) {
    const twice =
      seen.has(include.name) ||
      node.fields.some(
        ({ path: [first] }) => first && 'name' in first && first.name === include.name,
      )
    if (twice) {
      const { start, end } = include.span
      throw parser.lexer.error(
        `\`${include.name}\` is included and defined in one record`,
        start,
        end,
      )
    }
    seen.add(include.name)
  }
}

function parseDictionary(parser: Parser, start: number): Node {
  parser.take()
  const lazy = parser.is('|')
  if (!lazy && !parser.is(':')) throw parser.unexpected('`:` or `|` of a dictionary type')
  parser.take()
  const of = parser.type()
  parser.expect('}')
  const span = parser.span(start)
  return { kind: 'type', span, type: { kind: 'dict', span, of, lazy } }
}

function parseField(parser: Parser): FieldDecl {
  const { start } = parser.token
  const path = [pathElement(parser)]
  while (parser.accept('.')) path.push(pathElement(parser))
  const meta = parseMetadata(parser)
  const value = parser.accept('=') ? parser.term() : undefined
  const span = parser.span(start)
  return value === undefined ? { path, meta, span } : { path, meta, value, span }
}

function pathElement(parser: Parser): PathElement {
  const { start } = parser.token
  if (parser.isFieldName()) {
    const name = parser.take().text
    return { name, span: parser.span(start) }
  }
  if (!isStringOpening(parser.token.kind)) throw parser.unexpected('a field name')
  const node = parseString(parser)
  if (node.kind === 'string' && node.chunks.every((chunk) => typeof chunk === 'string')) {
    return { name: node.chunks.join(''), span: node.span }
  }
  return { dynamic: node, span: node.span }
}

/** Everything between a field's path and its `=`. */
function parseMetadata(parser: Parser): Metadata {
  const annotations: Annotation[] = []
  let doc: string | undefined
  let priority: Priority | undefined
  let optional = false
  let notExported = false
  while (parser.is('|') || parser.is(':')) {
    const typed = parser.take().text === ':'
    const word = !typed && parser.token.kind === 'keyword' ? parser.token.text : ''
    switch (word) {
      case 'doc':
        parser.take()
        doc ??= parseStaticText(parser, 'a documentation text')
        break
      case 'default':
      case 'force':
        parser.take()
        priority = word
        break
      case 'priority':
        parser.take()
        priority = parser.signedNumber()
        break
      case 'optional':
        parser.take()
        optional = true
        break
      case 'not_exported':
        parser.take()
        notExported = true
        break
      default:
        annotations.push({ type: parser.type(), typed })
    }
  }
  return {
    annotations,
    ...(doc === undefined ? {} : { doc }),
    ...(priority === undefined ? {} : { priority }),
    ...(optional ? { optional } : {}),
    ...(notExported ? { notExported } : {}),
  }
}

/** Reads a node that stands where a type is wanted. */
export function asType(parser: Parser, node: Node): Type {
  switch (node.kind) {
    case 'type':
      return node.type
    case 'var':
      return { kind: 'name', span: node.span, name: node.name }
    case 'record':
      return recordAsType(parser, node) ?? { kind: 'contract', span: node.span, term: node }
    default:
      return { kind: 'contract', span: node.span, term: node }
  }
}

/** The record type a record denotes, if every field is `name : T` and nothing else. */
export function recordAsType(
  parser: { readonly lexer: Parser['lexer'] },
  node: RecordNode,
): Type | undefined {
  const rows: RecordRow[] = []
  const mustBeType = node.tail !== undefined
  let plain = !node.open && node.includes.length === 0
  for (const { path, meta, value } of node.fields) {
    const [first] = path
    const [annotation] = meta.annotations
    const isRow =
      path.length === 1 &&
      first !== undefined &&
      'name' in first &&
      value === undefined &&
      meta.annotations.length === 1 &&
      annotation?.typed === true &&
      Object.keys(meta).length === 1
    if (!isRow) {
      plain = false
      break
    }
    if (rows.some(({ name }) => name === first.name)) {
      throw parser.lexer.error(
        `the field \`${first.name}\` appears twice in a record type`,
        first.span.start,
        first.span.end,
      )
    }
    rows.push({ name: first.name, type: annotation.type })
  }
  if (!plain) {
    if (!mustBeType) return undefined
    throw parser.lexer.error('not a valid record type', node.span.start, node.span.end, [
      'A record with a tail (`; r` or `; Dyn`) is a type: its fields are all `name : Type`.',
    ])
  }
  const { span, tail } = node
  return tail === undefined ? { kind: 'record', span, rows } : { kind: 'record', span, rows, tail }
}
