/**
 * `==`: structural and deep. Functions and contracts cannot be compared.
 *
 * @module
 */
import { NickelError } from './error.ts'
import { Fraction, sameNumber } from './number.ts'
import { isVisible, missingDefinition, RecordValue } from './record.ts'
import type { Span } from './source.ts'
import { ArrayValue, EnumValue, force, Sealed, sealedError, typeOf, type Lazy } from './value.ts'

/** Are two values equal? Forces as much of them as the answer needs. */
export function equal(left: Lazy, right: Lazy, site: Span): boolean {
  const a = force(left)
  const b = force(right)
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return a === b
  if (a instanceof Fraction) return b instanceof Fraction && sameNumber(a, b)
  if (a instanceof Sealed) throw sealedError(a, site)
  if (b instanceof Sealed) throw sealedError(b, site)
  if (a instanceof EnumValue) {
    if (!(b instanceof EnumValue) || a.tag !== b.tag) return false
    if (a.arg === undefined || b.arg === undefined) return a.arg === b.arg
    return equal(a.arg, b.arg, site)
  }
  if (a instanceof ArrayValue) {
    if (!(b instanceof ArrayValue) || a.items.length !== b.items.length) return false
    return a.items.every((item, index) => equal(item, b.items[index] as Lazy, site))
  }
  if (a instanceof RecordValue) return b instanceof RecordValue && sameFields(a, b, site)
  if (typeOf(a) !== typeOf(b)) return false
  throw new NickelError({
    kind: 'type',
    message: 'incomparable values',
    span: site,
    spanText: `values of type ${typeOf(a)} cannot be compared`,
    notes: ['Only data can be compared: functions, contracts and labels cannot.'],
  })
}

function sameFields(a: RecordValue, b: RecordValue, site: Span): boolean {
  const names = [...a.fields].filter(([, own]) => isVisible(own)).map(([name]) => name)
  const others = [...b.fields].filter(([, own]) => isVisible(own))
  if (names.length !== others.length) return false
  if (!names.every((name) => { const own = b.fields.get(name); return own !== undefined && isVisible(own) })) return false // prettier-ignore
  return names.every((name) => {
    const mine = a.fields.get(name)
    const theirs = b.fields.get(name)
    if (mine === undefined || theirs === undefined) return false
    if (mine.definition === undefined && theirs.definition === undefined) return true
    if (mine.definition === undefined) throw missingDefinition(name, mine, a)
    if (theirs.definition === undefined) throw missingDefinition(name, theirs, b)
    return equal(a.finalOf(name, mine), b.finalOf(name, theirs), site)
  })
}
