/**
 * Reads JSON into values: numbers exactly, every record and array with its place.
 *
 * `JSON.parse` would round integers beyond 2^53 and forget positions, and a contract that a JSON
 * file breaks should point into that file.
 *
 * @module
 */
import { NickelError } from './error.ts'
import { parseNumber } from './number.ts'
import { recordOf } from './record.ts'
import type { Source, Span } from './source.ts'
import { ArrayValue, settled, type Lazy, type Value } from './value.ts'

/** The value of a JSON text; throws a `parse` error at the first mistake. */
export function readJson(source: Source): Value {
  const { text } = source
  let at = 0

  const failAt = (message: string): never => {
    const span = { source, start: Math.min(at, text.length), end: at + 1 }
    throw new NickelError({ kind: 'parse', message: `not valid JSON: ${message}`, span })
  }
  const blank = (): void => {
    while (at < text.length && ' \n\r\t'.includes(text[at] as string)) at++
  }
  const expect = (mark: string): void => {
    blank()
    if (text[at] !== mark) failAt(`expected \`${mark}\``)
    at++
  }
  const string = (): string => {
    const start = at
    at++
    while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
    at++
    try {
      return JSON.parse(text.slice(start, at)) as string
    } catch {
      at = start
      return failAt('a string is malformed')
    }
  }
  const span = (start: number): Span => ({ source, start, end: at })
  const item = (): Lazy => {
    blank()
    const start = at
    const known = value()
    return known !== null && typeof known === 'object' ? known : settled(span(start), known)
  }
  const members = (): Value => {
    const start = at++
    const found = new Map<string, Lazy>()
    blank()
    if (text[at] === '}') at++
    else {
      for (;;) {
        blank()
        if (text[at] !== '"') failAt('expected a field name in quotes')
        const name = string()
        expect(':')
        found.set(name, item())
        blank()
        if (text[at] === ',') at++
        else {
          expect('}')
          break
        }
      }
    }
    return recordOf(found, span(start))
  }
  const elements = (): Value => {
    const start = at++
    const items: Lazy[] = []
    blank()
    if (text[at] === ']') at++
    else {
      for (;;) {
        items.push(item())
        blank()
        if (text[at] === ',') at++
        else {
          expect(']')
          break
        }
      }
    }
    return new ArrayValue(items, span(start))
  }
  const value = (): Value => {
    blank()
    const char = text[at]
    if (char === '{') return members()
    if (char === '[') return elements()
    if (char === '"') return string()
    for (const [word, meaning] of WORDS) {
      if (text.startsWith(word, at)) {
        at += word.length
        return meaning
      }
    }
    const found = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/.exec(text.slice(at, at + 400))?.[0]
    const number = found === undefined ? undefined : parseNumber(found)
    if (found === undefined || number === undefined) return failAt('expected a value')
    at += found.length
    return number
  }

  if (text.codePointAt(0) === 0xfeff) at = 1
  const result = value()
  blank()
  if (at < text.length) failAt('text after the end of the value')
  return result
}

const WORDS: readonly (readonly [string, Value])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
]
