/**
 * `std.string`. Lengths and positions count grapheme clusters, what a reader calls characters.
 *
 * `Intl.Segmenter` is made on first need and only for texts beyond ASCII.
 *
 * @module
 */
import { numberText, parseNumber } from '../number.ts'
import { interpolationText } from '../operators.ts'
import { recordOf, type RecordValue } from '../record.ts'
import { ArrayValue, Contract, Failure, force, typeOf, type Lazy, type Value } from '../value.ts'
import { functions, moduleOf, native, orderTag, tag, validator, type Call } from './native.ts'
import { rustPattern } from './regex.ts'

let segmenter: Intl.Segmenter | undefined

/** ASCII without CR has one cluster per character (CR LF would be one cluster). */
const isSimple = (text: string): boolean => /^[^\r\u0080-\uffff]*$/.test(text)

/** The grapheme clusters of a text. */
export function clusters(text: string): string[] {
  if (isSimple(text)) return text.split('')
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' })
  return Array.from(segmenter.segment(text), ({ segment }) => segment)
}

export const lengthOf = (text: string): number =>
  isSimple(text) ? text.length : clusters(text).length

/** Offsets (UTF-16) at which clusters begin or end. */
function boundaries(text: string): Set<number> | undefined {
  if (isSimple(text)) return undefined
  const found = new Set([0])
  let at = 0
  for (const cluster of clusters(text)) found.add((at += cluster.length))
  return found
}

/** Occurrences of `part` that begin and end between clusters. */
function occurrences(text: string, part: string): number[] {
  const edges = boundaries(text)
  const found: number[] = []
  for (let at = text.indexOf(part); at !== -1; at = text.indexOf(part, at)) {
    if (edges === undefined || (edges.has(at) && edges.has(at + part.length))) {
      found.push(at)
      at += part.length
    } else at += 1
  }
  return found
}

/** Parts between separators; nothing after the last separator is no part. */
export function split(text: string, separator: string): string[] {
  if (separator === '') return clusters(text)
  const parts: string[] = []
  let start = 0
  for (const at of occurrences(text, separator)) {
    parts.push(text.slice(start, at))
    start = at + separator.length
  }
  if (start < text.length) parts.push(text.slice(start))
  return parts
}

export const contains = (text: string, part: string): boolean =>
  part === '' || occurrences(text, part).length > 0

export function replace(text: string, part: string, by: string): string {
  if (part === '')
    return (
      by +
      clusters(text)
        .map((cluster) => cluster + by)
        .join('')
    )
  let result = ''
  let start = 0
  for (const at of occurrences(text, part)) {
    result += text.slice(start, at) + by
    start = at + part.length
  }
  return result + text.slice(start)
}

function found(call: Call, text: string, match: RegExpExecArray | undefined): RecordValue {
  const groups = match === undefined ? [] : match.slice(1).map((group) => group ?? '')
  return recordOf(
    [
      ['matched', match?.[0] ?? ''],
      ['index', match === undefined ? -1 : lengthOf(text.slice(0, match.index))],
      ['groups', new ArrayValue(groups, call.site)],
    ],
    call.site,
  )
}

export function find(call: Call, pattern: string, text: string): RecordValue {
  return found(call, text, matches(call, pattern, text)[0])
}

export function findAll(call: Call, pattern: string, text: string): ArrayValue {
  return new ArrayValue(
    matches(call, pattern, text).map((match) => found(call, text, match)),
    call.site,
  )
}

function matches(call: Call, pattern: string, text: string): RegExpExecArray[] {
  const edges = boundaries(text)
  let end = -1
  return [...text.matchAll(rustPattern(pattern, 'g', call))].filter(({ index, 0: whole }) => {
    // An empty match right behind another match is none.
    const shadow = whole === '' && index === end
    end = index + whole.length
    return !shadow && (edges === undefined || (edges.has(index) && edges.has(end)))
  })
}

/** The replacement is plain text: `$1` stands for itself. */
export function replaceRegex(call: Call, pattern: string, by: string, text: string): string {
  let result = ''
  let start = 0
  for (const match of matches(call, pattern, text)) {
    result += text.slice(start, match.index) + by
    start = match.index + match[0].length
  }
  return result + text.slice(start)
}

export function substring(
  call: Call,
  start: number,
  end: number,
  text: string,
  positions: readonly [number, number],
): string {
  const all = clusters(text)
  if (start > end) call.refuse(positions[1], `the start ${start} is beyond the end ${end}`)
  if (end > all.length)
    call.refuse(
      positions[1],
      `index out of bounds: the string has ${all.length} characters, got ${end}`,
    )
  return all.slice(start, end).join('')
}

export function stringOf(call: Call, index: number): string {
  const text = interpolationText(call.value(index))
  return (
    text ??
    call.refuse(index, `${typeOf(call.value(index))} has no text`, [
      'Strings, numbers, booleans, null and enum tags without argument have one.',
    ])
  )
}

