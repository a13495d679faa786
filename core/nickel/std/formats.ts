/**
 * `std.serialize`, `std.deserialize` and `std.hash`.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { readData, type Format } from '../data.ts'
import { plainToText, type ExportFormat } from '../export.ts'
import { toPlain, type Plain } from '../plain.ts'
import { Source } from '../source.ts'
import { ArrayValue, type Value } from '../value.ts'
import type { Call } from './native.ts'

/** `'YamlDocuments` reads like YAML and writes one document per element. */
const FORMATS: Readonly<Record<string, ExportFormat & Format>> = {
  Json: 'json',
  Toml: 'toml',
  Yaml: 'yaml',
  YamlDocuments: 'yaml',
}

function formatAt(call: Call, index: number): ExportFormat & Format {
  return FORMATS[call.tag(index, Object.keys(FORMATS))] as ExportFormat & Format
}

/** Text of data in a format. */
export function serialize(call: Call, format: number, value: number): Value {
  const wanted = formatAt(call, format)
  const documents = call.enum(format).tag === 'YamlDocuments'
  const plain = toPlain(call.lazy(value), { path: [], nulls: wanted !== 'toml' })
  if (documents) {
    if (!isList(plain)) return call.refuse(value, "'YamlDocuments needs an array")
    return plain.map((item) => `---\n${plainToText(item, 'yaml')}\n`).join('')
  }
  const text = plainToText(plain, wanted)
  return wanted === 'json' ? text : `${text}\n`
}

const isList = (plain: Plain): plain is readonly Plain[] => Array.isArray(plain)

/** Data in a text. */
export function deserialize(call: Call, format: number, text: number): Value {
  const wanted = formatAt(call, format)
  const value = readData(new Source('<deserialize>', call.string(text)), wanted)
  const documents = call.enum(format).tag === 'YamlDocuments'
  return documents && !(value instanceof ArrayValue) ? new ArrayValue([value], call.site) : value
}

const HASHES: Readonly<Record<string, string>> = {
  Md5: 'md5',
  Sha1: 'sha1',
  Sha256: 'sha256',
  Sha512: 'sha512',
}

/** Hash of a text's UTF-8 bytes, hex. */
export function hash(call: Call, kind: number, text: number): Value {
  const name = HASHES[call.tag(kind, Object.keys(HASHES))] as string
  return createHash(name).update(call.string(text)).digest('hex')
}
