/** The hooks by themselves; what the kernel tells them is in `inspection.test.ts`. */
import t from 'tap'
import { hooksOf } from '../../core/actor/inspect.ts'
import type {
  Carried,
  Hooks,
  Inspect,
  Inspected,
  InspectKind,
  InspectRecord,
} from '../../core/actor/inspect.ts'
import type { Config } from '../../core/actor/program/program.ts'

const step = {
  kind: 'transition',
  address: 'test.a/1',
  sequence: 2,
  event: 'go',
  from: 'off',
  to: 'on',
} as const
const actor = {
  address: step.address,
  sequence: 2,
  config: { value: 'on' },
} as unknown as Inspected
const from = { value: 'off' } as Config
/** What the kernel does after a step. */
const go = (hooks: Hooks, about: Carried = { type: 'go' }): void =>
  hooks.transition?.(actor, { type: 'go' }, from, about)
const log = { kind: 'log', address: 'test.a/1', value: 'said' } as const
const heardBy = (hooks: object): string[] =>
  Object.entries(hooks).flatMap(([kind, hook]) => (hook === null ? [] : [kind]))

t.test('nobody listens: every kind is one comparison with null', async (t) => {
  const hooks = hooksOf()
  t.ok(Object.keys(hooks).length >= 15, 'each kind has its field')
  t.same(heardBy(hooks), [])
})

t.test('an inspector of one kind pays for that kind only', async (t) => {
  let steps = 0
  const hooks = hooksOf({ transition: () => steps++ })
  t.same(heardBy(hooks), ['transition'])
  go(hooks)
  t.equal(steps, 1)
})

t.test('a function hears every kind, and finds actor and message beside the record', async (t) => {
  const heard: unknown[] = []
  const hooks = hooksOf((...all) => heard.push(all))
  t.equal(heardBy(hooks).length, Object.keys(hooks).length)
  const about = { event: { type: 'go' }, traceparent: '00-1-2-01' }
  go(hooks, about)
  hooks.log?.(log)
  t.same(heard, [
    [step, actor, about],
    [log, undefined, undefined],
  ])
})

t.test('who counts without looking, and who looks at all of it, hear the same', async (t) => {
  let counted = 0
  const heard: unknown[] = []
  const hooks = hooksOf([
    () => void counted++,
    function (this: void) {
      heard.push(arguments[0])
    },
    (...all) => heard.push(all[0]),
  ])
  go(hooks)
  hooks.event?.(actor, undefined, { event: { type: 'go' } })
  hooks.event?.(actor, 'test.b/1', { type: 'go' })
  t.equal(counted, 3)
  const arrived = { kind: 'event', to: step.address, type: 'go' }
  const told = { kind: 'event', from: 'test.b/1', to: step.address, type: 'go' }
  t.same(heard, [step, step, arrived, arrived, told, told])
  const alone = hooksOf(function (this: void) {
    heard.push(arguments[0])
  })
  go(alone)
  t.same(heard.at(-1), step, 'a function that reads its arguments gets them')
})

t.test('several inspectors hear alike, in their order', async (t) => {
  const heard: string[] = []
  const hooks = hooksOf([
    () => heard.push('first'),
    { transition: () => heard.push('second') },
    { log: () => heard.push('third') },
  ])
  go(hooks)
  hooks.log?.(log)
  t.same(heard, ['first', 'second', 'first', 'third'])
})

t.test(
  'an inspector that throws is let go after three throws, and the others are told',
  async (t) => {
    let tried = 0
    const told: InspectRecord[] = []
    let steps = 0
    const broken: Inspect = () => {
      tried++
      throw new Error('a broken inspector')
    }
    const hooks = hooksOf([
      broken,
      { transition: () => steps++, 'inspector.failed': (record) => told.push(record) },
    ])
    for (let n = 0; n < 5; n++) go(hooks)
    hooks.log?.(log)
    t.equal(tried, 3, 'three throws in all, over every kind')
    t.equal(steps, 5, 'nobody else missed anything')
    t.same(heardBy(hooks), ['transition', 'inspector.failed'] satisfies InspectKind[])
    t.same(told, [{ kind: 'inspector.failed', hears: 'everything', what: 'a broken inspector' }])
  },
)

t.test('one broken kind does not cost an inspector its others', async (t) => {
  let logs = 0
  const told: InspectRecord[] = []
  const hooks = hooksOf({
    transition: () => {
      throw new Error('only here')
    },
    log: () => logs++,
    'inspector.failed': (record) => told.push(record),
  })
  for (let n = 0; n < 4; n++) {
    go(hooks)
    hooks.log?.(log)
  }
  t.equal(hooks.transition, null)
  t.equal(logs, 4)
  t.match(told, [{ hears: 'transition', what: 'only here' }])
})

t.test('a promise that rejects counts as a throw and never reaches the process', async (t) => {
  let tried = 0
  const hooks = hooksOf({
    transition: async () => {
      tried++
      throw new Error('later')
    },
    'inspector.failed': () => {},
  })
  for (let n = 0; n < 5; n++) {
    go(hooks)
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.equal(tried, 3)
})

t.test('when nobody hears of it, the process is warned once, with the code', async (t) => {
  const warned = new Promise<Error & { code?: string }>((resolve) =>
    process.once('warning', resolve),
  )
  const hooks = hooksOf(() => {
    throw new Error('broken')
  })
  for (let n = 0; n < 4; n++) go(hooks)
  const warning = await warned
  t.equal(warning.code, 'PROV_ACTOR_INSPECTOR_LET_GO')
  t.match(warning.message, 'broken')
})
