/**
 * Exports: complete evaluation to JSON values and to text.
 *
 * JSON text equals upstream's byte for byte: keys in the order of their UTF-8 bytes, two spaces,
 * numbers exact where 64 bits hold them.
 *
 * @module
 */
import { exportNumber, isNum, toDouble } from './number.ts'
import { NickelError } from './error.ts'
import { PlainRecord, type Plain } from './plain.ts'
import { toTomlText } from './toml.ts'
import { toYamlText } from './yaml.ts'

/** JSON as JavaScript has it. Numbers beyond a double's precision are rounded. */
export type JsonValue =
  null | boolean | number | string | JsonValue[] | { [name: string]: JsonValue }

export type ExportFormat = 'json' | 'yaml' | 'toml' | 'raw'

export function plainToJson(plain: Plain): JsonValue {
  if (plain === null || typeof plain === 'boolean' || typeof plain === 'string') return plain
  if (isNum(plain)) return toDouble(plain)
  if (plain instanceof PlainRecord) {
    const result: { [name: string]: JsonValue } = {}
    for (const [name, item] of plain.entries) {
      const value = plainToJson(item)
      if (name === '__proto__')
        Object.defineProperty(result, name, { value, enumerable: true, configurable: true, writable: true }) // prettier-ignore
      else result[name] = value
    }
    return result
  }
  return plain.map(plainToJson)
}

/** The text of exported data, without a newline at the end. */
export function plainToText(plain: Plain, format: ExportFormat): string {
  switch (format) {
    case 'json':
      return jsonText(plain, '')
    case 'yaml':
      return toYamlText(plain)
    case 'toml':
      return toTomlText(plain)
    case 'raw':
      if (typeof plain === 'string') return plain
      throw new NickelError({ kind: 'export', message: 'raw export needs a string', notes: ['Choose json, yaml or toml, or export a field that is a string.'] }) // prettier-ignore
  }
}

function jsonText(plain: Plain, indent: string): string {
  if (plain === null) return 'null'
  if (typeof plain === 'boolean') return String(plain)
  if (typeof plain === 'string') return jsonString(plain)
  if (isNum(plain)) return exportNumber(plain)
  const inner = `${indent}  `
  if (plain instanceof PlainRecord) {
    if (plain.entries.length === 0) return '{}'
    const lines = plain.entries.map(
      ([name, item]) => `${inner}${jsonString(name)}: ${jsonText(item, inner)}`,
    )
    return `{\n${lines.join(',\n')}\n${indent}}`
  }
  if (plain.length === 0) return '[]'
  return `[\n${plain.map((item) => inner + jsonText(item, inner)).join(',\n')}\n${indent}]`
}

/** Escapes as the reference does: only what JSON demands, DEL and everything above stay. */
const jsonString = (text: string): string => JSON.stringify(text)