const NUMBER_LITERAL = /^[+-]?(?:\d+(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)$/

const isString = (value: Value): value is string => typeof value === 'string'

const Stringable = (): Contract =>
  validator('std.string.Stringable', (value) =>
    interpolationText(value) === undefined ? `${typeOf(value)} has no text` : undefined,
  )

const NonEmpty = (): Contract =>
  validator('std.string.NonEmpty', (value) =>
    !isString(value) ? 'not a string' : value === '' ? 'empty string' : undefined,
  )

const Character = (): Contract =>
  validator('std.string.Character', (value) =>
    !isString(value)
      ? 'expected a string'
      : lengthOf(value) === 1
        ? undefined
        : 'length different than one',
  )

const NumberLiteral = (): Contract =>
  validator('std.string.NumberLiteral', (value) =>
    !isString(value)
      ? 'expected a string'
      : NUMBER_LITERAL.test(value)
        ? undefined
        : 'invalid number literal',
  )

const BoolLiteral = (): Contract =>
  validator('std.string.BoolLiteral', (value) =>
    !isString(value)
      ? 'not a string'
      : value === 'true' || value === 'false'
        ? undefined
        : `expected "true" or "false", got ${value}`,
  )

const Matches = (): Value =>
  native('std.string.Matches', 1, (call) => {
    const text = call.string(0)
    return new Contract('CustomContract', `std.string.Matches`, (_label, value) => {
      const known = force(value)
      if (typeof known !== 'string') return new Failure('expected a string')
      return rustPattern(text, '', call).test(known)
        ? known
        : new Failure(`expected a string matching \`${text}\``)
    })
  })

const VARIANTS = ['Standard', 'UrlSafe', 'NoPad', 'UrlSafeNoPad'] as const

function encode(variant: string, text: string): string {
  const plain = Buffer.from(text, 'utf8').toString(
    variant.startsWith('UrlSafe') ? 'base64url' : 'base64',
  )
  if (variant.endsWith('NoPad')) return plain.replace(/=+$/, '')
  return plain.padEnd(Math.ceil(plain.length / 4) * 4, '=')
}

function decode(call: Call, variant: string, index: number): string {
  const text = call.string(index)
  const alphabet = variant.startsWith('UrlSafe')
    ? /^[A-Za-z0-9_-]*={0,2}$/
    : /^[A-Za-z0-9+/]*={0,2}$/
  const padded = !variant.endsWith('NoPad')
  if (!alphabet.test(text) || (padded ? text.length % 4 !== 0 : text.includes('='))) {
    return call.refuse(index, `not valid base64 ('${variant})`)
  }
  return Buffer.from(text, 'base64').toString('utf8')
}

function toNumber(call: Call): Value {
  const text = call.string(0)
  const number = NUMBER_LITERAL.test(text)
    ? parseNumber(text.replace(/\.$|\.(?=e)/, ''))
    : undefined
  return number ?? call.refuse(0, `${JSON.stringify(text)} is no number literal`)
}

export const stringModule = (): RecordValue =>
  moduleOf({
    BoolLiteral,
    NumberLiteral,
    Character,
    Matches,
    Stringable,
    NonEmpty,
    ...functions('std.string', {
      join: [2, (c) => {
        const separator = c.string(0)
        return c.array(1).items.map((item: Lazy) => {
          const text = force(item)
          return typeof text === 'string' ? text : c.refuse(1, `every element must be a String, one is of type ${typeOf(text)}`)
        }).join(separator)
      }],
      split: [2, (c) => new ArrayValue(split(c.string(1), c.string(0)), c.site)],
      trim: [1, (c) => c.string(0).trim()],
      characters: [1, (c) => new ArrayValue(clusters(c.string(0)), c.site)],
      uppercase: [1, (c) => c.string(0).toUpperCase()],
      lowercase: [1, (c) => c.string(0).toLowerCase()],
      contains: [2, (c) => contains(c.string(1), c.string(0))],
      compare: [2, (c) => orderTag(Buffer.compare(Buffer.from(c.string(0)), Buffer.from(c.string(1))))],
      replace: [3, (c) => replace(c.string(2), c.string(0), c.string(1))],
      replace_regex: [3, (c) => replaceRegex(c, c.string(0), c.string(1), c.string(2))],
      is_match: [2, (c) => matches(c, c.string(0), c.string(1)).length > 0],
      find: [2, (c) => find(c, c.string(0), c.string(1))],
      find_all: [2, (c) => findAll(c, c.string(0), c.string(1))],
      length: [1, (c) => lengthOf(c.string(0))],
      substring: [3, (c) => substring(c, c.index(0), c.index(1), c.string(2), [0, 1])],
      from: [1, (c) => stringOf(c, 0)],
      from_number: [1, (c) => numberText(c.number(0))],
      from_enum: [1, (c) => {
        const { tag: name, arg } = c.enum(0)
        return arg === undefined ? name : c.refuse(0, 'expected an enum tag without argument')
      }],
      from_bool: [1, (c) => String(c.bool(0))],
      to_number: [1, toNumber],
      to_bool: [1, (c) => {
        const text = c.string(0)
        return text === 'true' || text === 'false' ? text === 'true' : c.refuse(0, `expected "true" or "false", got ${JSON.stringify(text)}`)
      }],
      to_enum: [1, (c) => tag(c.string(0))],
      base64_encode: [2, (c) => encode(c.tag(0, VARIANTS), c.string(1))],
      base64_decode: [2, (c) => decode(c, c.tag(0, VARIANTS), 1)],
    }),
  }) // prettier-ignore
