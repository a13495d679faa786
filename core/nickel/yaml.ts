/**
 * Writes exported data as YAML, in the dialect of the reference: block style, two spaces, sequences
 * not indented under their key, literal blocks for text of several lines.
 *
 * A writer of our own rather than the library's: the library is loaded for reading only, and its
 * choices of quoting differ in a dozen places.
 *
 * @module
 */
import { exportNumber, isNum } from './number.ts'
import { PlainRecord, type Plain } from './plain.ts'

/** YAML without a newline at the end. */
export function toYamlText(plain: Plain): string {
  return isBlock(plain) ? block(plain, '').join('\n') : scalar(plain, '')
}

type Block = PlainRecord | readonly Plain[]

const isBlock = (plain: Plain): plain is Block =>
  (plain instanceof PlainRecord && plain.entries.length > 0) || (isList(plain) && plain.length > 0)

const isList = (plain: Plain): plain is readonly Plain[] => Array.isArray(plain)

function block(plain: Block, indent: string): string[] {
  if (plain instanceof PlainRecord) {
    return plain.entries.flatMap(([name, item]) => {
      const key = text(name, undefined)
      if (!isBlock(item)) return [`${indent}${key}: ${scalar(item, indent)}`]
      return [`${indent}${key}:`, ...block(item, isList(item) ? indent : `${indent}  `)]
    })
  }
  return plain.flatMap((item) => {
    if (!isBlock(item)) return [`${indent}- ${scalar(item, indent)}`]
    const [first = '', ...rest] = block(item, `${indent}  `)
    return [`${indent}- ${first.slice(indent.length + 2)}`, ...rest]
  })
}

function scalar(plain: Plain, indent: string): string {
  if (plain === null) return 'null'
  if (typeof plain === 'boolean') return String(plain)
  if (isNum(plain)) return exportNumber(plain)
  if (typeof plain === 'string') return text(plain, indent)
  return plain instanceof PlainRecord ? '{}' : '[]'
}

/** Characters that only double quotes can carry. */
const SPECIAL = /[^\P{Cc}\n\u0085]|\ufeff/u
const NOT_PLAIN = /^(?:$|[\s#,[\]{}&*!|>'"%@`]|[-?:](?:\s|$)|---|\.\.\.)|:(?:\s|$)|\s#|\s$|\n/
const OTHER_TYPE =
  /^(?:~|null|Null|NULL|true|True|TRUE|false|False|FALSE|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)|[-+]?(?:0x[0-9a-fA-F]+|0o[0-7]+|0b[01]+)|[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)$/

/** A string; `indent` is undefined where a block cannot stand (keys). */
function text(value: string, indent: string | undefined): string {
  if (SPECIAL.test(value)) return doubleQuoted(value)
  if (value.includes('\n')) {
    if (indent === undefined || value.endsWith(' ')) return doubleQuoted(value)
    return literal(value, indent)
  }
  if (NOT_PLAIN.test(value) || OTHER_TYPE.test(value)) return `'${value.replace(/'/g, "''")}'`
  return value
}

function literal(value: string, indent: string): string {
  const hint = /^[ \n]/.test(value) ? '2' : ''
  const chomp = !value.endsWith('\n') ? '-' : value === '\n' || value.endsWith('\n\n') ? '+' : ''
  const lines = (value.endsWith('\n') ? value.slice(0, -1) : value).split('\n')
  const body = lines.map((line) => (line === '' ? '' : `${indent}  ${line}`))
  return [`|${hint}${chomp}`, ...body].join('\n')
}

const ESCAPES: Readonly<Record<string, string>> = { '\u0000': '\\0', '\u0007': '\\a', '\b': '\\b', '\t': '\\t', '\n': '\\n', '\u000b': '\\v', '\f': '\\f', '\r': '\\r', '\u001b': '\\e', '"': '\\"', '\\': '\\\\', '\ufeff': '\\uFEFF' } // prettier-ignore

function doubleQuoted(value: string): string {
  const escaped = value.replace(/["\\\p{Cc}\ufeff]/gu, (char) => {
    const known = ESCAPES[char]
    return known ?? `\\x${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
  })
  return `"${escaped}"`
}
