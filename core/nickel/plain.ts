/**
 * Between JavaScript data and values: data of other formats in, exported data out.
 *
 * @module
 */
import { NickelError } from './error.ts'
import { fromDouble, isNum, ratio, toDouble, type Num } from './number.ts'
import { isVisible, missingDefinition, RecordValue, recordOf } from './record.ts'
import type { Span } from './source.ts'
import { ArrayValue, Contract, EnumValue, Fn, force, Native, originOf, spanOf, typeOf, withArticle, type Lazy, type Value } from './value.ts' // prettier-ignore

/** A value from parsed data; values that are values already stay. */
export function plainToValue(data: unknown, span: Span): Value {
  if (data === null || data === undefined) return null
  switch (typeof data) {
    case 'boolean':
    case 'string':
      return data
    case 'number':
      return fromDouble(data)
    case 'bigint':
      return ratio(data, 1n)
    default:
  }
  if (data instanceof RecordValue || data instanceof ArrayValue) return data
  if (isNum(data)) return data
  if (Array.isArray(data))
    return new ArrayValue(
      data.map((item) => plainToValue(item, span)),
      span,
    )
  const entries = data instanceof Map ? [...data] : Object.entries(data as object)
  return recordOf(
    entries.map(([name, item]): [string, Lazy] => [String(name), plainToValue(item, span)]),
    span,
  )
}

/** Exported data: records as lists of pairs, sorted by the bytes of their names. */
export type Plain = null | boolean | Num | string | readonly Plain[] | PlainRecord

export class PlainRecord {
  readonly entries: readonly (readonly [string, Plain])[]
  constructor(entries: readonly (readonly [string, Plain])[]) {
    this.entries = entries
  }
}

interface ToPlainOptions {
  /** Filled with the path of fields while walking; after a failure it says where. */
  readonly path: string[]
  /** Are nulls allowed? TOML has none. */
  readonly nulls: boolean
}

/** Evaluates completely and checks that everything can be written down. */
export function toPlain(lazy: Lazy, options: ToPlainOptions): Plain {
  const value = force(lazy)
  if (value === null) {
    if (options.nulls) return null
    throw unserializable(value, lazy, 'TOML has no null')
  }
  if (typeof value === 'boolean' || typeof value === 'string') return value
  if (isNum(value)) {
    if (Number.isFinite(toDouble(value))) return value
    throw unserializable(value, lazy, 'this number is too large for the formats of data')
  }
  if (value instanceof EnumValue) {
    if (value.arg === undefined) return value.tag
    throw unserializable(value, lazy, `the enum variant \`'${value.tag} …\` has an argument`)
  }
  if (value instanceof ArrayValue) {
    const items: Plain[] = []
    for (const [index, item] of value.items.entries()) {
      options.path.push(String(index))
      items.push(toPlain(item, options))
      options.path.pop()
    }
    return items
  }
  if (value instanceof RecordValue) return recordToPlain(value, options)
  throw unserializable(value, lazy, `${withArticle(typeOf(value))} is not data`)
}

function recordToPlain(record: RecordValue, options: ToPlainOptions): PlainRecord {
  const names: string[] = []
  for (const [name, own] of record.fields) {
    if (own.meta.notExported === true || !isVisible(own)) continue
    names.push(name)
  }
  names.sort(byBytes)
  const entries: [string, Plain][] = []
  for (const name of names) {
    const own = record.fields.get(name) as NonNullable<ReturnType<typeof record.fields.get>>
    options.path.push(name)
    if (own.definition === undefined) throw missingDefinition(name, own, record)
    entries.push([name, toPlain(record.finalOf(name, own), options)])
    options.path.pop()
  }
  return new PlainRecord(entries)
}

/** Order of UTF-8 bytes, which is the order of code points (JavaScript compares UTF-16 units). */
function byBytes(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index++) {
    const x = a.charCodeAt(index)
    const y = b.charCodeAt(index)
    if (x === y) continue
    const high = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdfff
    if (high(x) !== high(y)) return high(x) ? 1 : -1
    return x - y
  }
  return a.length - b.length
}

function unserializable(value: Value, lazy: Lazy, why: string): NickelError {
  const notes = [
    'Data is strings, numbers, booleans, null, enum tags, and records and arrays of data.',
    'A field that is no data is marked `| not_exported`.',
  ]
  if (value instanceof Fn || value instanceof Native) notes.unshift('Is an argument missing?')
  if (value instanceof Contract) notes.unshift('Is this a type where a value was meant?')
  return new NickelError({
    kind: 'export',
    message: 'this value cannot be exported',
    span: originOf(lazy) ?? spanOf(value),
    spanText: why,
    notes,
  })
}
