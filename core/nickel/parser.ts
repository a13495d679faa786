/**
 * Recursive-descent parser for terms and types.
 *
 * Terms and types share one grammar: `{ a : Number }` is a record type, `{ a : Number = 1 }` a
 * record, and only the position and the fields tell them apart. The parser reads the common form;
 * `asType` settles it where a type is wanted, and the compiler settles records in term position.
 * Records, patterns and strings live in files of their own (`parse-*.ts`) and are functions over
 * this parser. Long, because every level of the grammar calls the others: a split would only spread
 * one recursion over several files.
 *
 * @module
 */
import type { Annotation, Node, Priority, Type } from './ast.ts'
import type { NickelError } from './error.ts'
import { isStringOpening, Lexer, METADATA_WORDS, type Token, type TokenKind } from './lexer.ts'
import type { Num } from './number.ts'
import { subtract } from './number.ts'
import { parsePattern, parseFunPattern } from './parse-pattern.ts'
import { asType, parseRecord } from './parse-record.ts'
import { parseString, parseStaticText } from './parse-string.ts'
import { primopArity } from './primops.ts'
import type { Source, Span } from './source.ts'

/** Parses a whole file; throws a NickelError of kind `parse` at the first mistake. */
export function parse(source: Source): Node {
  const parser = new Parser(source)
  try {
    const node = parser.term()
    if (parser.token.kind !== 'end') throw parser.unexpected('the end of the file or an operator')
    return node
  } catch (thrown) {
    // The parser calls itself for what stands inside, and its stack has an end.
    if (!(thrown instanceof RangeError)) throw thrown
    const { start, end } = parser.token
    throw parser.lexer.error('nested too deeply to be read', start, end)
  }
}

/** Binary operators with their level; a smaller level binds tighter. All but `->` lean left. */
const LEVELS: Readonly<Record<string, number>> = {
  '++': 2, '@': 2, '*': 3, '/': 3, '%': 3, '+': 4, '-': 4, '&': 6, '|>': 6,
  '<': 7, '<=': 7, '>': 7, '>=': 7, '==': 8, '!=': 8, '&&': 9, '||': 10, '->': 11,
} // prettier-ignore
const LOOSEST = 11

/** Operators that may stand alone in parentheses as functions: `(+)`. */
const SECTIONS = new Set(['++', '@', '*', '/', '%', '+', '-', '&', '|>', '<', '<=', '>', '>=', '==', '!=', '&&', '||', '!', '.']) // prettier-ignore

export class Parser {
  readonly lexer: Lexer
  /** The token under the eye; already read, not yet taken. */
  token: Token
  /** The last token taken, for messages about what stands before a mistake. */
  last: Token | undefined
  /** End of the last token taken: spans of nodes end here. */
  lastEnd = 0

  constructor(source: Source) {
    this.lexer = new Lexer(source)
    this.token = this.lexer.next()
  }

  // --- tokens -----------------------------------------------------------------------------------

  take(): Token {
    const token = this.token
    this.last = token
    this.lastEnd = token.end
    this.token = this.lexer.next()
    return token
  }

  /** Takes the string-opening token without reading a token after it: text follows. */
  takeOpening(): Token {
    this.lastEnd = this.token.end
    return this.token
  }

  is(text: string, kind: TokenKind = 'punctuation'): boolean {
    return this.token.text === text && this.token.kind === kind
  }

  isWord(text: string): boolean {
    return this.token.text === text && (this.token.kind === 'keyword' || this.token.kind === 'name')
  }

  accept(text: string): boolean {
    if (!this.is(text) && !(this.token.kind === 'keyword' && this.token.text === text)) return false
    this.take()
    return true
  }

  expect(text: string, what = `\`${text}\``, opened?: Token): Token {
    if (!this.is(text) && !(this.token.kind === 'keyword' && this.token.text === text)) {
      throw this.unexpected(what, opened)
    }
    return this.take()
  }

  /** One token of look-ahead beyond the current one; must not be used before a string opening. */
  peek(): Token {
    const at = this.lexer.at
    const token = this.lexer.next()
    this.lexer.at = at
    return token
  }

  span(start: number): Span {
    return this.lexer.span(start, Math.max(start, this.lastEnd))
  }

