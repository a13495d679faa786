/**
 * `std.serialize`, `std.deserialize` and `std.hash`.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { readData, type Format } from '../data.ts'
import { plainToText, type ExportFormat } from '../export.ts'
import { toPlain } from '../plain.ts'
import { Source } from '../source.ts'
import type { Value } from '../value.ts'
import type { Call } from './native.ts'

const FORMATS: Readonly<Record<string, ExportFormat & Format>> = {
  Json: 'json',
  Toml: 'toml',
  Yaml: 'yaml',
}

function formatAt(call: Call, index: number): ExportFormat & Format {
  return FORMATS[call.tag(index, Object.keys(FORMATS))] as ExportFormat & Format
}

/** Text of data in a format. */
export function serialize(call: Call, format: number, value: number): Value {
  const wanted = formatAt(call, format)
  const text = plainToText(
    toPlain(call.lazy(value), { path: [], nulls: wanted !== 'toml' }),
    wanted,
  )
  return wanted === 'json' ? text : `${text}\n`
}

/** Data in a text. */
export function deserialize(call: Call, format: number, text: number): Value {
  const wanted = formatAt(call, format)
  return readData(new Source('<deserialize>', call.string(text)), wanted)
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
