import t from 'tap'
import { isOpBody } from '../../core/protocol/claims.ts'
import { defineOpType, opTypePoint } from '../../core/protocol/op-type.ts'
import type { OpType, OpTypeSpec } from '../../core/protocol/op-type.ts'
import { ProvError } from '../../core/errors.ts'
import type { JsonObject } from '../../core/json.ts'

const good = { type: 'acme.spend', describe: 'spends one', targets: ['*'] }

t.test(
  'an op type of a plugin says what one of a workspace says, with the same defaults',
  async (t) => {
    const { point, name, value } = defineOpType(good)
    t.equal(point, opTypePoint.id)
    t.equal(name, 'acme.spend')
    t.same(value, {
      ...good,
      scope: [],
      destructive: false,
      achieves: [],
      gains: [],
      loses: [],
      requires: [],
      class: 'opaque',
    })
  },
)

t.test('a component is named in what people sign', async (t) => {
  const value = defineOpType({ ...good, apply: async () => {} }).value as OpType
  t.same(value.run, { component: 'acme.spend' })
  const { type, scope, destructive, achieves, gains, loses, requires, run } = value
  const body = { type, target: 'eu', scope, destructive, achieves, gains, loses, requires, run }
  t.ok(isOpBody(body as unknown as JsonObject))
  const both = { ...body, run: { component: 'acme.spend', provider: 'local', steps: [] } }
  t.notOk(isOpBody(both as unknown as JsonObject), 'steps and a component at once are no body')
})

t.test('an op type that cannot be is refused with what is wrong', async (t) => {
  const wrong: readonly (readonly [string, object])[] = [
    ['name in front', { ...good, type: 'spend' }],
    ['name in front', { ...good, type: 'Acme.spend' }],
    ['own', { ...good, type: 'dimension.transition' }],
    ['describe', { type: 'acme.spend', targets: ['*'] }],
    ['targets', { ...good, targets: [] }],
    ['scope', { ...good, scope: 'all' }],
    ['a move has', { ...good, achieves: [{ dimension: 'd', from: 'a' }] }],
    ['apply', { ...good, apply: 'rm' }],
    ['not both', { ...good, apply: async () => {}, run: { provider: 'local', steps: [] } }],
  ]
  for (const [what, spec] of wrong) {
    let thrown: unknown
    try {
      defineOpType(spec as OpTypeSpec)
    } catch (error) {
      thrown = error
    }
    t.ok(ProvError.is(thrown), what)
    t.match(thrown, { code: 'PROV_OP_TYPE_INVALID', message: new RegExp(what) })
  }
})
