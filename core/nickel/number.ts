/**
 * Exact numbers. Nickel numbers are rationals: `0.1 + 0.2 == 0.3` holds.
 *
 * Almost every number in a configuration is a small integer, so a plain JavaScript number stands
 * for it as long as it is a safe integer; everything else is a reduced fraction of two bigints.
 * Invariant: a value that fits the fast form never appears in the slow one, so equality of the two
 * forms never has to be asked.
 *
 * @module
 */

/** A reduced fraction; `d` is positive. Never a safe integer (see the invariant above). */
export class Fraction {
  readonly n: bigint
  readonly d: bigint
  constructor(n: bigint, d: bigint) {
    this.n = n
    this.d = d
  }
}

export type Num = number | Fraction

export const isNum = (value: unknown): value is Num =>
  typeof value === 'number' || value instanceof Fraction

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER)

const top = (x: Num): bigint => (typeof x === 'number' ? BigInt(x) : x.n)
const bottom = (x: Num): bigint => (typeof x === 'number' ? 1n : x.d)

function gcd(a: bigint, b: bigint): bigint {
  let x = a < 0n ? -a : a
  let y = b < 0n ? -b : b
  while (y !== 0n) [x, y] = [y, x % y]
  return x
}

/** The number n/d in its one normal form; `d` must not be zero. */
export function ratio(n: bigint, d: bigint): Num {
  let numerator = n
  let denominator = d
  if (denominator < 0n) {
    numerator = -numerator
    denominator = -denominator
  }
  const divisor = denominator === 1n ? 1n : gcd(numerator, denominator)
  if (divisor !== 1n) {
    numerator /= divisor
    denominator /= divisor
  }
  if (denominator === 1n && numerator <= MAX_SAFE && numerator >= -MAX_SAFE)
    return Number(numerator)
  return new Fraction(numerator, denominator)
}

export function add(a: Num, b: Num): Num {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b
    if (Number.isSafeInteger(sum)) return sum
  }
  return ratio(top(a) * bottom(b) + top(b) * bottom(a), bottom(a) * bottom(b))
}

export function subtract(a: Num, b: Num): Num {
  if (typeof a === 'number' && typeof b === 'number') {
    const difference = a - b
    if (Number.isSafeInteger(difference)) return difference
  }
  return ratio(top(a) * bottom(b) - top(b) * bottom(a), bottom(a) * bottom(b))
}

export function multiply(a: Num, b: Num): Num {
  if (typeof a === 'number' && typeof b === 'number') {
    const product = a * b
    // `+ 0` turns the -0 of 0 * -1 into 0: rationals have one zero.
    if (Number.isSafeInteger(product)) return product + 0
  }
  return ratio(top(a) * top(b), bottom(a) * bottom(b))
}

/** Quotient; the caller has ruled out a zero divisor. */
export function divide(a: Num, b: Num): Num {
  if (typeof a === 'number' && typeof b === 'number') {
    const quotient = a / b
    if (Number.isSafeInteger(quotient) && quotient * b === a) return quotient + 0
  }
  return ratio(top(a) * bottom(b), bottom(a) * top(b))
}

/** Remainder with the sign of the dividend; the caller has ruled out a zero divisor. */
export function remainder(a: Num, b: Num): Num {
  if (typeof a === 'number' && typeof b === 'number') return (a % b) + 0
  const n = top(a) * bottom(b)
  const d = top(b) * bottom(a)
  // a - b * trunc(a / b): bigint division truncates towards zero, as wanted.
  return subtract(a, multiply(b, ratio(n / d, 1n)))
}

/** Negative, zero or positive, as `a` is below, equal to or above `b`. */
export function compare(a: Num, b: Num): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  const left = top(a) * bottom(b)
  const right = top(b) * bottom(a)
  return left < right ? -1 : left > right ? 1 : 0
}

export const sameNumber = (a: Num, b: Num): boolean =>
  a === b || (a instanceof Fraction && b instanceof Fraction && a.n === b.n && a.d === b.d)

/** Is it a whole number (of any size)? */
export const isInteger = (x: Num): boolean => typeof x === 'number' || x.d === 1n

/** The number whose shortest decimal text is that of a finite double: 0.1 is 1/10. */
export function fromDouble(value: number): Num {
  if (Number.isSafeInteger(value)) return value + 0
  return parseNumber(value.toString()) ?? 0
}