  /**
   * The error for the current token. `opened` is where the construct began that should have ended:
   * shown when the file ends too early.
   */
  unexpected(wanted: string, opened?: Token): NickelError {
    const { kind, text, start, end } = this.token
    const { last } = this
    if (text === '=' && last?.kind === 'name') {
      return this.lexer.error(`a comma is missing before \`${last.text}\``, last.start, last.end, [
        'Fields are separated by commas.',
      ])
    }
    const notes = [`Expected ${wanted} here.`]
    if (kind === 'keyword' && !METADATA_WORDS.has(text)) {
      notes.push(`\`${text}\` is a keyword; as a field name it is written "${text}".`)
    }
    if (kind === 'name' || kind === 'quote') notes.push('Is a comma missing before this?')
    if (text === ';') notes.push('Fields and elements are separated by commas.')
    if (text === '$') notes.push('Interpolation is written %{…}.')
    const message = kind === 'end' ? 'unexpected end of the file' : `unexpected \`${text}\``
    const labels =
      kind === 'end' && opened !== undefined
        ? [{ span: this.lexer.span(opened.start, opened.end), text: 'opened here' }]
        : []
    return this.lexer.error(message, start, Math.max(end, start + 1), notes, labels)
  }

  /** A name that may be bound; contextual keywords count as names. */
  name(): string {
    if (this.token.kind !== 'name') throw this.unexpected('a name')
    return this.take().text
  }

  isFieldName(): boolean {
    const { kind, text } = this.token
    return kind === 'name' || (kind === 'keyword' && METADATA_WORDS.has(text))
  }

  // --- terms ------------------------------------------------------------------------------------

  /** A general term: everything, also what reaches to the right as far as possible. */
  term(): Node {
    const { start } = this.token
    if (this.token.kind === 'keyword') {
      switch (this.token.text) {
        case 'let':
          return this.#let()
        case 'fun':
          return this.#fun()
        case 'if':
          return this.#if()
        case 'import':
          return this.#import()
        case 'forall': {
          const type = this.type()
          return { kind: 'type', span: type.span, type }
        }
      }
    }
    const node = this.infix(LOOSEST)
    const annotations = this.annotations()
    if (annotations.length === 0) return node
    return { kind: 'annotated', span: this.span(start), value: node, annotations }
  }

  /** A chain of `: T` and `| T` as it may follow a term or a bound name. */
  annotations(): Annotation[] {
    const found: Annotation[] = []
    while (this.is('|') || this.is(':')) {
      const typed = this.take().text === ':'
      found.push({ type: this.type(), typed })
    }
    return found
  }

  /** A type or contract as it may follow `:` or `|`. */
  type(): Type {
    const { start } = this.token
    if (!this.is('forall', 'keyword')) return asType(this, this.infix(LOOSEST))
    this.take()
    const names = [this.name()]
    while (this.token.kind === 'name') names.push(this.take().text)
    this.expect('.')
    const of = this.type()
    return { kind: 'forall', span: this.span(start), names, of }
  }

  /** Operators down to a level. */
  infix(level: number): Node {
    const { start } = this.token
    let left = this.#prefix(level)
    for (;;) {
      const found = this.token.kind === 'punctuation' ? LEVELS[this.token.text] : undefined
      if (found === undefined || found > level) return left
      const op = this.take().text
      if (op === '->') {
        const from = asType(this, left)
        const to = asType(this, this.infix(found))
        const span = this.span(start)
        return { kind: 'type', span, type: { kind: 'arrow', span, from, to } }
      }
      const right = this.infix(found - 1)
      const span = this.span(start)
      left =
        op === '|>'
          ? { kind: 'app', span, fn: right, args: [left] }
          : { kind: 'op', span, op, args: [left, right] }
    }
  }

