/**
 * Splits a source into tokens, one at a time and on demand.
 *
 * On demand matters: what follows a quote is not tokens but text with interpolations, and only the
 * parser knows that it is inside a string. So the lexer offers two readings at the current offset:
 * `next()` for ordinary tokens and `textChunk()` for the inside of a string.
 *
 * @module
 */
import { NickelError, type ReportLabel } from './error.ts'
import { parseNumber, ratio, type Num } from './number.ts'
import type { Source, Span } from './source.ts'

export type TokenKind =
  | 'name' // an identifier, also the contextual keywords `or`, `as`, `include`
  | 'keyword' // reserved words, also metadata words (which remain legal field names)
  | 'number'
  | 'tag' // 'Tag
  | 'quotedTag' // '" — a tag whose name is a string
  | 'quote' // " — a one-line string begins
  | 'multiline' // m%" — `text` holds the percent signs
  | 'symbolic' // prefix-s%" — `text` holds the percent signs, `prefix` the prefix
  | 'primop' // %name%
  | 'punctuation'
  | 'end'

export interface Token {
  readonly kind: TokenKind
  readonly text: string
  readonly start: number
  readonly end: number
  readonly value?: Num
  readonly prefix?: string
}

const KEYWORDS = new Set(
  `if then else forall in let rec match fun import null true false Dyn Number Bool String Array
   default doc optional priority force not_exported _`.split(/\s+/),
)

/** Words of field metadata; after a dot or as a field name they are ordinary names. */
export const METADATA_WORDS: ReadonlySet<string> = new Set([
  'default',
  'doc',
  'optional',
  'priority',
  'force',
  'not_exported',
])

/** Does a token of this kind open a string? */
export const isStringOpening = (kind: TokenKind): boolean =>
  kind === 'quote' || kind === 'multiline' || kind === 'symbolic'