/** The rational a finite double stands for: 0.1 is a little more than 1/10. */
export function exactDouble(value: number): Num {
  let scaled = value
  let divisor = 1n
  while (!Number.isInteger(scaled)) {
    scaled *= 2
    divisor *= 2n
  }
  return ratio(BigInt(scaled), divisor)
}

/** Reads `12`, `1.5`, `.5`, `1e-3`, `-2`; undefined when the text is no number. Exact. */
export function parseNumber(text: string): Num | undefined {
  const found = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text)
  if (found === null) return undefined
  const [, sign, whole = '', part = '', power] = found
  if (whole === '' && part === '') return undefined
  const scale = Number(power ?? 0) - part.length
  const digits = BigInt((sign === '-' ? '-' : '') + whole + part)
  return scale >= 0
    ? ratio(digits * 10n ** BigInt(scale), 1n)
    : ratio(digits, 10n ** BigInt(-scale))
}

/** Nearest double (ties to even). */
export function toDouble(x: Num): number {
  if (typeof x === 'number') return x
  const negative = x.n < 0n
  const n = negative ? -x.n : x.n
  // Scale so that the quotient has at least 64 significant bits, keep a sticky bit, let Number()
  // round once: its conversion of bigints rounds to nearest even.
  const shift = 66 - (bits(n) - bits(x.d))
  const scaled = shift > 0 ? n << BigInt(shift) : n
  const divisor = shift > 0 ? x.d : x.d << BigInt(-shift)
  const quotient = scaled / divisor
  const sticky = quotient * divisor === scaled ? quotient : quotient | 1n
  // Two steps for very small values: 2 ** -shift alone would underflow to zero.
  const half = Math.trunc(shift / 2)
  const value = Number(sticky) * 2 ** -half * 2 ** -(shift - half)
  return negative ? -value : value
}

const bits = (x: bigint): number => {
  const hex = x.toString(16)
  return (hex.length - 1) * 4 + (32 - Math.clz32(parseInt(hex[0] as string, 16)))
}

/** The text of `std.to_string` and of interpolation: at most 16 significant digits. */
export function numberText(x: Num): string {
  if (typeof x === 'number') {
    return Math.abs(x) < 1e16 ? String(x) : scientific(x)
  }
  return scientific(x)
}

/** 16 significant digits of an exact number, rounded half up, in the shorter of two notations. */
function scientific(x: Num): string {
  const negative = top(x) < 0n
  const n = negative ? -top(x) : top(x)
  const d = bottom(x)
  // Estimate the decimal exponent, then correct it.
  let exponent = n.toString().length - d.toString().length
  if (exponent >= 0 ? n < d * 10n ** BigInt(exponent) : n * 10n ** BigInt(-exponent) < d) exponent--
  const scale = 15 - exponent
  let [num, den] = scale >= 0 ? [n * 10n ** BigInt(scale), d] : [n, d * 10n ** BigInt(-scale)]
  let digits = num / den
  const rest = (num % den) * 2n
  if (rest > den || (rest === den && digits % 2n === 1n)) digits += 1n
  let text = digits.toString()
  if (text.length > 16) exponent += 1
  text = text.slice(0, 16).replace(/0+$/, '')
  const sign = negative ? '-' : ''
  if (exponent >= 16 || exponent < -5) {
    const mantissa = text.length > 1 ? `${text[0]}.${text.slice(1)}` : text
    return `${sign}${mantissa}e${exponent}`
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${text}`
  if (text.length <= exponent + 1) return sign + text.padEnd(exponent + 1, '0')
  return `${sign}${text.slice(0, exponent + 1)}.${text.slice(exponent + 1)}`
}

const I64_MIN = -(2n ** 63n)
const U64_MAX = 2n ** 64n - 1n

/**
 * The text of an exported number: whole numbers that fit 64 bits exactly, everything else as the
 * shortest text of the nearest double, with an exponent outside 1e-5 … 1e16.
 */
export function exportNumber(x: Num): string {
  if (typeof x === 'number') return String(x)
  if (x.d === 1n && x.n >= I64_MIN && x.n <= U64_MAX) return x.n.toString()
  return doubleText(toDouble(x))
}

/** Shortest text of a double, `1e30` rather than `1e+30`, always showing that it is not whole. */
export function doubleText(value: number): string {
  const [mantissa, power] = value.toExponential().split('e') as [string, string]
  const exponent = Number(power)
  if (exponent >= 16 || exponent < -5) return `${mantissa}e${exponent}`
  const text = String(value).includes('e') ? value.toFixed(20).replace(/0+$/, '') : String(value)
  return text.includes('.') ? text : `${text}.0`
}
