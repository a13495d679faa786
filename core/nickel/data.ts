/**
 * Reads data formats into values. The libraries for YAML and TOML are loaded only when a file of
 * that format is met: most programs import none.
 *
 * @module
 */
import { createRequire } from 'node:module'
import { NickelError } from './error.ts'
import { readJson } from './json.ts'
import { plainToValue } from './plain.ts'
import type { Source, Span } from './source.ts'
import type { Value } from './value.ts'

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
  const yaml = require('yaml') as typeof import('yaml')
  const documents = yaml.parseAllDocuments(source.text, { intAsBigInt: true, merge: true })
  if ('empty' in documents) return null
  const values = documents.map((document) => {
    const [problem] = document.errors
    if (problem !== undefined) {
      const [start, end] = problem.pos
      throw new NickelError({ kind: 'parse', message: `not valid YAML: ${problem.message.split('\n')[0] ?? ''}`, span: { source, start, end } }) // prettier-ignore
    }
    return plainToValue(document.toJS({ mapAsMap: true }) as unknown, span)
  })
  return values.length === 1 ? (values[0] as Value) : plainToValue(values, span)
}

function readToml(source: Source, span: Span): Value {
  const toml = require('smol-toml') as typeof import('smol-toml')
  return plainToValue(toml.parse(source.text, { integersAsBigInt: 'asNeeded' }), span)
}
