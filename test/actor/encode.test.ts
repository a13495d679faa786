/** The text that is written by hand is the text that JSON would have written. */
import t from 'tap'
import { objectText } from '../../core/actor/json-text.ts'
import { codeOf } from '../../core/kit.ts'
import { counter, House, settle } from './counter.ts'

const samples: readonly object[] = [
  { type: 'x' },
  {},
  { type: 'text', of: 'quotes " and \\ and \n and \u2028 and \ud800 and 🎂' },
  { 'odd "key"': 1, 2: 'two', '': null, é: true },
  { n: [0, -0, 1e21, 0.1, NaN, Infinity, -1] },
  { a: -0, b: 1e21, c: NaN, d: Infinity, e: 123456789012 },
  { left: undefined, out: () => {}, sym: Symbol('s'), kept: false },
  { deep: { list: [{ a: undefined }, undefined, null] } },
  new Date(0),
  { toJSON: () => 'own' },
  { nested: new Date(0) },
  Object.assign(Object.create(null) as object, { type: 'bare' }),
  [1, { a: 2 }],
]

t.test('small objects are written as JSON.stringify writes them', async (t) => {
  for (const sample of samples) t.equal(objectText(sample), JSON.stringify(sample))
  t.throws(() => objectText({ big: 1n }), TypeError)
})

t.test(
  'what is no JSON fails its step by name, and its neighbours in the turn are kept',
  async (t) => {
    const house = new House()
    const system = await house.start()
    t.teardown(() => system.close())
    const def = counter([], { supervision: { onFailure: 'resume' } })
    system.register(def)
    const ref = await system.spawn(def, 'a')
    const circle: Record<string, unknown> = { type: 'add' }
    circle['self'] = circle
    const results = [
      codeOf(ref.apply({ type: 'add' })),
      codeOf(ref.apply(circle as never)),
      codeOf(ref.apply({ type: 'add', by: 4 })),
    ]
    t.same(await Promise.all(results), ['none', 'PROV_ACTOR_STEP_FAILED', 'none'])
    t.equal(ref.snapshot().context.count, 5)
  },
)

t.test('nothing but JSON ever comes into a record: what has no text fails its step', async (t) => {
  const house = new House()
  const system = await house.start()
  const def = counter([], { supervision: { onFailure: 'resume' } })
  system.register(def)
  const ref = await system.spawn(def, 'a')
  for (const toJSON of [() => undefined, () => () => {}, () => Symbol('odd')]) {
    t.equal(await codeOf(ref.apply({ type: 'add', toJSON } as never)), 'PROV_ACTOR_STEP_FAILED')
  }
  await ref.apply({ type: 'add' })
  await system.close()
  const again = await house.start()
  t.teardown(() => again.close())
  again.register(def)
  t.match(again.ref(ref.address)?.snapshot().context, { count: 1 }, 'the journal can be read')
})

t.test(
  'an event that is no JSON is its sender’s fault: the actor goes on, however many come',
  async (t) => {
    const house = new House()
    const system = await house.start()
    t.teardown(() => system.close())
    const def = counter([], { supervision: { onFailure: 'restart', intensity: 1 } })
    system.register(def)
    const ref = await system.spawn(def, 'a')
    for (let at = 0; at < 10; at++) ref.send({ type: 'wake', big: 1n } as never)
    await settle(6)
    await ref.apply({ type: 'add' })
    t.match(ref.snapshot(), { status: 'active', context: { count: 1 } })
    t.match(system.deadLetters(), {
      count: 10,
      rows: [{ reason: 'invalid', bodiless: 'not-json' }],
    })
  },
)

t.test('steps of one turn share a record, and are read back as the steps they were', async (t) => {
  const house = new House()
  const system = await house.start()
  const def = counter()
  system.register(def)
  const ref = await system.spawn(def, 'a')
  ref.send({ type: 'name', by: 'somebody "else"' })
  ref.send({ type: 'pay', amount: 3 })
  ref.send({ type: 'name' })
  ref.send({ type: 'sleep' })
  await settle()
  await ref.apply({ type: 'wake' })
  const wanted = ref.snapshot()
  const types: string[] = []
  for await (const { type } of house.journal.read({ partition: 'kernel' })) types.push(type)
  t.ok(types.includes('actor.turned') && types.includes('actor.stepped'), types.join(' '))
  house.crash()
  const again = await house.start()
  again.register(def)
  const { value, context, sequence } = wanted
  t.match(again.ref(ref.address)?.snapshot(), { value, sequence })
  // Absent and undefined read alike: JSON knows no undefined.
  t.same(again.ref(ref.address)?.snapshot().context, JSON.parse(JSON.stringify(context)))
  await Promise.all([system.close(), again.close()])
})
