/**
 * Where something stands in a text: sources, spans and places.
 *
 * Every syntax node keeps a span, so that a failure found much later (in a contract, in a merge, in
 * an export) can still name the line and column that a person has to change.
 *
 * @module
 */

/** A text with a name; the name is what error reports print, normally the path of the file. */
export class Source {
  readonly name: string
  readonly text: string
  #lineStarts: number[] | undefined

  constructor(name: string, text: string) {
    this.name = name
    this.text = text
  }

  /** Offsets at which lines begin; computed once, on the first question. */
  get lineStarts(): readonly number[] {
    if (this.#lineStarts === undefined) {
      const starts = [0]
      for (let at = this.text.indexOf('\n'); at !== -1; at = this.text.indexOf('\n', at + 1)) {
        starts.push(at + 1)
      }
      this.#lineStarts = starts
    }
    return this.#lineStarts
  }

  /** The place of an offset; line and column count from 1. Offsets past the end answer the end. */
  place(offset: number): Place {
    const starts = this.lineStarts
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((starts[middle] as number) <= offset) low = middle
      else high = middle - 1
    }
    return { file: this.name, line: low + 1, col: offset - (starts[low] as number) + 1 }
  }

  /** The text of a line (counted from 1) without its end. */
  line(line: number): string {
    const start = this.lineStarts[line - 1] ?? this.text.length
    const next = this.lineStarts[line] ?? this.text.length + 1
    return this.text.slice(start, next - 1).replace(/\r$/, '')
  }
}

/** A stretch of a source: offsets in UTF-16 units, end exclusive. */
export interface Span {
  readonly source: Source
  readonly start: number
  readonly end: number
}

/** A position that a person can open in an editor; `line` and `col` count from 1. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly col: number
}

/** The place where a span begins. */
export const placeOf = (span: Span): Place => span.source.place(span.start)

/** The text that a span covers. */
export const textOf = (span: Span): string => span.source.text.slice(span.start, span.end)
