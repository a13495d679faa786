/**
 * Writes exported data as TOML: values before tables, arrays of tables, long arrays over lines.
 *
 * @module
 */
import { NickelError } from './error.ts'
import { doubleText, exportNumber, Fraction, isNum, toDouble, type Num } from './number.ts'
import { PlainRecord, type Plain } from './plain.ts'

/** TOML without a newline at the end; throws an `export` error unless the top is a record. */
export function toTomlText(plain: Plain): string {
  if (!(plain instanceof PlainRecord)) {
    throw new NickelError({
      kind: 'export',
      message: 'TOML needs a record at the top',
      notes: ['Wrap the value in a record, or export as JSON or YAML.'],
    })
  }
  const sections: string[] = []
  table(plain, [], undefined, sections)
  return sections.join('\n\n')
}

const isTables = (plain: Plain): plain is readonly PlainRecord[] =>
  Array.isArray(plain) && plain.length > 0 && plain.every((item) => item instanceof PlainRecord)

function table(
  record: PlainRecord,
  path: readonly string[],
  header: string | undefined,
  sections: string[],
): void {
  const own = record.entries.filter(([, item]) => !(item instanceof PlainRecord) && !isTables(item))
  const lines = own.map(([name, item]) => `${key(name)} = ${value(item)}`)
  const nested = record.entries.length > own.length
  // A table that only holds tables needs no header of its own; an empty one does.
  const shown = header !== undefined && (lines.length > 0 || !nested || header.startsWith('[['))
  if (shown) lines.unshift(header)
  if (lines.length > 0) sections.push(lines.join('\n'))
  for (const [name, item] of record.entries) {
    const inner = [...path, key(name)]
    if (item instanceof PlainRecord) table(item, inner, `[${inner.join('.')}]`, sections)
    else if (isTables(item)) {
      for (const each of item) table(each, inner, `[[${inner.join('.')}]]`, sections)
    }
  }
}

const key = (name: string): string => (/^[A-Za-z0-9_-]+$/.test(name) ? name : string(name, false))

function value(plain: Plain): string {
  if (plain === null) return '""'
  if (typeof plain === 'boolean') return String(plain)
  if (isNum(plain)) return number(plain)
  if (typeof plain === 'string') return string(plain, true)
  if (plain instanceof PlainRecord) return inline(plain)
  if (plain.length === 0) return '[]'
  if (plain.length === 1) return `[${inlineValue(plain[0] as Plain)}]`
  return `[\n${plain.map((item) => `    ${inlineValue(item)},`).join('\n')}\n]`
}

/** Inside an array or inline table nothing starts a block of its own, except arrays in arrays. */
const inlineValue = (plain: Plain): string =>
  typeof plain === 'string' ? string(plain, false) : value(plain)

function inline(record: PlainRecord): string {
  if (record.entries.length === 0) return '{}'
  return `{ ${record.entries.map(([name, item]) => `${key(name)} = ${inlineValue(item)}`).join(', ')} }`
}

function number(x: Num): string {
  if (!(x instanceof Fraction)) return exportNumber(x)
  const text = x.d === 1n ? toDouble(x).toFixed(0) : doubleText(toDouble(x))
  if (x.d === 1n) {
    const fits = x.n >= -(2n ** 63n) && x.n < 2n ** 63n
    return fits ? x.n.toString() : `${doubleDigits(toDouble(x))}.0`
  }
  return text
}

/** All digits of a large double, from its shortest decimal form. */
function doubleDigits(x: number): string {
  const [mantissa, power] = x.toExponential().split('e') as [string, string]
  const [whole = '', part = ''] = mantissa.split('.')
  return whole + part.padEnd(Number(power), '0')
}

function string(text: string, multiline: boolean): string {
  if (multiline && text.includes('\n')) {
    const body = escape(text).replace(/\\n/g, '\n').replace(/\\"/g, '"').replace(/"""/g, '""\\"')
    return `"""\n${body}"""`
  }
  const plain = !/\p{Cc}/u.test(text)
  if (plain && /["\\]/.test(text) && !text.includes("'")) return `'${text}'`
  return `"${escape(text)}"`
}

const ESCAPES: Readonly<Record<string, string>> = { '\b': '\\b', '\t': '\\t', '\n': '\\n', '\f': '\\f', '\r': '\\r', '"': '\\"', '\\': '\\\\' } // prettier-ignore

const escape = (text: string): string =>
  text.replace(
    /["\\\p{Cc}]/gu,
    (char) =>
      ESCAPES[char] ?? `\\u${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`,
  )
