/**
 * Reads data formats into values. The libraries for YAML and TOML are loaded only when a file of
 * that format is met: most programs import none.
 *
 * @module
 */
import { createRequire } from 'node:module'
import type * as Toml from 'smol-toml'
import type * as Yaml from 'yaml'
import { NickelError } from './error.ts'
import { readJson } from './json.ts'
import { plainToValue } from './plain.ts'
import { exactDouble, parseNumber } from './number.ts'
import { recordOf } from './record.ts'
import type { Source, Span } from './source.ts'
import { ArrayValue, force, settled, type Lazy, type Value } from './value.ts'

export type Format = 'nickel' | 'json' | 'yaml' | 'toml' | 'text'

/** The value of a data file; throws a `parse` error when it is malformed. */
export function readData(source: Source, format: Exclude<Format, 'nickel'>): Value {
  const span = { source, start: 0, end: Math.min(source.text.length, 1) }
  if (format === 'json') return readJson(source)
  if (format === 'text') return source.text
  try {
    return format === 'yaml' ? readYaml(source, span) : readToml(source, span)
  } catch (error) {
    if (error instanceof NickelError) throw error
    const text = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
    throw new NickelError({
      kind: 'parse',
      message: `not valid ${format.toUpperCase()}: ${text}`,
      span,
    })
  }
}

const require = createRequire(import.meta.url)

function readYaml(source: Source, span: Span): Value {
  const yaml = require('yaml') as typeof Yaml
  const documents = yaml.parseAllDocuments(source.text, { intAsBigInt: true })
  if ('empty' in documents) return null
  const values = documents.map((document) => {
    const [problem] = document.errors
    if (problem !== undefined) {
      const [start, end] = problem.pos
      throw new NickelError({ kind: 'parse', message: `not valid YAML: ${problem.message.split('\n')[0] ?? ''}`, span: { source, start, end } }) // prettier-ignore
    }
    return yamlValue(document, source)
  })
  return values.length === 1 ? (values[0] as Value) : plainToValue(values, span)
}

function readToml(source: Source, span: Span): Value {
  const toml = require('smol-toml') as typeof Toml
  return tomlValue(toml.parse(source.text, { integersAsBigInt: 'asNeeded' }), span)
}

/** A YAML node with its place; numbers are read from their text, exactly. */
function yamlValue(document: Yaml.Document.Parsed, source: Source): Value {
  const yaml = require('yaml') as typeof Yaml
  const visit = (node: unknown): Lazy => {
    const resolved = yaml.isAlias(node) ? node.resolve(document) : node
    if (!yaml.isNode(resolved)) return null
    const [start, end] = resolved.range ?? [0, 0]
    const span = { source, start, end }
    if (yaml.isMap(resolved)) return recordOf(entries(resolved.items, span), span)
    if (yaml.isSeq(resolved)) return new ArrayValue(resolved.items.map(visit), span)
    if (!yaml.isScalar(resolved)) return null
    const { value, source: text } = resolved
    const exact = typeof value === 'number' && text !== undefined ? parseNumber(text) : undefined
    if (exact === undefined && typeof value === 'number' && !Number.isFinite(value)) {
      throw new NickelError({ kind: 'parse', message: 'numbers cannot be infinite or NaN', span })
    }
    return settled(span, exact ?? plainToValue(value, span))
  }
  const entries = (pairs: readonly unknown[], span: Span): [string, Lazy][] =>
    pairs.flatMap((pair): [string, Lazy][] => {
      if (!yaml.isPair(pair)) return []
      const key = force(visit(pair.key))
      if (key !== null && typeof key === 'object') {
        throw new NickelError({ kind: 'parse', message: 'a YAML key must be a scalar', span })
      }
      return [[String(key), visit(pair.value)]]
    })
  return force(visit(document.contents))
}

/**
 * TOML data as the reference reads it: fractions are the doubles they were parsed to, so 0.1 from a
 * TOML file is not exactly 1/10 (from JSON and YAML it is). Dates become their text.
 */
function tomlValue(data: unknown, span: Span): Value {
  if (typeof data === 'number') return exactDouble(data)
  if (data instanceof Date) return data.toISOString().replace('.000', '')
  if (Array.isArray(data))
    return new ArrayValue(
      data.map((item) => tomlValue(item, span)),
      span,
    )
  if (typeof data !== 'object' || data === null) return plainToValue(data, span)
  return recordOf(
    Object.entries(data).map(([name, item]): [string, Lazy] => [name, tomlValue(item, span)]),
    span,
  )
}
