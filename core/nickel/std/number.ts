/**
 * `std.number`. Whatever can be exact is exact; roots, logarithms and angles go through doubles.
 *
 * @module
 */
import { compare, exactDouble, isInteger, isNum, multiply, divide, remainder, subtract, parseNumber, toDouble, type Num } from '../number.ts' // prettier-ignore
import type { RecordValue } from '../record.ts'
import type { Contract, Value } from '../value.ts'
import { functions, moduleOf, orderTag, validator, type Call } from './native.ts'

const numberThat = (name: string, holds: (x: Num) => boolean, otherwise: string) => (): Contract =>
  validator(`std.number.${name}`, (value) =>
    !isNum(value) ? 'expected a number' : holds(value) ? undefined : otherwise,
  )

/** Exponents beyond this are computed with doubles: exact results would fill the memory. */
const EXACT_EXPONENT = 100_000

export function power(call: Call, base: Num, exponent: Num): Num {
  if (typeof exponent === 'number' && Math.abs(exponent) <= EXACT_EXPONENT) {
    if (exponent < 0 && base === 0) return call.refuse(0, 'zero has no negative power')
    let result: Num = 1
    let square = base
    for (let rest = Math.abs(exponent); rest > 0; rest = Math.floor(rest / 2)) {
      if (rest % 2 === 1) result = multiply(result, square)
      if (rest > 1) square = multiply(square, square)
    }
    return exponent < 0 ? divide(1, result) : result
  }
  return double(call, Math.pow(toDouble(base), toDouble(exponent)))
}

/** A double as a number; NaN and infinities are refused. */
export function double(call: Call, value: number): Num {
  return Number.isFinite(value) ? exactDouble(value) : call.refuse(0, 'the result is not a number')
}

export function logarithm(call: Call, x: Num, base: Num): Num {
  const value =
    base === 2
      ? Math.log2(toDouble(x))
      : base === 10
        ? Math.log10(toDouble(x))
        : Math.log(toDouble(x)) / Math.log(toDouble(base))
  return double(call, value)
}

function floor(x: Num): Num {
  const rest = remainder(x, 1)
  return compare(rest, 0) >= 0 ? subtract(x, rest) : subtract(subtract(x, 1), rest)
}

const through =
  (run: (x: number) => number) =>
  (call: Call): Value =>
    double(call, run(toDouble(call.number(0))))

const PI = parseNumber('3.14159265358979323846') as Num
const E = parseNumber('2.7182818284590452354') as Num

export const numberModule = (): RecordValue =>
  moduleOf({
    Integer: numberThat('Integer', isInteger, 'expected an integer'),
    Nat: numberThat('Nat', (x) => isInteger(x) && compare(x, 0) >= 0, 'expected a natural'),
    PosNat: numberThat('PosNat', (x) => isInteger(x) && compare(x, 0) > 0, 'expected a positive integer'),
    NonZero: numberThat('NonZero', (x) => x !== 0, 'value is zero'),
    pi: () => PI,
    e: () => E,
    ...functions('std.number', {
      is_integer: [1, (c) => isInteger(c.number(0))],
      compare: [2, (c) => orderTag(compare(c.number(0), c.number(1)))],
      min: [2, (c) => (compare(c.number(0), c.number(1)) <= 0 ? c.number(0) : c.number(1))],
      max: [2, (c) => (compare(c.number(0), c.number(1)) >= 0 ? c.number(0) : c.number(1))],
      floor: [1, (c) => floor(c.number(0))],
      ceil: [1, (c) => subtract(0, floor(subtract(0, c.number(0))))],
      abs: [1, (c) => (compare(c.number(0), 0) < 0 ? subtract(0, c.number(0)) : c.number(0))],
      fract: [1, (c) => remainder(c.number(0), 1)],
      truncate: [1, (c) => subtract(c.number(0), remainder(c.number(0), 1))],
      pow: [2, (c) => power(c, c.number(0), c.number(1))],
      sqrt: [1, (c) => double(c, Math.sqrt(toDouble(c.number(0))))],
      log: [2, (c) => logarithm(c, c.number(0), c.number(1))],
      cos: [1, through(Math.cos)],
      sin: [1, through(Math.sin)],
      tan: [1, through(Math.tan)],
      arccos: [1, through(Math.acos)],
      arcsin: [1, through(Math.asin)],
      arctan: [1, through(Math.atan)],
      arctan2: [2, (c) => double(c, Math.atan2(toDouble(c.number(0)), toDouble(c.number(1))))],
    }),
  }) // prettier-ignore