const NAME = /_*[a-zA-Z][_a-zA-Z0-9\-']*/y
const NUMBER = /0x[A-Fa-f0-9]+|0o[0-7]+|0b[01]+|[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?/y
const MULTILINE = /m(%+)"/y
const SYMBOLIC = /([a-zA-Z][_a-zA-Z0-9\-']*)-s(%+)"/y
const PRIMOP = /%([a-z][a-z0-9_]*(?:\/[a-z0-9_]+)?)%/y
const PUNCTUATION = ['[|', '|]', '|>', '||', '|', '=>', '==', '=', '->', '-', '..', '.', '&&', '&', '!=', '!', '++', '+', '<=', '<', '>=', '>', '@', '*', '/', '%', '{', '}', '[', ']', '(', ')', ',', ';', ':', '?', '$'] // prettier-ignore
const BY_FIRST = new Map<string, string[]>()
for (const mark of PUNCTUATION) {
  const first = mark[0] as string
  BY_FIRST.set(first, [...(BY_FIRST.get(first) ?? []), mark])
}

/** Part of a string: a stretch of literal text, the begin of `%{`, or the closing delimiter. */
type TextChunk =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'interpolation' }
  | { readonly kind: 'close' }

export class Lexer {
  readonly source: Source
  readonly #text: string
  /** Offset of the next unread character. */
  at = 0

  constructor(source: Source) {
    this.source = source
    this.#text = source.text
  }

  /** The next ordinary token; white space and comments before it are skipped. */
  next(): Token {
    this.#skipBlank()
    const text = this.#text
    const start = this.at
    if (start >= text.length) return { kind: 'end', text: '', start, end: start }
    const char = text[start] as string
    if (/[A-Za-z_]/.test(char)) return this.#word(start)
    if (/[0-9]/.test(char) || (char === '.' && /[0-9]/.test(text[start + 1] ?? ''))) {
      return this.#number(start)
    }
    if (char === '"') return this.#take('quote', start, start + 1)
    if (char === "'") return this.#tag(start)
    if (char === '%') {
      PRIMOP.lastIndex = start
      const found = PRIMOP.exec(text)
      if (found !== null) {
        this.at = PRIMOP.lastIndex
        return { kind: 'primop', text: found[1] as string, start, end: this.at }
      }
    }
    for (const mark of BY_FIRST.get(char) ?? []) {
      if (text.startsWith(mark, start)) return this.#take('punctuation', start, start + mark.length)
    }
    throw this.error(`unexpected character \`${printable(text, start)}\``, start, start + 1)
  }

  /** Throws nothing: makes a parse error over the given stretch. */
  error(
    message: string,
    start: number,
    end: number,
    notes: readonly string[] = [],
    labels: readonly ReportLabel[] = [],
  ): NickelError {
    return new NickelError({ kind: 'parse', message, span: this.span(start, end), notes, labels })
  }

  span(start: number, end: number): Span {
    return { source: this.source, start, end }
  }

  /**
   * The next part of a string whose opening delimiter has been read.
   *
   * @param percents - number of `%` of a multi-line string, 0 for a one-line string
   * @param opened - offset of the opening delimiter, for the message when it is never closed
   */
  textChunk(percents: number, opened: number): TextChunk {
    return percents === 0 ? this.#lineChunk(opened) : this.#multilineChunk(percents, opened)
  }

  #skipBlank(): void {
    const text = this.#text
    for (;;) {
      const code = text.charCodeAt(this.at)
      if (code === 0x20 || code === 0x0a || code === 0x09) this.at++
      else if (code === 0x0d) {
        if (text.charCodeAt(this.at + 1) !== 0x0a) {
          throw this.error(
            'a carriage return must be followed by a line feed',
            this.at,
            this.at + 1,
          )
        }
        this.at += 2
      } else if (code === 0x23) {
        const end = text.indexOf('\n', this.at)
        this.at = end === -1 ? text.length : end + 1
      } else return
    }
  }

  #take(kind: TokenKind, start: number, end: number): Token {
    this.at = end
    return { kind, text: this.#text.slice(start, end), start, end }
  }

  #word(start: number): Token {
    const text = this.#text
    MULTILINE.lastIndex = start
    const multiline = MULTILINE.exec(text)
    if (multiline !== null) {
      this.at = MULTILINE.lastIndex
      return { kind: 'multiline', text: multiline[1] as string, start, end: this.at }
    }
    SYMBOLIC.lastIndex = start
    const symbolic = SYMBOLIC.exec(text)
    if (symbolic !== null) {
      this.at = SYMBOLIC.lastIndex
      const [, prefix, signs] = symbolic as unknown as [string, string, string]
      return { kind: 'symbolic', text: signs, prefix, start, end: this.at }
    }
    NAME.lastIndex = start
    if (NAME.exec(text) === null) return this.#take('keyword', start, start + 1) // a lone `_`
    const end = NAME.lastIndex
    return this.#take(KEYWORDS.has(text.slice(start, end)) ? 'keyword' : 'name', start, end)
  }

  #number(start: number): Token {
    NUMBER.lastIndex = start
    const found = NUMBER.exec(this.#text) as RegExpExecArray
    const literal = found[0]
    this.at = NUMBER.lastIndex
    const value = /^0[xob]/.test(literal) ? ratio(BigInt(literal), 1n) : parseNumber(literal)
    return { kind: 'number', text: literal, start, end: this.at, value: value ?? 0 }
  }

  #tag(start: number): Token {
    const text = this.#text
    if (text[start + 1] === '"') return this.#take('quotedTag', start, start + 2)
    NAME.lastIndex = start + 1
    if (NAME.exec(text) === null) {
      throw this.error('an enum tag needs a name after the quote', start, start + 1, [
        'Write \'Name, or \'"any text" when the name is not an identifier.',
        'Strings are written with double quotes.',
      ])
    }
    const end = NAME.lastIndex
    this.at = end
    return { kind: 'tag', text: text.slice(start + 1, end), start, end }
  }

  #lineChunk(opened: number): TextChunk {
    const text = this.#text
    let result = ''
    for (;;) {
      const char = text[this.at]
      if (char === undefined) throw this.#unclosed(opened, '"')
      if (char === '"') {
        if (result !== '') return { kind: 'text', text: result }
        this.at++
        return { kind: 'close' }
      }
      if (char === '%' && text[this.at + 1] === '{') {
        if (result !== '') return { kind: 'text', text: result }
        this.at += 2
        return { kind: 'interpolation' }
      }
      if (char === '\\') result += this.#escape()
      else if (char === '\r' && text[this.at + 1] === '\n') this.at++
      else {
        result += char
        this.at++
      }
    }
  }

  #escape(): string {
    const text = this.#text
    const start = this.at
    const letter = text[start + 1]
    const simple: Record<string, string> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', "'": "'", '%': '%' } // prettier-ignore
    if (letter !== undefined && letter in simple) {
      this.at += 2
      return simple[letter] as string
    }
    if (letter === 'x') {
      const code = /^[0-9A-Fa-f]{2}/.exec(text.slice(start + 2, start + 4))?.[0]
      if (code === undefined || parseInt(code, 16) > 0x7f) {
        throw this.error('invalid ASCII escape code', start, start + 4)
      }
      this.at += 4
      return String.fromCharCode(parseInt(code, 16))
    }
    if (letter === 'u') {
      const found = /^\{([0-9A-Fa-f]{1,6})\}/.exec(text.slice(start + 2, start + 10))
      const code = parseInt(found?.[1] ?? '', 16)
      if (found === null || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
        throw this.error('invalid Unicode escape', start, start + 3, ['Write \\u{1F600}.'])
      }
      this.at += 2 + found[0].length
      return String.fromCodePoint(code)
    }
    throw this.error(`invalid escape sequence \`\\${letter ?? ''}\``, start, start + 2, [
      'Known escapes are \\n \\r \\t \\" \\\\ \\\' \\%{ \\x41 and \\u{41}. In m%"…"% nothing is escaped.',
    ])
  }

  #multilineChunk(percents: number, opened: number): TextChunk {
    const text = this.#text
    const signs = '%'.repeat(percents)
    let result = ''
    for (;;) {
      const char = text[this.at]
      if (char === undefined) throw this.#unclosed(opened, `"${signs}`)
      if (char === '"' || char === '%') {
        const quoted = char === '"'
        let end = quoted ? this.at + 1 : this.at
        while (text[end] === '%') end++
        const count = end - this.at - (quoted ? 1 : 0)
        if (text[end] === '{' && count >= percents) {
          // More signs than needed: the first ones are text, the last ones interpolate.
          const literal = text.slice(this.at, end - percents)
          result += literal
          if (result !== '') {
            this.at = end - percents
            return { kind: 'text', text: result }
          }
          this.at = end + 1
          return { kind: 'interpolation' }
        }
        if (quoted && count === percents) {
          if (result !== '') return { kind: 'text', text: result }
          this.at = end
          return { kind: 'close' }
        }
        if (quoted && count > percents) {
          throw this.error('the closing delimiter has more `%` than the opening one', this.at, end)
        }
        result += text.slice(this.at, end)
        this.at = end
      } else if (char === '\r' && text[this.at + 1] === '\n') this.at++
      else {
        const from = this.at
        while (this.at < text.length && !'"%\r'.includes(text[this.at] as string)) this.at++
        if (this.at === from) this.at++
        result += text.slice(from, this.at)
      }
    }
  }

  #unclosed(opened: number, delimiter: string): NickelError {
    return this.error(`this string is never closed`, opened, opened + 1, [
      `The text ends before a closing \`${delimiter}\`.`,
    ])
  }
}

/** A sign as it may be shown: what a terminal acts on and what nobody sees by its number. */
const printable = (text: string, at: number): string => {
  const code = text.codePointAt(at) ?? 0xfffd
  const sign = String.fromCodePoint(code)
  return /\p{C}/u.test(sign) ? `U+${code.toString(16).toUpperCase().padStart(4, '0')}` : sign
}
