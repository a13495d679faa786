import t from 'tap'
import { Copier } from '../../../core/actor/program/copy.ts'

t.test('a copy has the same keys in the same order and is free to be written to', async (t) => {
  const copier = new Copier()
  const context = Object.freeze({ count: 1, 'odd "key"\u2028': [2], nothing: null })
  for (let round = 0; round < 3; round++) {
    const copy = copier.copy(context)
    t.same(Object.entries(copy), Object.entries(context))
    copy['count'] = 9
    t.equal(context.count, 1)
  }
})

t.test('contexts that come to look different are copied as well, however often', async (t) => {
  const copier = new Copier()
  for (let round = 0; round < 20; round++) {
    for (const context of [{ a: 1 }, { a: 1, b: 2 }, { b: 2, a: 1 }, {}, { [`k${round}`]: 3 }]) {
      t.same(Object.entries(copier.copy(context)), Object.entries(context))
    }
  }
})

t.test('a key named __proto__ stays a key, and nothing inherited becomes one', async (t) => {
  const copier = new Copier()
  const context = JSON.parse('{"__proto__":{"x":1},"a":2}') as { a: number }
  for (let round = 0; round < 2; round++) {
    const copy = copier.copy(context)
    t.same(Object.keys(copy), ['__proto__', 'a'])
    t.equal(Object.getPrototypeOf(copy), Object.prototype)
  }
  const heir = Object.create({ inherited: 1 }) as { own: number }
  heir.own = 2
  for (let round = 0; round < 6; round++) t.same(Object.keys(copier.copy(heir as never)), ['own'])
})
