/**
 * The contract "equal to this constant", lazy inside records and arrays.
 *
 * Merging two arrays uses it, and `std.contract.Equal` is it.
 *
 * @module
 */
import { equal } from './equality.ts'
import { blame, type Label } from './label.ts'
import { field, Fixed, freeze, isVisible, RecordValue, type Field } from './record.ts'
import type { Span } from './source.ts'
import {
  ArrayValue,
  EnumValue,
  Failure,
  force,
  lazily,
  originOf,
  typeOf,
  type Lazy,
  type Value,
} from './value.ts'

const NO_SPAN = undefined as unknown as Span

/** The value, with every difference from the constant reported when that part is read. */
export function requireEqual(constant: Lazy, value: Lazy, label: Label): Lazy {
  const expected = force(constant)
  const actual = force(value)
  const kinds = [typeOf(expected), typeOf(actual)]
  if (kinds[0] !== kinds[1]) {
    return blame(label, new Failure(note(label, `expected ${kinds[0]}, got ${kinds[1]}`)))
  }
  if (expected instanceof EnumValue && actual instanceof EnumValue) {
    if ((expected.arg === undefined) !== (actual.arg === undefined)) {
      const name = (it: EnumValue): string => (it.arg === undefined ? 'enum tag' : 'enum variant')
      blame(label, new Failure(`expected an ${name(expected)}, got an ${name(actual)}`))
    }
  }
  if (expected instanceof ArrayValue && actual instanceof ArrayValue) {
    if (expected.items.length !== actual.items.length) {
      const lengths = `expected ${expected.items.length}, got ${actual.items.length}`
      blame(label, new Failure(note(label, `array length mismatch (${lengths})`)))
    }
    return new ArrayValue(
      actual.items.map((item, index) => later(expected.items[index] as Lazy, item, label.on(item))),
      actual.span,
    )
  }
  if (expected instanceof RecordValue && actual instanceof RecordValue) {
    return equalRecord(expected, actual, label)
  }
  if (!equal(expected, actual, label.contractSpan ?? originOf(value) ?? NO_SPAN)) blame(label)
  return value
}

const note = (label: Label, text: string): string =>
  label.parts.message === undefined ? text : `${label.parts.message}: ${text}`

function later(constant: Lazy, item: Lazy, label: Label): Lazy {
  const span = originOf(item) ?? label.contractSpan ?? NO_SPAN
  return lazily(span, (): Value => force(requireEqual(constant, item, label)))
}

function equalRecord(expected: RecordValue, actual: RecordValue, label: Label): RecordValue {
  const differ = (a: RecordValue, b: RecordValue): string[] =>
    [...a.fields].flatMap(([name, own]) => (isVisible(own) && !b.fields.has(name) ? [name] : []))
  const extra = differ(actual, expected)
  const missing = differ(expected, actual)
  const names = extra.length > 0 ? extra : missing
  if (names.length > 0) {
    const text = names.map((name) => `\`${name}\``).join(', ')
    const word = `${extra.length > 0 ? 'extra' : 'missing'} field${names.length === 1 ? '' : 's'}`
    blame(label, new Failure(note(label, `${word} ${text}`)))
  }
  const fields = new Map<string, Field>()
  for (const [name, own] of freeze(actual).fields) {
    const constant = expected.get(name)
    if (own.definition === undefined || constant === undefined) fields.set(name, own)
    else {
      const item = own.definition.instantiate(actual)
      fields.set(
        name,
        field(own.meta, new Fixed(later(constant, item, label.step({ field: name }).on(item)))),
      )
    }
  }
  return new RecordValue(fields, { open: actual.open, span: actual.span })
}
