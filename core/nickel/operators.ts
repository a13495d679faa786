/**
 * The meaning of the infix operators and of string interpolation.
 *
 * @module
 */
import { equal } from './equality.ts'
import { NickelError } from './error.ts'
import { merge } from './merge.ts'
import * as number from './number.ts'
import { isNum, numberText, type Num } from './number.ts'
import type { Span } from './source.ts'
import { ArrayValue, EnumValue, force, originOf, Sealed, sealedError, typeOf, withArticle, type Lazy, type TypeName, type Value } from './value.ts' // prettier-ignore

/** An operand that must have a certain type; the message names operator and position. */
function mistyped(
  op: string,
  position: number,
  wanted: TypeName,
  lazy: Lazy,
  site: Span,
): NickelError {
  const known = force(lazy)
  if (known instanceof Sealed) return sealedError(known, site)
  const ordinal = ['1st', '2nd', '3rd', '4th'][position - 1] ?? `${position}th`
  return new NickelError({
    kind: 'type',
    message: `${op} expects ${withArticle(wanted)}`,
    span: originOf(lazy) ?? site,
    spanText: `this has type ${typeOf(known)}, but ${withArticle(wanted)} was expected`,
    labels:
      originOf(lazy) === undefined || originOf(lazy) === site
        ? []
        : [{ span: site, text: 'in this operation' }],
    notes: [
      `${op} expects its ${ordinal} argument to be ${withArticle(wanted)}`,
      ...hints(op, wanted, known),
    ],
  })
}

function hints(op: string, wanted: TypeName, known: Value): string[] {
  if (op === '(+)' && typeof known === 'string')
    return ['Strings are joined with `++` or interpolation.']
  if (op === '(++)' && known instanceof ArrayValue) return ['Arrays are joined with `@`.']
  if (wanted === 'String' && isNum(known))
    return ['std.to_string or "%{…}" makes a string of a number.']
  return []
}

/** Operand nodes are evaluated by the compiler; spans are those of the operands. */
interface OperandSpans {
  readonly left: Span
  readonly right: Span
  readonly site: Span
}

type Strict = (a: Value, b: Value, at: OperandSpans) => Value

function arithmetic(op: string, run: (a: Num, b: Num, at: OperandSpans) => Value): Strict {
  return (a, b, at) => {
    if (!isNum(a)) throw mistypedAt(op, 1, 'Number', a, at.left, at.site)
    if (!isNum(b)) throw mistypedAt(op, 2, 'Number', b, at.right, at.site)
    return run(a, b, at)
  }
}

/** As {@link mistyped}, for an operand whose expression is known. */
export function mistypedAt(
  op: string,
  position: number,
  wanted: TypeName,
  value: Value,
  span: Span,
  site: Span,
): NickelError {
  const error = mistyped(op, position, wanted, value, span)
  return new NickelError({
    ...error.failure,
    span,
    labels: span === site ? [] : [{ span: site, text: 'in this operation' }],
  })
}

const nonZero = (op: string, run: (a: Num, b: Num) => Value) =>
  arithmetic(op, (a, b, at) => {
    if (b === 0) {
      throw new NickelError({ kind: 'other', message: 'division by zero', span: at.right, spanText: 'this is zero', labels: [{ span: at.site, text: 'in this division' }] }) // prettier-ignore
    }
    return run(a, b)
  })

/** Operators that evaluate both sides first. */
export const STRICT: Readonly<Record<string, Strict>> = {
  '+': arithmetic('(+)', (a, b) => number.add(a, b)),
  '-': arithmetic('(-)', (a, b) => number.subtract(a, b)),
  '*': arithmetic('(*)', (a, b) => number.multiply(a, b)),
  '/': nonZero('(/)', number.divide),
  '%': nonZero('(%)', number.remainder),
  '<': arithmetic('(<)', (a, b) => number.compare(a, b) < 0),
  '<=': arithmetic('(<=)', (a, b) => number.compare(a, b) <= 0),
  '>': arithmetic('(>)', (a, b) => number.compare(a, b) > 0),
  '>=': arithmetic('(>=)', (a, b) => number.compare(a, b) >= 0),
  '++': (a, b, at) => {
    if (typeof a !== 'string') throw mistypedAt('(++)', 1, 'String', a, at.left, at.site)
    if (typeof b !== 'string') throw mistypedAt('(++)', 2, 'String', b, at.right, at.site)
    return a + b
  },
  '@': (a, b, at) => {
    if (!(a instanceof ArrayValue)) throw mistypedAt('(@)', 1, 'Array', a, at.left, at.site)
    if (!(b instanceof ArrayValue)) throw mistypedAt('(@)', 2, 'Array', b, at.right, at.site)
    return new ArrayValue([...a.items, ...b.items], at.site)
  },
}

/** Operators that decide themselves what to evaluate. */
export const LAZY: Readonly<Record<string, (a: Lazy, b: Lazy, site: Span) => Value>> = {
  '==': equal,
  '!=': (a, b, site) => !equal(a, b, site),
  '&': merge,
}

/** The text an interpolated value contributes; undefined when it has none. */
export function interpolationText(value: Value): string | undefined {
  if (typeof value === 'string') return value
  if (isNum(value)) return numberText(value)
  if (value === null || typeof value === 'boolean') return String(value)
  if (value instanceof EnumValue && value.arg === undefined) return value.tag
  return undefined
}

export function interpolate(value: Value, indent: number, span: Span, site: Span): string {
  const text = interpolationText(value)
  if (text === undefined) {
    if (value instanceof Sealed) throw sealedError(value, site)
    throw new NickelError({
      kind: 'type',
      message: 'this value cannot be part of a string',
      span,
      spanText: `this is ${withArticle(typeOf(value))}`,
      notes: [
        'Interpolation takes strings, numbers, booleans, null and enum tags without argument.',
      ],
    })
  }
  return indent > 0 ? text.replace(/\n/g, `\n${' '.repeat(indent)}`) : text
}