  #prefix(level: number): Node {
    const { start } = this.token
    if (this.is('-')) {
      this.take()
      const operand = this.infix(1)
      const span = this.span(start)
      if (operand.kind === 'number') {
        return { kind: 'number', span, value: subtract(0, operand.value) }
      }
      const zero: Node = { kind: 'number', span: this.lexer.span(start, start + 1), value: 0 }
      return { kind: 'op', span, op: '-', args: [zero, operand] }
    }
    if (this.is('!')) {
      if (level < 5) throw this.unexpected('an operand; put the negation in parentheses')
      this.take()
      const operand = this.infix(5)
      return { kind: 'op', span: this.span(start), op: '!', args: [operand] }
    }
    return this.#application()
  }

  #application(): Node {
    const { start } = this.token
    const head = this.#head()
    if (!this.#startsAtom()) return head
    const args: Node[] = []
    while (this.#startsAtom()) args.push(this.atom())
    const span = this.span(start)
    if (head.kind === 'enum' && head.arg === undefined && args.length === 1) {
      return { kind: 'enum', span, tag: head.tag, arg: args[0] as Node }
    }
    return { kind: 'app', span, fn: head, args }
  }

  #head(): Node {
    const { start } = this.token
    if (this.token.kind === 'primop') {
      const op = this.take().text
      const arity = primopArity(op)
      if (arity === undefined) {
        throw this.lexer.error(`unknown primitive operator \`%${op}%\``, start, this.lastEnd)
      }
      const args: Node[] = []
      if (op === 'enum/embed') this.name()
      for (let index = 0; index < arity; index++) args.push(this.atom())
      return { kind: 'op', span: this.span(start), op: `%${op}%`, args }
    }
    if (this.is('Array', 'keyword')) {
      this.take()
      const of = asType(this, this.atom())
      const span = this.span(start)
      return { kind: 'type', span, type: { kind: 'array', span, of } }
    }
    if (this.is('match', 'keyword')) return this.#match()
    return this.atom()
  }

  #startsAtom(): boolean {
    const { kind, text } = this.token
    switch (kind) {
      case 'name':
      case 'number':
      case 'tag':
      case 'quotedTag':
      case 'quote':
      case 'multiline':
      case 'symbolic':
        return true
      case 'keyword':
        return ATOM_WORDS.has(text)
      case 'punctuation':
        return text === '(' || text === '{' || text === '[' || text === '[|'
      default:
        return false
    }
  }

  /** An atom followed by any number of field accesses. */
  atom(): Node {
    const { start } = this.token
    let node = this.#bareAtom()
    while (this.is('.')) {
      this.take()
      if (this.isFieldName()) {
        const token = this.take()
        const nameSpan = this.lexer.span(token.start, token.end)
        node = { kind: 'access', span: this.span(start), target: node, name: token.text, nameSpan }
      } else if (isStringOpening(this.token.kind)) {
        const field = parseString(this)
        node = { kind: 'get', span: this.span(start), target: node, field }
      } else throw this.unexpected('a field name')
    }
    return node
  }

  #bareAtom(): Node {
    const { kind, text, start } = this.token
    switch (kind) {
      case 'name':
        this.take()
        return { kind: 'var', span: this.span(start), name: text }
      case 'number': {
        const { value } = this.take()
        return { kind: 'number', span: this.span(start), value: value as Num }
      }
      case 'tag':
      case 'quotedTag': {
        const tag = this.tag()
        return { kind: 'enum', span: this.span(start), tag }
      }
      case 'quote':
      case 'multiline':
      case 'symbolic':
        return parseString(this)
      case 'keyword':
        return this.#wordAtom(text, start)
      default:
    }
    if (text === '(') return this.#parentheses()
    if (text === '{') return parseRecord(this)
    if (text === '[') {
      const opened = this.take()
      const items: Node[] = []
      while (!this.is(']')) {
        items.push(this.term())
        if (!this.accept(',')) break
      }
      this.expect(']', '`,` or `]`', opened)
      return { kind: 'array', span: this.span(start), items }
    }
    if (text === '[|') return this.#enumType()
    throw this.unexpected('an expression')
  }

  #wordAtom(word: string, start: number): Node {
    if (!ATOM_WORDS.has(word)) throw this.unexpected('an expression')
    this.take()
    const span = this.span(start)
    switch (word) {
      case 'null':
        return { kind: 'null', span }
      case 'true':
      case 'false':
        return { kind: 'bool', span, value: word === 'true' }
      case '_':
        return { kind: 'type', span, type: { kind: 'wildcard', span } }
      default: {
        const kind = word.toLowerCase() as 'dyn' | 'number' | 'bool' | 'string'
        return { kind: 'type', span, type: { kind, span } }
      }
    }
  }

  /** A tag's name, bare or quoted. */
  tag(): string {
    if (this.token.kind === 'tag') return this.take().text
    return parseStaticText(this, 'an enum tag')
  }

  #parentheses(): Node {
    const opened = this.take()
    const { start } = opened
    if (this.token.kind === 'punctuation' && SECTIONS.has(this.token.text)) {
      const next = this.peek()
      if (next.kind === 'punctuation' && next.text === ')') {
        const op = this.take().text
        this.take()
        return section(op, this.span(start))
      }
    }
    const node = this.term()
    this.expect(')', '`)`', opened)
    // A string or a number keeps its own span; anything else may grow by the parentheses.
    return node
  }

  #enumType(): Node {
    const { start } = this.take()
    const rows: { tag: string; arg?: Type }[] = []
    while (this.token.kind === 'tag' || this.token.kind === 'quotedTag') {
      const tag = this.tag()
      if (this.#startsAtom()) rows.push({ tag, arg: asType(this, this.atom()) })
      else rows.push({ tag })
      if (!this.accept(',')) break
    }
    const tail = this.accept(';') ? this.name() : undefined
    this.expect('|]', 'an enum tag, `,` or `|]`')
    const span = this.span(start)
    const type: Type =
      tail === undefined ? { kind: 'enum', span, rows } : { kind: 'enum', span, rows, tail }
    return { kind: 'type', span, type }
  }

  #let(): Node {
    const { start } = this.take()
    const rec = this.accept('rec')
    const bindings: {
      pattern: ReturnType<typeof parsePattern>
      annotations: Annotation[]
      value: Node
    }[] = []
    do {
      if (this.is('in', 'keyword')) break
      const pattern = parsePattern(this)
      const annotations: Annotation[] = []
      while (this.is('|') || this.is(':')) {
        const typed = this.take().text === ':'
        if (!typed && this.is('doc', 'keyword')) {
          this.take()
          parseStaticText(this, 'a documentation text')
        } else annotations.push({ type: this.type(), typed })
      }
      this.expect('=', '`=`, `|` or `:`')
      bindings.push({ pattern, annotations, value: this.term() })
    } while (this.accept(','))
    if (bindings.length === 0) throw this.unexpected('a binding')
    this.expect('in', '`in` (or `,` and another binding)')
    const body = this.term()
    return { kind: 'let', span: this.span(start), rec, bindings, body }
  }

  #fun(): Node {
    const { start } = this.take()
    const params = [parseFunPattern(this)]
    while (!this.is('=>')) params.push(parseFunPattern(this))
    this.take()
    const body = this.term()
    return { kind: 'fun', span: this.span(start), params, body }
  }

  #if(): Node {
    const { start } = this.take()
    const cond = this.term()
    this.expect('then')
    const yes = this.term()
    this.expect('else', '`else`: every `if` has both branches')
    const no = this.term()
    return { kind: 'if', span: this.span(start), cond, yes, no }
  }

  #import(): Node {
    const { start } = this.take()
    if (this.token.kind === 'name') {
      const name = this.take().text
      return { kind: 'package', span: this.span(start), name }
    }
    if (this.token.kind !== 'quote') throw this.unexpected('the path of a file in quotes')
    const path = parseStaticText(this, 'the path of an import')
    if (!this.isWord('as')) return { kind: 'import', span: this.span(start), path }
    this.take()
    const format = this.tag()
    return { kind: 'import', span: this.span(start), path, format }
  }

  #match(): Node {
    const { start } = this.take()
    this.expect('{')
    const branches: { pattern: ReturnType<typeof parsePattern>; guard?: Node; body: Node }[] = []
    while (!this.is('}')) {
      const pattern = parsePattern(this)
      const guard = this.accept('if') ? this.term() : undefined
      this.expect('=>')
      const body = this.term()
      branches.push(guard === undefined ? { pattern, body } : { pattern, guard, body })
      if (!this.accept(',')) break
    }
    this.expect('}', '`,` or `}`')
    return { kind: 'match', span: this.span(start), branches }
  }

  /** A number literal with an optional sign. */
  signedNumber(): Priority {
    const negative = this.accept('-')
    if (this.token.kind !== 'number') throw this.unexpected('a number')
    const value = this.take().value as Num
    return negative ? subtract(0, value) : value
  }
}

const ATOM_WORDS = new Set(['null', 'true', 'false', 'Dyn', 'Number', 'Bool', 'String', '_'])

/** `(op)` as the function it stands for. */
function section(op: string, span: Span): Node {
  const variable = (name: string): Node => ({ kind: 'var', span, name })
  const params = (op === '!' ? ['x'] : ['x', 'y']).map((name) => ({
    kind: 'any' as const,
    name,
    span,
  }))
  const args = params.map(({ name }) => variable(name))
  const [x, y] = args as [Node, Node]
  const body: Node =
    op === '|>'
      ? { kind: 'app', span, fn: y, args: [x] }
      : op === '.'
        ? { kind: 'get', span, target: x, field: y }
        : { kind: 'op', span, op, args }
  return { kind: 'fun', span, params, body }
}
