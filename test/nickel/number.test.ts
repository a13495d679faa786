import t from 'tap'
import { add, compare, divide, exactDouble, exportNumber, fromDouble, isInteger, multiply, numberText, parseNumber, ratio, remainder, sameNumber, subtract, toDouble, type Num } from '../../core/nickel/number.ts' // prettier-ignore

/** A small fixed generator: the same numbers in every run. */
function sequence(seed: number): () => number {
  let state = seed
  return () => (state = (state * 48271) % 2147483647)
}

const next = sequence(7)
const anyNumber = (): Num => {
  const whole = BigInt(next()) * BigInt((next() % 5) ** 12) - BigInt(next())
  return ratio(whole, next() % 3 === 0 ? BigInt((next() % 99) + 1) : 1n)
}

t.test('sums and products obey the laws of rational numbers', async (t) => {
  for (let round = 0; round < 300; round++) {
    const [a, b, c] = [anyNumber(), anyNumber(), anyNumber()] as [Num, Num, Num]
    t.ok(sameNumber(add(a, b), add(b, a)) && sameNumber(multiply(a, b), multiply(b, a)), 'commute')
    t.ok(sameNumber(multiply(a, add(b, c)), add(multiply(a, b), multiply(a, c))), 'distribute')
    t.ok(sameNumber(subtract(add(a, b), b), a), 'undo')
    if (b !== 0) {
      t.ok(sameNumber(multiply(divide(a, b), b), a), 'divide')
      const rest = remainder(a, b)
      t.ok(isInteger(divide(subtract(a, rest), b)), 'remainder leaves a multiple')
    }
    t.equal(Math.sign(compare(a, b)), -Math.sign(compare(b, a)), 'order')
  }
})

t.test('a number that fits the fast form never takes the slow one', async (t) => {
  t.equal(typeof ratio(6n, 3n), 'number')
  t.equal(typeof subtract(add(Number.MAX_SAFE_INTEGER, 1), 1), 'number')
  t.equal(typeof multiply(parseNumber('0.5') as Num, 2), 'number')
  t.ok(Object.is(multiply(0, -1), 0), 'there is one zero')
})

t.test('conversion to doubles rounds to nearest', async (t) => {
  for (const value of [0.1, 1 / 3, 1e30, 5e-324, 1.7976931348623157e308, 123456.789, 2 ** 53 + 2]) {
    t.equal(toDouble(fromDouble(value)), value)
    t.equal(toDouble(exactDouble(value)), value)
  }
  t.equal(toDouble(ratio(1n, 3n)), 1 / 3)
  t.equal(toDouble(parseNumber('9007199254740993') as Num), 9007199254740992)
})

t.test('exported text is exact for 64 bits and shortest beyond', async (t) => {
  const texts: [string, string][] = [
    ['18446744073709551615', '18446744073709551615'],
    ['18446744073709551616', '1.8446744073709552e19'],
    ['0.00001', '0.00001'],
    ['0.000001', '1e-6'],
    ['12345678901234567.5', '1.2345678901234568e16'],
    ['1000000000000000.5', '1000000000000000.5'],
    ['-0.50', '-0.5'],
  ]
  for (const [literal, text] of texts) t.equal(exportNumber(parseNumber(literal) as Num), text)
})

t.test('the text in strings has at most sixteen digits', async (t) => {
  t.equal(numberText(ratio(1n, 7n)), '0.1428571428571429')
  t.equal(numberText(parseNumber('123456789012345678901234567890') as Num), '1.234567890123457e29')
  t.equal(numberText(parseNumber('0.99999999999999999999') as Num), '1')
})
